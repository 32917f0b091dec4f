import { setMaxListeners } from 'node:events'
import { DeadlineError } from '../errors.js'
import { MAX_TIMER_MS } from './deadlines.js'

/**
 * Several reasons to stop in one signal. `AbortSignal.any` would do, but for two things: some versions of Node keep a
 * little of each such signal for as long as the longest-lived one lives, and none knows deadlines.
 */
export interface StopSignal {
  readonly signal: AbortSignal
  /** Lets go of the signals and of the clock. Always call it. */
  clear(): void
}

/** Aborts with the first signal's reason, or with a `DeadlineError` at the deadline. */
export function stopSignal(signals: readonly (AbortSignal | undefined)[], deadline?: Date): StopSignal {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const links = signals
    .filter((signal) => signal !== undefined)
    .map((signal) => ({ signal, abort: (): void => controller.abort(signal.reason) }))
  for (const { signal, abort } of links) {
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  }
  const timer = deadline === undefined ? undefined : expireAt(deadline, controller)
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer)
      for (const { signal, abort } of links) signal.removeEventListener('abort', abort)
    },
  }
}

function expireAt(deadline: Date, controller: AbortController): NodeJS.Timeout {
  const limitMs = Math.min(Math.max(0, deadline.getTime() - Date.now()), MAX_TIMER_MS)
  return setTimeout(() => controller.abort(new DeadlineError({ waitedFor: 'total', limitMs })), limitMs)
}
