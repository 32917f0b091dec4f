import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { S3Client } from '@aws-sdk/client-s3'
import { HttpResponse, http, passthrough } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { InvalidOptionError } from '../../src/errors.js'
import { createS3Storage, type S3ObjectOptions } from '../../src/storage/s3.js'
import type { ObjectStorage, PutOptions } from '../../src/storage.js'

const server = setupServer()
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const endpoint = 'http://s3.internal.test:9000'
const object = `${endpoint}/media/a/b.jpg`
const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
const base64 = Buffer.from(sha256, 'hex').toString('base64')

const open = (more: S3ObjectOptions = {}) =>
  createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials, ...more })
const storage = open()

const putOptions = (more: Partial<PutOptions> = {}): PutOptions => ({
  size: 5,
  sha256,
  contentType: 'image/jpeg',
  contentDisposition: 'inline',
  ifAbsent: true,
  ...more,
})

const s3Error = (status: number, code: string): Response =>
  HttpResponse.xml(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>it failed</Message></Error>`, { status })

const takeBody = async ({ request }: { request: Request }): Promise<Response> => {
  await request.text()
  return new HttpResponse(null, { status: 200 })
}

describe('createS3Storage', () => {
  it.each(['', '.', '..', 'a/b', 'a b', 'a?b', 'a#b', undefined as unknown as string])(
    'refuses bucket %j',
    (bucket) => {
      expect(() => createS3Storage({ bucket })).toThrow(
        expect.objectContaining({ code: 'invalid-option', option: 'bucket' }),
      )
    },
  )

  it.each(['', 'a/../b', '..', './a', 7 as unknown as string])('refuses key %j without a request', async (key) => {
    const refused = { code: 'invalid-option', option: 'key' }
    await expect(storage.put(key, Readable.from(['hello']), putOptions())).rejects.toMatchObject(refused)
    await expect(storage.head(key)).rejects.toMatchObject(refused)
    await expect(storage.address(key)).rejects.toMatchObject(refused)
    await expect(
      storage.signedUrl?.(key, { expiresIn: 60, contentType: 'image/jpeg', contentDisposition: 'inline' }),
    ).rejects.toMatchObject(refused)
  })

  it('takes an access point', () => {
    const bucket = 'arn:aws:s3:eu-central-1:123456789012:accesspoint/media'
    expect(createS3Storage({ bucket }).bucket).toBe(bucket)
  })

  it('closes only what it made', async () => {
    const unused = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    await unused.close?.()
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    let destroyed = 0
    client.destroy = () => {
      destroyed++
    }
    const given = createS3Storage({ bucket: 'media', client })
    server.use(http.delete(object, () => new HttpResponse(null, { status: 204 })))
    await given.delete('a/b.jpg')
    await given.close?.()
    expect(destroyed).toBe(0)
    const own = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    await own.delete('a/b.jpg')
    await own.close?.()
  })
})

/** As a client of an app's own may be, apart from what it says on the console. */
const openGiven = (more: S3ObjectOptions = {}): ObjectStorage => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true, logger })
  return createS3Storage({ bucket: 'media', client, ...more })
}

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
    [new Date(Date.now() + 60_000).toUTCString(), expect.closeTo(60_000, -4)],
    [new Date(0).toUTCString(), 0],
    ['soon', undefined],
    ['', undefined],
  ])('tells how long the store wants to be left alone: Retry-After %j', async (header, retryAfterMs) => {
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
    server.use(http.put(object, () => HttpResponse.html('<title>Welcome to this network</title>')))
    await expect(put()).rejects.toMatchObject({
      code: 'storage-failed',
      reason: 'answered without an ETag',
      retryable: true,
    })
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

  it('tells what was thrown, whatever it was', async () => {
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
  ])('hides the names of %j in a store’s words', async (contentDisposition, words, shown) => {
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

  it('says that the object exists', async () => {
    server.use(http.put(object, () => s3Error(412, 'PreconditionFailed')))
    const body = Readable.from(['hello'])
    expect(await put({}, body)).toEqual({ outcome: 'exists' })
    expect(body.destroyed).toBe(true)
  })

  it.each([
    [409, 'ConditionalRequestConflict', true],
    [503, 'SlowDown', true],
    [500, 'InternalError', true],
    [408, 'RequestTimeout', true],
    [429, 'TooManyRequests', true],
    [400, 'BadDigest', true],
    [400, 'InvalidArgument', false],
    [403, 'AccessDenied', false],
    [404, 'NoSuchBucket', false],
  ])('gives HTTP %i %s as a failure with retryable %s', async (status, reason, retryable) => {
    server.use(http.put(object, () => s3Error(status, reason)))
    await expect(put()).rejects.toMatchObject({
      code: 'storage-failed',
      operation: 'put',
      key: 'a/b.jpg',
      status,
      reason,
      retryable,
    })
  })

  it('asks with a head first once the store has refused the condition', async () => {
    const old = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    server.use(http.put(object, () => s3Error(501, 'NotImplemented')))
    await expect(old.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({
      status: 501,
      retryable: true,
    })
    let exists = false
    let condition: string | null = null
    server.use(
      http.head(object, () => new HttpResponse(null, { status: exists ? 200 : 404 })),
      http.put(object, ({ request }) => {
        condition = request.headers.get('if-none-match')
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const signal = new AbortController().signal
    expect(await old.put('a/b.jpg', Readable.from(['hello']), putOptions({ signal }))).toMatchObject({
      outcome: 'stored',
    })
    expect(condition).toBeNull()
    exists = true
    const body = Readable.from(['hello'])
    expect(await old.put('a/b.jpg', body, putOptions())).toEqual({ outcome: 'exists' })
    expect(body.destroyed).toBe(true)
  })

  it('takes a 501 to a put without the condition for what it is', async () => {
    const old = open()
    const conditions: (string | null)[] = []
    server.use(
      http.head(object, () => new HttpResponse(null, { status: 404 })),
      http.put(object, ({ request }) => {
        conditions.push(request.headers.get('if-none-match'))
        return s3Error(501, 'NotImplemented')
      }),
    )
    const attempt = () => old.put('a/b.jpg', Readable.from(['hello']), putOptions({ tags: { a: 'b' } }))
    await expect(attempt()).rejects.toMatchObject({ status: 501, retryable: true })
    await expect(attempt()).rejects.toMatchObject({ status: 501, retryable: false })
    // So it was not the condition.
    await expect(attempt()).rejects.toMatchObject({ status: 501, retryable: true })
    expect(conditions).toEqual(['*', null, '*'])
  })

  it('looks, and sends no condition, where its owner says that the store ignores it', async () => {
    let condition: string | null = 'none seen'
    let exists = false
    server.use(
      http.head(object, () => new HttpResponse(null, { status: exists ? 200 : 404 })),
      http.put(object, ({ request }) => {
        condition = request.headers.get('if-none-match')
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const looking = open({ conditionalWrites: false })
    expect(await looking.put('a/b.jpg', Readable.from(['hello']), putOptions())).toEqual({
      outcome: 'stored',
      etag: '"e"',
    })
    expect(condition).toBeNull()
    exists = true
    expect(await looking.put('a/b.jpg', Readable.from(['hello']), putOptions())).toEqual({ outcome: 'exists' })
  })

  it('doubts a store that creates an object twice: it tells, and looks first', async () => {
    const seen: string[] = []
    let status = 404
    server.use(
      http.head(object, () => {
        seen.push('HEAD')
        return new HttpResponse(null, { status })
      }),
      http.put(object, ({ request }) => {
        seen.push(`PUT ${request.headers.get('if-none-match')}`)
        return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
      }),
    )
    const doubting = open()
    const attempt = () => doubting.put('a/b.jpg', Readable.from(['hello']), putOptions())
    expect(await attempt()).toEqual({ outcome: 'stored', etag: '"e"' })
    expect(await attempt()).toEqual({ outcome: 'condition-ignored', etag: '"e"' })
    expect(await attempt()).toEqual({ outcome: 'stored', etag: '"e"' })
    // The condition goes along, so a store that may not be looked into gets it all the same.
    status = 403
    expect(await attempt()).toEqual({ outcome: 'stored', etag: '"e"' })
    status = 200
    expect(await attempt()).toEqual({ outcome: 'exists' })
    expect(seen).toEqual(['PUT *', 'PUT *', 'HEAD', 'PUT *', 'HEAD', 'PUT *', 'HEAD'])
  })

  it('does not overwrite blindly where it may neither ask for absence nor look', async () => {
    const old = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    let puts = 0
    server.use(
      http.head(object, () => new HttpResponse(null, { status: 403 })),
      http.put(object, () => {
        puts++
        return s3Error(501, 'NotImplemented')
      }),
    )
    await expect(old.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({ status: 501 })
    await expect(old.put('a/b.jpg', Readable.from(['hello']), putOptions())).rejects.toMatchObject({
      operation: 'head',
      reason: 'AccessDenied',
      retryable: false,
      message: expect.stringContaining('s3:GetObject'),
    })
    expect(puts).toBe(1)
  })

  it('heeds a signal that aborts while it connects', async () => {
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

  it('believes a 200 that comes with the last byte, before the stream has told its end', async () => {
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

describe('head', () => {
  const answer = (headers: Record<string, string>, status = 200): void =>
    server.use(http.head(object, () => new HttpResponse(null, { status, headers })))

  it('prefers the store’s checksum, and falls back on the recorded hash', async () => {
    const recorded = 'ab'.repeat(32)
    answer({ 'content-length': '5', 'x-amz-checksum-sha256': base64, 'x-amz-meta-sha256': recorded, etag: '"e"' })
    expect(await storage.head('a/b.jpg')).toMatchObject({ size: 5, sha256, etag: '"e"' })
    answer({ 'content-length': '5', 'x-amz-checksum-sha256': `${base64}-3`, 'x-amz-meta-sha256': recorded })
    expect(await storage.head('a/b.jpg')).toMatchObject({ sha256: recorded })
    answer({ 'content-length': '5', 'content-disposition': 'inline', 'content-type': 'image/jpeg' })
    const found = await storage.head('a/b.jpg', { signal: new AbortController().signal })
    expect(found).toEqual({
      key: 'a/b.jpg',
      size: 5,
      contentType: 'image/jpeg',
      contentDisposition: 'inline',
      metadata: {},
    })
  })

  it('asks once, for the library itself repeats', async () => {
    let heads = 0
    server.use(
      http.head(object, () => {
        heads++
        return new HttpResponse(null, { status: 503, headers: { 'retry-after': '2' } })
      }),
    )
    await expect(open().head('a/b.jpg')).rejects.toMatchObject({ status: 503, retryable: true, retryAfterMs: 2_000 })
    expect(heads).toBe(1)
  })

  it('tells absent from forbidden, and both from failed', async () => {
    answer({}, 404)
    expect(await storage.head('a/b.jpg')).toBeNull()
    answer({}, 403)
    await expect(storage.head('a/b.jpg')).rejects.toMatchObject({
      operation: 'head',
      status: 403,
      reason: 'AccessDenied',
    })
    answer({}, 400)
    await expect(storage.head('a/b.jpg')).rejects.toMatchObject({
      code: 'storage-failed',
      operation: 'head',
      status: 400,
    })
    await expect(storage.head('a/b.jpg', { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  })
})

describe('get', () => {
  it('gives the bytes, null for an absent object, and an error for an absent bucket', async () => {
    server.use(http.get(object, () => new HttpResponse('hello', { headers: { 'x-amz-meta-sha256': sha256 } })))
    const found = await storage.get('a/b.jpg')
    expect(found).toMatchObject({ sha256 })
    expect(found && (await text(found.body))).toBe('hello')
    server.use(http.get(object, () => s3Error(404, 'NoSuchKey')))
    expect(await storage.get('a/b.jpg')).toBeNull()
    server.use(http.get(object, () => s3Error(404, 'NoSuchBucket')))
    await expect(storage.get('a/b.jpg')).rejects.toMatchObject({ reason: 'NoSuchBucket' })
    server.use(http.get(object, () => s3Error(403, 'AccessDenied')))
    await expect(storage.get('a/b.jpg')).rejects.toMatchObject({
      operation: 'get',
      status: 403,
      reason: 'AccessDenied',
    })
  })

  it('refuses a client whose bodies are no Node streams', async () => {
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    client.send = async () => ({ Body: 'text' })
    await expect(createS3Storage({ bucket: 'media', client }).get('a/b.jpg')).rejects.toMatchObject({
      code: 'storage-failed',
    })
  })
})

describe('list', () => {
  const page = (keys: readonly string[], next?: string): Response =>
    HttpResponse.xml(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${
        next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`
      }${keys.map((key) => `<Contents><Key>${key}</Key><Size>${key.length}</Size></Contents>`).join('')}</ListBucketResult>`,
    )
  const keysBelow = async (prefix: string): Promise<unknown[]> => {
    const found: unknown[] = []
    for await (const summary of storage.list?.(prefix) ?? []) found.push(summary)
    return found
  }

  it('follows all pages of a prefix', async () => {
    const asked: (string | null)[][] = []
    server.use(
      http.get(`${endpoint}/media`, ({ request }) => {
        const { searchParams } = new URL(request.url)
        asked.push(['list-type', 'prefix', 'continuation-token'].map((name) => searchParams.get(name)))
        return asked.length === 1 ? page(['a/b', 'a/bc'], 'more&more') : page(['a/bcd'])
      }),
    )
    expect(await keysBelow('a/b')).toEqual([
      { key: 'a/b', size: 3 },
      { key: 'a/bc', size: 4 },
      { key: 'a/bcd', size: 5 },
    ])
    expect(asked).toEqual([
      ['2', 'a/b', null],
      ['2', 'a/b', 'more&more'],
    ])
  })

  it('takes an empty answer, and reports what went wrong', async () => {
    server.use(http.get(`${endpoint}/media`, () => page([])))
    expect(await keysBelow('')).toEqual([])
    server.use(http.get(`${endpoint}/media`, () => s3Error(403, 'AccessDenied')))
    await expect(keysBelow('a/')).rejects.toMatchObject({ operation: 'list', key: 'a/', reason: 'AccessDenied' })
  })

  it('takes an object of which neither name nor size is told', async () => {
    server.use(
      http.get(`${endpoint}/media`, () =>
        HttpResponse.xml('<ListBucketResult><Contents><ETag>"x"</ETag></Contents></ListBucketResult>'),
      ),
    )
    expect(await keysBelow('')).toEqual([{ key: '', size: 0 }])
  })
})

describe('delete', () => {
  it('deletes, and reports what went wrong', async () => {
    server.use(http.delete(object, () => new HttpResponse(null, { status: 204 })))
    await storage.delete('a/b.jpg')
    server.use(http.delete(object, () => s3Error(403, 'AccessDenied')))
    await expect(storage.delete('a/b.jpg')).rejects.toMatchObject({ operation: 'delete', reason: 'AccessDenied' })
  })
})

describe('expectedBucketOwner', () => {
  it('goes with every request and signed URL', async () => {
    const seen: string[] = []
    const note = ({ request }: { request: Request }): Response => {
      seen.push(`${request.method} ${request.headers.get('x-amz-expected-bucket-owner')}`)
      return new HttpResponse(null, { status: 200, headers: { etag: '"e"' } })
    }
    server.use(http.all(object, note))
    const owned = open({ expectedBucketOwner: '123456789012' })
    await owned.put('a/b.jpg', Readable.from(['hello']), putOptions())
    await owned.head('a/b.jpg')
    await owned.get('a/b.jpg').then((found) => found?.body.resume())
    await owned.delete('a/b.jpg')
    expect(seen).toEqual(['PUT', 'HEAD', 'GET', 'DELETE'].map((method) => `${method} 123456789012`))
    const signed = await owned.signedUrl?.('a/b.jpg', {
      expiresIn: 60,
      contentType: 'image/jpeg',
      contentDisposition: 'inline',
    })
    expect(new URL(signed?.url ?? '').searchParams.get('x-amz-expected-bucket-owner')).toBe('123456789012')
    expect(await owned.address('a/b.jpg')).toBe(object)
  })
})

describe('address', () => {
  it.each([
    [{ bucket: 'media', region: 'eu-central-1', credentials }, 'https://media.s3.eu-central-1.amazonaws.com/a/b.jpg'],
    [
      { bucket: 'my.media', region: 'eu-central-1', credentials },
      'https://s3.eu-central-1.amazonaws.com/my.media/a/b.jpg',
    ],
    [
      { bucket: 'media', region: 'x', endpoint: 'https://e.test/storage/v1/s3', credentials },
      'https://e.test/storage/v1/s3/media/a/b.jpg',
    ],
    [
      { bucket: 'media', region: 'x', endpoint, publicEndpoint: 'https://cdn.test', credentials },
      'https://cdn.test/media/a/b.jpg',
    ],
  ])('of %j is %s', async (options, address) => {
    const there = createS3Storage(options)
    expect(await there.address('a/b.jpg')).toBe(address)
    await there.close?.()
  })

  it('needs no credentials to know it, unless the SDK must tell', async () => {
    let calls = 0
    const provider = async (): Promise<typeof credentials> => {
      if (calls++ === 0) throw Object.assign(new Error('none yet'), { name: 'CredentialsProviderError' })
      return credentials
    }
    const there = createS3Storage({ bucket: 'media', region: 'x', endpoint, credentials: provider })
    expect(await there.address('k')).toBe(`${endpoint}/media/k`)
    expect(calls).toBe(0)
    const client = new S3Client({ region: 'x', endpoint, forcePathStyle: true, credentials: provider })
    const told = createS3Storage({ bucket: 'media', client })
    await expect(told.address('k')).rejects.toMatchObject({ reason: 'CredentialsProviderError' })
    expect(await told.address('k')).toBe(`${endpoint}/media/k`)
  })

  it('takes region and credentials from the SDK’s own chain', async () => {
    vi.stubEnv('AWS_REGION', 'ap-south-1')
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'example-secret')
    expect(await createS3Storage({ bucket: 'media' }).address('k')).toBe('https://media.s3.ap-south-1.amazonaws.com/k')
  })

  it('encodes as the SDK does', async () => {
    expect(await storage.address("a/(1)'!*.jpg")).toBe(`${endpoint}/media/a/%281%29%27%21%2A.jpg`)
  })
})

describe('signedUrl', () => {
  const signing = { expiresIn: 600, contentType: 'image/jpeg', contentDisposition: 'inline' }

  it('forces type and disposition, and carries no checksum of nothing', async () => {
    const signedAt = new Date('2026-11-22T10:00:00Z')
    const signed = await storage.signedUrl?.('a/b.jpg', { ...signing, signedAt })
    const url = new URL(signed?.url ?? '')
    expect(`${url.origin}${url.pathname}`).toBe(object)
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      'response-content-type': 'image/jpeg',
      'response-content-disposition': 'inline',
      'X-Amz-Expires': '600',
      'X-Amz-Date': '20261122T100000Z',
    })
    expect([...url.searchParams.keys()].filter((name) => /checksum/i.test(name))).toEqual([])
    expect(signed?.expiresAt).toEqual(new Date('2026-11-22T10:10:00Z'))
  })

  it('signs for the public endpoint', async () => {
    const there = createS3Storage({
      bucket: 'media',
      region: 'x',
      endpoint,
      publicEndpoint: 'https://cdn.test',
      credentials,
    })
    expect((await there.signedUrl?.('a/b.jpg', signing))?.url).toMatch(/^https:\/\/cdn\.test\/media\/a\/b\.jpg\?/)
  })

  it('tells when the credentials end first', async () => {
    const expiration = new Date(Date.now() + 60_000)
    const there = createS3Storage({
      bucket: 'media',
      region: 'x',
      endpoint,
      credentials: { ...credentials, expiration },
    })
    expect((await there.signedUrl?.('a/b.jpg', signing))?.expiresAt).toEqual(expiration)
  })

  it('reports missing credentials', async () => {
    const poor = createS3Storage({
      bucket: 'media',
      region: 'x',
      credentials: () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' })),
    })
    await expect(poor.signedUrl?.('a/b.jpg', signing)).rejects.toMatchObject({
      operation: 'sign',
      reason: 'CredentialsProviderError',
    })
  })
})
