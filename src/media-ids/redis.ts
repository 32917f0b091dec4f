import { type Cluster, Redis, type RedisOptions } from 'ioredis'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkWhole } from '../errors/checks.js'
import { describeSecret, describeValue } from '../errors/describe.js'
import { isName, readErrorName, readTextField, reduceToName } from '../errors/thrown.js'
import { InvalidOptionError, MediaIdsFailedError } from '../errors.js'
import { parseJson, readString } from '../json.js'
import type { MediaIdCache } from '../media-ids.js'
import { within } from '../timing/abort.js'

/**
 * The Redis to use: a URL (`redis://…`, `rediss://…`), ioredis's options, or an ioredis instance (`Redis` or `Cluster`),
 * which is used as it is, and never closed.
 */
export type MediaIdsConnection = string | RedisOptions | Redis | Cluster

/** Options of `createRedisMediaIds`. */
export interface RedisMediaIdsOptions {
  /** The Redis to use. */
  connection: MediaIdsConnection
  /** The beginning of all keys: 1 to 128 letters, digits, `_`, `.`, `-`, `:` and braces. Default `whatsapp-media-ids:`. */
  prefix?: string | undefined
  /** Milliseconds that a call of Redis may take. Default 1,000; then it ends with a `MediaIdsFailedError`. */
  timeoutMs?: number | undefined
}

/** A cache of media ids in Redis. */
export interface RedisMediaIds extends MediaIdCache {
  /** Ends the connection that this cache has made. An instance that was given stays open. */
  close(): Promise<void>
}

const REDIS_IDS_OPTIONS: OptionNames<RedisMediaIdsOptions> = { connection: true, prefix: true, timeoutMs: true }

/**
 * Keeps media ids in Redis, where all processes of an app share them. Each expires with its media (PX). A value that holds
 * anything else counts as absent. While Redis is away every call fails at once, and nothing waits in memory.
 *
 * Every function throws `MediaIdsFailedError`: `reason` is Redis's or the network's code, such as `NOAUTH` or
 * `ECONNREFUSED`; `not-connected` while Redis is away; `timeout`.
 *
 * @throws InvalidOptionError for a value that is no connection, and for options of the wrong form.
 */
export function createRedisMediaIds(options: RedisMediaIdsOptions): RedisMediaIds {
  checkOptions(options, REDIS_IDS_OPTIONS)
  const { connection, prefix = 'whatsapp-media-ids:', timeoutMs = 1_000 } = options
  if (typeof prefix !== 'string' || !/^[\w.{}:-]{1,128}$/.test(prefix)) {
    const problem = `must be 1 to 128 letters, digits, '_', '.', '-', ':' and braces, got ${describeValue(prefix)}`
    throw new InvalidOptionError({ option: 'prefix', problem })
  }
  checkWhole('timeoutMs', timeoutMs, { unit: 'of milliseconds' })
  const { redis, isOwn } = openIdsRedis(connection)
  const run = createRedisCalls(redis, timeoutMs)
  const remove = (key: string): Promise<number> => redis.del(`${prefix}${key}`)
  return {
    get: (key) => run('get', async () => parseValue(await redis.get(`${prefix}${key}`))),
    async set(key, { mediaId, expiresAt }) {
      const leftMs = Date.parse(expiresAt) - Date.now()
      const value = JSON.stringify({ mediaId, expiresAt })
      // Redis refuses a life of 0.
      const work = () => (leftMs >= 1 ? redis.set(`${prefix}${key}`, value, 'PX', leftMs) : remove(key))
      await run<unknown>('set', work)
    },
    async delete(key) {
      await run('delete', () => remove(key))
    },
    async close() {
      if (isOwn) redis.disconnect()
    },
  }
}

function parseValue(text: string | null): { mediaId: string; expiresAt: string } | undefined {
  const json = parseJson(text ?? '')
  const [mediaId, expiresAt] = [readString(json, 'mediaId'), readString(json, 'expiresAt')]
  return mediaId === undefined || expiresAt === undefined ? undefined : { mediaId, expiresAt }
}

/** What is sent while Redis is away would wait in memory, or be sent again later. */
const OWN_SETTINGS = { maxRetriesPerRequest: 1, autoResendUnfulfilledCommands: false, replyMapping: 'legacy' } as const

function openIdsRedis(connection: MediaIdsConnection): { redis: Redis | Cluster; isOwn: boolean } {
  if (typeof connection === 'object' && connection !== null && !Array.isArray(connection)) {
    // By form: the instance may come from another copy of ioredis.
    if ('duplicate' in connection) return { redis: connection, isOwn: false }
    return { redis: muteRedis(new Redis({ ...connection, ...OWN_SETTINGS })), isOwn: true }
  }
  if (typeof connection === 'string' && /^rediss?:\/\/./.test(connection)) {
    return { redis: muteRedis(new Redis(connection, OWN_SETTINGS)), isOwn: true }
  }
  const shown = typeof connection === 'string' ? describeSecret(connection) : describeValue(connection)
  const problem = `must be a redis: or rediss: URL, ioredis's options or an instance of it, got ${shown}`
  throw new InvalidOptionError({ option: 'connection', problem })
}

/** Without a listener ioredis writes errors to the console. Each call tells its own. */
function muteRedis(redis: Redis): Redis {
  return redis.on('error', () => {})
}

/** Runs calls on a connection that answers; the others fail, and none is sent later. */
function createRedisCalls(
  redis: Redis | Cluster,
  timeoutMs: number,
): <T>(operation: MediaIdsFailedError['operation'], work: () => Promise<T>) => Promise<T> {
  let connecting: Promise<void> | undefined
  const connect = async (): Promise<void> => {
    connecting ??= waitForConnection(redis).finally(() => {
      connecting = undefined
    })
    return connecting
  }
  return async <T>(operation: MediaIdsFailedError['operation'], work: () => Promise<T>): Promise<T> => {
    let isOver = false
    const fail = (reason: string, cause?: unknown): never => {
      throw new MediaIdsFailedError({ operation, reason, cause })
    }
    const attempt = async (): Promise<T> => {
      if (redis.status !== 'ready') await connect()
      return isOver || redis.status !== 'ready' ? fail('not-connected') : work()
    }
    const otherwise = (): never => {
      isOver = true
      return fail('timeout')
    }
    return within(timeoutMs, attempt(), { otherwise }).catch((error: unknown) => {
      if (error instanceof MediaIdsFailedError) throw error
      return fail(findRedisReason(error), reduceToName(error))
    })
  }
}

/** Ends when the connection under way stands or has failed; at once where ioredis waits before it makes another. */
async function waitForConnection(redis: Redis | Cluster): Promise<void> {
  if (AWAY.includes(redis.status)) return
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      for (const event of ENDS) redis.off(event, end)
      resolve()
    }
    for (const event of ENDS) redis.on(event, end)
  })
  // With lazyConnect the first command connects.
  if (redis.status === 'wait') redis.connect().catch(() => {})
  await ended
}

const AWAY: readonly string[] = ['reconnecting', 'disconnecting', 'close', 'end']
const ENDS = ['ready', 'close', 'end'] as const

/** Redis's own answers begin with a code for programs: OOM, NOAUTH, READONLY. */
function findRedisReason(error: unknown): string {
  const [word] = /^[A-Z]{2,16}(?= )/.exec(readTextField(error, 'message')) ?? []
  return isName(word) ? word : readErrorName(error)
}
