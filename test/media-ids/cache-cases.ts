import { expect } from 'vitest'
import type { CachedMediaId, MediaIdCache } from '../../src/media-ids.js'

/** What every MediaIdCache does. */
export const CACHE_CASES: readonly (readonly [name: string, check: (cache: MediaIdCache) => Promise<void>])[] = [
  [
    'gives what was set, as plain data',
    async (cache) => {
      await cache.set('a', entry('1'))
      expect(await cache.get('a')).toStrictEqual(entry('1'))
    },
  ],
  ['gives undefined for what was not set', async (cache) => expect(await cache.get('other')).toBeUndefined()],
  [
    'keeps the last value of a key',
    async (cache) => {
      for (const mediaId of ['1', '2', '3']) await cache.set('a', entry(mediaId))
      expect(await cache.get('a')).toStrictEqual(entry('3'))
    },
  ],
  [
    'keeps keys apart that differ in a letter, its case, or their end',
    async (cache) => {
      const keys = ['k', 'K', 'k:', 'k/', 'k.', '../k', `k${'x'.repeat(250)}`, 'k\u0000', '__proto__', 'constructor']
      for (const key of keys) await cache.set(key, entry(`id of ${key}`))
      for (const key of keys) expect(await cache.get(key)).toStrictEqual(entry(`id of ${key}`))
    },
  ],
  [
    'forgets what is deleted, and that alone',
    async (cache) => {
      await cache.set('a', entry('1'))
      await cache.set('b', entry('2'))
      await cache.delete('a')
      await cache.delete('a')
      expect(await cache.get('a')).toBeUndefined()
      expect(await cache.get('b')).toStrictEqual(entry('2'))
    },
  ],
  [
    'takes what has expired',
    async (cache) => {
      await cache.set('a', entry('1'))
      const expiresAt = new Date(Date.now() - 1).toISOString()
      await cache.set('a', { mediaId: '2', expiresAt })
      expect([undefined, expiresAt]).toContain((await cache.get('a'))?.expiresAt)
    },
  ],
  [
    'gives one of the values that were set at once',
    async (cache) => {
      const ids = Array.from({ length: 30 }, (_, at) => String(at))
      await Promise.all(ids.map((id) => cache.set('a', entry(id))))
      expect(ids).toContain((await cache.get('a'))?.mediaId)
    },
  ],
  [
    'is not changed by what its caller does to a value',
    async (cache) => {
      const given = entry('1')
      await cache.set('a', given)
      given.mediaId = '2'
      const found = await cache.get('a')
      if (found !== undefined) found.mediaId = '3'
      expect(await cache.get('a')).toStrictEqual(entry('1'))
    },
  ],
]

const EXPIRES_AT = new Date(Date.now() + 30 * 86_400_000).toISOString()

export function entry(mediaId: string): CachedMediaId {
  return { mediaId, expiresAt: EXPIRES_AT }
}
