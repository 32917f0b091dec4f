import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { storageConformance } from '../../src/testing/storage-conformance.js'
import { drain, failures, storeAnyway } from './lying-storage.js'

describe('storageConformance()', () => {
  it('lets an honest storage pass, with keys of its own in each case and run', async () => {
    const prefixes = new Set<string>()
    const storage = (): ObjectStorage => {
      const honest = createMemoryStorage()
      return {
        ...honest,
        head(key, options) {
          prefixes.add(key.replace(/[^/]+$/, ''))
          return honest.head(key, options)
        },
      }
    }
    expect(await failures({ storage })).toEqual([])
    const count = prefixes.size
    expect(await failures({ storage })).toEqual([])
    expect(prefixes.size).toBe(2 * count)
    for (const prefix of prefixes) expect(prefix).toMatch(/^storage-conformance\/[0-9a-f-]{36}\/\d+\/$/)
  })

  it('keeps to the prefix, deletes what it stored, and then cleans up', async () => {
    const shared = createMemoryStorage()
    const keys = new Set<string>()
    const storage: ObjectStorage = {
      ...shared,
      put(key, body, options) {
        keys.add(key)
        return shared.put(key, body, options)
      },
    }
    const cleaned: unknown[] = []
    const cases = storageConformance({
      storage: async () => storage,
      prefix: 'mine/',
      cleanup(given) {
        expect(shared.keys()).toEqual([])
        cleaned.push(given)
      },
    })
    for (const { run } of cases) await run()
    expect(cleaned).toEqual(cases.map(() => storage))
    expect([...keys].every((key) => key.startsWith('mine/'))).toBe(true)
  })

  it('may run its cases at once', async () => {
    const storage = createMemoryStorage()
    await Promise.all(storageConformance({ storage: () => storage }).map(({ run }) => run()))
    expect(storage.keys()).toEqual([])
  })

  it('fails a case whose cleaning up fails, unless the case itself has', async () => {
    const cleanup = (): void => {
      throw new Error('cleaning up failed')
    }
    const [first] = storageConformance({ storage: createMemoryStorage, cleanup })
    await expect(first?.run()).rejects.toThrow('cleaning up failed')
    const storage = (): ObjectStorage => ({ ...createMemoryStorage(), head: async () => null })
    const [failing] = storageConformance({ storage, cleanup })
    await expect(failing?.run()).rejects.toThrow('head() says null of an object that is there')
  })

  it('fails a case whose storage never settles, by name and limit', async () => {
    const storage = (): ObjectStorage => ({ ...createMemoryStorage(), put: () => new Promise(() => {}) })
    const [first] = storageConformance({ storage, limitMs: 20 })
    await expect(first?.run()).rejects.toThrow('The storage did not settle within 20 ms')
  })

  it('lets a storage pass that states what it can not do, or whose lacks are named', async () => {
    const careless = (capabilities = {}): ObjectStorage => {
      const honest = createMemoryStorage()
      return {
        ...honest,
        capabilities: { ...honest.capabilities, ...capabilities },
        async put(key, body, options) {
          const { ifAbsent, signal } = options
          const abort = (): void => void body.destroy()
          signal?.addEventListener('abort', abort)
          if (signal?.aborted === true) abort()
          const isThere = (await honest.head(key)) !== null
          const { pieces, error } = await drain(body)
          signal?.throwIfAborted()
          if (error !== undefined) throw error
          if (Buffer.concat(pieces).byteLength !== options.size) throw new Error('another size')
          if (ifAbsent && isThere) return { outcome: 'exists' }
          return storeAnyway(honest, pieces, { key, ...options, ifAbsent: false })
        },
      }
    }
    const incapable = { checksum: false, conditionalCreate: false }
    expect(await failures({ storage: () => careless(incapable) })).toEqual([])
    expect(await failures({ storage: careless, lacks: ['checksum', 'conditional-create'] })).toEqual([])
    expect(await failures({ storage: careless })).toEqual([
      expect.stringContaining('put() with ifAbsent by 20 writers'),
      expect.stringContaining('another SHA-256'),
    ])
  })

  it('fails a lack that is none', async () => {
    const failed = await failures({ storage: createMemoryStorage, lacks: ['checksum'] })
    expect(failed).toEqual([expect.stringContaining('another SHA-256')])
  })
})
