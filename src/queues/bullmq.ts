import { Queue } from 'bullmq'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFunction, checkList, checkWhole } from '../errors/checks.js'
import { QueueFailedError } from '../errors.js'
import { callLogger } from '../events.js'
import type { MediaQueue } from '../queues.js'
import { checkClosing } from '../timing/closing.js'
import {
  BULLMQ_NAMING,
  type BullMqNaming,
  callRedis,
  connectRedis,
  type OwnRedis,
  resolveNames,
} from './bullmq/connection.js'
import {
  type BuriedJob,
  type DeadLetter,
  discardLetter,
  listDeadLetters,
  restoreLetter,
} from './bullmq/dead-letters.js'
import { type QueuedJob, toBulk } from './bullmq/job.js'
import { limitReports } from './bullmq/refusals.js'
import { toRedisError } from './bullmq/to-redis-error.js'
import { checkJobs } from './stored-job.js'

export type { BullMqConnection, BullMqNaming } from './bullmq/connection.js'
export type { DeadLetter } from './bullmq/dead-letters.js'
export { type BullMqWorker, type BullMqWorkerOptions, createBullMqWorker } from './bullmq/worker.js'

/** Options of `createBullMqQueue`. */
export interface BullMqQueueOptions extends BullMqNaming {
  /** Time limit of a call of Redis, in milliseconds. Default 5,000; then the call ends with a `QueueFailedError`. */
  timeoutMs?: number | undefined
  /**
   * Gets faults of the connection, which is kept up in the background: one a second of each `reason`. Errors that it throws
   * are ignored.
   */
  onError?: ((error: QueueFailedError) => void) | undefined
}

/** A queue in Redis, to be worked off by `createBullMqWorker`. */
export interface BullMqQueue extends Required<Pick<MediaQueue, 'enqueue' | 'close'>> {
  /**
   * Resolves when Redis has all jobs. A job that is queued, running or waiting for a retry is dropped: it is the same work.
   *
   * @throws QueueFailedError when Redis has not answered in time, refuses, or the queue was closed. Nothing is lost by
   * calling again.
   */
  enqueue: MediaQueue['enqueue']
  /**
   * Jobs that were given up, oldest first. `limit` default 100, `offset` default 0.
   *
   * @throws QueueFailedError; InvalidOptionError for an invalid page.
   */
  deadLetters(page?: {
    /** The most entries. */
    limit?: number | undefined
    /** Entries to pass over. */
    offset?: number | undefined
  }): Promise<DeadLetter[]>
  /**
   * Enqueues dead letters anew, as first attempts, and removes them from the list. A letter whose worker has not let go
   * of the job yet stays.
   *
   * @returns the ids of those that went back. @throws QueueFailedError; a letter is then in one of the queues, or in both.
   */
  redrive(ids: readonly string[]): Promise<string[]>
  /** Removes dead letters for good. @returns the ids of those that were there. @throws QueueFailedError */
  discard(ids: readonly string[]): Promise<string[]>
  /** Ends the connection. The jobs stay in Redis, so nothing is handed back. */
  close: Required<MediaQueue>['close']
}

const BULLMQ_QUEUE_OPTIONS: OptionNames<BullMqQueueOptions> = { ...BULLMQ_NAMING, timeoutMs: true, onError: true }

const PAGE_OPTIONS: OptionNames<Parameters<BullMqQueue['deadLetters']>[0] & object> = { limit: true, offset: true }

/** Calls under way on a connection that ends then fail. */
const QUEUE_CONNECTION = { maxRetriesPerRequest: 1, resends: false }

/**
 * A durable queue on Redis (6.2 or newer) with BullMQ. As durable as that Redis is: give it `appendonly yes`, and
 * `maxmemory-policy noeviction`, or a full memory silently loses jobs (BullMQ warns of that on the console).
 *
 * @throws InvalidOptionError for options of the wrong form. A Redis that is away is no error here, but in `enqueue`.
 */
export function createBullMqQueue(options: BullMqQueueOptions): BullMqQueue {
  const { name, deadName, prefix, timeoutMs, onError } = resolveQueueOptions(options)
  const connection = connectRedis(options.connection, { ...QUEUE_CONNECTION, socketTimeout: timeoutMs })
  // Asking for Redis's version could fail once, and BullMQ's queue would then stay failed for ever.
  const settings = { connection: connection.redis, prefix, skipVersionCheck: true }
  const main = new Queue<QueuedJob>(name, settings)
  const dead = new Queue<BuriedJob>(deadName, settings)
  // Both report the faults of their one connection.
  const report = limitReports((error: QueueFailedError) => callLogger(onError, error))
  main.on('error', (error) => report(toRedisError('connect', error, connection)))
  dead.on('error', () => {})
  let closing: Promise<void> | undefined

  const call = <T>(operation: QueueFailedError['operation'], work: () => Promise<T>): Promise<T> =>
    closing === undefined
      ? callRedis(connection, { operation, timeoutMs, work })
      : Promise.reject(new QueueFailedError({ operation, reason: 'closed', retryable: true }))

  /** Those of `ids` for which `handle` was true. One after the other: a list of dead letters may be long. */
  const each = async (
    operation: 'redrive' | 'discard',
    options: { ids: readonly string[]; handle: (id: string) => Promise<boolean> },
  ): Promise<string[]> => {
    const { ids, handle } = options
    checkList('ids', ids)
    const handled: string[] = []
    for (const id of ids) if (await call(operation, () => handle(id))) handled.push(id)
    return handled
  }

  return {
    async enqueue(jobs) {
      checkJobs(jobs)
      if (jobs.length > 0) await call('enqueue', () => main.addBulk(jobs.map(toBulk)))
    },
    async deadLetters(page) {
      const checked = checkPage(page)
      return call('list', () => listDeadLetters(dead, checked))
    },
    redrive: (ids) => each('redrive', { ids, handle: (id) => restoreLetter({ main, dead }, id) }),
    discard: (ids) => each('discard', { ids, handle: (id) => discardLetter(dead, id) }),
    async close(closingOptions) {
      checkClosing(closingOptions)
      closing ??= closeRedis(connection, { queues: [main, dead], timeoutMs })
      await closing
      return []
    },
  }
}

function resolveQueueOptions(
  options: BullMqQueueOptions,
): ReturnType<typeof resolveNames> & Pick<BullMqQueueOptions, 'onError'> & { timeoutMs: number } {
  checkOptions(options, BULLMQ_QUEUE_OPTIONS)
  const { timeoutMs = 5_000, onError } = options
  if (onError !== undefined) checkFunction('onError', onError)
  checkWhole('timeoutMs', timeoutMs)
  return { ...resolveNames(options), timeoutMs, onError }
}

function checkPage(page: Parameters<BullMqQueue['deadLetters']>[0] = {}): { limit: number; offset: number } {
  checkOptions(page, PAGE_OPTIONS, { option: 'page' })
  const { limit = 100, offset = 0 } = page
  checkWhole('limit', limit)
  checkWhole('offset', offset, { least: 0 })
  return { limit, offset }
}

async function closeRedis(
  connection: OwnRedis,
  { queues, timeoutMs }: { queues: readonly Pick<Queue, 'close'>[]; timeoutMs: number },
): Promise<void> {
  const { redis } = connection
  // After the answers under way; a Redis that is away has none.
  if (redis.status === 'ready') {
    await callRedis(connection, { operation: 'settle', timeoutMs, work: () => redis.quit() }).catch(() => {})
  }
  redis.disconnect()
  await Promise.all(queues.map((queue) => queue.close()))
}
