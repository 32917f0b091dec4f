import type { Job, Queue } from 'bullmq'
import type { AnyWhatsAppMediaError } from '../../errors.js'
import type { MediaJob } from '../../queues.js'
import { removeJobAccess } from '../stored-job.js'
import { addJob, type QueuedJob } from './job.js'

/** A job that was given up, and why. */
export interface DeadLetter {
  /** For `redrive` and `discard`. */
  id: string
  /** Without its download URL and its keys. */
  job: MediaJob
  /** The result of the error's `toJSON`: `name`, `code`, `message`, `retryable` and the error's own fields. */
  error: {
    /** The error's code. */
    code: string
    /** The error's message. */
    message: string
  } & Record<string, unknown>
  /** How many attempts it took. */
  attempts: number
  /** ISO 8601. */
  failedAt: string
}

/** A dead letter as it lies in Redis. */
export interface BuriedJob extends Omit<DeadLetter, 'id'> {
  /** Of the job that was given up: its id, and when it was enqueued, in milliseconds since 1970. */
  jobId: string
  enqueuedAt: number
}

/**
 * Puts a job among the dead letters. Its id is the job's own and the time it was enqueued: a worker killed between
 * this and the job's removal leaves one letter, not two, and a later failure of the same media has a letter of its own.
 */
export async function buryJob(
  dead: Queue<BuriedJob>,
  buried: { bull: Job<QueuedJob>; job: MediaJob; error: AnyWhatsAppMediaError; attempts: number },
): Promise<void> {
  const { bull, job, error, attempts } = buried
  const { name, message, code } = error
  const letter: BuriedJob = {
    job: removeJobAccess(job),
    error: { ...error.toJSON(), name, message, code },
    attempts,
    failedAt: new Date().toISOString(),
    jobId: String(bull.id),
    enqueuedAt: bull.timestamp,
  }
  await dead.add('dead-letter', letter, { jobId: `${letter.jobId}-${letter.enqueuedAt}` })
}

/** Oldest first. */
export async function listDeadLetters(
  dead: Queue<BuriedJob>,
  { limit, offset }: { limit: number; offset: number },
): Promise<DeadLetter[]> {
  const letters = await dead.getWaiting(offset, offset + limit - 1)
  return letters.map(({ id, data: { jobId, enqueuedAt, ...letter } }) => ({ id: String(id), ...letter }))
}

/**
 * Enqueues one dead letter anew, then removes it: at no moment it is in neither queue.
 *
 * @returns false when there is no such letter, or when its worker has not removed the job yet.
 */
export async function restoreLetter(
  { main, dead }: { main: Queue<QueuedJob>; dead: Queue<BuriedJob> },
  id: string,
): Promise<boolean> {
  const letter = await dead.getJob(id)
  if (letter === undefined) return false
  const { job, jobId, enqueuedAt } = letter.data
  // While the job that was given up is still there, adding it would do nothing, and then it would go. Once it is gone it
  // never comes back: another of this id has another time.
  const present = await main.getJob(jobId)
  if (present?.timestamp === enqueuedAt) return false
  await addJob(main, { jobId, job })
  await letter.remove()
  return true
}

/** @returns true when it was there. */
export async function discardLetter(dead: Queue<BuriedJob>, id: string): Promise<boolean> {
  const letter = await dead.getJob(id)
  await letter?.remove()
  return letter !== undefined
}
