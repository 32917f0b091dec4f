import type { LastFailure, MadeAttempts, SeenHash } from '../archive/plan.js'
import { isWhole } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { describeSubject, type EventSubject } from '../events.js'
import { defined, isObject } from '../json.js'
import { checkAccountId } from '../key.js'
import { checkReference, findProblem, getMediaDeadline, keepValidFields } from '../media-reference.js'
import type { JobContext, JobOutcome, MediaJob } from '../queues.js'
import { CALLBACK_SECONDS, MOST_TIMES } from './judge-failure.js'
import type { PausedJob } from './pauses.js'

/** One attempt of a job. */
export interface JobAttempt extends JobContext {
  job: MediaJob
  /** Why the job can't be run: no worker can use it. */
  problem?: InvalidOptionError | undefined
  /** When Meta forgets the media, in milliseconds since 1970; exact once the account is known. */
  deadlineAt: number
  seen: SeenHash
  made: JobAttempts
  /** The failure that ended the attempt, until its event is out. */
  lastFailure?: LastFailure | undefined
  /** What events tell of the media. */
  subject: EventSubject
}

/** The attempts of `archiveMedia` in the life of a job, those under way included. */
interface JobAttempts extends MadeAttempts {
  /** Those before this attempt of the job. */
  readonly before: number
  /** The most that one attempt of the job makes. */
  readonly most: number
}

/**
 * Reads a job and its context, which came out of a queue as JSON of unknown origin.
 *
 * @param attempts the most attempts of `archiveMedia` in one of the job.
 */
export function readJobAttempt(
  given: MediaJob,
  { attempts, ...queueContext }: JobContext & { attempts: number },
): JobAttempt {
  const job = withWholeCount(withWholeFaults(given))
  const seen = { sha256: job?.seenSha256 }
  const problem = findJobProblem(given)
  const context = readContext(queueContext)
  const before = countEarlierAttempts(job, { most: attempts, attempt: context.attempt })
  const common = { job, seen, made: { attempts: before, before, most: attempts }, ...context }
  if (problem === undefined) {
    const { accountId, media } = job
    return { ...common, deadlineAt: getMediaDeadline(media), subject: { ...describeSubject(media), accountId } }
  }
  const isAccount = findProblem(() => checkAccountId(job?.accountId)) === undefined
  const subject = {
    ...describeSubject(keepValidFields(job?.media)),
    ...(isAccount ? { accountId: job.accountId } : {}),
  }
  // Its time is unknown: the number of its attempts alone keeps such a job.
  return { ...common, problem, subject, deadlineAt: Date.now() - CALLBACK_SECONDS * 1_000 }
}

export function countSecondsLeft({ deadlineAt }: JobAttempt): number {
  return (deadlineAt - Date.now()) / 1_000
}

/** The job as pauses know it. */
export function describePausedJob({ job: { accountId, media } }: JobAttempt): PausedJob {
  const { phoneNumberId, mediaId } = media
  return { accountId, phoneNumberId, mediaId }
}

/** The job comes again, as it is now. */
export function buildRetry(
  run: JobAttempt,
  { error, afterSeconds, isAttempt }: { error: unknown; afterSeconds: number; isAttempt: boolean },
): Extract<JobOutcome, { outcome: 'retry' }> {
  const { job, deadlineAt, seen, problem } = run
  const until = new Date(deadlineAt).toISOString()
  // Anything but a job is kept as it came.
  const kept =
    problem === undefined ? { ...job, ...defined({ seenSha256: seen.sha256 }), ...keepCount(run, isAttempt) } : job
  return { outcome: 'retry', afterSeconds, until, isAttempt, job: kept, error }
}

/** The attempts of the job that its queue has counted, this one included where it counts. */
export function countJobAttempts({ attempt }: JobContext, isAttempt: boolean): number {
  return isAttempt ? attempt : attempt - 1
}

/**
 * The count is derived from the number of the job's attempt, where it can be: a job that is kept as it was costs some
 * queues less.
 */
function keepCount(run: JobAttempt, isAttempt: boolean): Pick<MediaJob, 'counted'> {
  const { attempts, before, most } = run.made
  if (attempts === (isAttempt ? before + most : before)) return {}
  return { counted: { jobAttempts: countJobAttempts(run, isAttempt), attempts } }
}

function countEarlierAttempts(job: MediaJob | undefined, { most, attempt }: { most: number; attempt: number }): number {
  const { jobAttempts, attempts } = job?.counted ?? { jobAttempts: 0, attempts: 0 }
  return attempts + Math.max(0, attempt - 1 - jobAttempts) * most
}

/** Attempts and times of a queue of your own may be anything: those that are no whole numbers and times count as none. */
function readContext({ attempt, deadline, signal }: JobContext): JobContext {
  return {
    attempt: isWhole(attempt, { least: 1 }) ? attempt : 1,
    ...defined({ deadline: deadline === undefined || Number.isNaN(deadline.getTime()) ? undefined : deadline, signal }),
  }
}

function findJobProblem(job: MediaJob): InvalidOptionError | undefined {
  if (job?.version !== 1)
    return new InvalidOptionError({ option: 'job.version', problem: `must be 1, got ${describeValue(job?.version)}` })
  return findProblem(() => {
    checkAccountId(job.accountId, 'job.accountId')
    checkReference(job.media, 'job.media')
  })
}

/** The job with none but whole numbers of known faults: garbage counts as no fault at all. */
function withWholeFaults(job: MediaJob): MediaJob {
  if (job?.faults === undefined) return job
  const { faults, ...fresh } = job
  const whole = Object.entries(isObject(faults) ? faults : {}).filter(
    ([code, times]) => Object.hasOwn(MOST_TIMES, code) && isWhole(times, { least: 1 }),
  )
  return whole.length === 0 ? fresh : { ...job, faults: Object.fromEntries(whole) }
}

/** The job without a count that is none. */
function withWholeCount(job: MediaJob): MediaJob {
  if (job?.counted === undefined) return job
  const { counted, ...fresh } = job
  const isWholeCount =
    isObject(counted) && [counted.jobAttempts, counted.attempts].every((count) => isWhole(count, { least: 0 }))
  return isWholeCount ? job : fresh
}
