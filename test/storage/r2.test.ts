import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StorageFailedError } from '../../src/errors.js'
import { createR2Storage, type R2Binding, type R2Storage, type R2StorageOptions } from '../../src/storage/r2.js'
import { storageConformance } from '../../src/testing/storage-conformance.js'
import { toRows } from '../conformance-rows.js'
import { factsOf } from './facts.js'
import { type BindingDouble, createBindingDouble, FixedLengthDouble } from './r2/stand-in.js'

const SITE = { baseUrl: 'https://media.example/files', secret: 'a secret of enough characters' }

/** A binding of which one method fails with this error. */
function failing(method: keyof R2Binding, error: unknown): R2Binding {
  return { ...createBindingDouble(), [method]: () => Promise.reject(error) }
}

function storageOver(bucket: R2Binding, options: Partial<R2StorageOptions> = {}): R2Storage {
  return createR2Storage({ bucket, ...options })
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe.each([
  ['on Workers', FixedLengthDouble],
  ['elsewhere', undefined],
])('createR2Storage() %s meets the conformance suite', (_name, FixedLengthStream) => {
  beforeEach(() => {
    vi.stubGlobal('FixedLengthStream', FixedLengthStream)
  })
  const storage = createR2Storage({ bucket: createBindingDouble(), ...SITE })
  const fetch = (url: string, init?: RequestInit): Promise<Response> => storage.handler(new Request(url, init))
  it.each(toRows(storageConformance({ storage: () => storage, fetch })))('%s', (_case, run) => run())
})

describe('createR2Storage()', () => {
  it('states what it can do', () => {
    const storage = storageOver(createBindingDouble(), { bucketName: 'media' })
    expect(storage).toMatchObject({ name: 'r2', bucket: 'media' })
    expect(storage.capabilities).toEqual({ conditionalCreate: true, checksum: true })
    expect(storage.signedUrl).toBeUndefined()
    expect(storageOver(createBindingDouble())).not.toHaveProperty('bucket')
  })

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a name', 'media'],
    ['an empty object', {}],
    ['a KV namespace', { get() {}, put() {}, delete() {}, list() {} }],
  ])('refuses %s as a bucket, and names what is missing', (_name, bucket) => {
    expect(() => storageOver(bucket as unknown as R2Binding)).toThrow(
      /^bucket (?:is missing; it )?must be the binding .* without .*head/,
    )
  })

  it.each(['', 'ab', 'Media', 'a/b', 'r2://media', 7, null])('refuses %o as the name of a bucket', (bucketName) => {
    expect(() => storageOver(createBindingDouble(), { bucketName: bucketName as string })).toThrow(
      /^bucketName must be/,
    )
  })

  it('gives addresses by name, or as its site does', async () => {
    const bucket = createBindingDouble()
    expect(await storageOver(bucket, { bucketName: 'media' }).address('a/b c.jpg')).toBe('r2://media/a/b%20c.jpg')
    expect(await storageOver(bucket).address('a')).toBe('r2://bucket/a')
    expect(await storageOver(bucket, SITE).address('a/b c.jpg')).toBe('https://media.example/files/a/b%20c.jpg')
    await expect(storageOver(bucket).address('../a')).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
  })

  it.each(['', '/a', 'a//b', 'a/../b', 'k'.repeat(1_025), 'a\nb'])(
    'refuses the key %o in every method',
    async (key) => {
      const storage = storageOver(createBindingDouble())
      const put = storage.put(key, Readable.from([Buffer.from('x')]), factsOf('x'))
      for (const call of [put, storage.head(key), storage.get(key), storage.delete(key)]) {
        await expect(call).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
      }
    },
  )

  it('streams on Workers, and gives R2 whole bytes elsewhere', async () => {
    const bucket = createBindingDouble()
    const put = (key: string): Promise<unknown> =>
      storageOver(bucket).put(key, Readable.from([Buffer.from('hel'), Buffer.from('lo')]), factsOf('hello'))
    await put('elsewhere')
    vi.stubGlobal('FixedLengthStream', FixedLengthDouble)
    await put('workers')
    expect(bucket.values).toEqual([expect.any(Uint8Array), expect.any(ReadableStream)])
    expect(bucket.objects.get('workers')?.bytes).toEqual(bucket.objects.get('elsewhere')?.bytes)
  })

  it('keeps names of metadata in lower case, and no tags', async () => {
    const bucket = createBindingDouble()
    const facts = { ...factsOf('x'), metadata: { 'Media-Type': 'image' }, tags: { purpose: 'test' } }
    await storageOver(bucket).put('a', Readable.from([Buffer.from('x')]), facts)
    expect(bucket.objects.get('a')?.customMetadata).toEqual({ 'media-type': 'image' })
  })

  it('describes objects that another program stored', async () => {
    const bucket = createBindingDouble()
    await storageOver(bucket).put('a', Readable.from([Buffer.from('x')]), factsOf('x'))
    const held = bucket.objects.get('a')
    if (held === undefined) throw new Error('nothing is held')
    const { httpMetadata: _headers, customMetadata: _names, ...bare } = held
    bucket.objects.set('bare', { ...bare, key: 'bare', checksums: {} })
    expect(await storageOver(bucket).head('bare')).toEqual({
      ...{ key: 'bare', size: 1, etag: held.httpEtag, contentType: 'application/octet-stream', metadata: {} },
    })
    bucket.objects.set('s3', { ...held, key: 's3', checksums: {}, customMetadata: { sha256: 'c'.repeat(64) } })
    expect(await storageOver(bucket).head('s3')).toMatchObject({ sha256: 'c'.repeat(64) })
  })

  it('lists page by page', async () => {
    const storage = storageOver(createBindingDouble())
    const keys = ['a/1', 'a/2', 'a/3', 'a/4', 'a/5', 'b/1']
    for (const key of keys) await storage.put(key, Readable.from([Buffer.from('x')]), factsOf('x'))
    const found: string[] = []
    for await (const { key } of storage.list?.('a/') ?? []) found.push(key)
    expect(found).toEqual(keys.slice(0, 5))
  })

  it('breaks a body off when the signal aborts', async () => {
    const storage = storageOver(createBindingDouble())
    await storage.put('a', Readable.from([Buffer.from('x')]), factsOf('x'))
    const controller = new AbortController()
    const found = await storage.get('a', { signal: controller.signal })
    if (found === null) throw new Error('nothing is found')
    controller.abort(new Error('enough'))
    await expect(buffer(found.body)).rejects.toThrow('enough')
  })
})

