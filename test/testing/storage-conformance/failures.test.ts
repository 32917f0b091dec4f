import { Readable } from 'node:stream'
import { describe, it } from 'vitest'
import type { Lie } from '../lying-storage.js'
import { bodyOf, drain, expectCaught, storeAnyway } from '../lying-storage.js'

/** What `put` may do wrong when it should fail, with the cases that must notice. */
const lies: Readonly<Record<string, { lie: Lie; caught: string[] }>> = {
  'leaves half an object when the body errors': {
    lie: (honest) => ({
      async put(key, body, options) {
        const { pieces, error } = await drain(body)
        if (error === undefined) return honest.put(key, bodyOf(pieces), options)
        await storeAnyway(honest, pieces, { key, ...options })
        throw error
      },
    }),
    caught: ['errors before its first byte', 'errors midway', 'errors before its last chunk', 'closes early'],
  },
  'takes what a body has when it ends': {
    lie: (honest) => ({
      async put(key, body, options) {
        const { pieces, error } = await drain(body)
        if (error !== undefined) throw error
        return storeAnyway(honest, pieces, { key, ...options })
      },
    }),
    caught: ['ends early', 'an empty body', 'one byte longer', 'another SHA-256'],
  },
  'takes a premature close for an end': {
    lie: (honest) => ({
      async put(key, body, options) {
        const { pieces, error } = await drain(body)
        if (body.errored) throw error
        const isWhole = Buffer.concat(pieces).byteLength >= options.size
        return isWhole ? honest.put(key, bodyOf(pieces), options) : storeAnyway(honest, pieces, { key, ...options })
      },
    }),
    caught: ['closes before its first byte', 'closes early'],
  },
  'never settles when a body closes early': {
    lie: ({ put }) => ({
      put: (key, body, options) =>
        put(key, body, options).catch((error) => {
          if (body.errored || body.readableEnded || options.signal?.aborted === true) throw error
          return new Promise(() => {})
        }),
    }),
    caught: ['closes before its first byte', 'closes early'],
  },
  'wraps the error of the body': {
    lie: ({ put }) => ({
      put: (key, body, options) =>
        put(key, body, options).catch((cause) => {
          throw options.signal?.aborted === true ? cause : new Error('put failed', { cause })
        }),
    }),
    caught: ['errors before its first byte', 'errors midway', 'errors before its last chunk', 'another SHA-256'],
  },
  'rejects with something that is no Error': {
    lie: ({ put }) => ({
      put: (key, body, options) => put(key, body, options).catch((error) => Promise.reject(error.code)),
    }),
    caught: ['errors midway', 'closes early', 'ends early', 'an empty body', 'one byte longer', 'aborts midway'],
  },
  'resolves though the body broke': {
    lie: ({ put }) => ({
      put: (key, body, options) => put(key, body, options).catch(() => ({ outcome: 'stored' as const })),
    }),
    caught: [
      'errors midway',
      'closes early',
      'ends early',
      'an empty body',
      'one byte longer',
      'aborts midway',
      'another SHA',
    ],
  },
  'ignores the signal': {
    lie: (honest) => ({
      put: (key, body, { signal: _, ...options }) => honest.put(key, body, options),
      head: (key) => honest.head(key),
    }),
    caught: [
      'aborted before',
      'aborts midway',
      'aborts while the body stalls',
      'stalls before its first byte',
      'head(), get() and',
    ],
  },
  'gives its own error on abort': {
    lie: ({ put }) => ({
      put: (key, body, options) =>
        put(key, body, options).catch((error) => {
          throw options.signal?.aborted === true ? new Error('aborted') : error
        }),
    }),
    caught: ['aborted before', 'aborts midway', 'aborts while the body stalls', 'stalls before its first byte'],
  },
  'leaves the body open after an abort': {
    lie: ({ put }) => ({
      put(key, body, options) {
        const copy = new Readable({ read: () => void body.resume() })
        body.on('data', (piece) => copy.push(piece))
        body.once('end', () => copy.push(null))
        body.once('error', (error) => copy.destroy(error))
        body.once('close', () => copy.destroy())
        return put(key, copy, options)
      },
    }),
    caught: ['aborts while the body stalls', 'stalls before its first byte'],
  },
}

describe('storageConformance() catches a storage that', () => {
  it.each(Object.entries(lies))('%s', async (_, lie) => {
    await expectCaught(lie)
  })
})
