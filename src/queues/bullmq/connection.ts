import { type Cluster, Redis, type RedisOptions } from 'ioredis'
import type { OptionNames } from '../../errors/check-options.js'
import { describeSecret, describeValue } from '../../errors/describe.js'
import { isError, isName, readErrorName, readField } from '../../errors/thrown.js'
import { InvalidOptionError, QueueFailedError } from '../../errors.js'
import { within } from '../../timing/abort.js'

/**
 * The Redis to use: a URL (`redis://…`, `rediss://…`), ioredis's options, or an ioredis instance (`Redis` or `Cluster`),
 * which is duplicated, never used or closed itself.
 */
export type BullMqConnection = string | RedisOptions | Redis | Cluster

/** The place of a queue in Redis. A queue and its workers are given the same. */
export interface BullMqNaming {
  /** The Redis to use. */
  connection: BullMqConnection
  /** Of the queue in Redis; its dead letters are in `{name}-dead`. Default `media`. */
  name?: string | undefined
  /**
   * The beginning of all keys. Default `{whatsapp-media}`: the braces keep a queue's keys on one node of a Redis Cluster,
   * without which BullMQ does not work there.
   */
  prefix?: string | undefined
}

export const BULLMQ_NAMING: OptionNames<BullMqNaming> = { connection: true, name: true, prefix: true }

/** The names of both BullMQ queues. @throws InvalidOptionError for names that BullMQ would mix up. */
export function resolveNames(options: BullMqNaming): { name: string; deadName: string; prefix: string } {
  const { name = 'media', prefix = '{whatsapp-media}' } = options
  for (const [option, value] of Object.entries({ name, prefix })) {
    if (typeof value !== 'string' || !/^[\w.{}-]{1,128}$/.test(value)) {
      throw new InvalidOptionError({
        option,
        problem: `must be 1 to 128 letters, digits, '_', '.', '-' and braces, got ${describeValue(value)}`,
      })
    }
  }
  return { name, deadName: `${name}-dead`, prefix }
}

/** Options that both ends of a queue set by themselves, regardless of the caller's options. */
interface FixedOptions {
  maxRetriesPerRequest: number | null
  socketTimeout?: number | undefined
}

/**
 * A connection of our own, which tries for ever to come back unless the caller's `retryStrategy` says otherwise.
 *
 * @throws InvalidOptionError for a value that is no connection, and for one with ioredis's `keyPrefix`, which BullMQ
 *   refuses.
 */
export function connectRedis(connection: BullMqConnection, fixed: FixedOptions): Redis | Cluster {
  const opened = openRedis(connection, fixed)
  // BullMQ's objects report errors; without a listener of its own ioredis writes them to the console.
  opened.on('error', () => {})
  return opened
}

/** Commands wait for a connection that is being made. BullMQ reads answers in their old form. */
const SETTINGS = { lazyConnect: false, enableOfflineQueue: true, replyMapping: 'legacy' } as const

function openRedis(connection: BullMqConnection, fixed: FixedOptions): Redis | Cluster {
  if (typeof connection === 'string') {
    if (!/^rediss?:\/\/./.test(connection)) {
      throw new InvalidOptionError({
        option: 'connection',
        problem: `must be a redis: or rediss: URL, got ${describeSecret(connection)}`,
      })
    }
    return new Redis(connection, { ...fixed, ...SETTINGS })
  }
  if (typeof connection !== 'object' || connection === null) {
    throw new InvalidOptionError({
      option: 'connection',
      problem: `must be a URL, options or an instance, got ${describeValue(connection)}`,
    })
  }
  // By form: the instance may come from another copy of ioredis.
  if (!('duplicate' in connection)) {
    refusePrefix(connection.keyPrefix)
    return new Redis({ ...connection, ...fixed, ...SETTINGS })
  }
  refusePrefix(connection.options.keyPrefix)
  if (!isCluster(connection)) return connection.duplicate({ ...fixed, ...SETTINGS })
  refusePrefix(connection.options.redisOptions?.keyPrefix)
  const { lazyConnect, enableOfflineQueue } = SETTINGS
  return connection.duplicate([], { lazyConnect, enableOfflineQueue, redisOptions: { ...fixed } })
}

function refusePrefix(keyPrefix: string | undefined): void {
  if (keyPrefix)
    throw new InvalidOptionError({
      option: 'connection.keyPrefix',
      problem: "can't be used with BullMQ: give prefix instead",
    })
}

function isCluster(connection: Redis | Cluster): connection is Cluster {
  return connection.isCluster
}

/**
 * Runs a call on Redis, and fails when it has no answer within `timeoutMs`. While Redis is away nothing is even begun, so
 * that nothing piles up in memory.
 *
 * @throws QueueFailedError
 */
export async function callRedis<T>(
  connection: Redis | Cluster,
  call: { operation: QueueFailedError['operation']; timeoutMs: number; work: () => Promise<T> },
): Promise<T> {
  const { operation, timeoutMs, work } = call
  const ready = waitForRedis(connection)
  const otherwise = (): never => {
    throw new QueueFailedError({ operation, reason: 'timeout', retryable: true })
  }
  try {
    return await within(timeoutMs, ready.promise.then(work), { otherwise })
  } catch (error) {
    throw toRedisError(operation, error)
  } finally {
    ready.forget()
  }
}

/** @returns a promise that never ends once it is forgotten. */
function waitForRedis(connection: Redis | Cluster): { promise: Promise<void>; forget(): void } {
  let forget = (): void => {}
  const promise = new Promise<void>((resolve, reject) => {
    const onReady = (): void => resolve()
    const onEnd = (): void => reject(new Error(CLOSED))
    if (connection.status === 'ready') onReady()
    else if (connection.status === 'end') onEnd()
    else {
      connection.once('ready', onReady)
      connection.once('end', onEnd)
      forget = () => {
        connection.off('ready', onReady)
        connection.off('end', onEnd)
      }
    }
  })
  return { promise, forget }
}

/** ioredis's message for a connection that will not come back. */
const CLOSED = 'Connection is closed.'

/** Any fault of Redis, BullMQ or the network as this library's error. Of the fault only name, code and message stay. */
export function toRedisError(operation: QueueFailedError['operation'], error: unknown): QueueFailedError {
  if (error instanceof QueueFailedError) return error
  return new QueueFailedError({ operation, reason: findReason(error), retryable: true, cause: error })
}

function findReason(error: unknown): string {
  if (!isError(error)) return 'unknown'
  const message = String(readField(error, 'message'))
  if (message === CLOSED) return 'closed'
  // Redis's own answers begin with a code for programs: OOM, NOAUTH, READONLY.
  const [word] = /^[A-Z]{2,16}(?= )/.exec(message) ?? []
  return [readField(error, 'code'), word].find(isName) ?? readErrorName(error)
}
