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
  /** How many attempts ended in a fault that gets a few late tries only. Written by `processJob`, absent in a fresh job. */
  faults?: Partial<Record<LateFault, number>>
  /**
   * With `integrity: 'report'`, the SHA-256 (lowercase hex) that the last whole download had in place of the announced
   * one: the next that has it, too, settles the matter. Written by `processJob`, absent in a fresh job.
   */
  seenSha256?: string
}

/** Faults that will hardly mend: media that is gone, and media whose bytes stay wrong. */
export type LateFault = 'media-gone' | 'integrity-mismatch'

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
  /** Stops the attempt: the outcome is then a retry at once, and no attempt is counted. */
  signal?: AbortSignal
  /**
   * When the worker itself must end (a function's remaining time, say): the attempt is stopped then, and counted. To hear
   * of its end the owner has a second at least.
   */
  deadline?: Date
}

export type JobOutcome =
  /** Archived, and the owner was told. */
  | { outcome: 'done' }
  /** To be tried again. */
  | {
      outcome: 'retry'
      /** A whole number, 0 for at once. */
      afterSeconds: number
      /** When Meta forgets the media, ISO 8601: of two jobs the one that ends sooner comes first. */
      until: string
      /**
       * False when the job was not even tried, or its worker was stopped: the next attempt has the same number.
       */
      isAttempt: boolean
      /** The job to keep in place of the one that was run. */
      job: MediaJob
      /** Why: an error of this library, or whatever the owner's own code has thrown. */
      error: unknown
    }
  /** Given up, and the owner was told. */
  | {
      outcome: 'dead-letter'
      /** The job without its download URL: enqueued again, it is tried anew. */
      job: MediaJob
      error: AnyWhatsAppMediaError
    }
