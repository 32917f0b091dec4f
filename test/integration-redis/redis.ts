import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll } from 'vitest'

/** The server that the environment names. Without one the file fails. */
export function redisUrl(): string {
  const { REDIS_URL: url } = process.env
  if (!url) throw new Error('REDIS_URL is not set: start scripts/servers/start-redis.sh and export what it prints')
  return url
}

/** A prefix of the calling file's own; its keys are removed at the end. */
export function usePrefix(): string {
  const prefix = `{test-${randomUUID()}}`
  afterAll(async () => {
    const redis = new Redis(redisUrl())
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1_000 })) {
      if (keys.length > 0) await redis.unlink(keys)
    }
    redis.disconnect()
  })
  return prefix
}
