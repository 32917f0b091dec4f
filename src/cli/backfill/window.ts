import { createHeap, type Heap } from '../../timing/heap.js'

/** Ends at some time: milliseconds since 1970. */
export interface Ending {
  endsAt: number
}

/** Later than all times, so that entries whose time is over come last. */
const AFTER_ALL_TIMES = Number.MAX_SAFE_INTEGER

/**
 * Entries in hand: first those that can still be saved, the one with the least time left before the others; then those
 * whose time is over, the latest before the others. Equals come in the order in which they were put in.
 */
export function createWindow<T extends Ending>(now: () => number = Date.now): Heap<T> {
  const heap = createHeap<{ entry: T; rank: number; place: number }>((one, other) =>
    one.rank === other.rank ? one.place < other.place : one.rank < other.rank,
  )
  let places = 0
  return {
    put(entry) {
      const { endsAt } = entry
      heap.put({ entry, rank: endsAt > now() ? endsAt : AFTER_ALL_TIMES - endsAt, place: places++ })
    },
    take: () => heap.take()?.entry,
    get size() {
      return heap.size
    },
  }
}
