import type { AnyWhatsAppMediaError } from './errors.js'
import type { MediaReference } from './media-reference.js'

/*
 * Terminology. A job is one media item to be archived for one account. A queue keeps jobs until a worker has seen each
 * to its end. An attempt is one run of a job by a worker. A dead letter is a job that is given up, with its reason.
 */

/** One media item to be archived. Plain JSON, never with a token. */
export interface MediaJob {
  /** Of this form. A worker refuses versions it does not know. */
  version: 1
  /** Fixed when the job is made: a number that moves to another account later changes nothing. */
  accountId: string
  media: MediaReference
}

/** Keeps jobs. An implementation is a factory that returns this interface and passes `queueConformance`. */
export interface MediaQueue {
  /**
   * Resolves when all jobs are as durable as this queue can make them; rejects when one is not, and then the webhook
   * answers 500 and Meta delivers again. A job that is queued already may be dropped.
   */
  enqueue(jobs: readonly MediaJob[]): Promise<void>
  /** Given by the archive to queues that run their jobs in this process. Durable queues have workers of their own. */
  start?(processJob: ProcessJob): void
  /**
   * Takes no more, works off what is ready (for `timeoutMs` at most, default without end), stops the rest and hands back
   * what is left: jobs that wait for a retry, and those stopped.
   */
  close?(options?: { timeoutMs?: number }): Promise<MediaJob[]>
}

/** Runs one attempt of a job. Never rejects: each outcome says what the queue has to do. */
export type ProcessJob = (job: MediaJob, context: JobContext) => Promise<JobOutcome>

export interface JobContext {
  /** 1 for the first. */
  attempt: number
  signal?: AbortSignal
}

export type JobOutcome =
  /** Archived, and the owner was told. */
  | { outcome: 'done' }
  /**
   * To be tried again after so many seconds, as long as Meta keeps the media: `until`, ISO 8601. `isAttempt` is false
   * when the job was not even tried, for its account is paused: the next attempt has the same number.
   */
  | { outcome: 'retry'; afterSeconds: number; until: string; isAttempt: boolean; error: unknown }
  /** Given up, and the owner was told. */
  | { outcome: 'dead-letter'; error: AnyWhatsAppMediaError }

/** Two jobs with one id are the same work. */
export function jobId({ accountId, media }: MediaJob): string {
  return JSON.stringify([accountId, media.mediaId, media.messageId, media.timestamp])
}

const FIRST_DELAY_SECONDS = 5
const LONGEST_DELAY_SECONDS = 3_600

/** Seconds to wait after a failed attempt: exponential with jitter, an hour at most, and at least what a server asked for. */
export function retryDelaySeconds(attempt: number, askedMs = 0): number {
  const cap = Math.min(FIRST_DELAY_SECONDS * 2 ** (attempt - 1), LONGEST_DELAY_SECONDS)
  return Math.max(Math.ceil(askedMs / 1_000), Math.round(cap / 2 + (Math.random() * cap) / 2))
}
