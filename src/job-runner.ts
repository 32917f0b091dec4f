import { type Account, type Accounts, findAccount } from './accounts.js'
import { type ArchivedMessageMedia, deadlineOf } from './archive.js'
import {
  type AnyWhatsAppMediaError,
  CallbackFailedError,
  describeValue,
  InvalidOptionError,
  WhatsAppMediaError,
} from './errors.js'
import { emit, type OnEvent } from './events.js'
import { type MediaFailure, mediaFailure, withoutUrl } from './failure.js'
import { isRateLimit } from './graph-error.js'
import type { HttpClient } from './http.js'
import { type JobOutcome, type LateFault, type MediaJob, type ProcessJob, retryDelaySeconds } from './jobs.js'
import { checkAccountId } from './key.js'
import { createLimits } from './limits.js'
import type { MediaReference } from './media-reference.js'
import { createPauses } from './pauses.js'
import { stopSignal } from './stop-signal.js'

/** One run: what is archived, and until when its caller waits. */
export interface ArchiveContext {
  media: MediaReference
  /** The HTTP client as this run sees it. */
  watch?: (http: HttpClient) => HttpClient
  signal: AbortSignal | undefined
}

/** What a run needs of its archive. */
export interface JobSurroundings {
  accounts: Accounts
  archiveFor(accountId: string, account: Account, context: ArchiveContext): Promise<ArchivedMessageMedia>
  /** See `MediaArchiveOptions`. */
  maxGonePerHour: number
  onArchived: ((media: ArchivedMessageMedia) => unknown) | undefined
  /** Tells the owner of a failure. */
  tell(failure: MediaFailure): Promise<void>
  onEvent: OnEvent | undefined
}

