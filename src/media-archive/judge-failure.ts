import type { AnyWhatsAppMediaError } from '../errors.js'
import type { LateFault, MediaJob } from '../queues.js'
import { decideBackoffSeconds } from '../timing/backoff.js'
import { cutDelay, cutPause, findAskedDelayMs } from './delays.js'

/** The next step for a job whose attempt has failed. */
export type JobDecision =
  | { next: 'give-up' }
  | {
      next: 'retry'
      afterSeconds: number
      isAttempt: boolean
      /** The job's late faults, this one included. */
      faults?: Partial<Record<LateFault, number>> | undefined
    }

/** All that a decision depends on, beside the error. */
export interface FailedAttempt {
  /** 1 for the first. */
  attempt: number
  /** The late faults that were counted before this attempt. */
  faults: MediaJob['faults']
  /** Until Meta forgets the media; below 0 once it has. */
  secondsLeft: number
  /** The pause of the whole that the error is about. */
  pauseSeconds: number | undefined
  /** The error is about a whole, but other jobs of it succeed: this one is tried by itself until its media dies. */
  isAlone: boolean
  /** Look-ups of other jobs have found this media gone, too. */
  isKnownGone: boolean
}

/** A job is given up when a fault that hardly ever passes has come so many times; the longest delay between them. */
export const MOST_TIMES: Readonly<Record<LateFault, number>> = { 'integrity-mismatch': 3, 'media-gone': 2 }
const LATE_TRY_SECONDS = 300

/** A callback is called this often at least, and until a day after the media's death. */
const CALLBACK_ATTEMPTS = 10
export const CALLBACK_SECONDS = 86_400

/** Decides about a job after an error of the archive itself. Pure, but for the jitter of delays. */
export function judgeFailure(error: AnyWhatsAppMediaError, failed: FailedAttempt): JobDecision {
  const { attempt, secondsLeft, pauseSeconds, isAlone } = failed
  if (pauseSeconds !== undefined) {
    if (secondsLeft <= 0) return { next: 'give-up' }
    return { next: 'retry', afterSeconds: cutPause(pauseSeconds, secondsLeft), isAttempt: false }
  }
  if (isLateFault(error)) return judgeLateFault(error.code, failed)
  const afterSeconds = cutDelay(decideBackoffSeconds(attempt, findAskedDelayMs(error)), secondsLeft)
  if (!(error.retryable || isAlone) || afterSeconds === undefined) return { next: 'give-up' }
  return { next: 'retry', afterSeconds, isAttempt: true }
}

function judgeLateFault(code: LateFault, { faults, secondsLeft, isKnownGone }: FailedAttempt): JobDecision {
  const times = Math.max((faults?.[code] ?? 0) + 1, isKnownGone ? MOST_TIMES[code] : 0)
  const afterSeconds = cutDelay(LATE_TRY_SECONDS * (0.5 + Math.random() / 2), secondsLeft)
  if (times >= MOST_TIMES[code] || afterSeconds === undefined) return { next: 'give-up' }
  return { next: 'retry', afterSeconds, isAttempt: true, faults: { ...faults, [code]: times } }
}

/** Decides about a job after an error of your app's callback, which says nothing about the media. */
export function judgeCallbackFailure({
  attempt,
  secondsLeft,
}: Pick<FailedAttempt, 'attempt' | 'secondsLeft'>): JobDecision {
  const mayWait = attempt < CALLBACK_ATTEMPTS || secondsLeft > -CALLBACK_SECONDS
  if (!mayWait) return { next: 'give-up' }
  return { next: 'retry', afterSeconds: decideBackoffSeconds(attempt), isAttempt: true }
}

function isLateFault(error: AnyWhatsAppMediaError): error is AnyWhatsAppMediaError & { code: LateFault } {
  return error.code in MOST_TIMES
}
