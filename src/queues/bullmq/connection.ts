import { EventEmitter } from 'node:events'
import { type Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import type { OptionNames } from '../../errors/check-options.js'
import { describeSecret, describeValue } from '../../errors/describe.js'
import { readField } from '../../errors/thrown.js'
import { InvalidOptionError, QueueFailedError } from '../../errors.js'
import { allowManyListeners, within } from '../../timing/abort.js'
import { createRefusalWaits, findRefusal, type RefusalWaits } from './refusals.js'
import { CONNECTION_CLOSED, toRedisError } from './to-redis-error.js'

/**
 * The Redis to use: a URL (`redis://…`, `rediss://…`), ioredis's options, or an ioredis instance (`Redis` or `Cluster`),
 * which is duplicated, never used or closed itself. A `reconnectOnError` of your own is asked first; an answer by which
 * Redis refuses all writes, `READONLY` say, ends the connection in any case.
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
  /** A connection that answers nothing for so many milliseconds is ended and opened anew. */
  socketTimeout: number
}

/** How a connection outlives a Redis that refuses commands. */
interface Recovery {
  /** A refused command is sent again over the next connection, as often as it takes. */
  resends: boolean
  /** Gets each refusal that ends a connection. */
  onRefusal?: ((error: Error) => void) | undefined
}

/** A connection of our own, which nobody else uses. */
export interface OwnRedis {
  readonly redis: Redis | Cluster
  /**
   * Ends the connection because of a refusal, to open it anew after a wait that grows from one to the next: where a name
   * leads to the primary, it finds that. Resolves when the connection has closed.
   */
  reconnect(): Promise<void>
}

/**
 * A connection of our own, which tries for ever to come back unless the caller's `retryStrategy` says otherwise, and
 * leaves a server that takes no commands any more: after a failover, the old primary does not hang up by itself.
 *
 * @throws InvalidOptionError for a value that is no connection, and for one with ioredis's `keyPrefix`, which BullMQ
 *   refuses.
 */
export function connectRedis(connection: BullMqConnection, options: FixedOptions & Recovery): OwnRedis {
  const { resends, onRefusal, ...fixed } = options
  const waits = createRefusalWaits()
  const redis = openRedis(connection, {
    fixed,
    recover: (given) => addRecovery(given, { resends, onRefusal, waits }),
    waits,
  })
  // BullMQ's objects report errors; without a listener of its own ioredis writes them to the console.
  redis.on('error', () => {})
  allowManyCalls(redis)
  let leaving: Promise<void> | undefined
  const leave = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => redis.once('close', () => resolve()))
    redis.disconnect(true)
    await closed
    leaving = undefined
  }
  return {
    redis,
    async reconnect() {
      waits.note()
      if (redis.status !== 'ready') return
      leaving ??= leave()
      await leaving
    },
  }
}

/** Calls under way listen for the connection's end, each for itself; so does ioredis, for each command that is refused. */
function allowManyCalls(redis: Redis | Cluster): void {
  allowManyListeners(redis)
  redis.on('connect', () => {
    const stream: unknown = readField(redis, 'stream')
    // A cluster has none of its own.
    if (stream instanceof EventEmitter) allowManyListeners(stream)
  })
}

type ReconnectOptions = Pick<RedisOptions, 'reconnectOnError' | 'retryStrategy'>

/** The caller's own options first, then those of a failover. */
function addRecovery(given: ReconnectOptions, recovery: Recovery & { waits: RefusalWaits }): ReconnectOptions {
  const { resends, onRefusal, waits } = recovery
  const { reconnectOnError, retryStrategy = (times) => Math.min(times * 50, 2_000) } = given
  return {
    reconnectOnError(error) {
      const isRefusal = findRefusal(error) !== undefined
      if (isRefusal) {
        waits.note()
        onRefusal?.(error)
      }
      return reconnectOnError?.(error) || (isRefusal && (resends ? 2 : 1))
    },
    retryStrategy: (times) => addWait(retryStrategy?.(times), waits),
  }
}

/** A caller who gives up a Redis that is away has not asked to give up one that we left ourselves. */
function addWait(givenMs: unknown, waits: RefusalWaits): number | null {
  const waitMs = waits.decideMs()
  if (typeof givenMs === 'number') return Math.max(givenMs, waitMs)
  return waitMs > 0 ? waitMs : null
}

/** Commands wait for a connection that is being made. BullMQ reads answers in their old form. */
const SETTINGS = { lazyConnect: false, enableOfflineQueue: true, replyMapping: 'legacy' } as const

function openRedis(
  connection: BullMqConnection,
  options: { fixed: FixedOptions; recover: (given: ReconnectOptions) => ReconnectOptions; waits: RefusalWaits },
): Redis | Cluster {
  const { fixed, recover, waits } = options
  if (typeof connection === 'string') {
    if (!/^rediss?:\/\/./.test(connection)) {
      throw new InvalidOptionError({
        option: 'connection',
        problem: `must be a redis: or rediss: URL, got ${describeSecret(connection)}`,
      })
    }
    return new Redis(connection, { ...fixed, ...SETTINGS, ...recover({}) })
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
    return new Redis({ ...connection, ...fixed, ...SETTINGS, ...recover(connection) })
  }
  refusePrefix(connection.options.keyPrefix)
  if (!isCluster(connection)) return connection.duplicate({ ...fixed, ...SETTINGS, ...recover(connection.options) })
  return openCluster(connection, { fixed, waits })
}

/** A cluster finds its new primaries by itself; the waits are for one that refuses. */
function openCluster(cluster: Cluster, { fixed, waits }: { fixed: FixedOptions; waits: RefusalWaits }): Cluster {
  const given: ClusterOptions = cluster.options
  refusePrefix(given.redisOptions?.keyPrefix)
  const { lazyConnect, enableOfflineQueue } = SETTINGS
  const { clusterRetryStrategy } = given
  return cluster.duplicate([], {
    lazyConnect,
    enableOfflineQueue,
    redisOptions: { ...fixed },
    clusterRetryStrategy: (times: number, reason?: Error) => addWait(clusterRetryStrategy?.(times, reason), waits),
  })
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
 * that nothing piles up in memory. A call that a Redis refuses as it refuses all others, during a failover say, is made
 * again in that time: calling twice must do no harm.
 *
 * @throws QueueFailedError
 */
export async function callRedis<T>(
  connection: OwnRedis,
  call: { operation: QueueFailedError['operation']; timeoutMs: number; work: () => Promise<T> },
): Promise<T> {
  const { operation, timeoutMs, work } = call
  let ready: ReturnType<typeof waitForRedis> | undefined
  let refused: unknown
  let isOver = false
  const attempt = async (): Promise<T> => {
    for (;;) {
      ready = waitForRedis(connection.redis)
      await ready.promise
      try {
        return await work()
      } catch (error) {
        if (isOver || findRefusal(error) === undefined) throw error
        refused = error
        await connection.reconnect()
      }
    }
  }
  const otherwise = (): never => {
    isOver = true
    throw refused ?? new QueueFailedError({ operation, reason: 'timeout', retryable: true })
  }
  try {
    return await within(timeoutMs, attempt(), { otherwise })
  } catch (error) {
    throw toRedisError(operation, error, connection)
  } finally {
    ready?.forget()
  }
}

/** @returns a promise that never ends once it is forgotten. */
function waitForRedis(connection: Redis | Cluster): { promise: Promise<void>; forget(): void } {
  let forget = (): void => {}
  const promise = new Promise<void>((resolve, reject) => {
    const onReady = (): void => resolve()
    const onEnd = (): void => reject(new Error(CONNECTION_CLOSED))
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
