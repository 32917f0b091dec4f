import type { MediaJob } from '../../queues.js'
import { buildJobHash, removeJobUrl } from '../stored-job.js'

/** A job as the store keeps it: plain JSON, without a secret. */
export interface DeferredJob {
  /** 33 letters and digits. Two jobs with one id are the same work. */
  id: string
  /** The job, without its download URL. */
  job: MediaJob
  /** The number of its next attempt, 1 for the first. */
  attempt: number
  /** When it may be run, ISO 8601 in UTC: as texts, times compare as they follow each other. */
  dueAt: string
}

/** A table or collection of jobs. */
export interface DeferredJobStore {
  /** Inserts the jobs, or replaces those of the same id. Resolves when they are durable. */
  save(jobs: readonly DeferredJob[]): Promise<unknown>
  /** Removes the jobs of these ids; an unknown id is fine. */
  remove(ids: readonly string[]): Promise<unknown>
  /** At most `limit` jobs whose `dueAt` is `now` or before, in any order. */
  findDue(query: { now: string; limit: number }): Promise<readonly DeferredJob[]>
}

/** A row for a job that may be run after so many seconds. */
export function toDeferredJob(
  job: MediaJob,
  { attempt = 1, afterSeconds }: { attempt?: number | undefined; afterSeconds: number },
): DeferredJob {
  const dueAt = new Date(Date.now() + afterSeconds * 1_000).toISOString()
  return { id: buildJobHash(job), job: removeJobUrl(job), attempt, dueAt }
}
