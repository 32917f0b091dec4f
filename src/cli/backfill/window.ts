/** What has an end: milliseconds since 1970. */
export interface Ending {
  endsAt: number
}

/** Entries in hand, those first that can still be saved, of these the one with the least time left. */
export interface Window<T extends Ending> {
  add(entry: T): void
  /** The most urgent; of those whose time is over, the one that had it last. Undefined when there is none. */
  take(): T | undefined
  readonly size: number
}

export function createWindow<T extends Ending>(now: () => number = Date.now): Window<T> {
  /** The next one last: a list is cheapest at its end. */
  const alive: T[] = []
  const dead: T[] = []
  return {
    add(entry) {
      if (entry.endsAt > now()) insert(alive, entry, ({ endsAt }) => endsAt <= entry.endsAt)
      else insert(dead, entry, ({ endsAt }) => endsAt >= entry.endsAt)
    },
    take: () => alive.pop() ?? dead.pop(),
    get size() {
      return alive.length + dead.length
    },
  }
}

/** Before the first that comes sooner, or as soon: of equals the older one is nearer to the end. */
function insert<T>(sorted: T[], entry: T, isSooner: (other: T) => boolean): void {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const other = sorted[middle]
    if (other !== undefined && isSooner(other)) high = middle
    else low = middle + 1
  }
  sorted.splice(low, 0, entry)
}
