import { DelayedError, type Job, Queue, Worker } from 'bullmq'
import { checkOptions, type OptionNames } from '../../errors/check-options.js'
import { checkFunction, checkWhole } from '../../errors/checks.js'
import type { QueueFailedError } from '../../errors.js'
import { callLogger } from '../../events.js'
import type { ProcessJob } from '../../queues.js'
import { abortable, MAX_TIMER_MS } from '../../timing/abort.js'
import { checkClosing } from '../../timing/closing.js'
import { BULLMQ_NAMING, type BullMqNaming, connectRedis, type OwnRedis, resolveNames } from './connection.js'
import { type BuriedJob, buryJob } from './dead-letters.js'
import { putBack, type QueuedJob, readQueued } from './job.js'
import { isRedisAnswer, limitReports } from './refusals.js'
import { type BullMqRuns, createBullMqRuns } from './runs.js'
import { isConnectionFault, toRedisError } from './to-redis-error.js'

/** Options of `createBullMqWorker`. */
export interface BullMqWorkerOptions extends BullMqNaming {
  /** Runs one attempt: `archive.processJob`. */
  processJob: ProcessJob
  /** Jobs that run at once in this process. Default 8. */
  concurrency?: number | undefined
  /**
   * A job belongs to its worker for so long, in milliseconds, and is renewed every half of it. Default 30,000. A process
   * that hangs longer loses its jobs to others; the storage keeps them from being stored twice.
   */
  lockMs?: number | undefined
  /** Interval at which workers look for jobs of killed workers, in milliseconds. Default 30,000. */
  stalledIntervalMs?: number | undefined
  /** Gets faults of Redis, which the worker outlives: one a second of each `reason`. Errors that it throws are ignored. */
  onError?: ((error: QueueFailedError) => void) | undefined
}

const BULLMQ_WORKER_OPTIONS: OptionNames<BullMqWorkerOptions> = {
  ...BULLMQ_NAMING,
  ...{ processJob: true, concurrency: true, lockMs: true, stalledIntervalMs: true, onError: true },
}

/** Works off a queue in Redis, from its creation until `close`. */
export interface BullMqWorker {
  /**
   * Takes no more jobs and finishes those under way; those that take longer than `timeoutMs` (milliseconds, default
   * 20,000) are stopped and go back into the queue, with no attempt counted. Close the archive after it.
   */
  close(options?: {
    /** Milliseconds until jobs under way are stopped; default without end. */
    timeoutMs?: number | undefined
  }): Promise<void>
}

/** Time for stopped runs to end, and then for Redis to hear of them, in milliseconds. */
const STOPPED_RUNS_MS = 1_000
const LET_GO_MS = 5_000
/** BullMQ's blocking commands take 10 seconds at the most. */
const SILENT_MS = 15_000
const MOST_CLOSING_MS = MAX_TIMER_MS - STOPPED_RUNS_MS - LET_GO_MS

/**
 * Works off a `createBullMqQueue`, in any number of processes. A worker that is killed leaves its jobs to the others,
 * as often as it takes: which of them stores an object is decided by the storage.
 *
 * @throws InvalidOptionError for options of the wrong form. A Redis that is away is waited for.
 */
