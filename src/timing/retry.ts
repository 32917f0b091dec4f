import { setTimeout } from 'node:timers/promises'
import { checkWhole } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { type AnyWhatsAppMediaError, InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import type { Filled } from '../json.js'

/** How often one call tries before it fails. */
export interface RetryOptions {
  /** Attempts in all, the first included. Default 3. */
  attempts?: number | undefined
  /**
   * For tests of an app's failures: the factor by which each wait between attempts is multiplied, from 0.0001 to 1.
   * Default 1. With 0.001, media that is gone is given up after a fifth of a second, where it takes minutes. Events tell
   * the waits as they are without it.
   *
   * Refused unless `cloudApi.baseUrl` is on the loopback or below `.test`, where no real API is: Meta and its partners
   * block numbers that ask too often.
   */
  waitScale?: number | undefined
}

export interface RetryPlan extends RetryOptions {
  attempts: number
  /** No attempt starts after this, in milliseconds since 1970. The first is always made. */
  deadlineAt: number
  signal: AbortSignal | undefined
  /** Decides about a retryable error: false throws it at once. */
  mayRetry: (error: AnyWhatsAppMediaError) => boolean
  /** Called after each failed attempt; `retryInMs` is absent when no other follows in this call. */
  onFailedAttempt: (error: AnyWhatsAppMediaError, attempt: number, retryInMs?: number) => void
  /** For tests. Default: the system's. */
  clock?: RetryClock | undefined
}

/** The clock and the randomness of retries. */
export interface RetryClock {
  /** Milliseconds since 1970. */
  now(): number
  /** From 0 to 1. */
  random(): number
  /** Rejects when the signal aborts. */
  wait(ms: number, signal: AbortSignal | undefined): Promise<unknown>
}

const SYSTEM_CLOCK: RetryClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  wait: (ms, signal) => setTimeout(ms, undefined, signal === undefined ? {} : { signal }),
}

/** Shorter waits would be none. */
const LEAST_SCALE = 0.0001

const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 8_000

/** The longest wait inside one call that a server may ask for; longer ones are for queues. */
const LONGEST_ASKED_DELAY_MS = 15_000

/** @throws InvalidOptionError unless `attempts` is a positive whole number, and `waitScale` from 0.0001 to 1. */
export function checkRetry({ attempts = 3, waitScale = 1 }: RetryOptions): Filled<RetryOptions> {
  checkWhole('attempts', attempts)
  if (!(typeof waitScale === 'number' && waitScale >= LEAST_SCALE && waitScale <= 1)) {
    const problem = `must be a number from ${LEAST_SCALE} to 1, got ${describeValue(waitScale)}`
    throw new InvalidOptionError({ option: 'waitScale', problem })
  }
  return { attempts, waitScale }
}

/**
 * Runs whole attempts until one succeeds, with jittered exponential back-off between them. An attempt is never resumed:
 * streams can't be sent twice, and URLs expire.
 */
export async function retryAttempts<T>(
  run: (attempt: number) => Promise<T>,
  { attempts, waitScale = 1, deadlineAt, signal, mayRetry, onFailedAttempt, clock = SYSTEM_CLOCK }: RetryPlan,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(attempt)
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      if (!WhatsAppMediaError.is(error)) throw error
      const isWorthIt = error.retryable && attempt < attempts && mayRetry(error)
      const delay = isWorthIt ? decideDelayMs(error, { attempt, random: clock.random }) : undefined
      const isInTime = delay !== undefined && clock.now() + delay <= deadlineAt
      onFailedAttempt(error, attempt, isInTime ? delay : undefined)
      if (!isInTime) throw error
      await clock.wait(delay * waitScale, signal).catch(() => {
        throw signal?.reason
      })
    }
  }
}

/** Milliseconds from this failed attempt to the next; undefined when the server asks for a longer wait than one call takes. */
function decideDelayMs(
  error: AnyWhatsAppMediaError,
  { attempt, random }: { attempt: number; random: () => number },
): number | undefined {
  const asked = 'retryAfterMs' in error ? error.retryAfterMs : undefined
  if (asked !== undefined && asked > LONGEST_ASKED_DELAY_MS) return undefined
  const cap = Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LONGEST_RETRY_MS)
  // Full jitter, also on top of a wait that was asked for: many calls that failed together must not come back together.
  const jittered = Math.round(random() * cap)
  return asked === undefined || asked < jittered ? jittered : asked + Math.round(random() * Math.min(cap, asked / 4))
}