/** Runs one attempt of a job and says what its queue has to do. */
export function createJobRunner(surroundings: JobSurroundings): ProcessJob {
  const { accounts, archiveFor, maxGonePerHour, onArchived, tell, onEvent } = surroundings
  const pauses = createPauses((accountId, forSeconds, reason) =>
    emit(onEvent, { type: 'account-paused', accountId, forSeconds, reason }),
  )
  const limits = createLimits({ maxGonePerHour, rest: pauses.rest })

  const archive = async (run: Run): Promise<ArchivedMessageMedia> => {
    const { job, attempt, signal } = run
    const { accountId, media } = job
    const gone = limits.knownGone(accountId, media.mediaId)
    // One look-up a job is made in any case: whoever brings it again may have mended what hid the media.
    if (gone !== undefined && (attempt > 1 || job.faults !== undefined)) throw gone
    const account = await findAccount(accounts, media.phoneNumberId).catch(orOwners('accounts'))
    const deadline = new Date(deadlineOf(media, account.mediaLifetimeMs))
    // A lifetime that makes no time is refused below.
    if (!Number.isNaN(deadline.getTime())) run.deadlineAt = deadline.getTime()
    // The number may have moved to another account since, but the media is the old one's.
    // A second attempt does not trust what failed the first: the look-up tells a fresh URL.
    const watch = (http: HttpClient): HttpClient => limits.watch(accountId, http)
    const context = { media: attempt > 1 ? withoutUrl(media) : media, signal, watch }
    const archived = await archiveFor(accountId, account, context).catch(orOwners('storage'))
    pauses.end(accountId)
    return archived
  }

  const judge = (run: Run, error: AnyWhatsAppMediaError): Promise<JobOutcome> | JobOutcome => {
    const { attempt, job, deadlineAt } = run
    const { accountId } = job
    const secondsLeft = (deadlineAt - Date.now()) / 1_000
    if (error.code === 'access-token') {
      const afterSeconds = pauses.begin(accountId, error)
      return secondsLeft > 0 ? later(run, error, { afterSeconds }) : giveUp(job, error)
    }
    if (error.code === 'media-gone') limits.noteGone(accountId, error)
    if (isLateFault(error)) return judgeLateFault(run, error, secondsLeft)
    const askedMs = waitAskedFor(error)
    if (isRateLimit(error)) pauses.rest(accountId, Math.ceil(askedMs / 1_000), error)
    const afterSeconds = delayWithin(retryDelaySeconds(attempt, askedMs), secondsLeft)
    if (!error.retryable || afterSeconds === undefined) return giveUp(job, error)
    return later(run, error, { afterSeconds, isAttempt: true })
  }

  const judgeLateFault = (
    run: Run,
    error: AnyWhatsAppMediaError & { code: LateFault },
    secondsLeft: number,
  ): Promise<JobOutcome> | JobOutcome => {
    const { job } = run
    const known = limits.knownGone(job.accountId, job.media.mediaId) === undefined ? 0 : MOST_TIMES[error.code]
    const times = Math.max((job.faults?.[error.code] ?? 0) + 1, known)
    const afterSeconds = delayWithin(LATE_TRY_SECONDS * (0.5 + Math.random() / 2), secondsLeft)
    if (times >= MOST_TIMES[error.code] || afterSeconds === undefined) return giveUp(job, error)
    const counted = { ...job, faults: { ...job.faults, [error.code]: times } }
    return later({ ...run, job: counted }, error, { afterSeconds, isAttempt: true })
  }

  const giveUp = async (job: MediaJob, error: AnyWhatsAppMediaError): Promise<JobOutcome> => {
    const { accountId, media } = job
    emit(onEvent, { type: 'dead-letter', error, mediaId: media.mediaId, accountId })
    await tell(mediaFailure(media, error, accountId)).catch((thrown: unknown) => {
      throw new OwnersError('onFailed', thrown)
    })
    return deadLetter(job, error)
  }

  /** What the owner's own code throws says nothing about the media, not even one of this library's errors. */
  const judgeOwners = (run: Run, { callback, thrown }: OwnersError): Promise<JobOutcome> | JobOutcome => {
    const { job, attempt, deadlineAt } = run
    const mayWait = attempt < CALLBACK_ATTEMPTS || Date.now() < deadlineAt + CALLBACK_MS
    if (mayWait) return later(run, thrown, { afterSeconds: retryDelaySeconds(attempt), isAttempt: true })
    const error = new CallbackFailedError(callback, thrown)
    // Whoever can't be told is not told again: the dead letter keeps the job.
    if (callback !== 'onFailed') return giveUp(job, error).catch(() => deadLetter(job, error))
    emit(onEvent, { type: 'dead-letter', error, mediaId: job.media.mediaId, accountId: job.accountId })
    return deadLetter(job, error)
  }

  const attemptJob = async (run: Run, callerSignal: AbortSignal | undefined): Promise<JobOutcome> => {
    const judgeAny = (error: unknown): Promise<JobOutcome> | JobOutcome => {
      // Whoever stops a worker says nothing about the media.
      if (callerSignal?.aborted === true) return later(run, thrownBy(error), { afterSeconds: 0 })
      if (error instanceof OwnersError) return judgeOwners(run, error)
      /* v8 ignore next -- @preserve neither would be a fault of this library's own, and loses no job */
      return WhatsAppMediaError.is(error) ? judge(run, error) : judgeOwners(run, new OwnersError('storage', error))
    }
    const hand = async (archived: ArchivedMessageMedia): Promise<JobOutcome> => {
      try {
        await onArchived?.(archived)
      } catch (thrown) {
        throw new OwnersError('onArchived', thrown)
      }
      return { outcome: 'done' }
    }
    // Twice: giving up may fail in its turn, in onFailed.
    return archive(run).then(hand).catch(judgeAny).catch(judgeAny)
  }

  /** A job that can't be read is no use to any worker; its owner is told if it says enough for that. */
  const refuse = async (job: MediaJob, error: AnyWhatsAppMediaError): Promise<JobOutcome> => {
    emit(onEvent, { type: 'dead-letter', error })
    try {
      await tell(mediaFailure(job.media, error, job.accountId))
    } catch {
      // It says too little, or whoever is told throws: a later attempt would read the same.
    }
    return Object(job?.media) === job?.media ? deadLetter(job, error) : { outcome: 'dead-letter', job, error }
  }

  return async (job, context) => {
    const unsound = problemOf(job)
    if (unsound !== undefined) return refuse(job, unsound)
    const { attempt, signal } = context
    const run: Run = { job, attempt, signal, deadlineAt: deadlineOf(job.media) }
    const pause = pauses.of(job.accountId)
    const secondsLeft = (run.deadlineAt - Date.now()) / 1_000
    const rest = spread(pause?.secondsLeft ?? 0)
    // Media that would die in the meantime has its last try now, pause or not; dead media can wait.
    const afterSeconds = secondsLeft > 0 ? delayWithin(rest, secondsLeft) : rest
    if (pause !== undefined && afterSeconds !== undefined) return later(run, pause.error, { afterSeconds })
    const stop = stopSignal([signal], context.deadline)
    return attemptJob({ ...run, signal: stop.signal }, signal).finally(stop.clear)
  }
}

