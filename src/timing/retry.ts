import { setTimeout as wait } from 'node:timers/promises'
import { checkWhole } from '../errors/checks.js'
import { type AnyWhatsAppMediaError, WhatsAppMediaError } from '../errors.js'

/** How often one call tries before it hands the failure to its caller. */
export interface RetryOptions {
  /** Attempts in all, the first included. Default 3. */
  attempts?: number
}

export interface RetryPlan extends Required<RetryOptions> {
  /** No attempt starts after this, in milliseconds since 1970, save the first, which is always made. */
  deadlineAt: number
  signal: AbortSignal | undefined
  /** Asked about a retryable error; false hands it to the caller at once. */
  mayRetry: (error: AnyWhatsAppMediaError) => boolean
  /** Told of each failed attempt; `retryInMs` is absent when no other follows. */
  onFailedAttempt: (error: AnyWhatsAppMediaError, attempt: number, retryInMs?: number) => void
}

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 8_000

/** What a server may make us wait inside one call; a longer wait is for queues. */
const LONGEST_ASKED_DELAY_MS = 15_000

/** @throws InvalidOptionError unless `attempts` is a positive whole number. */
export function checkRetry({ attempts = 3 }: RetryOptions): Required<RetryOptions> {
  checkWhole('attempts', attempts)
  return { attempts }
}

/**
 * Runs whole attempts until one succeeds, with jittered exponential back-off between them. An attempt is never resumed:
 * streams can't be sent twice, and URLs die.
 */
export async function retryAttempts<T>(run: (attempt: number) => Promise<T>, plan: RetryPlan): Promise<T> {
  const { attempts, deadlineAt, signal, onFailedAttempt } = plan
  for (let attempt = 1; ; attempt++) {
    try {
      return await run(attempt)
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason
      if (!WhatsAppMediaError.is(error)) throw error
      const delay = delayBefore(attempt + 1, error)
      const isWorthIt = error.retryable && attempt < attempts && plan.mayRetry(error)
      const mayRetry = isWorthIt && delay !== undefined && Date.now() + delay <= deadlineAt
      onFailedAttempt(error, attempt, mayRetry ? delay : undefined)
      if (!mayRetry) throw error
      await wait(delay, undefined, signal === undefined ? {} : { signal }).catch(() => {
        throw signal?.reason
      })
    }
  }
}

function delayBefore(attempt: number, error: AnyWhatsAppMediaError): number | undefined {
  const asked = 'retryAfterMs' in error ? error.retryAfterMs : undefined
  if (asked !== undefined && asked > LONGEST_ASKED_DELAY_MS) return undefined
  const cap = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 2), LONGEST_DELAY_MS)
  // Full jitter, also on top of what was asked for: many calls that failed together must not come back together.
  const jittered = Math.round(Math.random() * cap)
  return asked === undefined || asked < jittered
    ? jittered
    : asked + Math.round(Math.random() * Math.min(cap, asked / 4))
}
