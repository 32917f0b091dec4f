import type { SeenHash } from '../archive/plan.js'
import { isWhole } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { defined, isObject } from '../json.js'
import { checkAccountId } from '../key.js'
import { checkReference, findProblem, getMediaDeadline, keepValidFields } from '../media-reference.js'
import type { JobContext, JobOutcome, MediaJob } from '../queues.js'
import { CALLBACK_SECONDS, MOST_TIMES } from './judge-failure.js'

/** One attempt of a job. */
export interface JobAttempt extends JobContext {
  job: MediaJob
  /** Why the job can't be run: no worker can use it. */
  problem?: InvalidOptionError | undefined
  /** When Meta forgets the media, in milliseconds since 1970; exact once the account is known. */
  deadlineAt: number
  seen: SeenHash
  /** The ids that events and failures name. */
  subject: { mediaId?: string | undefined; accountId?: string | undefined }
}

/** Reads a job and its context, which came out of a queue as JSON of unknown origin. */
export function readJobAttempt(given: MediaJob, context: JobContext): JobAttempt {
  const job = withWholeFaults(given)
  const seen = { sha256: job?.seenSha256 }
  const problem = findJobProblem(given)
  const common = { job, seen, ...readContext(context) }
  if (problem === undefined) {
    const { accountId, media } = job
    return { ...common, deadlineAt: getMediaDeadline(media), subject: { mediaId: media.mediaId, accountId } }
  }
  const { mediaId } = keepValidFields(job?.media)
  const isAccount = findProblem(() => checkAccountId(job?.accountId)) === undefined
  const subject = { ...(mediaId === '' ? {} : { mediaId }), ...(isAccount ? { accountId: job.accountId } : {}) }
  // Its time is unknown: the number of its attempts alone keeps such a job.
  return { ...common, problem, subject, deadlineAt: Date.now() - CALLBACK_SECONDS * 1_000 }
}

export function countSecondsLeft({ deadlineAt }: JobAttempt): number {
  return (deadlineAt - Date.now()) / 1_000
}

/** The job comes again, as it is now. */
export function buildRetry(
  { job, deadlineAt, seen }: JobAttempt,
  { error, afterSeconds, isAttempt }: { error: unknown; afterSeconds: number; isAttempt: boolean },
): JobOutcome {
  const kept = seen.sha256 === undefined ? job : { ...job, seenSha256: seen.sha256 }
  return { outcome: 'retry', afterSeconds, until: new Date(deadlineAt).toISOString(), isAttempt, job: kept, error }
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