describe("R2's refusals", () => {
  const put = (bucket: R2Binding): Promise<unknown> =>
    storageOver(bucket).put('a', Readable.from([Buffer.from('x')]), factsOf('x'))

  it.each([
    ['put: We encountered an internal error. Please try again. (10001)', 'InternalError', true],
    ['put: Unauthorized (10002)', 'Unauthorized', false],
    ['put: Access denied (10003)', 'AccessDenied', false],
    ['put: The bucket does not exist. (10006)', 'NoSuchBucket', false],
    ['put: Your metadata headers exceed the maximum allowed metadata size. (10012)', 'MetadataTooLarge', false],
    ['put: You did not provide the number of bytes specified. (10013)', 'IncompleteBody', true],
    ['put: The specified object name is not valid. (10020)', 'InvalidObjectName', false],
    ['put: The SHA-256 checksum you specified did not match what we received.\nYou … (10037)', 'BadDigest', true],
    ['put: Not entitled (10042)', 'NotEntitled', false],
    ['put: Please try again later. (10043)', 'ServiceUnavailable', true],
    ['put: Client disconnected. (10054)', 'ClientDisconnect', true],
    ['put: Reduce your concurrent request rate for the same object. (10058)', 'TooManyRequests', true],
    ['put: Your proposed upload exceeds the maximum allowed object size. (100100)', 'EntityTooLarge', false],
    ['put: Something new (10999)', 'R2Error', false],
    ['Network connection lost.', 'Error', true],
  ])('%s', async (message, reason, retryable) => {
    await expect(put(failing('put', new Error(message)))).rejects.toMatchObject({
      ...{ code: 'storage-failed', operation: 'put', key: 'a', reason, retryable },
    })
  })

  it('does not try again what R2 takes for a mistake of the caller', async () => {
    const error = new TypeError('Provided readable stream must have a known length')
    await expect(put(failing('put', error))).rejects.toMatchObject({ reason: 'TypeError', retryable: false })
  })

  it.each(['head', 'get', 'delete', 'list'] as const)('%s tells its own failure', async (method) => {
    const storage = storageOver(failing(method, new Error(`${method}: try again (10043)`)))
    const calls = {
      head: () => storage.head('a'),
      get: () => storage.get('a'),
      delete: () => storage.delete('a'),
      list: async () => {
        for await (const found of storage.list?.('a') ?? []) expect(found).toBeUndefined()
      },
    }
    const facts = { operation: method, key: 'a', reason: 'ServiceUnavailable', retryable: true }
    await expect(calls[method]()).rejects.toMatchObject({ code: 'storage-failed', ...facts })
  })

  it("leaves this library's own errors as they are", async () => {
    const error = new StorageFailedError({ operation: 'put', key: 'a', reason: 'Custom', retryable: false })
    await expect(put(failing('put', error))).rejects.toBe(error)
  })

  it('lets go of a body that R2 does not read', async () => {
    vi.stubGlobal('FixedLengthStream', FixedLengthDouble)
    const body = new Readable({ read() {} })
    body.push('x')
    const storage = storageOver({ ...createBindingDouble(), put: async () => null })
    expect(await storage.put('a', body, factsOf('xy'))).toEqual({ outcome: 'exists' })
    expect(body.destroyed).toBe(true)
  })

  it('stores nothing of a body that is longer than an empty object', async () => {
    vi.stubGlobal('FixedLengthStream', FixedLengthDouble)
    const bucket = createBindingDouble()
    const putting = storageOver(bucket).put('a', Readable.from([Buffer.from('x')]), factsOf(''))
    await expect(putting).rejects.toMatchObject({ code: 'integrity-mismatch' })
    expect(bucket.objects.size).toBe(0)
  })
})

