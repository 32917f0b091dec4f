import { isRateLimit } from '../download/graph-error.js'
import type { AnyWhatsAppMediaError } from '../errors.js'

/** Meta's limits count by the hour or the minute; where it names no time, a minute is the least that helps. */
const RATE_LIMIT_MS = 60_000

/** A last try takes this long at most. */
const LAST_TRY_SECONDS = 60
const LEAST_TIME_SECONDS = 20

/** The least wait that an error asks for, in milliseconds. 0 when it asks for none. */
export function findAskedDelayMs(error: AnyWhatsAppMediaError): number {
  const asked = 'retryAfterMs' in error ? error.retryAfterMs : undefined
  // "At once" is no answer to too many calls.
  return asked || (isRateLimit(error) ? RATE_LIMIT_MS : 0)
}

/** Up to a quarter longer: jobs that pause together must not come back together. */
export function spreadDelay(seconds: number): number {
  return seconds + Math.round((Math.random() * seconds) / 4)
}

/** The delay, cut so that the media is tried once more before it expires; undefined when there is no time for that. */
export function cutDelay(wantedSeconds: number, secondsLeft: number): number | undefined {
  if (wantedSeconds <= secondsLeft) return Math.ceil(wantedSeconds)
  return secondsLeft < LEAST_TIME_SECONDS
    ? undefined
    : Math.floor(Math.max(secondsLeft - LAST_TRY_SECONDS, secondsLeft / 2))
}

/** The pause, cut to the media's lifetime: the token may be renewed before the pause ends. Expired media can wait. */
export function cutPause(pauseSeconds: number, secondsLeft: number): number {
  if (secondsLeft <= 0) return pauseSeconds
  return cutDelay(pauseSeconds, secondsLeft) ?? Math.min(pauseSeconds, Math.max(1, Math.floor(secondsLeft / 2)))
}
