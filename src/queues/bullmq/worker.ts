import { once, setMaxListeners } from 'node:events'
import { DelayedError, type Job, Queue, Worker } from 'bullmq'
import { describeValue } from '../../errors/describe.js'
import { InvalidOptionError, QueueFailedError } from '../../errors.js'
import type { JobOutcome, MediaJob, ProcessJob } from '../../queues.js'
import { type BullMqNaming, checkCount, connect, createReport, queueFailed, resolveNames } from './connection.js'
import { type BuriedJob, bury } from './dead-letters.js'
import { putBack, type QueuedJob, readQueued } from './job.js'

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
    throw new InvalidOptionError({
      option: 'processJob',
      problem: `must be a function, got ${describeValue(processJob)}`,
    })
  }
  const report = createReport(onError)
  const runs = createRuns(processJob)
  // Commands wait for Redis: what they tell of finished jobs must not get lost.
  const connection = connect(options.connection, { maxRetriesPerRequest: null })
  const dead = new Queue<BuriedJob>(deadName, { connection, prefix, skipVersionCheck: true })

  const settle = async (bull: Job<QueuedJob>, token: string | undefined): Promise<void> => {
    const queued = readQueued(bull.data)
    const outcome = await runs.attempt(queued)
    const { attempt } = queued
    // Returning lets go of the job: only once its dead letter is there.
    if (outcome.outcome === 'dead-letter') await bury(dead, { bull, attempts: attempt, ...outcome })
    if (outcome.outcome === 'retry') await putBack(bull, { outcome, attempt, token })
  }
  const unsettled = (error: unknown): never => {
    if (error instanceof DelayedError) throw error
    // BullMQ keeps the message with the job, and tries again.
    const failed = queueFailed('settle', error)
    report(failed)
    throw failed
  }

  let underWay = 0
  const take = async (bull: Job<QueuedJob>, token?: string): Promise<void> => {
    underWay++
    await settle(bull, token)
      .catch(unsettled)
      .finally(() => underWay--)
  }

  const worker = new Worker<QueuedJob>(name, take, {
    ...{ connection, prefix, concurrency },
    ...{ lockDuration: lockMs, stalledInterval: stalledIntervalMs, maxStalledCount: Number.MAX_SAFE_INTEGER },
    // A finished job that stayed would keep its id, and the next webhook for it would be dropped.
    removeOnComplete: { count: 0 },
  })
  worker.on('error', (error) => report(queueFailed(isOfConnection(error) ? 'connect' : 'settle', error)))
  // The worker tells of their one connection.
  dead.on('error', () => {})
  return { close: createClose({ worker, dead, connection, runs, isIdle: () => underWay === 0 }) }
}

/** The runs under way in this process. */
interface Runs {
  attempt(queued: QueuedJob): Promise<JobOutcome>
  /** Asks them to stop. */
  stop(): void
  /** Leaves behind those that don't: their jobs go back into the queue. */
  leave(): void
}

function createRuns(processJob: ProcessJob): Runs {
  const stopped = new AbortController()
  const left = new AbortController()
  for (const { signal } of [stopped, left]) setMaxListeners(0, signal)
  const closed = (): QueueFailedError =>
    new QueueFailedError({ operation: 'receive', reason: 'closed', retryable: true })
  return {
    async attempt({ job, attempt }) {
      const leaving = whenAborted(left.signal)
      const running = (async () => processJob(job, { attempt, signal: stopped.signal }))()
      // A processor must not reject; one that does anyway must not lose its job.
      const judged = running.catch((error: unknown) => again(job, { error, afterSeconds: REJECTED_SECONDS }))
      const outcome = await Promise.race([judged, leaving.promise])
      leaving.forget()
      return outcome ?? again(job, { error: closed() })
    },
    stop: () => stopped.abort(closed()),
    leave: () => left.abort(),
  }
}

function createClose(parts: {
  worker: Worker<QueuedJob>
  dead: Queue<BuriedJob>
  connection: ReturnType<typeof connect>
  runs: Runs
  isIdle: () => boolean
}): BullMqWorker['close'] {
  const { worker, dead, connection, runs, isIdle } = parts
  const timers: NodeJS.Timeout[] = []
  const letGo = new AbortController()
  const isLetGo = once(letGo.signal, 'abort')
  let closing: Promise<void> | undefined
  let isClosed = false

  /** Waits for runs under way, and for Redis to hear of them. */
  const shutDown = async (): Promise<void> => {
    const hasNothingToTell = isIdle() && connection.status !== 'ready'
    await (hasNothingToTell ? force() : Promise.race([worker.close(), isLetGo.then(force)]))
    await dead.close()
    connection.disconnect()
    isClosed = true
    for (const timer of timers) clearTimeout(timer)
  }
  /** A Redis that is away must not hold up the process: what it was not told, the others find out when the locks end. */
  const force = async (): Promise<void> => {
    connection.disconnect()
    // Of a graceful end that waits for a connection BullMQ makes a forced one in no other way.
    worker.closing = undefined
    await worker.close(true)
  }

  return ({ timeoutMs = 20_000 } = {}) => {
    closing ??= shutDown()
    if (isClosed) return closing
    // SIGTERM and SIGINT may both come: the second asks for the same end, perhaps sooner.
    timers.push(
      setTimeout(runs.stop, timeoutMs),
      setTimeout(runs.leave, timeoutMs + CLEAN_UP_MS),
      setTimeout(() => letGo.abort(), timeoutMs + CLEAN_UP_MS + LET_GO_MS),
    )
    return closing
  }
}

/** To be tried again, as the same attempt. */
function again(job: MediaJob, { error, afterSeconds = 0 }: { error: unknown; afterSeconds?: number }): JobOutcome {
  return { outcome: 'retry', afterSeconds, until: '', isAttempt: afterSeconds > 0, job, error }
}

/** Without a trace on a signal that outlives thousands of runs. */
function whenAborted(signal: AbortSignal): { promise: Promise<undefined>; forget(): void } {
  const ended = new AbortController()
  const promise = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { signal: ended.signal })
  })
  return { promise, forget: () => ended.abort() }
}

/** Node's errors have a name for a code, BullMQ's own a number. */
function isOfConnection(error: Error): boolean {
  return typeof Reflect.get(error, 'code') === 'string'
}
