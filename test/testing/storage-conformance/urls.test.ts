import { describe, expect, it } from 'vitest'
import { createFileSystemStorage } from '../../../src/storage/file-system.js'
import { createMemoryStorage } from '../../../src/storage/memory.js'
import type { ObjectStorage } from '../../../src/storage.js'
import type { StorageConformanceOptions } from '../../../src/testing/storage-conformance.js'
import { storageConformance } from '../../../src/testing/storage-conformance.js'
import { BASE_URL, SECRET, temporaryDirectory } from '../../storage/file-system/fixture.js'

const directory = temporaryDirectory()

type Fetch = NonNullable<StorageConformanceOptions['fetch']>
interface Lie {
  storage?: (honest: ObjectStorage) => Partial<ObjectStorage>
  fetch?: (honest: Fetch, storage: ObjectStorage) => Fetch
}

/** The names of the cases about URLs that fail. */
async function failures(
  { storage: lie, fetch: lieAboutUrls }: Lie,
  options: Partial<StorageConformanceOptions> = {},
): Promise<string[]> {
  const honest = createFileSystemStorage({
    directory: directory.path,
    baseUrl: BASE_URL,
    secret: SECRET,
    durable: false,
  })
  const fetch: Fetch = (url, init) => honest.handler(new Request(url, init))
  const cases = storageConformance({
    storage: () => ({ ...honest, ...lie?.(honest) }),
    fetch: lieAboutUrls?.(fetch, honest) ?? fetch,
    ...options,
  })
  const names: string[] = []
  for (const { name, run } of cases.filter(({ name }) => name.startsWith('signedUrl()'))) {
    await run().catch(() => names.push(name))
  }
  return names
}

/** A server that answers whatever it is asked, signed or not: it signs for everyone. */
const unchecked: Required<Lie>['fetch'] = (fetch, storage) => async (url, init) => {
  const { pathname, searchParams } = new URL(url)
  const signed = await storage.signedUrl?.(pathname.replace('/files/', ''), {
    expiresIn: 60,
    contentType: searchParams.get('type') ?? '',
    contentDisposition: searchParams.get('disposition') ?? '',
  })
  return fetch(signed?.url ?? url, init)
}

/** A server whose answers are changed on the way. */
const changing =
  (
    change: (answer: { status: number; headers: Headers; bytes: ArrayBuffer | string }) => void,
  ): Required<Lie>['fetch'] =>
  (fetch) =>
  async (url, init) => {
    const response = await fetch(url, init)
    const answer = {
      status: response.status,
      headers: new Headers(response.headers),
      bytes: await response.arrayBuffer(),
    }
    change(answer)
    return new Response(answer.bytes, answer)
  }

const isEmpty = (bytes: ArrayBuffer | string): boolean => typeof bytes !== 'string' && bytes.byteLength === 0

const [READS, RANGE, HEAD, SAME, EXPIRED, TYPE, KEY] = [
  'reads the bytes',
  'answers a range',
  'for a HEAD',
  'same URL',
  'expired',
  'another content type',
  'another key',
]

const lies: Readonly<Record<string, { lie: Lie; caught: readonly (string | undefined)[] }>> = {
  'checks no signature and no expiry': { lie: { fetch: unchecked }, caught: [EXPIRED, TYPE, KEY] },
  'answers 500 to forgeries': {
    lie: { fetch: changing((answer) => Object.assign(answer, answer.status === 403 ? { status: 500 } : {})) },
    caught: [EXPIRED, TYPE, KEY],
  },
  'forgets the forced type': {
    lie: { fetch: changing(({ headers }) => headers.set('content-type', 'a/b')) },
    caught: [READS],
  },
  'forgets the forced disposition': {
    lie: { fetch: changing(({ headers }) => headers.delete('content-disposition')) },
    caught: [READS],
  },
  'gives other bytes': {
    lie: { fetch: changing((answer) => Object.assign(answer, { bytes: 'other' })) },
    caught: [READS, RANGE, HEAD],
  },
  'ignores ranges': {
    lie: { fetch: (fetch) => (url, init) => fetch(url, init?.headers === undefined ? init : {}) },
    caught: [RANGE],
  },
  'answers a HEAD with the bytes': {
    lie: { fetch: (fetch) => (url, init) => fetch(url, init?.method === undefined ? init : {}) },
    caught: [HEAD],
  },
  'refuses a HEAD': {
    lie: {
      fetch: (fetch) => async (url, init) =>
        init?.method === undefined ? fetch(url, init) : new Response(null, { status: 403 }),
    },
    caught: [HEAD],
  },
  'forgets the size in a HEAD': {
    lie: { fetch: changing(({ headers, bytes }) => headers.delete(isEmpty(bytes) ? 'content-length' : 'none')) },
    caught: [HEAD],
  },
  'signs without the type': {
    lie: {
      storage: ({ signedUrl }) => ({
        signedUrl: async (key, options) =>
          signedUrl?.(key, { ...options, contentType: 'application/octet-stream' }) ?? expect.fail(),
      }),
    },
    caught: [READS, TYPE],
  },
  'signs anew each time': {
    lie: {
      storage({ signedUrl }) {
        let count = 0
        return {
          async signedUrl(key, options) {
            const signed = (await signedUrl?.(key, options)) ?? expect.fail()
            count += 1
            return { ...signed, url: `${signed.url}&count=${count}` }
          },
        }
      },
    },
    caught: [SAME],
  },
  'promises more time than asked for': {
    lie: {
      storage: ({ signedUrl }) => ({
        async signedUrl(key, options) {
          const signed = (await signedUrl?.(key, options)) ?? expect.fail()
          return { ...signed, expiresAt: new Date(signed.expiresAt.getTime() + 3_600_000) }
        },
      }),
    },
    caught: [READS],
  },
  'says that a fresh URL has expired': {
    lie: {
      storage: ({ signedUrl }) => ({
        signedUrl: async (key, options) => ({
          ...((await signedUrl?.(key, options)) ?? expect.fail()),
          expiresAt: new Date(0),
        }),
      }),
    },
    caught: [READS],
  },
}

describe('storageConformance() catches a storage whose URLs', () => {
  it.each(Object.entries(lies))('%s', async (_, { lie, caught }) => {
    const failed = await failures(lie)
    expect(failed).toEqual(caught.map((part) => expect.stringContaining(part ?? 'nothing')))
  })
})

describe('storageConformance() about URLs', () => {
  it('lets an honest storage pass', async () => {
    expect(await failures({})).toEqual([])
  })

  it('lets a server pass that checks nothing, when that is named, and only then', async () => {
    expect(await failures({ fetch: unchecked }, { lacks: ['signature-check', 'expiry-check'] })).toEqual([])
    expect(await failures({ fetch: unchecked }, { lacks: ['signature-check'] })).toEqual([
      expect.stringContaining('expired'),
    ])
    expect(await failures({}, { lacks: ['expiry-check'] })).toEqual([expect.stringContaining('expired')])
  })

  it('lets a storage pass that has no signed URLs', async () => {
    expect(await failures({}, { storage: createMemoryStorage })).toEqual([])
  })

  it('fetches with the global fetch by default', async () => {
    // Nothing listens there: what matters is who is asked.
    const storage = createFileSystemStorage({
      directory: directory.path,
      baseUrl: 'http://127.0.0.1:1',
      secret: SECRET,
    })
    const [reading] = storageConformance({ storage: () => storage }).filter(({ name }) =>
      name.includes('reads the bytes'),
    )
    await expect(reading?.run()).rejects.toThrow('fetch failed')
  })
})
