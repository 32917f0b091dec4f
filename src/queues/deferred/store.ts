import { isObject, parseJson, parseWhole, readOwn, readString } from '../../json.js'
import type { MediaJob } from '../../queues.js'
import { buildJobHash, removeJobUrl } from '../stored-job.js'

/** A job as the store keeps it: plain JSON. Without a secret, but for the files of Flow endpoints. */
export interface DeferredJob {
  /** 33 letters and digits. Two jobs with one id are the same work. */
  id: string
  /** The job, without its download URL; the file of a Flow's endpoint has its URL and its keys. */
  job: MediaJob
  /** The number of its next attempt, 1 for the first. */
  attempt: number
  /** When it may be run, ISO 8601 in UTC: as texts, times compare as they follow each other. */
  dueAt: string
}

/** A table or collection of jobs. */
export interface DeferredJobStore {
  /**
   * Inserts the jobs, or replaces those of the same id: a webhook that comes again begins the job's count anew. Resolves
   * when they are durable.
   */
  save(jobs: readonly DeferredJob[]): Promise<unknown>
  /** Removes the jobs of these ids; an unknown id is fine. */
  remove(ids: readonly string[]): Promise<unknown>
  /** At most `limit` jobs whose `dueAt` is `now` or before, in any order. */
  findDue(query: {
    /** ISO 8601. */
    now: string
    /** The most jobs. */
    limit: number
  }): Promise<readonly DeferredJob[]>
}

/** A row for a job that may be run after so many seconds. A row that exists keeps its id. */
export function toDeferredJob(
  job: MediaJob,
  row: { id?: string | undefined; attempt?: number | undefined; afterSeconds: number },
): DeferredJob {
  const { id = buildJobHash(job), attempt = 1, afterSeconds } = row
  return { id, job: removeJobUrl(job), attempt, dueAt: new Date(Date.now() + afterSeconds * 1_000).toISOString() }
}

/**
 * A row as the database gave it back. Some give JSON as text, and large whole numbers, too; one row that is none must
 * not keep the others from running.
 *
 * @returns undefined for a row without an id or a job.
 */
export function readDeferredRow(row: unknown): Pick<DeferredJob, 'id' | 'job' | 'attempt'> | undefined {
  const id = readString(row, 'id')
  const column = readOwn(row, 'job')
  const job = typeof column === 'string' ? parseJson(column) : column
  if (id === undefined || !isKeptJob(job)) return undefined
  return { id, job, attempt: Math.max(1, parseWhole(readOwn(row, 'attempt')) ?? 1) }
}

/** The archive checks what a job holds when it runs it. */
function isKeptJob(job: unknown): job is MediaJob {
  return isObject(job)
}
