import { MAX_TIMER_MS } from './timing/abort.js'

/** How long what was stopped may take, in milliseconds: a second longer than the in-process queue gives its jobs. */
const CLEAN_UP_MS = 2_000

/** How long an archive's `close` waits. */
export interface Patience {
  /** Undefined for what has not ended in time; it is left behind. */
  await<T>(promise: Promise<T> | undefined): Promise<T | undefined>
  /** Stops the clocks. Always call it. */
  end(): void
}

/** Calls `stop` after `timeoutMs`, and waits for what was stopped a little longer. Default: without end. */
export function startPatience(timeoutMs: number | undefined, stop: () => void): Patience {
  if (timeoutMs === undefined || timeoutMs > MAX_TIMER_MS) return { await: async (promise) => promise, end() {} }
  const timers = [setTimeout(stop, timeoutMs)]
  const over = new Promise<undefined>((resolve) => {
    timers.push(setTimeout(resolve, timeoutMs + CLEAN_UP_MS, undefined))
  })
  return {
    await: (promise) => Promise.race([promise, over]),
    end() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
