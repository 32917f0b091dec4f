import { judgeFault } from '../archive/judge-fault.js'
import { reduceToName } from '../errors/thrown.js'
import { type AnyWhatsAppMediaError, CallbackFailedError, WhatsAppMediaError } from '../errors.js'
import { emit, type OnEvent } from '../events.js'
import { defined, isObject } from '../json.js'
import { removeDownloadAccess } from '../media-reference/download-access.js'
import { keepValidFields, type MediaReference } from '../media-reference.js'
import type { JobOutcome, MediaJob } from '../queues.js'
import { linkSignals } from '../timing/abort.js'
import { type Callbacks, CallbackThrew, unwrapThrown } from './callbacks.js'
import { findAskedDelayMs } from './delays.js'
import { buildRetry, countJobAttempts, countSecondsLeft, describePausedJob, type JobAttempt } from './job-attempt.js'
import { type FailedAttempt, judgeCallbackFailure, judgeFailure } from './judge-failure.js'
import type { KnownGone } from './known-gone.js'
import { createMediaFailure } from './media-failure.js'
import type { Pauses } from './pauses.js'

/** Turns what an attempt has thrown into what its queue has to do. */
export interface FailureSettler {
  /** Decides what the queue has to do after an error. @throws CallbackThrew when `onFailed` does. */
  decide(attempt: JobAttempt, error: unknown): Promise<JobOutcome>
  /** Reports the failure to `onFailed`, and makes a dead letter. @throws CallbackThrew */
  giveUp(attempt: JobAttempt, error: AnyWhatsAppMediaError): Promise<JobOutcome>
}

export interface FailureSettlerOptions {
  callbacks: Callbacks
  pauses: Pauses
  knownGone: KnownGone
  onEvent: OnEvent | undefined
}

export function createFailureSettler(options: FailureSettlerOptions): FailureSettler {
  const { callbacks, onEvent } = options

  const giveUp: FailureSettler['giveUp'] = async (attempt, error) => {
    const { job, subject } = attempt
    const failure = createMediaFailure(keepValidFields(job?.media), { error, accountId: subject.accountId })
    await reportInTime(attempt, (signal) => callbacks.reportFailed(failure, signal))
    return buildDeadLetter(job, error)
  }

  const settleError = async (attempt: JobAttempt, error: AnyWhatsAppMediaError): Promise<JobOutcome> => {
    const { job } = attempt
    const noted = noteFailure(attempt, { error, ...options })
    const secondsLeft = countSecondsLeft(attempt)
    const decision = judgeFailure(error, { attempt: attempt.attempt, faults: job.faults, secondsLeft, ...noted })
    if (decision.next === 'give-up') return giveUp(attempt, error)
    const { faults, ...retry } = decision
    return buildRetry(faults === undefined ? attempt : { ...attempt, job: { ...job, faults } }, { error, ...retry })
  }

  return {
    giveUp,
    async decide(attempt, error) {
      const stopped = findStop(attempt, error)
      if (stopped !== undefined) return stopped
      if (WhatsAppMediaError.is(error)) return settleError(attempt, error)
      // A layout of keys is your app's, too, and so is a storage's own error.
      const threw = error instanceof CallbackThrew ? error : new CallbackThrew('storage', error)
      return settleCallback(attempt, { threw, giveUp, onEvent })
    },
  }
}

/** Settles a job after an error of your app's callback, which says nothing about the media. */
async function settleCallback(
  run: JobAttempt,
  { threw, giveUp, onEvent }: { threw: CallbackThrew; giveUp: FailureSettler['giveUp']; onEvent: OnEvent | undefined },
): Promise<JobOutcome> {
  const { job, attempt, subject } = run
  const { callback, thrown } = threw
  const decision = judgeCallbackFailure({ attempt, secondsLeft: countSecondsLeft(run) })
  if (decision.next === 'retry') {
    const retryInMs = decision.afterSeconds * 1_000
    reportLastFailure(run, { onEvent, retryInMs })
    const error = toShownError(thrown)
    emit(onEvent, { type: 'callback-failed', callback, error, jobAttempt: attempt, retryInMs, ...subject })
    return buildRetry(run, { error: thrown, ...decision })
  }
  const error = new CallbackFailedError({ callback, cause: thrown })
  // `onFailed` has failed often enough: the dead letter keeps the job.
  const keep = (unreported: unknown): JobOutcome => findStop(run, unreported) ?? buildDeadLetter(job, error)
  return callback === 'onFailed' ? buildDeadLetter(job, error) : giveUp(run, error).catch(keep)
}

