import { GraphApiError, MediaGoneError } from '../../errors.js'
import type { MediaReference } from '../../media-reference.js'
import type { JobContext, JobOutcome, MediaJob, MediaQueue, ProcessJob } from '../../queues.js'

/** A queue under test, with the calls of its engine that `MediaQueue` does not have. */
export interface OpenQueue {
  /** The queue to test. */
  queue: MediaQueue
  /** Starts a worker of this queue. Default: `queue.start`, for queues whose jobs run in this process. */
  work?:
    | ((processJob: ProcessJob) => {
        /** Ends the worker. */
        close(options?: {
          /** Milliseconds until jobs under way are stopped. */
          timeoutMs?: number | undefined
        }): Promise<unknown>
      })
    | undefined
  /** The queue's dead letters. Without it, no case checks them. */
  deadLetters?:
    | (() => Promise<
        readonly {
          /** The job that was given up. */
          job: MediaJob
        }[]
      >)
    | undefined
  /** Enqueues all dead letters anew. */
  redrive?: (() => Promise<unknown>) | undefined
}

/** A queue or worker to close after the case. Closing it twice is fine. */
export interface StartedWorker {
  /** Returns the unfinished jobs. */
  close(options?: { timeoutMs?: number | undefined }): Promise<MediaJob[]>
}

/** The queue of one case, and its workers. */
export interface QueueCase {
  isDurable: boolean
  /** The case's queue, the same one each time. */
  open(): Promise<OpenQueue>
  /** Starts a worker of it. */
  start(opened: OpenQueue, processJob: ProcessJob): StartedWorker
}

export function createQueueCase(options: {
  open: () => Promise<OpenQueue>
  isDurable: boolean
  started: StartedWorker[]
}): QueueCase {
  const { open, isDurable, started } = options
  return {
    isDurable,
    async open() {
      const opened = await open()
      started.push({ close: (options) => closeQueue(opened.queue, options) })
      return opened
    },
    start({ queue, work }, processJob) {
      if (work === undefined) {
        queue.start?.(processJob)
        return { close: (options) => closeQueue(queue, options) }
      }
      const worker = work(processJob)
      const close: StartedWorker['close'] = async (options) => {
        await worker.close(options)
        return []
      }
      started.push({ close })
      return { close }
    },
  }
}

async function closeQueue(
  queue: MediaQueue,
  options: { timeoutMs?: number | undefined } | undefined,
): Promise<MediaJob[]> {
  return (await queue.close?.(options)) ?? []
}

export interface JobRun {
  job: MediaJob
  attempt: number
  /** Which run of this job it is, 0 for the first. */
  index: number
  signal: JobContext['signal']
  /** Milliseconds since 1970. */
  at: number
}

/** A processor that keeps a list of its runs. */
export interface Processor {
  processJob: ProcessJob
  runs: readonly JobRun[]
  /** The runs of one job. */
  getRuns(job: MediaJob): JobRun[]
  /** Resolves once `isEnough` returns true. The suite's limit ends it otherwise. */
  until(isEnough: (runs: readonly JobRun[]) => boolean): Promise<void>
}

/** @param decide returns the outcome of each run. Default: done. */
export function createProcessor(
  decide: (run: JobRun) => JobOutcome | Promise<JobOutcome> = () => ({ outcome: 'done' }),
): Processor {
  const runs: JobRun[] = []
  const waiting = new Set<() => void>()
  const getRuns = (job: MediaJob): JobRun[] => runs.filter((run) => isSameJob(run.job, job))
  return {
    runs,
    getRuns,
    async processJob(job, { attempt, signal }) {
      const run: JobRun = { job, attempt, index: getRuns(job).length, signal, at: Date.now() }
      runs.push(run)
      for (const look of waiting) look()
      return decide(run)
    },
    until: (isEnough) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!isEnough(runs)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}

export function isSameJob(one: MediaJob, other: MediaJob): boolean {
  return one.media.mediaId === other.media.mediaId && one.media.messageId === other.media.messageId
}

/** A job of no real account. Its ids are of the kinds that engines have failed on: digits alone, and separators. */
export function buildSampleJob(mediaId: string, media: Partial<MediaReference> = {}): MediaJob {
  const now = new Date().toISOString()
  return {
    version: 1,
    accountId: 'conformance',
    media: {
      mediaId,
      mediaType: 'image',
      mimeType: 'image/jpeg',
      sha256: 'ab'.repeat(32),
      messageId: `wamid.${mediaId}:/=?#`,
      timestamp: now,
      receivedAt: now,
      phoneNumberId: '106540352242922',
      businessAccountId: '102290129340398',
      direction: 'inbound',
      origin: 'message',
      ...media,
    },
  }
}

/** A retry. */
export function buildSampleRetry(
  job: MediaJob,
  { afterSeconds = 0, isAttempt = true }: { afterSeconds?: number | undefined; isAttempt?: boolean | undefined } = {},
): JobOutcome {
  const until = new Date(Date.now() + 86_400_000).toISOString()
  const error = new GraphApiError({ status: 503, retryable: true })
  return { outcome: 'retry', afterSeconds, until, isAttempt, job, error }
}

export function buildSampleDeadLetter(job: MediaJob): JobOutcome {
  return { outcome: 'dead-letter', job, error: new MediaGoneError({ mediaId: job.media.mediaId, status: 400 }) }
}
