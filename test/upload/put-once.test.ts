import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { archiveMedia } from '../../src/archive.js'
import { StorageFailedError } from '../../src/errors.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { createFakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { uploadToS3 } from '../../src/upload.js'

const bytes = Buffer.from('%PDF-1.7 a contract')
const refused = new StorageFailedError({ operation: 'put', key: 'a/b.pdf', reason: 'AccessDenied', retryable: false })
const upload = (storage: ObjectStorage, more = {}) =>
  uploadToS3(bytes, { storage, key: 'a/b.pdf', mimeType: 'application/pdf', ...more })

afterEach(() => void vi.useRealTimers())

describe('an object whose address can not be made', () => {
  it.each<[string, () => Promise<string>, Partial<ObjectStorage>, string]>([
    ['fails', () => Promise.reject(new Error('no credentials')), {}, 'memory:a/b.pdf'],
    ['is no text', async () => 7 as never, {}, 'memory:a/b.pdf'],
    [
      'fails in a bucket',
      () => Promise.reject(new TypeError('Invalid URL')),
      { bucket: 'media' },
      's3://media/a/b.pdf',
    ],
    ['throws at once', (): never => expect.fail('throws'), {}, 'memory:a/b.pdf'],
    ['fails with no error', () => Promise.reject(undefined), {}, 'memory:a/b.pdf'],
    ['fails as the store does', () => Promise.reject(refused), {}, 'memory:a/b.pdf'],
    ['fails as an abort does', () => Promise.reject(AbortSignal.abort().reason), {}, 'memory:a/b.pdf'],
    ['is nothing', async () => undefined as never, {}, 'memory:a/b.pdf'],
    ['is null', async () => null as never, { bucket: 'media' }, 's3://media/a/b.pdf'],
    ['is an object', async () => new URL('https://a.example') as never, {}, 'memory:a/b.pdf'],
  ])('is stored all the same: the address %s', async (_what, address, more, url) => {
    const storage = { ...createMemoryStorage(), ...more, address }
    expect(await upload(storage)).toMatchObject({ url, alreadyStored: false })
    expect(await upload(storage)).toMatchObject({ url, alreadyStored: true })
  })

  it('is stored all the same: the address takes too long', async () => {
    vi.useFakeTimers()
    const storage = { ...createMemoryStorage(), address: () => new Promise<string>(() => {}) }
    const uploading = upload(storage)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await uploading).toMatchObject({ url: 'memory:a/b.pdf' })
  })
})

describe('an answer after the deadline', () => {
  /** The store holds the object, and says so only when the attempt is over. */
  const answerLate = (answer: 'stored' | 'exists' | 'lost' | 'reset' | 'refused'): ObjectStorage => {
    const memory = createMemoryStorage()
    return {
      ...memory,
      async put(key, body, { signal, ...options }) {
        await memory.put(key, body, options)
        await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
        if (answer === 'lost') throw signal?.reason
        if (answer === 'reset') throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
        if (answer === 'refused') throw refused
        return { outcome: answer }
      },
      async head(key, { signal } = {}) {
        signal?.throwIfAborted()
        return memory.head(key)
      },
    }
  }

  it.each([
    ['stored', 'storageMs', false],
    ['exists', 'storageMs', true],
    ['stored', 'totalMs', false],
    ['exists', 'totalMs', true],
    ['lost', 'storageMs', true],
    ['lost', 'totalMs', true],
    ['reset', 'storageMs', true],
    ['reset', 'totalMs', true],
    ['refused', 'storageMs', true],
    ['refused', 'totalMs', true],
  ] as const)('counts: %s, after %s', async (answer, timeout, alreadyStored) => {
    expect(await upload(answerLate(answer), { timeouts: { [timeout]: 50 } })).toMatchObject({ alreadyStored })
  })

  it('does not count for a caller who has left', async () => {
    const controller = new AbortController()
    const reason = new Error('shutting down')
    const uploading = upload(answerLate('exists'), { signal: controller.signal })
    controller.abort(reason)
    await expect(uploading).rejects.toBe(reason)
  })
})

