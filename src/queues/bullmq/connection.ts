import { type Cluster, Redis, type RedisOptions } from 'ioredis'
import { describeSecret, describeValue } from '../../errors/describe.js'
import { isError, isName, readErrorName, readField } from '../../errors/thrown.js'
import { InvalidOptionError, QueueFailedError } from '../../errors.js'

/**
 * Where Redis is: a URL (`redis://…`, `rediss://…`), ioredis's options, or an ioredis instance (`Redis` or `Cluster`),
 * which is duplicated, never used or closed itself.
 */
export type BullMqConnection = string | RedisOptions | Redis | Cluster

export interface BullMqNaming {
  connection: BullMqConnection
  /** Of the queue in Redis; its dead letters are in `{name}-dead`. Default `media`. */
  name?: string
  /**
   * What all keys start with. Default `{whatsapp-media}`: the braces keep a queue's keys on one node of a Redis Cluster,
   * without which BullMQ does not work there.
   */
  prefix?: string
}

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

/** What both ends of a queue set by themselves, whatever the caller's options say. */
interface OwnOptions {
  maxRetriesPerRequest: number | null
  socketTimeout?: number
}

/**
 * A connection of our own, which tries for ever to come back unless the caller's `retryStrategy` says otherwise.
 *
 * @throws InvalidOptionError for what is no connection, and for one with ioredis's `keyPrefix`, which BullMQ refuses.
 */
export function connect(connection: BullMqConnection, own: OwnOptions): Redis | Cluster {
  const opened = open(connection, own)
  // BullMQ's objects report errors; without a listener of its own ioredis writes them to the console.
  opened.on('error', () => {})
  return opened
}

/** Commands wait for a connection that is being made. BullMQ reads answers in their old form. */
const SETTINGS = { lazyConnect: false, enableOfflineQueue: true, replyMapping: 'legacy' } as const

function open(connection: BullMqConnection, own: OwnOptions): Redis | Cluster {
  if (typeof connection === 'string') {
    if (!/^rediss?:\/\/./.test(connection)) {
      throw new InvalidOptionError({
        option: 'connection',
        problem: `must be a redis: or rediss: URL, got ${describeSecret(connection)}`,
      })
    }
    return new Redis(connection, { ...own, ...SETTINGS })
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
    return new Redis({ ...connection, ...own, ...SETTINGS })
  }
  refusePrefix(connection.options.keyPrefix)
  if (!isCluster(connection)) return connection.duplicate({ ...own, ...SETTINGS })
  refusePrefix(connection.options.redisOptions?.keyPrefix)
  const { lazyConnect, enableOfflineQueue } = SETTINGS
  return connection.duplicate([], { lazyConnect, enableOfflineQueue, redisOptions: { ...own } })
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
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new QueueFailedError({ operation, reason: 'timeout', retryable: true })
    timer = setTimeout(() => reject(error), timeoutMs)
  })
  const ready = untilReady(connection)
  try {
    await Promise.race([ready.promise, late])
    return await Promise.race([work(), late])
  } catch (error) {
    throw queueFailed(operation, error)
  } finally {
    clearTimeout(timer)
    ready.forget()
  }
}

function untilReady(connection: Redis | Cluster): { promise: Promise<void>; forget(): void } {
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

/** What ioredis says of a connection that will not come back. */
const CLOSED = 'Connection is closed.'

/** Any fault of Redis, BullMQ or the network as this library's error. Of the fault only name, code and message stay. */
export function queueFailed(operation: QueueFailedError['operation'], error: unknown): QueueFailedError {
  if (error instanceof QueueFailedError) return error
  return new QueueFailedError({ operation, reason: reasonOf(error), retryable: true, cause: error })
}

function reasonOf(error: unknown): string {
  if (!isError(error)) return 'unknown'
  const message = String(readField(error, 'message'))
  if (message === CLOSED) return 'closed'
  // Redis's own answers begin with a word for programs: OOM, NOAUTH, READONLY.
  const [word] = /^[A-Z]{2,16}(?= )/.exec(message) ?? []
  return [readField(error, 'code'), word].find(isName) ?? readErrorName(error)
}

/** Tells the owner, whatever the owner makes of it. */
export function createReport(
  onError: ((error: QueueFailedError) => void) | undefined,
): (error: QueueFailedError) => void {
  return (error) => {
    try {
      const returned: unknown = onError?.(error)
      // An async function fits the type, too, and its rejection would end the process.
      if (typeof returned === 'object') Promise.resolve(returned).catch(() => {})
    } catch {
      // The owner's logger failed; the jobs still matter more.
    }
  }
}

export function checkCount(option: string, value: number, least: 0 | 1 = 1): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new InvalidOptionError({
      option,
      problem: `must be a whole number, ${least} or more, got ${describeValue(value)}`,
    })
  }
}
