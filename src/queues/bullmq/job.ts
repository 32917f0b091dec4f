import { type BulkJobOptions, DelayedError, type Job, type Queue } from 'bullmq'
import { isWhole } from '../../errors/checks.js'
import type { JobOutcome, MediaJob } from '../../queues.js'
import { buildJobHash } from '../stored-job.js'

/** A job as it lies in Redis. */
export interface QueuedJob {
  job: MediaJob
  /** Ours, 1 for the first: BullMQ counts a run that a stopped worker gave back, too. */
  attempt: number
}

/** BullMQ's own retries, for when Redis fails between a job's outcome and its place in the queue. */
const BULLMQ_ATTEMPTS = 1_000_000
const BULLMQ_BACKOFF_MS = 5_000

const JOB_NAME = 'archive'

/** A job's id is the hash of the fields that identify the work: a redelivery is dropped while the job is here. */
export function toBulk(job: MediaJob): { name: string; data: QueuedJob; opts: BulkJobOptions } {
  return { name: JOB_NAME, data: { job, attempt: 1 }, opts: buildJobOptions(job, buildJobHash(job)) }
}

/** Adds a job under the id that it had; one that BullMQ numbered itself must not have a number now. */
export async function addJob(main: Queue<QueuedJob>, { jobId, job }: { jobId: string; job: MediaJob }): Promise<void> {
  await main.add(JOB_NAME, { job, attempt: 1 }, buildJobOptions(job, /^\d+$/.test(jobId) ? `j${jobId}` : jobId))
}

function buildJobOptions(job: MediaJob, jobId: string): BulkJobOptions {
  return {
    jobId,
    priority: decidePriority(guessDeadline(job)),
    attempts: BULLMQ_ATTEMPTS,
    backoff: { type: 'fixed', delay: BULLMQ_BACKOFF_MS },
    stackTraceLimit: 1,
  }
}

const MEDIA_LIFETIME_MS = 604_800_000

/** When Meta forgets the media, as far as a queue can know: a shorter lifetime of the account is known at the first retry. */
function guessDeadline(job: MediaJob): number {
  const { origin, receivedAt, timestamp } = job?.media ?? {}
  return Date.parse(origin === 'history' ? receivedAt : timestamp) + MEDIA_LIFETIME_MS
}

/** BullMQ takes 1 (first) to 2^21 - 1. In steps of ten minutes that is 39 years from here. */
const FIRST_DEADLINE = Date.UTC(2025, 0, 1)
const STEP_MS = 600_000
const LAST_PRIORITY = 2 ** 21 - 1

/**
 * The media that expires sooner comes first; of two that expire within the same ten minutes, the one enqueued first.
 */
export function decidePriority(deadline: number): number {
  const steps = Math.floor((deadline - FIRST_DEADLINE) / STEP_MS)
  return Number.isNaN(steps) ? 1 : Math.min(Math.max(1, steps), LAST_PRIORITY)
}

/** Reads a job out of the queue, where anyone may have put it: `processJob` refuses anything but a job. */
export function readQueued(data: QueuedJob): QueuedJob {
  const attempt = data?.attempt
  return { job: data?.job, attempt: isWhole(attempt, { least: 1 }) ? attempt : 1 }
}

/**
 * Keeps a job for its next attempt.
 *
 * @throws DelayedError always: BullMQ's way to hear that the job has been moved.
 */
export async function putBack(
  bull: Job<QueuedJob>,
  retry: { outcome: Extract<JobOutcome, { outcome: 'retry' }>; attempt: number; token: string | undefined },
): Promise<never> {
  const { outcome, attempt, token } = retry
  await bull.updateData({ job: outcome.job, attempt: outcome.isAttempt ? attempt + 1 : attempt })
  const until = Date.parse(outcome.until)
  const priority = Number.isNaN(until) ? bull.priority : decidePriority(until)
  if (priority !== bull.priority) await bull.changePriority({ priority })
  await bull.moveToDelayed(Date.now() + Math.ceil(outcome.afterSeconds * 1_000), token)
  throw new DelayedError()
}
