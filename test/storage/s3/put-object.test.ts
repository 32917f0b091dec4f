import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { HttpResponse, http, passthrough } from 'msw'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../../../src/errors.js'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { PutOptions } from '../../../src/storage.js'
import {
  base64,
  credentials,
  endpoint,
  object,
  open,
  openGiven,
  putOptions,
  server,
  sha256,
  takeBody,
  useServer,
} from './stand-in.js'

useServer()

describe.each([
  ['a client of its own', open],
  ['a given client', openGiven],
])('put with %s', (_kind, open) => {
  // A storage of its own each time: one that creates the same object twice begins to doubt the store.
  const put = (more: Partial<PutOptions> = {}, body: Readable = Readable.from(['hello'])) =>
    open().put('a/b.jpg', body, putOptions(more))

  it('sends one plain PUT with length, checksum and condition', async () => {
    let seen: Headers | undefined
    let body: string | undefined
    server.use(
      http.put(object, async ({ request }) => {
        seen = request.headers
        body = await request.text()
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const metadata = { 'media-id': '17' }
    expect(await put({ metadata, tags: { tenant: 'a b=c' } })).toEqual({ outcome: 'stored', etag: '"e"' })
    expect(body).toBe('hello')
    expect(Object.fromEntries(seen ?? [])).toMatchObject({
      'content-length': '5',
      'content-type': 'image/jpeg',
      'content-disposition': 'inline',
      'if-none-match': '*',
      'x-amz-checksum-sha256': base64,
      'x-amz-sdk-checksum-algorithm': 'SHA256',
      'x-amz-meta-sha256': sha256,
      'x-amz-meta-media-id': '17',
      'x-amz-tagging': 'tenant=a%20b%3Dc',
    })
    for (const name of ['transfer-encoding', 'content-encoding', 'expect', 'x-amz-trailer'])
      expect(seen?.has(name)).toBe(false)
  })

  it('sends what the storage puts every object with', async () => {
    let seen: Headers | undefined
    server.use(
      http.put(object, ({ request }) => {
        seen = request.headers
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const kms = open({
      encryption: { type: 'SSE-KMS', keyId: 'key-1', bucketKey: true },
      storageClass: 'STANDARD_IA',
      tags: { tenant: 'acme', kind: 'inbox' },
      cacheControl: 'private, max-age=31536000, immutable',
      expectedBucketOwner: '123456789012',
    })
    await kms.put('a/b.jpg', Readable.from(['hello']), putOptions({ tags: { kind: 'flow' } }))
    expect(Object.fromEntries(seen ?? [])).toMatchObject({
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      'x-amz-server-side-encryption-bucket-key-enabled': 'true',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-tagging': 'tenant=acme&kind=flow',
      'cache-control': 'private, max-age=31536000, immutable',
      'x-amz-expected-bucket-owner': '123456789012',
    })
    await open({ encryption: { type: 'SSE-KMS' } }).put('a/b.jpg', Readable.from(['hello']), putOptions())
    expect(seen?.get('x-amz-server-side-encryption')).toBe('aws:kms')
    for (const name of ['aws-kms-key-id', 'bucket-key-enabled'])
      expect(seen?.has(`x-amz-server-side-encryption-${name}`)).toBe(false)
    await open({ encryption: { type: 'SSE-S3' } }).put('a/b.jpg', Readable.from(['hello']), putOptions())
    expect(seen?.get('x-amz-server-side-encryption')).toBe('AES256')
  })

  it('refuses tags and metadata that no store takes, without a request', async () => {
    const ten = Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`t${index}`, '']))
    const body = Readable.from(['hello'])
    await expect(open({ tags: ten }).put('a/b.jpg', body, putOptions({ tags: { more: '' } }))).rejects.toMatchObject({
      option: 'tags',
    })
    expect(body.destroyed).toBe(true)
    await expect(put({ metadata: { name: 'für' } })).rejects.toMatchObject({ option: 'metadata' })
  })

  it.each([
    ['7', 7_000],
    ['31536000', 86_400_000],
    ['Tue, 22 Nov 2033 12:00:00 GMT', 86_400_000],
    [new Date(0).toUTCString(), 0],
    ['soon', undefined],
    ['', undefined],
    ['in 5', undefined],
  ])('reports how long the store wants to be left alone: Retry-After %j', async (header, retryAfterMs) => {
    const headers = { 'retry-after': header, 'content-type': 'application/xml' }
    server.use(
      http.put(object, () => new HttpResponse('<Error><Code>SlowDown</Code></Error>', { status: 503, headers })),
    )
    const error: unknown = await put().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'storage-failed', reason: 'SlowDown', retryable: true })
    expect(Reflect.get(Object(error), 'retryAfterMs')).toEqual(retryAfterMs)
  })

  it('does not believe an answer that names another SHA-256', async () => {
    const headers = { etag: '"e"', 'x-amz-checksum-sha256': Buffer.alloc(32).toString('base64') }
    server.use(http.put(object, () => new HttpResponse(null, { status: 200, headers })))
    await expect(put()).rejects.toMatchObject({ reason: 'acknowledged another SHA-256', retryable: false })
    server.use(
      http.put(
        object,
        () => new HttpResponse(null, { status: 200, headers: { ...headers, 'x-amz-checksum-sha256': base64 } }),
      ),
    )
    expect(await put()).toMatchObject({ outcome: 'stored' })
  })

  it('sets its clock by the store’s, and says that another try is worth it', async () => {
    const dates: string[] = []
    const hour = 3_600_000
    server.use(
      http.put(object, ({ request }) => {
        dates.push(request.headers.get('x-amz-date') ?? '')
        if (dates.length > 1) return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
        const headers = { date: new Date(Date.now() + hour).toUTCString(), 'content-type': 'application/xml' }
        return new HttpResponse('<Error><Code>RequestTimeTooSkewed</Code></Error>', { status: 403, headers })
      }),
    )
    const skewed = open()
    await expect(skewed.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({
      status: 403,
      reason: 'RequestTimeTooSkewed',
      retryable: true,
    })
    await skewed.put('a/b.jpg', Readable.from(['hello']), putOptions())
    const [first = 0, second = 0] = dates.map((date) =>
      Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')),
    )
    expect(second - first).toBeGreaterThan(hour - 60_000)
  })

  it('overwrites when asked to', async () => {
    let condition: string | null = 'none seen'
    server.use(
      http.put(object, ({ request }) => {
        condition = request.headers.get('if-none-match')
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    expect(await put({ ifAbsent: false })).toEqual({ outcome: 'stored', etag: '"e"' })
    expect(condition).toBeNull()
  })

  it('does not believe a 200 without an ETag, which no S3 says', async () => {
    for (const [answer, reason] of [
      [() => HttpResponse.html('<title>Welcome to this network</title>'), 'proxy-page'],
      [() => new HttpResponse('Welcome', { status: 200 }), 'answered without an ETag'],
    ] as const) {
      server.use(http.put(object, answer))
      await expect(put()).rejects.toMatchObject({ code: 'storage-failed', reason, retryable: true })
    }
  })

  it.each([
    ['longer', ['hel', 'lo!']],
    ['shorter', ['hell']],
    ['longer', ['hello', '!']],
    ['shorter', []],
  ])('refuses a body that is %s than announced, and sends no whole one', async (problem, chunks) => {
    let whole = 0
    server.use(
      http.put(object, async ({ request }) => {
        if ((await request.text()).length >= 5) whole++
        return new HttpResponse(null, { status: 200 })
      }),
    )
    await expect(put({}, Readable.from(chunks.map((chunk) => Buffer.from(chunk))))).rejects.toMatchObject({
      code: 'integrity-mismatch',
      message: expect.stringContaining(problem),
    })
    expect(whole).toBe(0)
  })

  it('reports a thrown value of any kind', async () => {
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    const odd = createS3Storage({ bucket: 'media', client })
    for (const [thrown, reason, retryable] of [
      [{}, 'unknown', false],
      ['a string', 'unknown', false],
      [Object.assign(new Error('slow'), { name: 'TimeoutError' }), 'TimeoutError', true],
      [{ Code: 'SlowDown', $metadata: { httpStatusCode: 503 } }, 'SlowDown', true],
      [{ Code: 'a sentence, and no code' }, 'unknown', false],
    ] as const) {
      client.send = () => Promise.reject(thrown)
      await expect(odd.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({
        reason,
        retryable,
      })
    }
  })

  it.each([
    ['attachment; filename="x y.pdf"', 'cannot keep x y.pdf', 'cannot keep [removed]'],
    ["attachment; filename=a.pdf; filename*=UTF-8''%C3%A4.pdf", 'cannot keep ä.pdf', 'cannot keep [removed]'],
    ['inline', 'no x-amz-meta-name: 100%z', 'no x-amz-meta-name: [removed]'],
    ['inline; filename=abc', 'only abc', 'only abc'],
  ])('hides the names of %j in a store’s message', async (contentDisposition, words, shown) => {
    const xml = `<Error><Code>InvalidArgument</Code><Message>${words}</Message></Error>`
    server.use(http.put(object, () => HttpResponse.xml(xml, { status: 400 })))
    const metadata = contentDisposition === 'inline' ? { name: '100%z' } : undefined
    await expect(put({ contentDisposition, ...(metadata && { metadata }) })).rejects.toMatchObject({
      reason: 'InvalidArgument',
      cause: { message: shown },
    })
  })

  it('puts an empty body', async () => {
    server.use(http.put(object, () => new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })))
    expect(await put({ size: 0 }, Readable.from([]))).toEqual({ outcome: 'stored', etag: '"e"' })
  })

  it('passes on what is an error of this library already', async () => {
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    const own = new InvalidOptionError({ option: 'credentials', problem: 'must be renewed' })
    client.send = () => Promise.reject(own)
    await expect(createS3Storage({ bucket: 'media', client }).head('a/b.jpg')).rejects.toBe(own)
  })

  it('obeys a signal that aborts while it connects', async () => {
    const fresh = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    server.use(http.put(object, takeBody))
    const controller = new AbortController()
    const putting = fresh.put('a/b.jpg', Readable.from(['hello']), putOptions({ signal: controller.signal }))
    controller.abort('enough')
    await expect(putting).rejects.toBe('enough')
  })

  it('gives a lost connection as retryable, and missing credentials as not', async () => {
    server.use(http.put(object, () => HttpResponse.error()))
    await expect(put()).rejects.toMatchObject({ code: 'storage-failed', retryable: expect.any(Boolean) })
    const refused = createS3Storage({
      bucket: 'media',
      region: 'eu-central-1',
      endpoint: 'http://127.0.0.1:1',
      credentials,
    })
    server.use(http.put('http://127.0.0.1:1/media/k', () => passthrough()))
    await expect(refused.put('k', Readable.from(['hello']), putOptions())).rejects.toMatchObject({
      reason: 'ECONNREFUSED',
      retryable: true,
    })
    const poor = createS3Storage({
      bucket: 'media',
      region: 'eu-central-1',
      endpoint,
      credentials: () => Promise.reject(Object.assign(new Error('none found'), { name: 'CredentialsProviderError' })),
    })
    await expect(poor.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({
      reason: 'CredentialsProviderError',
      retryable: false,
    })
  })

  it('rejects with the body’s own error, at once', async () => {
    server.use(http.put(object, takeBody))
    const body = new PassThrough()
    body.write('he')
    setTimeout(() => body.destroy(new Error('the source broke')), 30)
    await expect(put({}, body)).rejects.toThrow('the source broke')
    const broken = new PassThrough()
    broken.destroy(new Error('broken before'))
    await expect(put({}, broken)).rejects.toThrow('broken before')
  })

  it('does not believe a 200 that came before the body ended', async () => {
    server.use(http.put(object, () => new HttpResponse(null, { status: 200 })))
    const body = new PassThrough()
    body.write('he')
    setImmediate(() => body.write('l'))
    await expect(put({}, body)).rejects.toMatchObject({ code: 'storage-failed', retryable: true })
    expect(body.destroyed).toBe(true)
  })

  it('believes a 200 that comes with the last byte, before the stream has reported its end', async () => {
    const bytes = Buffer.alloc(4_000_000, 'x')
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    client.send = async (command: { input: { Body?: unknown } }) => {
      const taken = command.input.Body instanceof Readable ? command.input.Body : Readable.from([])
      await new Promise<void>((resolve) => {
        let count = 0
        taken.on('data', (chunk: Uint8Array) => {
          count += chunk.length
          taken.pause()
          if (count === bytes.length) resolve()
          else taken.resume()
        })
      })
      expect(taken.readableEnded).toBe(false)
      return { ETag: '"e"' }
    }
    const digest = createHash('sha256').update(bytes).digest('hex')
    const body = Readable.from([bytes.subarray(0, 1_000), bytes.subarray(1_000)])
    expect(
      await createS3Storage({ bucket: 'media', client }).put(
        'a/b.jpg',
        body,
        putOptions({ size: bytes.length, sha256: digest }),
      ),
    ).toEqual({ outcome: 'stored', etag: '"e"' })
  })

  it('knows that an empty body is empty before it says so', async () => {
    let puts = 0
    server.use(
      http.put(object, () => {
        puts++
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    await expect(put({ size: 0 }, Readable.from([Buffer.from('x')]))).rejects.toMatchObject({
      code: 'integrity-mismatch',
    })
    const endless = new PassThrough()
    const reason = new Error('enough')
    const controller = new AbortController()
    const putting = put({ size: 0, signal: controller.signal }, endless)
    controller.abort(reason)
    await expect(putting).rejects.toBe(reason)
    expect(endless.destroyed).toBe(true)
    expect(puts).toBe(0)
  })

  it('rejects when the body closes early', async () => {
    server.use(http.put(object, takeBody))
    const body = new PassThrough()
    body.write('he')
    setTimeout(() => body.destroy(), 30)
    await expect(put({}, body)).rejects.toMatchObject({ code: 'storage-failed', retryable: true })
  })

  it('rejects with the signal’s reason', async () => {
    server.use(http.put(object, () => new Promise<never>(() => {})))
    const reason = new Error('shutting down')
    await expect(put({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    setTimeout(() => controller.abort(reason), 30)
    const body = Readable.from(['hello'])
    await expect(put({ signal: controller.signal }, body)).rejects.toBe(reason)
    expect(body.destroyed).toBe(true)
  })
})
