const FIRST_DELAY_SECONDS = 5
const LONGEST_DELAY_SECONDS = 3_600

/**
 * Seconds to wait after a failed attempt, for queues: exponential with jitter, an hour at most, and more than a server
 * asked for, so that jobs which failed together do not come back together.
 *
 * @param attempt 1 for the first.
 * @param askedMs the time that a server asked for, in milliseconds.
 */
export function decideBackoffSeconds(attempt: number, askedMs = 0): number {
  const cap = Math.min(FIRST_DELAY_SECONDS * 2 ** (attempt - 1), LONGEST_DELAY_SECONDS)
  const jittered = Math.round(cap / 2 + (Math.random() * cap) / 2)
  const asked = Math.ceil(askedMs / 1_000)
  return asked < jittered ? jittered : asked + Math.round(Math.random() * Math.min(asked / 10, cap))
}
