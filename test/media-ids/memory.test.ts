import { describe, expect, it } from 'vitest'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import { CACHE_CASES, entry } from './cache-cases.js'

describe('createMemoryMediaIds', () => {
  it.each(CACHE_CASES)('%s', (_name, check) => check(createMemoryMediaIds()))

  it('keeps maxEntries ids: the one that was not used for longest makes room', async () => {
    const cache = createMemoryMediaIds({ maxEntries: 2 })
    await cache.set('a', entry('1'))
    await cache.set('b', entry('2'))
    await cache.get('a')
    await cache.set('c', entry('3'))
    expect(await Promise.all(['a', 'b', 'c'].map((key) => cache.get(key)))).toEqual([entry('1'), undefined, entry('3')])
  })

  it('forgets what has expired', async () => {
    const cache = createMemoryMediaIds()
    await cache.set('a', { mediaId: '1', expiresAt: new Date(Date.now() - 1).toISOString() })
    expect(await cache.get('a')).toBeUndefined()
  })

  it.each([[{ maxEntries: 0 }], [{ maxEntries: 1.5 }], [{ maxEntires: 5 }], [null]])('refuses %j', (options) => {
    expect(() => Reflect.apply(createMemoryMediaIds, undefined, [options])).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    )
  })
})
