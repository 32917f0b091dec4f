import { setMaxListeners } from 'node:events'
import { DelayedError, type Job, Queue, Worker } from 'bullmq'
import { describeValue, InvalidOptionError, QueueFailedError } from '../errors.js'
import type { JobOutcome, MediaJob, ProcessJob } from '../jobs.js'
import { type BullMqNaming, checkCount, connect, createReport, queueFailed, resolveNames } from './bullmq-connection.js'
import { type BuriedJob, bury } from './bullmq-dead-letters.js'
import { putBack, type QueuedJob, readQueued } from './bullmq-job.js'

export interface BullMqWorkerOptions extends BullMqNaming {
  /** The archive's: it runs one attempt and says what becomes of the job. */
  processJob: ProcessJob
  /** Jobs that run at once in this process. Default 8. */
  concurrency?: number
  /**
   * For how long a job belongs to its worker without being renewed, in milliseconds; renewed every half of it. Default
   * 30,000. A process that hangs longer loses its jobs to others; the storage keeps them from being stored twice.
   */
  lockMs?: number
  /** How often workers look for jobs of dead ones, in milliseconds. Default 30,000. */
  stalledIntervalMs?: number
  /** Told of faults of Redis, which are outlived. What it throws is ignored. */
  onError?: (error: QueueFailedError) => void
}

export interface BullMqWorker {
  /**
   * Takes no more jobs and finishes those under way; those that take longer than `timeoutMs` (default 20,000) are stopped
   * and go back into the queue, with no attempt counted. Close the archive after it.
   */
  close(options?: { timeoutMs?: number }): Promise<void>
}

/** How long `close` waits for stopped runs, and then for Redis, in milliseconds. */
const CLEAN_UP_MS = 1_000
const LET_GO_MS = 5_000

/** For a processor that rejects, which it must not: the wait before the next attempt. */
const REJECTED_SECONDS = 60

/**
 * Works off a `createBullMqQueue`, in any number of processes. A worker that dies leaves its jobs to the others, as often
 * as it takes: which of them stores an object is decided by the storage.
 *
 * @throws InvalidOptionError for options of the wrong form. A Redis that is away is waited for.
 */
export function createBullMqWorker(options: BullMqWorkerOptions): BullMqWorker {
  const { processJob, concurrency = 8, lockMs = 30_000, stalledIntervalMs = 30_000, onError } = options
  const { name, deadName, prefix } = resolveNames(options)
  for (const [option, value] of Object.entries({ concurrency, lockMs, stalledIntervalMs })) checkCount(option, value)
  if (typeof processJob !== 'function') {
    throw new InvalidOptionError('processJob', `must be a function, got ${describeValue(processJob)}`)
  }
  // Commands wait for Redis: what they tell of finished jobs must not get lost.
  const connection = connect(options.connection, { maxRetriesPerRequest: null })
  const report = createReport(onError)
  /** Asks runs to stop. */
  const stop = new AbortController()
  /** Leaves behind those that don't. */
  const leave = new AbortController()
  for (const { signal } of [stop, leave]) setMaxListeners(0, signal)

  const attemptJob = async ({ job, attempt }: QueuedJob): Promise<JobOutcome> => {
    const left = whenAborted(leave.signal)
    const running = (async () => processJob(job, { attempt, signal: stop.signal }))()
    // A processor must not reject; one that does anyway must not lose its job.
    const judged = running.catch((error: unknown) => again(job, { error, afterSeconds: REJECTED_SECONDS }))
    const outcome = await Promise.race([judged, left.promise])
    left.forget()
    return outcome ?? again(job, { error: stop.signal.reason })
  }

  const settle = async (bull: Job<QueuedJob>, token: string | undefined): Promise<void> => {
    const queued = readQueued(bull.data)
    const outcome = await attemptJob(queued)
    const { attempt } = queued
    // Returning lets go of the job: only once its dead letter is there.
    if (outcome.outcome === 'dead-letter') await bury(dead, { bull, attempts: attempt, ...outcome })
    if (outcome.outcome === 'retry') await putBack(bull, { outcome, attempt, token })
  }

  const dead = new Queue<BuriedJob>(deadName, { connection, prefix, skipVersionCheck: true })
  const worker = new Worker<QueuedJob>(
    name,
    (bull, token) =>
      settle(bull, token).catch((error: unknown) => {
        if (error instanceof DelayedError) throw error
        // BullMQ keeps the message with the job, and tries again.
        const failed = queueFailed('settle', error)
        report(failed)
        throw failed
      }),
    {
      ...{ connection, prefix, concurrency },
      ...{ lockDuration: lockMs, stalledInterval: stalledIntervalMs, maxStalledCount: Number.MAX_SAFE_INTEGER },
    },
  )
  worker.on('error', (error) => report(queueFailed(isOfConnection(error) ? 'connect' : 'settle', error)))
  // It tells of the worker's connection.
  dead.on('error', () => {})
  let closing: Promise<void> | undefined
  const timers: NodeJS.Timeout[] = []

  const shutDown = async (): Promise<void> => {
    await worker.close()
    for (const timer of timers) clearTimeout(timer)
    await dead.close()
    connection.disconnect()
  }

  return {
    close({ timeoutMs = 20_000 } = {}) {
      // SIGTERM and SIGINT may both come: the second asks for the same end, perhaps sooner.
      const after = (ms: number, act: () => unknown): unknown => timers.push(setTimeout(act, timeoutMs + ms))
      closing ??= shutDown()
      after(0, () => stop.abort(new QueueFailedError({ operation: 'receive', reason: 'closed', retryable: true })))
      after(CLEAN_UP_MS, () => leave.abort())
      // A Redis that is away must not hold up the process: what it was not told, it finds out when the locks end.
      after(CLEAN_UP_MS + LET_GO_MS, () => worker.disconnect().catch(() => {}))
      after(CLEAN_UP_MS + LET_GO_MS, () => connection.disconnect())
      return closing
    },
  }
}

/** To be tried again, as the same attempt. */
function again(job: MediaJob, { error, afterSeconds = 0 }: { error: unknown; afterSeconds?: number }): JobOutcome {
  return { outcome: 'retry', afterSeconds, until: '', isAttempt: afterSeconds > 0, job, error }
}

/** Without a trace on a signal that outlives thousands of runs. */
function whenAborted(signal: AbortSignal): { promise: Promise<undefined>; forget(): void } {
  let onAbort = (): void => {}
  const promise = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) }
}

function isOfConnection(error: Error): boolean {
  return 'code' in error || 'syscall' in error
}
