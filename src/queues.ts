import type { AnyWhatsAppMediaError } from './errors.js'
import type { MediaReference } from './media-reference.js'

/*
 * Terminology. A job is one media item to be archived for one account. A queue keeps jobs until a worker has seen each
 * to its end. An attempt is one run of a job by a worker. A dead letter is a job that is given up, with its reason.
 */

/** One media item to be archived. Plain JSON, never with a token. */
export interface MediaJob {
  /** The version of this form. A worker refuses versions it does not know. */
  version: 1
  /** The tenant, fixed when the job is made: a number that moves to another account later changes nothing. */
  accountId: string
  /** The media, as a webhook described it. */
  media: MediaReference
  /** Attempts that ended in a fault which gets a few late tries only. Written by `processJob`, absent in a fresh job. */
  faults?: Partial<Record<LateFault, number>> | undefined
  /**
   * With `integrity: 'report'`, the SHA-256 (lowercase hex) of the last whole download whose hash was not the announced
   * one: a second download with it decides. Written by `processJob`, absent in a fresh job.
   */
  seenSha256?: string | undefined
  /**
   * Attempts of `archiveMedia` in the first `jobAttempts` attempts of the job, where it has not made all that it may make.
   * Written by `processJob`, absent in a fresh job.
   */
  counted?:
    | {
        /** Attempts of the job that are counted. */
        jobAttempts: number
        /** Attempts of `archiveMedia` in them. */
        attempts: number
      }
    | undefined
}

/** Faults that hardly ever pass: media that is gone, and media whose bytes stay wrong. */
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
   * Takes no more jobs, works off those that are ready (for `timeoutMs` milliseconds at most, default without end), and
   * stops the rest.
   *
   * @returns the jobs that are left: those that wait for a retry, and those stopped.
   */
  close?(options?: {
    /** Milliseconds until jobs are left; default without end. */
    timeoutMs?: number | undefined
  }): Promise<MediaJob[]>
  /**
   * Resolves when no job is ready, running or waiting for its next attempt: for tests, by `archive.idle`. Only queues
   * that run their jobs in this process have it. Rejects with the signal's reason.
   */
  idle?(options?: {
    /** Ends the wait with its reason. */
    signal?: AbortSignal | undefined
  }): Promise<void>
  /** The jobs that `idle` waits for. */
  countJobs?(): JobCounts
}

/** The jobs of a queue that runs them in this process. */
export interface JobCounts {
  /** Ready, running, or waiting for their next attempt. */
  open: number
  /** Those of them that wait for their next attempt. */
  waiting: number
  /** The first of those that wait. Absent when none does. */
  next?:
    | {
        /** When it begins. */
        at: Date
        /** Why it has to wait. */
        error: unknown
      }
    | undefined
}

/** Runs one attempt of a job. Never rejects: each outcome says how the queue goes on. */
export type ProcessJob = (job: MediaJob, context: JobContext) => Promise<JobOutcome>

/** A worker's description of an attempt. */
export interface JobContext {
  /** The attempt's number, 1 for the first. One attempt of a job makes up to 3 attempts of `archiveMedia` (the archive's `attempts`). */
  attempt: number
  /** Stops the attempt: the outcome is then a retry at once, and no attempt is counted. */
  signal?: AbortSignal | undefined
  /**
   * When the worker itself must end (a function's remaining time, say): the attempt is stopped then, and counted. Your
   * app's `onArchived` or `onFailed` has a second at least even then.
   */
  deadline?: Date | undefined
}

/** The queue's next step with a job, after an attempt. */
export type JobOutcome =
  /** Archived, and `onArchived` has heard of it: the job is forgotten. */
  | { outcome: 'done' }
  /** The job is tried again. */
  | {
      outcome: 'retry'
      /** Seconds until the next attempt: a whole number, 0 for at once. A fraction only with the archive's `waitScale`. */
      afterSeconds: number
      /** When Meta forgets the media, ISO 8601: of two jobs the one with the earlier time comes first. */
      until: string
      /** False when the job was not even tried, or its worker was stopped: the next attempt has the same number. */
      isAttempt: boolean
      /** The job to keep in place of the one that was run. */
      job: MediaJob
      /** The reason: an error of this library, or any value that a callback of your app has thrown. */
      error: unknown
    }
  /** Given up, and `onFailed` has heard of it: the job is kept aside, with its reason. */
  | {
      outcome: 'dead-letter'
      /**
       * The job without its download URL and its keys. Enqueued again, it is tried anew; only the file of a Flow's endpoint,
       * which no look-up finds, is lost with them.
       */
      job: MediaJob
      /** The reason. */
      error: AnyWhatsAppMediaError
    }