describe('a store that keeps what it refused', () => {
  /** It damages the first bodies under way, refuses them, and keeps them under the metadata that came along. */
  const createWeakStore = (refusal: { status?: number; reason: string }, spoilt: number): ObjectStorage => {
    const memory = createMemoryStorage()
    let puts = 0
    return {
      ...memory,
      async put(key, body, options) {
        if (++puts > spoilt) return memory.put(key, body, { ...options, ifAbsent: false })
        const sent = Buffer.concat(await body.toArray())
        sent.writeUInt8(sent.readUInt8(0) ^ 1, 0)
        const sha256 = createHash('sha256').update(sent).digest('hex')
        await memory.put(key, Readable.from([sent]), { ...options, sha256, ifAbsent: false })
        throw new StorageFailedError({ operation: 'put', key, retryable: true, ...refusal })
      },
      async head(key) {
        const found = await memory.head(key)
        const announced = createHash('sha256').update(bytes).digest('hex')
        return found === null ? null : { ...found, sha256: announced }
      },
    }
  }
  const archive = async (storage: ObjectStorage) => {
    const api = await createFakeCloudApi()
    try {
      const { reference } = await api.addMedia({ bytes, mimeType: 'application/pdf', mediaType: 'document' })
      const { accessToken, cloudApi } = api
      return await archiveMedia(reference, { storage, accountId: 'a', accessToken, cloudApi, waitScale: 0.0001 })
    } finally {
      await api.close()
    }
  }

  it.each([
    { status: 400, reason: 'BadDigest' },
    { status: 400, reason: 'XAmzContentSHA256Mismatch' },
    { status: 400, reason: 'BadRequest' },
    { reason: 'BadDigest' },
    { status: 422, reason: 'InvalidDigest' },
    { status: 400, reason: 'IncompleteBody' },
    { status: 412, reason: 'ChecksumMismatch' },
    { status: 500, reason: 'BadDigest' },
    { status: 403, reason: 'XAmzContentSHA256Mismatch' },
    { reason: 'XAmzContentChecksumMismatch' },
    { status: 460, reason: 'BadDigest' },
  ])('is not believed by our own words: $status $reason', async (refusal) => {
    await expect(archive(createWeakStore(refusal, 3))).rejects.toMatchObject({ reason: refusal.reason })
    const healing = createWeakStore(refusal, 1)
    const archived = await archive(healing)
    expect(archived.alreadyStored).toBe(false)
    const stored = await healing.get(archived.key)
    expect(Buffer.concat((await stored?.body.toArray()) ?? [])).toEqual(bytes)
  })

  it('is read back where the key can not be written again', async () => {
    const weak = createWeakStore({ status: 400, reason: 'BadDigest' }, 1)
    const once: ObjectStorage = {
      ...weak,
      async put(key, body, options) {
        if ((await weak.head(key)) === null) return weak.put(key, body, options)
        await body.resume().toArray()
        return { outcome: 'exists' }
      },
    }
    await expect(archive(once)).rejects.toMatchObject({ code: 'key-conflict' })
  })

  it('forgets the oldest of a thousand keys', async () => {
    const refusal = { status: 400, reason: 'BadDigest' }
    const storage = createWeakStore(refusal, 1_001)
    for (let number = 0; number < 1_001; number++) await upload(storage, { key: `k${number}` }).catch(() => {})
    const exists: ObjectStorage['put'] = async (_key, body) => {
      await body.resume().toArray()
      return { outcome: 'exists' }
    }
    storage.put = exists
    expect(await upload(storage, { key: 'k0' })).toMatchObject({ alreadyStored: true })
    await expect(upload(storage, { key: 'k1' })).rejects.toMatchObject({ code: 'key-conflict' })
  })
})
