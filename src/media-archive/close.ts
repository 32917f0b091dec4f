import type { MediaJob, MediaQueue } from '../queues.js'
import type { ObjectStorage } from '../storage.js'
import { abortable, MAX_TIMER_MS } from '../timing/abort.js'
import { type ClosingOptions, checkClosing } from '../timing/closing.js'
import type { Calls } from './calls.js'

/** The parts of an archive that close. */
export interface ClosingParts {
  calls: Calls
  queue: MediaQueue | undefined
  /** Those that were used. */
  storages: ReadonlySet<ObjectStorage>
}

/** Time for stopped work to clean up, in milliseconds: a second longer than the in-process queue gives its jobs. */
const STOPPED_CALLS_MS = 2_000

/**
 * Closes the queue, waits for calls under way, then closes the storages. Calls are stopped after `timeoutMs`, and
 * work that has not ended two seconds later is abandoned.
 *
 * @returns the jobs that the queue hands back. @throws what the queue's `close` throws, once all else is closed.
 */
export async function closeArchive(
  { calls, queue, storages }: ClosingParts,
  options: ClosingOptions = {},
): Promise<MediaJob[]> {
  const timeoutMs = checkClosing(options)
  const over = new AbortController()
  const timers: NodeJS.Timeout[] = []
  if (timeoutMs <= MAX_TIMER_MS) {
    timers.push(setTimeout(calls.stop, timeoutMs))
    timers.push(setTimeout(() => over.abort(), timeoutMs + STOPPED_CALLS_MS))
  }
  const inTime = <T>(work: Promise<T>): Promise<T | undefined> =>
    abortable(work, over.signal).catch((error: unknown) => {
      if (error !== over.signal.reason) throw error
      return undefined
    })

  calls.refuse()
  try {
    // The jobs left must reach the caller, and a queue that fails must not keep storages open.
    const [left] = await Promise.allSettled([inTime((async () => queue?.close?.(options))())])
    await inTime(calls.waitForAll())
    await inTime(Promise.allSettled([...storages].map(async (storage) => storage.close?.())))
    if (left.status === 'rejected') throw left.reason
    return left.value ?? []
  } finally {
    for (const timer of timers) clearTimeout(timer)
  }
}