/** One attempt of a job. */
interface Run {
  job: MediaJob
  attempt: number
  signal: AbortSignal | undefined
  /** Milliseconds since 1970; better known once the account is. */
  deadlineAt: number
}

/** What a function of the owner's has thrown. */
class OwnersError extends Error {
  constructor(
    readonly callback: CallbackFailedError['callback'],
    readonly thrown: unknown,
  ) {
    super()
  }
}

function thrownBy(error: unknown): unknown {
  return error instanceof OwnersError ? error.thrown : error
}

function orOwners(callback: CallbackFailedError['callback']): (error: unknown) => never {
  return (error) => {
    throw WhatsAppMediaError.is(error) ? error : new OwnersError(callback, error)
  }
}

/** How often a function of the owner's is called at least, and how long after the media's death. */
const CALLBACK_ATTEMPTS = 10
const CALLBACK_MS = 86_400_000

/** How often a fault that hardly ever mends may come before the job is given up, and the longest wait between. */
const MOST_TIMES: Readonly<Record<LateFault, number>> = { 'integrity-mismatch': 3, 'media-gone': 2 }
const LATE_TRY_SECONDS = 300

function isLateFault(error: AnyWhatsAppMediaError): error is AnyWhatsAppMediaError & { code: LateFault } {
  return error.code in MOST_TIMES
}

/** Meta's limits count by the hour or the minute; where it names no time, a minute is the least that helps. */
const RATE_LIMIT_MS = 60_000

function waitAskedFor(error: AnyWhatsAppMediaError): number {
  const asked = 'retryAfterMs' in error ? error.retryAfterMs : undefined
  // "At once" is no answer to too many calls.
  return asked || (isRateLimit(error) ? RATE_LIMIT_MS : 0)
}

/** Jobs that rest together must not come back together. */
function spread(seconds: number): number {
  return seconds + Math.round((Math.random() * seconds) / 4)
}

/** Time enough for a last try. */
const LAST_TRY_SECONDS = 60
const LEAST_TIME_SECONDS = 20

/** The wait, cut so that the media is tried once more before it dies; undefined when there is no time for that. */
function delayWithin(wantedSeconds: number, secondsLeft: number): number | undefined {
  if (wantedSeconds <= secondsLeft) return Math.ceil(wantedSeconds)
  return secondsLeft < LEAST_TIME_SECONDS
    ? undefined
    : Math.floor(Math.max(secondsLeft - LAST_TRY_SECONDS, secondsLeft / 2))
}

function later(
  { job, deadlineAt }: Run,
  error: unknown,
  { afterSeconds, isAttempt = false }: { afterSeconds: number; isAttempt?: boolean },
): JobOutcome {
  return { outcome: 'retry', afterSeconds, until: new Date(deadlineAt).toISOString(), isAttempt, job, error }
}

function deadLetter(job: MediaJob, error: AnyWhatsAppMediaError): JobOutcome {
  const { faults, ...fresh } = job
  return { outcome: 'dead-letter', job: { ...fresh, media: withoutUrl(job.media) }, error }
}

/** Jobs come out of queues as JSON that anyone may have put there. */
function problemOf(job: MediaJob): InvalidOptionError | undefined {
  if (job?.version !== 1) return new InvalidOptionError('job.version', `must be 1, got ${describeValue(job?.version)}`)
  try {
    deadlineOf(job.media)
    checkAccountId(job.accountId)
    return undefined
  } catch (error) {
    return WhatsAppMediaError.is(error) && error.code === 'invalid-option'
      ? error
      : new InvalidOptionError('job.media', `must be a MediaReference, got ${describeValue(job.media)}`)
  }
}
