import { describe, it } from 'vitest'
import { StorageFailedError } from '../../../src/errors.js'
import type { Lie } from '../lying-storage.js'
import { bodyOf, expectCaught } from '../lying-storage.js'

/** What a storage may do wrong with whole objects. */
const lies: Readonly<Record<string, { lie: Lie; caught: string[] }>> = {
  'ignores ifAbsent': {
    lie: ({ put }) => ({ put: (key, body, options) => put(key, body, { ...options, ifAbsent: false }) }),
    caught: ['put() with ifAbsent stores where nothing is', 'put() with ifAbsent by 20 writers'],
  },
  'looks first and writes then': {
    lie: ({ put, head }) => ({
      async put(key, body, options) {
        const isThere = (await head(key)) !== null
        if (!options.ifAbsent || !isThere) return put(key, body, { ...options, ifAbsent: false })
        body.destroy()
        return { outcome: 'exists' }
      },
    }),
    caught: ['put() with ifAbsent by 20 writers'],
  },
  'leaves the body open when an object exists': {
    lie: ({ put, head }) => ({
      put: async (key, body, options) =>
        options.ifAbsent && (await head(key)) !== null ? { outcome: 'exists' } : put(key, body, options),
    }),
    caught: ['put() with ifAbsent stores where nothing is'],
  },
  'turns writers away for good': {
    lie: ({ put }) => {
      let writers = 0
      const refuse = (key: string, retryable: boolean): never => {
        throw new StorageFailedError({ operation: 'put', key, reason: 'SlowDown', retryable })
      }
      return {
        put: async (key, body, options) => {
          if (++writers % 7 > 0) return put(key, body, options)
          body.destroy()
          return refuse(key, writers % 2 === 0)
        },
      }
    },
    caught: ['put() with ifAbsent by 20 writers'],
  },
  'never replaces': {
    lie: ({ put }) => ({ put: (key, body, options) => put(key, body, { ...options, ifAbsent: true }) }),
    caught: ['put() without ifAbsent replaces', 'put() without ifAbsent by 20 writers'],
  },
  "mixes one writer's metadata with another's bytes": {
    lie(honest) {
      const metadata = new Map<string, Readonly<Record<string, string>>>()
      return {
        async put(key, body, options) {
          const result = await honest.put(key, body, options)
          metadata.set(key, options.metadata ?? {})
          return result
        },
        async head(key) {
          const head = await honest.head(key)
          return head === null ? head : { ...head, metadata: metadata.get(key) ?? {} }
        },
      }
    },
    caught: ['put() with ifAbsent by 20 writers'],
  },
  'loses metadata': {
    lie: ({ put }) => ({ put: (key, body, { metadata: _, ...options }) => put(key, body, options) }),
    caught: ['keep 0 bytes', 'keep 1 bytes', 'keep 5242880 bytes'],
  },
  'keeps metadata of replaced objects': {
    lie: ({ put }) => ({
      put: (key, body, options) => put(key, body, { ...options, metadata: { writer: 'first', ...options.metadata } }),
    }),
    caught: ['put() without ifAbsent replaces'],
  },
  'shortens types': {
    lie: ({ put }) => ({
      put: (key, body, options) => put(key, body, { ...options, contentType: options.contentType.replace(/;.*/, '') }),
    }),
    caught: ['file name outside ASCII'],
  },
  'gives other bytes': {
    lie: ({ get }) => ({
      async get(key, options) {
        const found = await get(key, options)
        return found === null ? null : { ...found, body: bodyOf([Buffer.from('other')]) }
      },
    }),
    caught: ['keep 0 bytes', 'keep 1 bytes', 'keep 5242880 bytes', 'delete()'],
  },
  'may not say': {
    lie: () => ({
      async head(key) {
        throw new StorageFailedError({ operation: 'head', key, reason: 'AccessDenied', status: 403, retryable: false })
      },
    }),
    caught: ['keep 1 bytes', 'head() and get() give null', 'put() without ifAbsent by 20'],
  },
  'deletes nothing': { lie: () => ({ delete: async () => {} }), caught: ['delete()'] },
  'deletes more': {
    lie: (honest) => ({
      async delete(key, options) {
        await honest.delete(key, options)
        await honest.delete(key.replace('object.bin', 'other.bin'), options)
      },
    }),
    caught: ['delete()'],
  },
  'gives all keys one address': {
    lie: () => ({ address: async () => 'https://media.example/' }),
    caught: ['address()'],
  },
  'gives relative addresses': { lie: () => ({ address: async (key) => key }), caught: ['address()'] },
  'gives addresses with a query': {
    lie: () => ({ address: async (key) => `https://media.example/${key}?signature=0` }),
    caught: ['address()'],
  },
}

describe('storageConformance() catches a storage that', () => {
  it.each(Object.entries(lies))('%s', async (_, lie) => {
    await expectCaught(lie)
  })
})
