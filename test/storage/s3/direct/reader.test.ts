import type { RequestListener, ServerResponse } from 'node:http'
import { buffer, text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { createS3Clock } from '../../../../src/storage/s3/direct/clock.js'
import { createS3Reader, type S3Reader, type S3ReadRequest } from '../../../../src/storage/s3/direct/reader.js'
import { createS3Signer } from '../../../../src/storage/s3/direct/signature-v4.js'
import { type Loopback, startLoopback } from '../../../loopback.js'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

interface Store extends Loopback {
  get(more?: Partial<S3ReadRequest>): ReturnType<S3Reader['get']>
}

async function startStore(handler: RequestListener): Promise<Store> {
  const server = await startLoopback(handler)
  const reader = createS3Reader({ signer: createS3Signer(), clock: createS3Clock(), agent: undefined })
  open.push(reader, server)
  const { origin } = server
  const address = { origin, host: new URL(origin).host, path: '/media', region: 'eu-central-1' }
  const get: Store['get'] = (more = {}) =>
    reader.get({ address, credentials, key: 'a b.jpg', headers: {}, signal: undefined, ...more })
  return { ...server, get }
}

const refuse = (response: ServerResponse, status: number, xml: string, headers: Record<string, string> = {}): void =>
  void response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(xml)

describe('get', () => {
  it('sends one signed request, and uses its connection again', async () => {
    const seen: unknown[] = []
    const { get, sockets } = await startStore((request, response) => {
      const { host: _host, authorization, 'x-amz-date': _date, ...headers } = request.headers
      seen.push(request.url, authorization, headers)
      response.end('hello')
    })
    const first = await get({ headers: { 'x-amz-expected-bucket-owner': '123456789012' } })
    expect(await text(first.body)).toBe('hello')
    await text((await get({ credentials: { ...credentials, sessionToken: 'token' } })).body)
    expect(seen[0]).toBe('/media/a%20b.jpg')
    expect(seen[1]).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-expected-bucket-owner, Signature=[0-9a-f]{64}$/,
    )
    expect(seen[2]).toEqual({
      'user-agent': 'whatsapp-media-archive',
      'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'x-amz-expected-bucket-owner': '123456789012',
      connection: 'keep-alive',
    })
    expect(seen[5]).toMatchObject({ 'x-amz-security-token': 'token' })
    expect(sockets).toHaveLength(1)
  })

  it.each<[string, Record<string, string>, object]>([
    ['all', { etag: '"e"', 'content-type': 'image/jpeg' }, { ETag: '"e"', ContentType: 'image/jpeg' }],
    ['a disposition', { 'content-disposition': 'inline' }, { ContentDisposition: 'inline' }],
    ['metadata', { 'x-amz-meta-sha256': 'ab', 'X-Amz-Meta-Wa-Id': '1' }, { Metadata: { sha256: 'ab', 'wa-id': '1' } }],
    ['a checksum', { 'x-amz-checksum-sha256': 'sum' }, { ChecksumSHA256: 'sum' }],
    ['nothing', {}, { Metadata: {} }],
  ])('tells what the answer says: %s', async (_what, headers, expected) => {
    const { get } = await startStore((_request, response) => {
      response.writeHead(200, { 'content-length': '5', ...headers }).end('hello')
    })
    const { body, ...output } = await get()
    expect(output).toEqual({ ContentLength: 5, Metadata: {}, ...expected })
    expect(String(await buffer(body))).toBe('hello')
  })

  it.each<[number, Record<string, string>]>([
    [200, {}],
    [203, {}],
    [206, { 'content-range': 'bytes 0-4/5' }],
    [206, { 'content-range': 'Bytes 0-4/5 ' }],
    [299, {}],
  ])('takes the whole object with status %i %j', async (status, headers) => {
    const { get } = await startStore((_request, response) => {
      response.writeHead(status, { 'content-length': '5', ...headers }).end('hello')
    })
    expect(await text((await get()).body)).toBe('hello')
  })

  it.each(['bytes 0-4/6', 'bytes 1-5/6', 'bytes 0-4/*', 'bytes */5', 'items 0-4/5', ''])(
    'takes no part: %s',
    async (range) => {
      const { get } = await startStore((_request, response) => {
        response.writeHead(206, { 'content-length': '5', 'content-range': range }).end('hello')
      })
      await expect(get()).rejects.toMatchObject({ $metadata: { httpStatusCode: 206 } })
    },
  )

  it('knows no size where the answer tells none', async () => {
    const { get } = await startStore((_request, response) => void response.end('hello').flushHeaders())
    const { get: chunked } = await startStore((_request, response) => {
      response.flushHeaders()
      response.end('hello')
    })
    const [known, unknown] = [await get(), await chunked()]
    expect([known.ContentLength, unknown.ContentLength]).toEqual([5, undefined])
    for (const { body } of [known, unknown]) expect(await text(body)).toBe('hello')
  })

  it.each<[number, string, object]>([
    [404, '<Error><Code>NoSuchKey</Code><Message>no</Message></Error>', { Code: 'NoSuchKey', message: 'no' }],
    [404, '<Error><Code>NoSuchBucket</Code></Error>', { Code: 'NoSuchBucket' }],
    [403, '<Error><Code>AccessDenied</Code></Error>', { Code: 'AccessDenied' }],
    [301, '<Error><Code>PermanentRedirect</Code><Region>ap-south-1</Region></Error>', { Region: 'ap-south-1' }],
    [304, '', { name: 'UnknownError' }],
    [204, '', { name: 'UnknownError' }],
    [206, 'part', { name: 'UnknownError', $responseBodyText: 'part' }],
    [503, 'x'.repeat(200_000), { $responseBodyText: expect.stringMatching(/^x{65537,199999}$/) }],
  ])('rejects as the SDK does: %i %s', async (status, xml, expected) => {
    const { get } = await startStore((_request, response) => refuse(response, status, xml, { 'retry-after': '2' }))
    await expect(get()).rejects.toMatchObject({
      ...expected,
      $metadata: { httpStatusCode: status },
      $response: { headers: { 'retry-after': '2' } },
    })
  })

  it('keeps the status of an answer that breaks off', async () => {
    const { get } = await startStore((_request, response) => {
      response.writeHead(503, { 'content-length': '500' }).write('<Error><Code>SlowDown</Code>')
      setImmediate(() => response.destroy())
    })
    await expect(get()).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } })
  })

  it('signs with the store’s time once it has told', async () => {
    const ahead = 3_600_000
    const { get } = await startStore(({ headers }, response) => {
      const time = String(headers['x-amz-date']).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')
      const date = new Date(Date.now() + ahead).toUTCString()
      const isRight = Math.abs(Date.parse(time) - Date.now() - ahead) < 900_000
      if (isRight) response.writeHead(200, { date }).end('hello')
      else refuse(response, 403, '<Error><Code>RequestTimeTooSkewed</Code></Error>', { date })
    })
    await expect(get()).rejects.toMatchObject({ Code: 'RequestTimeTooSkewed' })
    expect(await text((await get()).body)).toBe('hello')
  })

  it('rejects with the signal’s reason, and breaks a body off with it', async () => {
    const { get, requests } = await startStore((_request, response) => {
      response.writeHead(200, { 'content-length': '5' }).write('he')
    })
    await expect(get({ signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow('at once')
    expect(requests).toEqual([])
    const controller = new AbortController()
    const { body } = await get({ signal: controller.signal })
    const read = buffer(body)
    controller.abort(new Error('enough'))
    await expect(read).rejects.toThrow('enough')
  })

  it('rejects when no answer comes', async () => {
    const { get } = await startStore((request) => void request.socket.destroy())
    await expect(get()).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})