describe('the site of createR2Storage()', () => {
  const FORCED = { expiresIn: 60, contentType: 'text/plain', contentDisposition: 'inline' }

  async function serve(): Promise<{ storage: R2Storage; bucket: BindingDouble; url: string }> {
    const bucket = createBindingDouble()
    const storage = storageOver(bucket, SITE)
    await storage.put('a', Readable.from([Buffer.from('hello')]), factsOf('hello'))
    const { url } = (await storage.signedUrl?.('a', FORCED)) ?? { url: '' }
    return { storage, bucket, url }
  }

  it('answers HEAD and a repeated read without the bytes', async () => {
    const { storage, url } = await serve()
    const head = await storage.handler(new Request(url, { method: 'HEAD' }))
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '5', ''])
    const etag = head.headers.get('etag') ?? ''
    expect((await storage.handler(new Request(url, { headers: { 'if-none-match': etag } }))).status).toBe(304)
  })

  it('answers 404 once the object is gone, and 403 without a secret', async () => {
    const { storage, bucket, url } = await serve()
    await storage.delete('a')
    expect((await storage.handler(new Request(url))).status).toBe(404)
    expect((await storageOver(bucket).handler(new Request(url))).status).toBe(403)
  })

  it('breaks the answer off when the object is replaced or removed before its bytes are read', async () => {
    for (const change of ['replaced', 'removed']) {
      const { storage, bucket, url } = await serve()
      const response = await storage.handler(new Request(url))
      if (change === 'removed') await storage.delete('a')
      else await storage.put('a', Readable.from([Buffer.from('other')]), { ...factsOf('other'), ifAbsent: false })
      await expect(response.text()).rejects.toThrow('replaced')
      expect(bucket.values.length).toBeGreaterThan(0)
    }
  })

  it('lets go of the object when the reader leaves', async () => {
    const { storage, bucket, url } = await serve()
    const left = await storage.handler(new Request(url))
    await left.body?.cancel()
    const cancelled = vi.fn()
    const get: R2Binding['get'] = async (key) => {
      const found = await bucket.head(key)
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void =>
        controller.enqueue(Buffer.from('x'))
      return found === null ? null : { ...found, body: new ReadableStream({ pull, cancel: cancelled }) }
    }
    const response = await storageOver({ ...bucket, get }, SITE).handler(new Request(url))
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel('enough')
    expect(cancelled).toHaveBeenCalledWith('enough')
  })
})
