import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { StorageFailedError } from '../src/errors.js'
import type { MediaEvent } from '../src/events.js'
import { createMemoryStorage } from '../src/storage/memory.js'
import type { ObjectStorage, StoredObject } from '../src/storage.js'
import { type UploadBody, type UploadOptions, uploadToS3 } from '../src/upload.js'

const bytes = Buffer.from('%PDF-1.7 a contract')
const sha256 = createHash('sha256').update(bytes).digest('hex')

const upload = (body: UploadBody, options: Partial<UploadOptions> = {}) =>
  uploadToS3(body, {
    storage: createMemoryStorage(),
    accountId: 'pixels',
    mimeType: 'application/pdf',
    mediaId: '17',
    timestamp: '2026-11-22T10:00:00Z',
    ...options,
  })

describe('uploadToS3', () => {
  it.each<[string, () => UploadBody]>([
    ['a Buffer', () => bytes],
    ['a Uint8Array', () => new Uint8Array(bytes)],
    ['a Blob', () => new Blob([bytes])],
    ['a Readable', () => Readable.from([bytes])],
    ['a web stream', () => new Blob([bytes]).stream() as ReadableStream<Uint8Array>],
    [
      'an async iterable',
      async function* () {
        yield bytes.subarray(0, 4)
        yield '-1.7 a contract'
      },
    ].map((each) => (typeof each === 'function' ? () => each() : each)) as [string, () => UploadBody],
  ])('stores %s', async (_name, body) => {
    const storage = createMemoryStorage()
    const stored = await upload(body(), { storage, filename: 'Vertrag für März.pdf' })
    expect(stored).toMatchObject({
      size: bytes.length,
      sha256,
      mimeType: 'application/pdf',
      filename: 'Vertrag für März.pdf',
      integrity: 'unannounced',
      alreadyStored: false,
      keyIsStable: true,
    })
    expect(stored.key).toMatch(/^whatsapp-media\/pixels\/2026-11-22\/document\/.*\.pdf$/)
    expect(await storage.head(stored.key)).toMatchObject({
      sha256,
      contentType: 'application/pdf',
      contentDisposition: expect.stringContaining("filename*=UTF-8''Vertrag%20f%C3%BCr%20M%C3%A4rz.pdf"),
      metadata: { 'media-id': '17', filename: expect.stringContaining('Vertrag%20f%C3%BCr') },
    })
  })

  it('streams what is announced, and spools the rest', async () => {
    expect(await upload(Readable.from([bytes]), { size: bytes.length, sha256 })).toMatchObject({
      integrity: 'announced',
    })
    const large = Buffer.alloc(3_000_000, '%PDF ')
    const storage = createMemoryStorage()
    const stored = await upload(Readable.from([large.subarray(0, 1), large.subarray(1)]), { storage })
    expect(stored).toMatchObject({ size: large.length, sha256: createHash('sha256').update(large).digest('hex') })
  })

  it('takes a key as it is', async () => {
    const storage = createMemoryStorage()
    expect(await uploadToS3(bytes, { storage, key: 'any/key.pdf' })).toMatchObject({
      key: 'any/key.pdf',
      mimeType: 'application/octet-stream',
      keyIsStable: true,
    })
  })

  it('says when a key is not stable', async () => {
    expect(await upload(bytes, { mediaId: undefined as unknown as string })).toMatchObject({ keyIsStable: false })
    expect(await upload(bytes, { timestamp: undefined as unknown as string })).toMatchObject({ keyIsStable: false })
  })

  it.each([
    ['size', { size: bytes.length + 1 }],
    ['sha256', { sha256: 'ab'.repeat(32) }],
  ])('stores nothing when the announced %s is another', async (_name, announced) => {
    const storage = createMemoryStorage()
    await expect(upload(bytes, { storage, ...announced })).rejects.toMatchObject({ code: 'integrity-mismatch' })
    expect(storage.keys()).toEqual([])
  })

  it('finds the object again, and never overwrites another', async () => {
    const storage = createMemoryStorage()
    await upload(bytes, { storage })
    expect(await upload(bytes, { storage })).toMatchObject({ alreadyStored: true, sha256 })
    await expect(upload(Buffer.from('%PDF-1.7 a forgery'), { storage })).rejects.toMatchObject({
      code: 'key-conflict',
      foundSha256: sha256,
      foundSize: bytes.length,
    })
    await expect(upload(Buffer.from('%PDF-1.7 a contracT'), { storage })).rejects.toMatchObject({
      code: 'key-conflict',
    })
  })

  it('keeps to maxBytes', async () => {
    await expect(upload(bytes, { maxBytes: 10 })).rejects.toMatchObject({ code: 'size-limit', limitBytes: 10 })
    await expect(upload(bytes, { maxBytes: 0 })).rejects.toMatchObject({ option: 'maxBytes' })
  })

  it.each([
    ['filename', { filename: null }],
    ['filename', { filename: 7, key: 'k' }],
    ['mimeType', { mimeType: null }],
    ['mimeType', { mimeType: {}, key: 'k' }],
    ['mediaId', { mediaId: 7 }],
    ['mediaId', { mediaId: null, key: 'k' }],
  ])('names %s where it is no text: %j', async (option, wrong) => {
    await expect(upload(bytes, wrong as object)).rejects.toMatchObject({ code: 'invalid-option', option })
  })

  it('rethrows the stream’s own error', async () => {
    const storage = createMemoryStorage()
    const error = new Error('the disk broke')
    const failing = new PassThrough()
    failing.write('%PDF')
    setImmediate(() => failing.destroy(error))
    await expect(upload(failing, { storage })).rejects.toBe(error)
    const cut = new PassThrough()
    setImmediate(() => cut.destroy())
    await expect(upload(cut, { storage, size: 5, sha256 })).rejects.toMatchObject({
      code: 'invalid-option',
      option: 'body',
    })
    expect(storage.keys()).toEqual([])
  })

  it('tells of a file that is not there, and ends no process', async () => {
    await expect(upload(createReadStream('/nowhere/at/all'))).rejects.toMatchObject({ code: 'ENOENT' })
    const refused = createReadStream('/nowhere/at/all')
    await expect(upload(refused, { maxBytes: -1 })).rejects.toMatchObject({ option: 'maxBytes' })
    expect(refused.destroyed).toBe(true)
  })

  it('tells at once of a stream that was destroyed, failed or read before', async () => {
    const announced = { size: 5, sha256 }
    const failed = new PassThrough().destroy(new Error('failed before'))
    await once(failed, 'close').catch(() => {})
    await expect(upload(failed, announced)).rejects.toThrow('failed before')
    await expect(upload(new PassThrough().destroy(), announced)).rejects.toMatchObject({ option: 'body' })
    const read = Readable.from(['hello'])
    await read.toArray()
    await expect(upload(read, announced)).rejects.toMatchObject({ option: 'body' })
  })

  it('needs no disk for bytes that lie in memory', async () => {
    vi.stubEnv('TMPDIR', '/nowhere/at/all')
    const large = Buffer.alloc(3_000_000, '%PDF ')
    expect(await upload(large)).toMatchObject({ size: large.length, integrity: 'unannounced' })
    const announced = { sha256: createHash('sha256').update(large).digest('hex') }
    expect(await upload(large, announced)).toMatchObject({ size: large.length, integrity: 'announced' })
  })

  it('leaves a store behind that heeds no signal', async () => {
    const reason = new Error('shutting down')
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 20)
    const storage = { ...createMemoryStorage(), put: () => new Promise<never>(() => {}) }
    await expect(upload(bytes, { storage, signal: controller.signal })).rejects.toBe(reason)
  })

  it('rejects with the signal’s reason, and lets go of the stream', async () => {
    const reason = new Error('shutting down')
    const body = new PassThrough()
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 20)
    await expect(upload(body, { signal: controller.signal })).rejects.toBe(reason)
    expect(body.destroyed).toBe(true)
    await expect(upload(bytes, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it.each([
    ['accountId', { accountId: undefined as unknown as string }],
    ['accountId', { accountId: 'a/b' }],
    ['key', { key: '' }],
    ['size', { size: -1 }],
    ['size', { size: 1.5 }],
    ['sha256', { sha256: 'AB'.repeat(32) }],
    ['timeouts.totalMs', { timeouts: { totalMs: 0 } }],
  ])('refuses a bad %s', async (option, wrong) => {
    await expect(upload(bytes, wrong)).rejects.toMatchObject({ code: 'invalid-option', option })
  })

  it.each([undefined, null, 7, 'text', {}])('refuses %j as a body', async (body) => {
    await expect(upload(body as unknown as UploadBody)).rejects.toMatchObject({
      code: 'invalid-option',
      option: 'body',
    })
  })
})

describe('what uploadToS3 returns', () => {
  it('names the bucket, and an etag, where there are any', async () => {
    const memory = createMemoryStorage()
    const plain: ObjectStorage = {
      ...memory,
      bucket: 'media',
      put: async (...args) => ({ outcome: (await memory.put(...args)).outcome }),
    }
    const stored = await upload(bytes, { storage: plain })
    expect(stored).toMatchObject({ bucket: 'media' })
    expect(stored).not.toHaveProperty('etag')
  })

  it('tells of bytes that contradict their declared type', async () => {
    const events: MediaEvent[] = []
    const storage = createMemoryStorage()
    await uploadToS3(bytes, { storage, key: 'k.png', mimeType: 'image/png', onEvent: (event) => events.push(event) })
    const mismatch = { type: 'type-mismatch', declared: 'image/png', sniffed: 'application/pdf', key: 'k.png' }
    expect(events).toEqual([{ ...mismatch, mediaType: 'image' }])
    expect(await storage.head('k.png')).toMatchObject({ contentType: 'application/octet-stream' })
  })
})

describe('what uploadToS3 stores for browsers', () => {
  const headOf = async (body: Buffer, options: Partial<UploadOptions>) => {
    const storage = createMemoryStorage()
    const { key } = await upload(body, { storage, ...options })
    const found = await storage.head(key)
    if (found === null) return expect.fail('nothing is stored')
    return { key, contentType: found.contentType, contentDisposition: found.contentDisposition }
  }

  it.each([
    ['image/jpeg', 'photo.html', 'photo.html.jpg'],
    ['application/pdf', 'invoice.pdf.exe', 'invoice.pdf.exe.pdf'],
    ['image/jpeg', 'photo.JPEG', 'photo.JPEG'],
    ['application/octet-stream', 'plan.dwg', 'plan.dwg'],
  ])('gives a %s with the name %s the name %s', async (mimeType, filename, name) => {
    const { contentDisposition } = await headOf(bytes, { mimeType, filename, sniff: 'trust' })
    expect(contentDisposition?.split('; ')[1]).toBe(`filename=${name}`)
  })

  it('chooses the key without a look at the bytes, whatever the policy', async () => {
    const html = Buffer.from('<!doctype html><script>alert(1)</script>')
    const trusted = await headOf(html, { mimeType: 'image/jpeg', sniff: 'trust' })
    const safe = await headOf(html, { mimeType: 'image/jpeg', sniff: 'safe' })
    expect(safe).toEqual({
      ...{ key: trusted.key, contentType: 'application/octet-stream' },
      contentDisposition: 'attachment',
    })
    expect(trusted).toEqual({ key: safe.key, contentType: 'image/jpeg', contentDisposition: 'inline' })
    expect(safe).toEqual(await headOf(html, { mimeType: 'image/jpeg' }))
  })
})

describe('uploadToS3 on a store with faults', () => {
  const faulty = (faults: Partial<ObjectStorage>): ObjectStorage => ({ ...createMemoryStorage(), ...faults })
  const found = (more: Partial<StoredObject> = {}): StoredObject => ({
    key: 'k',
    size: bytes.length,
    sha256,
    contentType: 'application/pdf',
    metadata: {},
    ...more,
  })
  const failure = (operation: 'put' | 'head', retryable = true, status?: number): StorageFailedError =>
    new StorageFailedError({
      operation,
      key: 'k',
      reason: 'ECONNRESET',
      retryable,
      ...(status === undefined ? {} : { status }),
    })
  const exists = async (_key: string, body: Readable) => {
    body.destroy()
    return { outcome: 'exists' } as const
  }
  const forbidden = () => Promise.reject(failure('head', false, 403))
  const storedButLost = async (_key: string, body: Readable) => {
    await body.resume().toArray()
    throw failure('put')
  }

  it('needs permission to compare', async () => {
    await expect(upload(bytes, { storage: faulty({ put: exists, head: forbidden }) })).rejects.toThrow(/s3:GetObject/)
  })

  it('tries later when the object came and went', async () => {
    await expect(upload(bytes, { storage: faulty({ put: exists, head: async () => null }) })).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
    })
  })

  it('reads and hashes an object without a recorded hash', async () => {
    const { sha256: _hash, ...unhashed } = found()
    const holding = (content: Buffer | undefined) =>
      faulty({
        put: exists,
        head: async () => unhashed,
        get: async () => (content === undefined ? null : { ...unhashed, body: Readable.from([content]) }),
      })
    expect(await upload(bytes, { storage: holding(bytes) })).toMatchObject({ alreadyStored: true, sha256 })
    await expect(upload(bytes, { storage: holding(Buffer.alloc(bytes.length)) })).rejects.toMatchObject({
      code: 'key-conflict',
    })
    await expect(upload(bytes, { storage: holding(undefined) })).rejects.toMatchObject({
      ...{ code: 'storage-failed', operation: 'put', reason: 'the object came and went' },
      retryable: true,
    })
  })

  it('types the failure of an object’s bytes while it compares them', async () => {
    const { sha256: _hash, ...unhashed } = found()
    const broken = new Readable({ read: (): void => void broken.destroy(new Error('reset')) })
    for (const body of [broken, Readable.from([{ not: 'bytes' }])]) {
      const storage = faulty({ put: exists, head: async () => unhashed, get: async () => ({ ...unhashed, body }) })
      await expect(upload(bytes, { storage })).rejects.toMatchObject({ code: 'storage-failed', operation: 'get' })
    }
  })

  it.each([undefined, false, 7, {}])('types what is no answer of the store’s: %j', async (answer) => {
    for (const name of ['put', 'head', 'get'] as const) {
      const odd = async (): Promise<never> => answer as never
      const exists_ = name === 'put' ? {} : { put: exists }
      const { sha256: _hash, ...unhashed } = found()
      const storage = faulty({ ...exists_, head: async () => unhashed, [name]: odd })
      await expect(upload(bytes, { storage })).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:storage-failed|key-conflict)$/),
      })
    }
  })

  it('tells of no etag that is no text', async () => {
    const memory = createMemoryStorage()
    const put: ObjectStorage['put'] = async (...args) => ({ ...(await memory.put(...args)), etag: null as never })
    expect(await upload(bytes, { storage: { ...memory, put } })).not.toHaveProperty('etag')
  })

  it('takes a lost answer for success when the object is there', async () => {
    const stored = await upload(bytes, {
      storage: faulty({ put: storedButLost, head: async () => found({ etag: '"e"' }) }),
    })
    expect(stored).toMatchObject({ alreadyStored: true, sha256, etag: '"e"' })
  })

  it.each([
    ['absent', async () => null],
    ['forbidden', forbidden],
    ['another', async () => found({ size: 1 })],
    ['out of reach', () => Promise.reject(failure('head'))],
  ])('keeps the put’s own error when the object is %s', async (_name, head) => {
    await expect(upload(bytes, { storage: faulty({ put: storedButLost, head }) })).rejects.toMatchObject({
      operation: 'put',
      reason: 'ECONNRESET',
    })
  })

  it('does not look when the put can’t have succeeded', async () => {
    let looks = 0
    const head = async () => {
      looks++
      return found()
    }
    const early = async () => Promise.reject(failure('put'))
    const denied = async (_key: string, body: Readable) => {
      await body.resume().toArray()
      throw failure('put', false, 403)
    }
    const odd = async () => Promise.reject(new TypeError('a bug'))
    await expect(upload(bytes, { storage: faulty({ put: early, head }) })).rejects.toMatchObject({
      reason: 'ECONNRESET',
    })
    await expect(upload(bytes, { storage: faulty({ put: denied, head }) })).rejects.toMatchObject({ status: 403 })
    await expect(upload(bytes, { storage: faulty({ put: odd, head }) })).rejects.toMatchObject({
      ...{ code: 'storage-failed', reason: 'TypeError', retryable: true },
      cause: { message: 'TypeError' },
    })
    expect(looks).toBe(0)
  })

  it('ends at the storage deadline, and still finds what was stored', async () => {
    let heads = 0
    const silent = (find: () => StoredObject | null) =>
      faulty({
        head: async (_key, { signal } = {}) => {
          heads++
          signal?.throwIfAborted()
          return find()
        },
        put: async (_key, body, { signal }) => {
          await body.resume().toArray()
          return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
        },
      })
    const timeouts = { storageMs: 30 }
    expect(await upload(bytes, { timeouts, storage: silent(() => found()) })).toMatchObject({
      alreadyStored: true,
    })
    expect(heads).toBe(1)
    await expect(upload(bytes, { timeouts, storage: silent(() => null) })).rejects.toMatchObject({
      code: 'timeout',
      waitedFor: 'store',
    })
    const reason = new Error('shutting down')
    const controller = new AbortController()
    const { signal } = controller
    setTimeout(() => controller.abort(reason), 30)
    await expect(upload(bytes, { signal, storage: silent(() => found()) })).rejects.toBe(reason)
  })

  it.each([
    ['nothing', []],
    ['a byte', [1]],
    ['less than the opening', [100]],
    ['the opening', [4_100]],
    ['the opening in two pieces of one turn', [2_050, 2_050]],
    ['two pieces in one turn, the opening in the first', [65_536, 34_464]],
    ['the opening in the last of many pieces', [1_000, 1_000, 1_000, 1_000, 1_000]],
    ['many pieces in one turn', Array.from({ length: 20 }, () => 5_000)],
    ['all but a byte', [299_999]],
    ['all', [300_000]],
    ['all in pieces', [100_000, 100_000, 100_000]],
  ])('blames the source that stalls after %s, not the store', async (_name, pieces) => {
    const whole = Buffer.alloc(300_000, '%PDF-1.7 ')
    const announced = { size: whole.length, sha256: createHash('sha256').update(whole).digest('hex') }
    const source = new Readable({ read() {} })
    let at = 0
    for (const piece of pieces) {
      source.push(whole.subarray(at, at + piece))
      at += piece
    }
    const stalling = upload(source, { ...announced, timeouts: { idleMs: 50 } })
    await expect(stalling).rejects.toMatchObject({ code: 'timeout', waitedFor: 'source' })
  })

  it('puts bytes that it has again at once when the store refuses the condition, and tells', async () => {
    const spooled = Readable.from([bytes])
    for (const body of [bytes, spooled]) {
      const events: MediaEvent[] = []
      const honest = createMemoryStorage()
      let puts = 0
      const put: ObjectStorage['put'] = async (key, sent, options) => {
        if (++puts > 1) return honest.put(key, sent, options)
        await sent.resume().toArray()
        throw failure('put', true, 501)
      }
      const storage = { ...honest, put }
      expect(await upload(body, { storage, onEvent: (event) => events.push(event) })).toMatchObject({
        sha256,
        alreadyStored: false,
      })
      expect(puts).toBe(2)
      expect(events).toEqual([{ type: 'condition-unsupported', storage: 'memory', how: 'refused' }])
    }
  })

  it.each<[string, boolean, number]>([
    ['a stream, which it can’t read again', true, 1],
    ['a refusal that stays', false, 0],
  ])('fails with 501 for %s', async (_name, retryable, told) => {
    const events: MediaEvent[] = []
    let puts = 0
    const put = async (): Promise<never> => {
      puts++
      throw failure('put', retryable, 501)
    }
    const known = { size: bytes.length, sha256 }
    await expect(
      upload(Readable.from([bytes]), { ...known, storage: faulty({ put }), onEvent: (event) => events.push(event) }),
    ).rejects.toMatchObject({ status: 501 })
    expect(puts).toBe(1)
    expect(events).toHaveLength(told)
  })

  it('takes no look for proof when the store says that it got other bytes', async () => {
    const head = vi.fn(async () => ({ key: 'k', size: bytes.length, sha256, contentType: '', metadata: {} }))
    const put: ObjectStorage['put'] = async (_key, body) => {
      await body.resume().toArray()
      throw failure('put', true, 400)
    }
    await expect(upload(bytes, { storage: faulty({ put, head }) })).rejects.toMatchObject({ status: 400 })
    expect(head).not.toHaveBeenCalled()
  })

  it('tells of a store that seems to ignore the condition', async () => {
    const events: MediaEvent[] = []
    const put: ObjectStorage['put'] = async (_key, body) => {
      await body.toArray()
      return { outcome: 'condition-ignored' }
    }
    await upload(bytes, { storage: faulty({ put }), onEvent: (event) => events.push(event) })
    expect(events).toEqual([{ type: 'condition-unsupported', storage: 'memory', how: 'ignored' }])
  })
})