/** Tells in events what becomes of a job after its attempt. */
export function reportOutcome(attempt: JobAttempt, outcome: JobOutcome, onEvent: OnEvent | undefined): void {
  const { subject } = attempt
  if (outcome.outcome === 'retry') {
    const { afterSeconds, isAttempt } = outcome
    reportLastFailure(attempt, { onEvent, retryInMs: afterSeconds * 1_000 })
    const error = toShownError(outcome.error)
    const jobAttempt = countJobAttempts(attempt, isAttempt)
    emit(onEvent, { type: 'job-retry', error, jobAttempt, afterSeconds, ...subject })
  }
  if (outcome.outcome === 'dead-letter') {
    reportLastFailure(attempt, { onEvent })
    emit(onEvent, { type: 'dead-letter', error: outcome.error, ...subject })
  }
}

/** Tells of the failure that ended an attempt, once it is known whether the media is tried again. */
function reportLastFailure(
  attempt: JobAttempt,
  { onEvent, retryInMs }: { onEvent: OnEvent | undefined; retryInMs?: number | undefined },
): void {
  const { lastFailure } = attempt
  if (lastFailure !== undefined) emit(onEvent, { ...lastFailure, ...defined({ retryInMs }) })
  attempt.lastFailure = undefined
}

/** An error as events show it: the words of your app's own may quote anything. */
function toShownError(thrown: unknown): Error {
  return WhatsAppMediaError.is(thrown) ? thrown : reduceToName(thrown)
}

type NotedFailure = Pick<FailedAttempt, 'pauseSeconds' | 'isAlone' | 'isKnownGone'>

/** Notes an error for the archive's other jobs. */
function noteFailure(
  attempt: JobAttempt,
  { error, pauses, knownGone }: Pick<FailureSettlerOptions, 'pauses' | 'knownGone'> & { error: AnyWhatsAppMediaError },
): NotedFailure {
  const { accountId, media } = attempt.job
  const verdict = judgeFault(error)
  // A stranger's phone chose the URL of an encrypted file: its host and its answers must not pause everybody's media.
  if (verdict.about === 'whole' && verdict.whole === 'app' && media?.encryption !== undefined) {
    return { pauseSeconds: undefined, isAlone: true, isKnownGone: false }
  }
  if (verdict.about === 'whole' && verdict.whole !== 'rate-limit') {
    const pauseSeconds = pauses.fail(describePausedJob(attempt), { whole: verdict.whole, error })
    return { pauseSeconds, isAlone: pauseSeconds === undefined, isKnownGone: false }
  }
  // What the CDN has lost cost no look-up.
  if (error.code === 'media-gone' && media.encryption === undefined) knownGone.note(accountId, error)
  if (verdict.about === 'whole') pauses.pauseAccount(accountId, Math.ceil(findAskedDelayMs(error) / 1_000), error)
  const isKnownGone = knownGone.find(accountId, media.mediaId) !== undefined
  return { pauseSeconds: undefined, isAlone: false, isKnownGone }
}

/** A stop of the worker says nothing about the media: the job comes back at once. */
function findStop(attempt: JobAttempt, error: unknown): JobOutcome | undefined {
  if (attempt.signal?.aborted !== true) return undefined
  return buildRetry(attempt, { error: unwrapThrown(error), afterSeconds: 0, isAttempt: false })
}

/** A callback has this long at least to take an outcome in, in milliseconds. */
const REPORT_MS = 1_000

/** Reports an outcome to your app. There is time for that at the worker's deadline, too. */
export async function reportInTime(
  { signal, deadline }: JobAttempt,
  report: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const latest = deadline === undefined ? undefined : new Date(Math.max(deadline.getTime(), Date.now() + REPORT_MS))
  const stop = linkSignals([signal], { deadline: latest })
  await report(stop.signal).finally(stop.clear)
}

function buildDeadLetter(job: MediaJob, error: AnyWhatsAppMediaError): JobOutcome {
  // Anything but a job is kept as it came.
  if (!isObject(job) || !isObject(job.media)) return { outcome: 'dead-letter', job, error }
  const { faults, seenSha256, counted, ...fresh } = job
  return { outcome: 'dead-letter', job: { ...fresh, media: removeDownloadAccess<MediaReference>(job.media) }, error }
}
