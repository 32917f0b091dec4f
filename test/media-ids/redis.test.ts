import { Redis } from 'ioredis'
import { describe, expect, it, vi } from 'vitest'
import { createRedisMediaIds } from '../../src/media-ids/redis.js'

/** Real servers are in `test/integration-redis/media-ids.test.ts`. */
function open(redis: object, options: object = {}) {
  const instance = { duplicate() {}, status: 'ready', on() {}, off() {}, ...redis }
  return Reflect.apply(createRedisMediaIds, undefined, [{ connection: instance, ...options }])
}

describe('createRedisMediaIds', () => {
  it('ends a call that has no answer in time', async () => {
    const cache = open({ get: () => new Promise(() => {}) }, { timeoutMs: 1 })
    await expect(cache.get('a')).rejects.toMatchObject({ code: 'media-ids-failed', reason: 'timeout' })
  })

  it('sends nothing once the time for it is over', async () => {
    const events = new Map<string, () => void>()
    const on = (event: string, listener: () => void): unknown => events.set(event, listener)
    const get = vi.fn()
    const redis = { duplicate() {}, status: 'connecting', on, off: (event: string) => events.delete(event), get }
    const cache = Reflect.apply(createRedisMediaIds, undefined, [{ connection: redis, timeoutMs: 1 }])
    await expect(cache.get('a')).rejects.toMatchObject({ reason: 'timeout' })
    redis.status = 'ready'
    events.get('ready')?.()
    await new Promise(setImmediate)
    expect(events.size).toBe(0)
    expect(get).not.toHaveBeenCalled()
  })

  it('waits for a connection with one listener for all calls', async () => {
    const listeners: string[] = []
    const cache = open({ status: 'connecting', on: (event: string) => listeners.push(event) }, { timeoutMs: 1 })
    await Promise.allSettled(Array.from({ length: 100 }, () => cache.get('a')))
    expect(listeners).toEqual(['ready', 'close', 'end'])
  })

  it.each(['reconnecting', 'disconnecting', 'close', 'end'])('fails at once in the state %s', async (status) => {
    await expect(open({ status }).get('a')).rejects.toMatchObject({ reason: 'not-connected' })
  })

  it('fails where a connection that is made late finds nobody', async () => {
    const redis = new Redis('redis://127.0.0.1:1', { lazyConnect: true, retryStrategy: () => null })
    redis.on('error', () => {})
    const cache = createRedisMediaIds({ connection: redis, timeoutMs: 30_000 })
    await expect(cache.get('a')).rejects.toMatchObject({ reason: 'not-connected' })
  })

  it('shows of a thrown error no more than its name', async () => {
    const cache = open({ get: () => Promise.reject(new Error('redis://user:secret@host')) })
    const error: unknown = await cache.get('a').catch((thrown: unknown) => thrown)
    expect(JSON.stringify(error)).not.toContain('secret')
    expect(error).toMatchObject({ code: 'media-ids-failed', reason: 'Error' })
  })

  const connections = [undefined, null, 5, '', 'localhost', 'http://localhost', 'redis://', [], true, Symbol('redis')]
  it.each(connections.map((connection) => [String(connection), connection]))('refuses %s', (_name, connection) => {
    expect(() => Reflect.apply(createRedisMediaIds, undefined, [{ connection }])).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'connection' }),
    )
  })

  it('does not show the password of a URL that it refuses', () => {
    expect(() => createRedisMediaIds({ connection: 'http://user:secret@host' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    )
  })

  it.each([undefined, null, 'redis://127.0.0.1', 5])('refuses %s as options', (options) => {
    expect(() => Reflect.apply(createRedisMediaIds, undefined, [options])).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'options' }),
    )
  })

  const refused = [
    { prefix: '' },
    { prefix: 'a b' },
    { prefix: 5 },
    { timeoutMs: 0 },
    { timeoutMs: '5' },
    { prefx: 'a' },
  ]
  it.each(refused)('refuses the options %j', (options) => {
    expect(() => open({}, options)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })
})
