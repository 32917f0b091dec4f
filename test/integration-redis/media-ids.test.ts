import { Cluster, Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRedisMediaIds, type MediaIdsConnection, type RedisMediaIds } from '../../src/media-ids/redis.js'
import { CACHE_CASES, entry } from '../media-ids/cache-cases.js'
import { redisUrl, usePrefix } from './redis.js'
import { openRoad } from './road.js'

const prefix = `${usePrefix()}:`

function open(connection: MediaIdsConnection, timeoutMs = 30_000): RedisMediaIds {
  const cache = createRedisMediaIds({ connection, prefix, timeoutMs })
  onTestFinished(() => cache.close())
  return cache
}

function openRedis(options: { lazyConnect?: boolean; keyPrefix?: string } = {}): Redis {
  const redis = new Redis(redisUrl(), options)
  onTestFinished(() => redis.disconnect())
  return redis
}

async function clear(): Promise<void> {
  const redis = openRedis()
  const keys = await redis.keys(`${prefix}*`)
  if (keys.length > 0) await redis.unlink(keys)
}

describe('createRedisMediaIds', () => {
  const { hostname: host, port } = new URL(redisUrl())
  const connections: [string, () => MediaIdsConnection][] = [
    ['a URL', () => redisUrl()],
    ['options', () => ({ host, port: Number(port) })],
    ['options that connect late', () => ({ host, port: Number(port), lazyConnect: true })],
    ['an instance', () => openRedis()],
    ['an instance that connects late', () => openRedis({ lazyConnect: true })],
    [
      'a cluster',
      () => {
        const cluster = new Cluster([redisUrl('REDIS_CLUSTER_URL')])
        onTestFinished(() => cluster.disconnect())
        return cluster
      },
    ],
  ]
  describe.each(connections)('by %s', (_name, connect) => {
    it.each(CACHE_CASES)('%s', async (_case, check) => {
      await clear()
      await check(open(connect()))
    })
  })

  it('survives the process, and expires with the media', async () => {
    await open(redisUrl()).set('a', entry('1'))
    const redis = openRedis()
    const leftMs = await redis.pttl(`${prefix}a`)
    expect(leftMs).toBeGreaterThan(29.9 * 86_400_000)
    expect(leftMs).toBeLessThanOrEqual(30 * 86_400_000)
    expect(await open(redis).get('a')).toEqual(entry('1'))
  })

  it('does not close an instance that was given', async () => {
    const redis = openRedis()
    await createRedisMediaIds({ connection: redis }).close()
    expect(await redis.ping()).toBe('PONG')
  })

  const values = ['', 'hello', 'null', '[]', '5', '{}', '{"mediaId":5}', '{"mediaId":"5"}', '{"expiresAt":"2026"}', '"']
  it.each(values)('counts the value %j as absent', async (value) => {
    const redis = openRedis()
    await redis.set(`${prefix}bad`, value)
    expect(await open(redis).get('bad')).toBeUndefined()
  })

  it("tells Redis's own code for what it refuses", async () => {
    const redis = openRedis()
    await redis.lpush(`${prefix}list`, '1')
    await expect(open(redis).get('list')).rejects.toMatchObject({
      ...{ code: 'media-ids-failed', operation: 'get', reason: 'WRONGTYPE' },
    })
  })

  it('fails while Redis is away, sends nothing later, and works once Redis is back', async () => {
    const road = await openRoad(redisUrl())
    onTestFinished(() => road.cut())
    const { url } = road
    const cache = open(url)
    await cache.set('away', entry('1'))
    await road.cut()
    for (const call of [() => cache.get('away'), () => cache.set('away', entry('2')), () => cache.delete('away')]) {
      await expect(call()).rejects.toMatchObject({ code: 'media-ids-failed' })
    }
    await road.mend()
    await expect.poll(() => cache.get('away').catch(() => undefined), { timeout: 30_000 }).toEqual(entry('1'))
  })

  it('fails where nothing listens, and after its end', async () => {
    const cache = open('redis://127.0.0.1:1')
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'media-ids-failed', reason: 'not-connected' })
    await cache.close()
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'media-ids-failed', reason: 'not-connected' })
  })
})
