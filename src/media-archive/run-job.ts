import type { ArchivedMessageMedia } from '../archive.js'
import type { ArchiveMemory, SeenHash } from '../archive-memory.js'
import { isRateLimit } from '../download/graph-error.js'
import { describeValue } from '../errors/describe.js'
import { reduceToName } from '../errors/thrown.js'
import { type AnyWhatsAppMediaError, CallbackFailedError, InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import { emit, type OnEvent } from '../events.js'
import type { HttpClient } from '../http.js'
import { isObject } from '../json.js'
import { checkAccountId } from '../key.js'
import {
  checkReference,
  findProblem,
  getMediaDeadline,
  keepValidFields,
  type MediaReference,
  removeDownloadUrl,
} from '../media-reference.js'
import {
  type JobContext,
  type JobOutcome,
  type LateFault,
  type MediaJob,
  type ProcessJob,
  retryDelaySeconds,
} from '../queues.js'
import { linkSignals } from '../timing/abort.js'
import type { Account } from './accounts.js'
import { type Owner, OwnersError, thrownBy } from './callbacks.js'
import { createLimits } from './known-gone.js'
import { mediaFailure } from './media-failure.js'
import { type AccountNumber, createPauses } from './pauses.js'

/** One run: what is archived, and until when its caller waits. */
export interface ArchiveContext extends Omit<ArchiveMemory, 'tokens'> {
  media: MediaReference
  /** The HTTP client as this run sees it. */
  watch?: (http: HttpClient) => HttpClient
  signal: AbortSignal
}

/** What a run needs of its archive. */
export interface JobSurroundings {
  owner: Owner
  archiveFor(accountId: string, account: Account, context: ArchiveContext): Promise<ArchivedMessageMedia>
  /** See `MediaArchiveOptions`. */
  maxGonePerHour: number
  onEvent: OnEvent | undefined
}

/** Runs one attempt of a job and says what its queue has to do. */
export function createJobRunner(surroundings: JobSurroundings): ProcessJob {
  const { owner, archiveFor, maxGonePerHour, onEvent } = surroundings
  const pauses = createPauses((pause) => emit(onEvent, { type: 'account-paused', ...pause }))
  const limits = createLimits({ maxGonePerHour, rest: pauses.rest })

  const findOwner = async (run: Run, signal: AbortSignal): Promise<Account> => {
    const { media } = run.job
    const account = await owner.account(media.phoneNumberId, signal)
    const { mediaLifetimeMs } = account
    // A lifetime that makes no time is refused by the archive. Many a database gives whole numbers as bigint.
    const deadline = new Date(
      getMediaDeadline(media, typeof mediaLifetimeMs === 'number' ? mediaLifetimeMs : undefined),
    )
    if (!Number.isNaN(deadline.getTime())) run.deadlineAt = deadline.getTime()
    return account
  }

  /** What becomes of a job whose number rests; undefined when it may be tried. */
  const restOf = (run: Run): JobOutcome | undefined => {
    const number = numberOf(run.job)
    const pause = pauses.of(number)
    if (pause === undefined) return undefined
    const rest = spread(pause.secondsLeft)
    const secondsLeft = (run.deadlineAt - Date.now()) / 1_000
    // Media that would die in the meantime has its last try now, pause or not; dead media can wait.
    const mustTry = secondsLeft > 0 && delayWithin(rest, secondsLeft) === undefined
    if (mustTry && pauses.mayTry(number)) return undefined
    return later(run, pause.error, { afterSeconds: restWithin(rest, secondsLeft) })
  }

  const archive = async (run: Run, account: Account, signal: AbortSignal): Promise<ArchivedMessageMedia> => {
    const { job, attempt, seen } = run
    const { accountId, media } = job
    const gone = limits.knownGone(accountId, media.mediaId)
    // One look-up a job is made in any case: whoever brings it again may have mended what hid the media.
    if (gone !== undefined && (attempt > 1 || job.faults !== undefined)) throw gone
    // The number may have moved to another account since, but the media is the old one's.
    // A second attempt does not trust what failed the first: the look-up tells a fresh URL.
    const watch = (http: HttpClient): HttpClient => limits.watch(accountId, http)
    const onLookUp = (): void => pauses.end(numberOf(job))
    const context = { media: attempt > 1 ? removeDownloadUrl(media) : media, signal, watch, seen, onLookUp }
    return archiveFor(accountId, account, context)
  }

  const judge = (run: Run, error: AnyWhatsAppMediaError): Promise<JobOutcome> | JobOutcome => {
    const { attempt, job, deadlineAt } = run
    const { accountId } = job
    const secondsLeft = (deadlineAt - Date.now()) / 1_000
    if (error.code === 'access-token') {
      const rest = pauses.begin(numberOf(job), error)
      return secondsLeft > 0 ? later(run, error, { afterSeconds: restWithin(rest, secondsLeft) }) : giveUp(run, error)
    }
    if (error.code === 'media-gone') limits.noteGone(accountId, error)
    if (isLateFault(error)) return judgeLateFault(run, error, secondsLeft)
    const askedMs = waitAskedFor(error)
    if (isRateLimit(error)) pauses.rest(accountId, Math.ceil(askedMs / 1_000), error)
    const afterSeconds = delayWithin(retryDelaySeconds(attempt, askedMs), secondsLeft)
    if (!error.retryable || afterSeconds === undefined) return giveUp(run, error)
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
    if (times >= MOST_TIMES[error.code] || afterSeconds === undefined) return giveUp(run, error)
    const counted = { ...job, faults: { ...job.faults, [error.code]: times } }
    return later({ ...run, job: counted }, error, { afterSeconds, isAttempt: true })
  }

  const giveUp = async (run: Run, error: AnyWhatsAppMediaError): Promise<JobOutcome> => {
    const { job, subject } = run
    emit(onEvent, { type: 'dead-letter', error, ...subject })
    const failure = mediaFailure(keepValidFields(job?.media), error, subject.accountId)
    await telling(run, (signal) => owner.failed(failure, signal))
    return deadLetter(job, error)
  }

  /** What the owner's own code throws says nothing about the media, not even one of this library's errors. */
  const judgeOwners = (run: Run, { callback, thrown }: OwnersError): Promise<JobOutcome> | JobOutcome => {
    const { job, attempt, deadlineAt, subject } = run
    const mayWait = attempt < CALLBACK_ATTEMPTS || Date.now() < deadlineAt + CALLBACK_MS
    if (mayWait) {
      const afterSeconds = retryDelaySeconds(attempt)
      // Otherwise a webhook server with the queue in its process would hear nothing of it for days.
      const cause = WhatsAppMediaError.is(thrown) ? thrown : reduceToName(thrown)
      const retryInMs = afterSeconds * 1_000
      emit(onEvent, { type: 'callback-failed', callback, error: cause, attempt, retryInMs, ...subject })
      return later(run, thrown, { afterSeconds, isAttempt: true })
    }
    const error = new CallbackFailedError({ callback, cause: thrown })
    // Whoever can't be told is not told again: the dead letter keeps the job.
    const keep = (untold: unknown): JobOutcome => stoppedBy(run, untold) ?? deadLetter(job, error)
    if (callback !== 'onFailed') return giveUp(run, error).catch(keep)
    emit(onEvent, { type: 'dead-letter', error, ...subject })
    return deadLetter(job, error)
  }

  const judgeAny = (run: Run, error: unknown): Promise<JobOutcome> | JobOutcome => {
    const stopped = stoppedBy(run, error)
    if (stopped !== undefined) return stopped
    if (error instanceof OwnersError) return judgeOwners(run, error)
    // A layout of keys is the owner's, too.
    return WhatsAppMediaError.is(error) ? judge(run, error) : judgeOwners(run, new OwnersError('storage', error))
  }

  const attemptJob = async (run: Run): Promise<JobOutcome> => {
    const stop = linkSignals([run.signal], { deadline: run.deadline })
    let archived: ArchivedMessageMedia
    try {
      // First of all: how long the media lives decides how long it can rest.
      const account = await findOwner(run, stop.signal)
      const rest = restOf(run)
      if (rest !== undefined) return rest
      archived = await archive(run, account, stop.signal)
    } finally {
      stop.clear()
    }
    await telling(run, (signal) => owner.archived(archived, signal))
    return { outcome: 'done' }
  }

  return async (given, context) => {
    const unsound = problemOf(given)
    const job = withSoundFaults(given)
    const run: Run = { job, ...withSoundCounts(context), ...factsOf(job, unsound), seen: { sha256: job?.seenSha256 } }
    const judgeThis = (error: unknown): Promise<JobOutcome> | JobOutcome => judgeAny(run, error)
    // A job that can't be read is no use to any worker.
    if (unsound !== undefined) return giveUp(run, unsound).catch(judgeThis)
    // Twice: giving up may fail in its turn, in onFailed.
    return attemptJob(run).catch(judgeThis).catch(judgeThis)
  }
}

/** One attempt of a job. */
interface Run extends JobContext {
  job: MediaJob
  /** Milliseconds since 1970; better known once the account is. */
  deadlineAt: number
  seen: SeenHash
  /** What events and failures name. */
  subject: { mediaId?: string; accountId?: string }
}

function numberOf({ accountId, media }: MediaJob): AccountNumber {
  return { accountId, phoneNumberId: media.phoneNumberId }
}

/** Attempts and times of a queue of the owner's own may be anything: not to be counted with, they count as none. */
function withSoundCounts({ attempt, deadline, signal }: JobContext): JobContext {
  return {
    attempt: Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1,
    ...(deadline === undefined || Number.isNaN(deadline.getTime()) ? {} : { deadline }),
    ...(signal === undefined ? {} : { signal }),
  }
}

function factsOf(job: MediaJob, unsound: InvalidOptionError | undefined): Pick<Run, 'deadlineAt' | 'subject'> {
  if (unsound === undefined) {
    const { accountId, media } = job
    return { deadlineAt: getMediaDeadline(media), subject: { mediaId: media.mediaId, accountId } }
  }
  const { mediaId } = keepValidFields(job?.media)
  const isOfAccount = findProblem(() => checkAccountId(job?.accountId)) === undefined
  const subject = { ...(mediaId === '' ? {} : { mediaId }), ...(isOfAccount ? { accountId: job.accountId } : {}) }
  // Nobody knows how long it is worth while: the number of its attempts alone keeps such a job.
  return { deadlineAt: Date.now() - CALLBACK_MS, subject }
}

/** Whoever stops a worker says nothing about the media. */
function stoppedBy(run: Run, error: unknown): JobOutcome | undefined {
  return run.signal?.aborted === true ? later(run, thrownBy(error), { afterSeconds: 0 }) : undefined
}

/** What the owner has at least to take an outcome in, in milliseconds. */
const TELL_MS = 1_000

/** Tells the owner what became of a job. At the worker's deadline there is still time for that. */
async function telling({ signal, deadline }: Run, tell: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const latest = deadline === undefined ? undefined : new Date(Math.max(deadline.getTime(), Date.now() + TELL_MS))
  const stop = linkSignals([signal], { deadline: latest })
  await tell(stop.signal).finally(stop.clear)
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

/** The rest, cut to the media's life: the token may be mended before the pause ends. Dead media can wait. */
function restWithin(rest: number, secondsLeft: number): number {
  if (secondsLeft <= 0) return rest
  return delayWithin(rest, secondsLeft) ?? Math.min(rest, Math.max(1, Math.floor(secondsLeft / 2)))
}

function later(
  { job, deadlineAt, seen }: Run,
  error: unknown,
  { afterSeconds, isAttempt = false }: { afterSeconds: number; isAttempt?: boolean },
): JobOutcome {
  const kept = seen.sha256 === undefined ? job : { ...job, seenSha256: seen.sha256 }
  return { outcome: 'retry', afterSeconds, until: new Date(deadlineAt).toISOString(), isAttempt, job: kept, error }
}

function deadLetter(job: MediaJob, error: AnyWhatsAppMediaError): JobOutcome {
  // As it came, where it is no job at all.
  if (!isObject(job) || !isObject(job.media)) return { outcome: 'dead-letter', job, error }
  const { faults, seenSha256, ...fresh } = job
  return { outcome: 'dead-letter', job: { ...fresh, media: removeDownloadUrl(job.media) }, error }
}

/** Jobs come out of queues as JSON that anyone may have put there. */
function problemOf(job: MediaJob): InvalidOptionError | undefined {
  if (job?.version !== 1)
    return new InvalidOptionError({ option: 'job.version', problem: `must be 1, got ${describeValue(job?.version)}` })
  return findProblem(() => {
    checkAccountId(job.accountId, 'job.accountId')
    checkReference(job.media, 'job.media')
  })
}

/** The job, with none but whole numbers to count on: garbage counts as no fault at all. */
function withSoundFaults(job: MediaJob): MediaJob {
  if (job?.faults === undefined) return job
  const { faults, ...fresh } = job
  const sound = Object.entries(isObject(faults) ? faults : {}).filter(
    ([code, times]) => Object.hasOwn(MOST_TIMES, code) && Number.isSafeInteger(times) && times > 0,
  )
  return sound.length === 0 ? fresh : { ...job, faults: Object.fromEntries(sound) }
}
