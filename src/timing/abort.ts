import { type EventEmitter, setMaxListeners } from 'node:events'
import type { Readable } from 'node:stream'
import { isError } from '../errors/thrown.js'
import { TimeoutError } from '../errors.js'
import { checkGlobals } from '../runtime.js'

/** The longest delay that `setTimeout` knows (Node: Timers); a longer one would fire at once. */
export const MAX_TIMER_MS = 2_147_483_647

/**
 * An `AbortController` whose signal any number of calls may share. All that an archive does begins with one.
 *
 * @throws InvalidOptionError where the runtime lacks globals of Node.
 */
export function createController(): AbortController {
  checkGlobals()
  const controller = new AbortController()
  allowManyListeners(controller.signal)
  return controller
}

/**
 * Node warns of a leak at the eleventh listener, which is none where each call takes its listener off. The limit is
 * `Infinity`, not 0: on Node 20 `getMaxListeners` throws for a signal with 0, and undici 7 asks it before each request.
 */
export function allowManyListeners(target: AbortSignal | EventEmitter): void {
  try {
    setMaxListeners(Number.POSITIVE_INFINITY, target)
  } catch {
    // Signals of polyfills count no listeners.
  }
}

/**
 * Several reasons to stop in one signal. Two things speak against `AbortSignal.any`: some versions of Node keep a little
 * of each such signal for as long as the longest-lived one lives, and it knows no deadlines.
 */
export interface LinkedSignal {
  readonly signal: AbortSignal
  /** Lets go of the signals and of the clock. Always call it. */
  clear(): void
}

/**
 * Calls `act` when the signal aborts, and at once if it has.
 *
 * @returns a function that takes the listener off.
 */
export function callOnAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted === true) act()
  else signal?.addEventListener('abort', act, { once: true })
  return () => signal?.removeEventListener('abort', act)
}

/** A body that breaks off with the signal's reason. Returns the body. */
export function breakOffOnAbort(body: Readable, signal: AbortSignal | undefined): Readable {
  const forget = callOnAbort(signal, () => {
    body.destroy(isError(signal?.reason) ? signal.reason : new Error('aborted'))
  })
  // A reader who comes late, or never, must not end the process with an unhandled 'error'.
  return body.on('error', () => {}).once('close', forget)
}

/** Aborts with the first signal's reason, or with a `TimeoutError` at the deadline. */
export function linkSignals(
  signals: readonly (AbortSignal | undefined)[],
  { deadline }: { deadline?: Date | undefined } = {},
): LinkedSignal {
  const controller = createController()
  const links = signals.map((signal) => callOnAbort(signal, () => controller.abort(signal?.reason)))
  const timer = deadline === undefined ? undefined : abortAt(deadline, controller)
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer)
      for (const unlink of links) unlink()
    },
  }
}

function abortAt(deadline: Date, controller: AbortController): NodeJS.Timeout {
  const limitMs = Math.min(Math.max(0, deadline.getTime() - Date.now()), MAX_TIMER_MS)
  return setTimeout(() => controller.abort(new TimeoutError({ waitedFor: 'total', limitMs })), limitMs)
}

/**
 * The work's own end, or the signal's reason when that comes first. The work is then abandoned: it may still end, and
 * a failure of it ends no process.
 */
export function abortable<T>(work: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const unlink = callOnAbort(signal, () => reject(signal?.reason))
    settleAs(work, { resolve, reject, cleanUp: unlink })
  })
}

/**
 * The work's own end, or the result of `otherwise` once `ms` milliseconds have passed. The work is then
 * abandoned, as by `abortable`. A time longer than any timer is no limit.
 *
 * @param options `keepAlive: false`: the clock alone keeps no process alive. Default true.
 */
export function within<T, Late = never>(
  ms: number,
  work: PromiseLike<T>,
  { otherwise, keepAlive = true }: { otherwise: () => Late; keepAlive?: boolean | undefined },
): Promise<T | Late> {
  if (ms > MAX_TIMER_MS) return Promise.resolve(work)
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      try {
        resolve(otherwise())
      } catch (error) {
        reject(error)
      }
    }, ms)
    // Timers of the web are numbers, and keep no process alive.
    if (!keepAlive && typeof timer.unref === 'function') timer.unref()
    settleAs(work, { resolve, reject, cleanUp: () => clearTimeout(timer) })
  })
}

/** Cleans up and settles as the work does. */
function settleAs<T>(
  work: PromiseLike<T>,
  { resolve, reject, cleanUp }: { resolve(value: T): void; reject(error: unknown): void; cleanUp(): void },
): void {
  work.then(
    (value) => {
      cleanUp()
      resolve(value)
    },
    (error: unknown) => {
      cleanUp()
      reject(error)
    },
  )
}