export function createBullMqWorker(options: BullMqWorkerOptions): BullMqWorker {
  checkOptions(options, BULLMQ_WORKER_OPTIONS)
  const { processJob, concurrency = 8, lockMs = 30_000, stalledIntervalMs = 30_000, onError } = options
  const { name, deadName, prefix } = resolveNames(options)
  for (const [option, value] of Object.entries({ concurrency, lockMs, stalledIntervalMs })) checkWhole(option, value)
  checkFunction('processJob', processJob)
  if (onError !== undefined) checkFunction('onError', onError)
  const report = limitReports((error: QueueFailedError) => callLogger(onError, error))
  const runs = createBullMqRuns(processJob)
  // Commands wait for Redis: its news of finished jobs must not get lost.
  const { redis: connection, reconnect } = connectRedis(options.connection, {
    ...{ maxRetriesPerRequest: null, socketTimeout: SILENT_MS, resends: true },
    onRefusal: (error) => report(toRedisError('connect', error, { redis: connection })),
  })
  const dead = new Queue<BuriedJob>(deadName, { connection, prefix, skipVersionCheck: true })

  let underWay = 0
  const take = async (bull: Job<QueuedJob>, token?: string): Promise<void> => {
    underWay++
    try {
      await runBullJob(bull, { token, dead, runs })
    } catch (error) {
      if (error instanceof DelayedError) throw error
      // BullMQ keeps the message with the job, and tries again.
      const failed = toRedisError('settle', error, { redis: connection })
      report(failed)
      throw failed
    } finally {
      underWay--
    }
  }

  const worker = new Worker<QueuedJob>(name, take, {
    ...{ connection, prefix, concurrency },
    ...{ lockDuration: lockMs, stalledInterval: stalledIntervalMs, maxStalledCount: Number.MAX_SAFE_INTEGER },
    // A finished job that stayed would keep its id, and the next webhook for it would be dropped.
    removeOnComplete: { count: 0 },
  })
  worker.on('error', (error) => {
    const operation = isConnectionFault(error) ? 'connect' : 'settle'
    report(toRedisError(operation, error, { redis: connection }))
    // BullMQ asks for the next job at once, and would ask a Redis that refuses thousands of times a second.
    if (isRedisAnswer(error)) void reconnect()
  })
  // The worker reports the faults of their one connection.
  dead.on('error', () => {})
  return { close: createClose({ worker, dead, connection, runs, isIdle: () => underWay === 0 }) }
}

/** Runs one attempt of a job, and puts the job where its outcome says. @throws DelayedError for a job that was put back. */
async function runBullJob(
  bull: Job<QueuedJob>,
  { token, dead, runs }: { token: string | undefined; dead: Queue<BuriedJob>; runs: BullMqRuns },
): Promise<void> {
  const queued = readQueued(bull.data)
  const outcome = await runs.attempt(queued)
  const { attempt } = queued
  // Returning lets go of the job: only once its dead letter is there.
  if (outcome.outcome === 'dead-letter') await buryJob(dead, { bull, attempts: attempt, ...outcome })
  if (outcome.outcome === 'retry') await putBack(bull, { outcome, attempt, token })
}

function createClose(parts: {
  worker: Worker<QueuedJob>
  dead: Queue<BuriedJob>
  connection: OwnRedis['redis']
  runs: BullMqRuns
  isIdle: () => boolean
}): BullMqWorker['close'] {
  const { worker, dead, connection, runs, isIdle } = parts
  const timers: NodeJS.Timeout[] = []
  const letGo = new AbortController()
  let closing: Promise<void> | undefined
  let isClosed = false

  /** Waits for runs under way, and until Redis has their outcomes. */
  const shutDown = async (): Promise<void> => {
    const hasNothingToReport = isIdle() && connection.status !== 'ready'
    // BullMQ's own close never rejects: it emits what fails.
    await (hasNothingToReport ? force() : abortable(worker.close(), letGo.signal).catch(force))
    await dead.close()
    connection.disconnect()
    isClosed = true
    for (const timer of timers) clearTimeout(timer)
  }
  /** A Redis that is away must not hold up the process: the other workers find the jobs when the locks end. */
  const force = async (): Promise<void> => {
    connection.disconnect()
    // BullMQ has no other way to force an end while a graceful one waits for a connection.
    worker.closing = undefined
    await worker.close(true)
  }

  return async (options) => {
    const timeoutMs = Math.min(checkClosing(options, 20_000), MOST_CLOSING_MS)
    closing ??= shutDown()
    if (isClosed) return closing
    // SIGTERM and SIGINT may both come: the second asks for the same end, perhaps sooner.
    timers.push(
      setTimeout(runs.stop, timeoutMs),
      setTimeout(runs.abandon, timeoutMs + STOPPED_RUNS_MS),
      setTimeout(() => letGo.abort(), timeoutMs + STOPPED_RUNS_MS + LET_GO_MS),
    )
    return closing
  }
}
