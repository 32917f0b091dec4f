import { text } from 'node:stream/consumers'
import { S3Client } from '@aws-sdk/client-s3'
import { HttpResponse, http } from 'msw'
import { describe, expect, it } from 'vitest'
import { createS3Storage } from '../../../../src/storage/s3.js'
import { base64, credentials, endpoint, object, open, s3Error, server, sha256, useServer } from '../stand-in.js'

useServer()

const storage = open()

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

  it('distinguishes absent, forbidden and failed', async () => {
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

  it('reads the streams of the web that the build for browsers gives', async () => {
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    client.send = async () => ({ Body: new Blob(['hello']).stream() })
    const found = await createS3Storage({ bucket: 'media', client }).get('a/b.jpg')
    expect(String(await found?.body.toArray())).toBe('hello')
  })

  it.each(['text', undefined, {}])('refuses a client whose body is %j, and no stream', async (Body) => {
    const client = new S3Client({ region: 'eu-central-1', endpoint, credentials, forcePathStyle: true })
    client.send = async () => ({ Body })
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

  it('takes an object without name and size', async () => {
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
