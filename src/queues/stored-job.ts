import { createHash } from 'node:crypto'
import { checkList } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isObject } from '../json.js'
import type { JobOutcome, MediaJob } from '../queues.js'

/*
 * Handling of jobs that all queues have in common.
 */

/** @throws InvalidOptionError for what `archive.enqueue` has not made: media, say. What a job holds is not looked at. */
export function checkJobs(jobs: unknown): asserts jobs is readonly MediaJob[] {
  checkList('jobs', jobs)
  const odd = jobs.findIndex((job) => !isObject(job) || !isObject(job['media']))
  if (odd < 0) return
  const problem = `must be a MediaJob, got ${describeSecret(jobs[odd])}: give media to archive.enqueue`
  throw new InvalidOptionError({ option: `jobs[${odd}]`, problem })
}

/** Two jobs with one id are the same work: one media item of one message, for one account. */
export function buildJobId({ accountId, media }: MediaJob): string {
  return JSON.stringify([accountId, media.mediaId, media.messageId, media.timestamp])
}

/** The job id for engines that refuse some characters: 32 hex digits behind a letter, no number to any engine. */
export function buildJobHash(job: MediaJob): string {
  return `j${createHash('sha256').update(buildJobId(job)).digest('hex').slice(0, 32)}`
}

/**
 * The job as a queue keeps it: without a download URL that a look-up finds anew. An encrypted file keeps URL and keys, for
 * nothing else leads to it. A job that no worker could read may be of any form.
 */
export function removeJobUrl(job: MediaJob): MediaJob {
  return isObject(job?.media) && job.media.encryption !== undefined ? job : removeJobAccess(job)
}

/** The job as a dead letter keeps it: without download URL and keys, secrets that outlive their use. */
export function removeJobAccess(job: MediaJob): MediaJob {
  if (!isObject(job?.media)) return job
  const { downloadUrl, downloadUrlExpiresAt, encryption, ...media } = job.media
  return { ...job, media }
}

/** A processor must not reject; one that does anyway must neither end the process nor lose its job. */
export function retryRejected(
  job: MediaJob,
  { error, afterSeconds = 60 }: { error: unknown; afterSeconds?: number | undefined },
): JobOutcome {
  return { outcome: 'retry', afterSeconds, until: '', isAttempt: true, job, error }
}
