import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkMilliseconds } from '../errors/checks.js'
import { TimeoutError } from '../errors.js'
import { allowManyListeners, callOnAbort, createController, MAX_TIMER_MS } from './abort.js'

/** How long a transfer may wait, in milliseconds. `Infinity` switches one off. */
export interface Timeouts {
  /** From a request's start to its answer's headers, connecting included. Default 30,000. */
  headersMs?: number | undefined
  /** For the source's next bytes. Time in which the store holds us back does not count. Default 30,000. */
  idleMs?: number | undefined
  /** For the store to take bytes, and to acknowledge the whole. Default 60,000. */
  storageMs?: number | undefined
  /** For one attempt from its first request to the store's acknowledgement. Default 600,000. */
  totalMs?: number | undefined
}

const TIMEOUT_NAMES: OptionNames<Timeouts> = { headersMs: true, idleMs: true, storageMs: true, totalMs: true }

/** The party that a transfer waits for. `reader`: your app, which may take its time. */
type Party = 'headers' | 'source' | 'store' | 'reader'

/** The clocks of one attempt. They abort `signal` with a `TimeoutError`; the caller's own signal aborts it with its own reason. */
export interface Deadlines {
  readonly signal: AbortSignal
  /** Milliseconds that an aborted attempt may take to clean up. */
  graceMs(): number
  /** Call it once the store may hold the object: after a deadline the store is then asked once more, which takes time. */
  noteMayBeStored(): void
  /** The transfer waits for this party from now on, or the party has just made progress. */
  waitFor(party: Party): void
  /** Stops all clocks. Always call it. */
  clear(): void
}

/**
 * Runs an attempt under its deadlines, and stops their clocks at its end. An attempt that hangs in something that
 * ignores signals (a credentials provider, an HTTP client of your app) is abandoned once its grace is over.
 */
export async function runUnder<T>(deadlines: Deadlines, attempt: () => Promise<T>): Promise<T> {
  const { signal } = deadlines
  let grace: NodeJS.Timeout | undefined
  try {
    // No second controller for `abortable`: one costs as much CPU time as hashing 10 KB.
    return await new Promise<T>((resolve, reject) => {
      const unlink = callOnAbort(signal, () => {
        grace = setTimeout(() => reject(signal.reason), deadlines.graceMs())
      })
      attempt().finally(unlink).then(resolve, reject)
    })
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    clearTimeout(grace)
    deadlines.clear()
  }
}

/** Enough time to close connections and remove temporary files. */
const ATTEMPT_GRACE_MS = 1_000

/** The most milliseconds for looking whether the store holds the object, after its answer was lost. */
export const LAST_LOOK_MS = 30_000

export interface CheckedTimeouts {
  readonly headers: number
  readonly source: number
  readonly store: number
  readonly total: number
}

/** @throws InvalidOptionError when a timeout is not a positive number. */
export function checkTimeouts(timeouts: Timeouts = {}): CheckedTimeouts {
  checkOptions(timeouts, TIMEOUT_NAMES, { option: 'timeouts' })
  const { headersMs = 30_000, idleMs = 30_000, storageMs = 60_000, totalMs = 600_000 } = timeouts
  for (const [name, value] of Object.entries({ headersMs, idleMs, storageMs, totalMs })) {
    checkMilliseconds(`timeouts.${name}`, value)
  }
  return { headers: headersMs, source: idleMs, store: storageMs, total: totalMs }
}

const LONGEST_SILENCE_MS = 5_000

/** A part of the time for headers: what a connection that the network has forgotten may cost of it. */
export function decideSilentMs({ headers }: CheckedTimeouts): number {
  return Math.min(headers / 6, LONGEST_SILENCE_MS)
}

export function startDeadlines(timeouts: CheckedTimeouts, callerSignal?: AbortSignal): Deadlines {
  const controller = createController()
  const timers: Partial<Record<Party, NodeJS.Timeout>> = {}
  let current: Party = 'reader'
  let isSent = false
  let isCleared = false

  const expire = (waitedFor: 'headers' | 'source' | 'store' | 'total'): void => {
    controller.abort(new TimeoutError({ waitedFor, limitMs: timeouts[waitedFor] }))
  }
  const total = timeouts.total <= MAX_TIMER_MS ? setTimeout(expire, timeouts.total, 'total') : undefined
  const unlink = callOnAbort(callerSignal, () => controller.abort(callerSignal?.reason))

  if (callerSignal !== undefined) allowManyListeners(callerSignal)

  return {
    signal: controller.signal,
    // A caller who leaves waits for nothing.
    graceMs: () =>
      ATTEMPT_GRACE_MS + (isSent && callerSignal?.aborted !== true ? Math.min(timeouts.store, LAST_LOOK_MS) : 0),
    noteMayBeStored() {
      isSent = true
    },
    waitFor(party) {
      current = party
      // An abandoned attempt may go on, and must start no clock.
      if (party === 'reader' || isCleared) return
      // One timer a party, refreshed: cheaper per chunk than a timer made and cleared.
      const timer = timers[party]
      // Timers of the web, which older Cloudflare Workers have in place of Node's, are numbers.
      if (typeof timer?.refresh === 'function') timer.refresh()
      else if (timeouts[party] <= MAX_TIMER_MS) {
        clearTimeout(timer)
        timers[party] = setTimeout(() => {
          if (current === party) expire(party)
        }, timeouts[party])
      }
    },
    clear() {
      isCleared = true
      clearTimeout(total)
      for (const timer of Object.values(timers)) clearTimeout(timer)
      unlink()
    },
  }
}
