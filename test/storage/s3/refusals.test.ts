import { Readable } from 'node:stream'
import { HttpResponse, http } from 'msw'
import { describe, expect, it } from 'vitest'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { ObjectStorage } from '../../../src/storage.js'
import { endpoint, object, open, openGiven, putOptions, s3Error, server, useServer } from './stand-in.js'

useServer()

const put = (storage: ObjectStorage, more = {}) => storage.put('a/b.jpg', Readable.from(['hello']), putOptions(more))
const answer = (status: number, headers: Record<string, string>, body: string | null = null) =>
  http.all(object, () => new HttpResponse(body, { status, headers }))
const page = '<html><title>Sign in to this network</title></html>'
const pageHeaders = { 'content-type': 'text/html; charset=utf-8', 'content-length': String(page.length) }

describe.each([
  ['own', open],
  ['given', openGiven],
])('a refusal (%s client)', (_whose, openStorage) => {
  it.each([
    [301, 'PermanentRedirect'],
    [307, 'TemporaryRedirect'],
    [400, 'AuthorizationHeaderMalformed'],
    [400, 'IllegalLocationConstraintException'],
  ])('%i %s tells the region that the store names, and the bucket', async (status, code) => {
    server.use(
      http.put(object, () => {
        const refused = s3Error(status, code)
        refused.headers.set('x-amz-bucket-region', 'eu-west-1')
        return refused
      }),
    )
    await expect(put(openStorage())).rejects.toMatchObject({
      ...{ status, reason: code, region: 'eu-west-1', bucket: 'media', retryable: false },
      message: expect.stringMatching(/in bucket media: .*The store names eu-west-1 as the bucket's region/),
    })
    server.use(answer(status, { 'x-amz-bucket-region': 'eu-west-1' }))
    await expect(openStorage().head('a/b.jpg')).rejects.toMatchObject({ status, region: 'eu-west-1' })
  })

  it.each([
    ['<Message>it failed</Message><Region>eu-west-1</Region>', 'eu-west-1'],
    ["<Message>the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message>", 'eu-west-1'],
    ['<Message>it failed</Message><Region>a sentence, and no region</Region>', undefined],
    ['<Message>it failed</Message>', undefined],
  ])('reads the region of %s', async (xml, region) => {
    const headers = { 'content-type': 'application/xml' }
    server.use(answer(400, headers, `<Error><Code>AuthorizationHeaderMalformed</Code>${xml}</Error>`))
    const error: unknown = await put(openStorage()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ reason: 'AuthorizationHeaderMalformed' })
    expect(Reflect.get(Object(error), 'region')).toBe(region)
  })

  it('names no region where another one is not the fault', async () => {
    const headers = { 'x-amz-bucket-region': 'eu-west-1', 'content-type': 'application/xml' }
    server.use(answer(403, headers, '<Error><Code>AccessDenied</Code></Error>'))
    await expect(put(openStorage())).rejects.not.toHaveProperty('region')
  })

  it.each([
    [301, 'PermanentRedirect', false],
    [307, 'TemporaryRedirect', false],
    [400, 'BadRequest', false],
    [401, 'Unauthorized', false],
    [403, 'AccessDenied', false],
    [405, 'MethodNotAllowed', false],
    [418, 'UnknownStatus', false],
    [429, 'TooManyRequests', true],
    [500, 'InternalError', true],
    [502, 'BadGateway', true],
    [503, 'ServiceUnavailable', true],
  ])('of a HEAD has the name of its status: %i %s', async (status, reason, retryable) => {
    server.use(answer(status, {}))
    await expect(openStorage().head('a/b.jpg')).rejects.toMatchObject({ status, reason, retryable })
  })

  it.each([200, 403, 404, 502, 503])('that is a page of a proxy says so, with its size: %i', async (status) => {
    server.use(answer(status, pageHeaders, page))
    await expect(put(openStorage())).rejects.toMatchObject({
      ...{ status, reason: 'proxy-page', retryable: status === 200 || status > 500 },
      message: expect.stringContaining(`proxy-page (HTTP ${status}). A page of ${page.length} bytes came`),
    })
  })

  it('that is a page of unknown size says so, too', async () => {
    server.use(answer(503, { 'content-type': 'text/html' }, page))
    const storage = openStorage()
    await expect(storage.get('a/b.jpg')).rejects.toMatchObject({ reason: 'proxy-page', status: 503 })
    await expect(put(storage)).rejects.toThrow(/proxy-page \(HTTP 503\)\. A page (?:of 51 bytes )?came in place of/)
  })

  it.each(['upstream connect error or disconnect/reset & more', '{"message":"Forbidden"}', '<a'])(
    '%s is one, too',
    async (text) => {
      server.use(answer(503, { 'content-type': 'text/plain' }, text))
      await expect(put(openStorage())).rejects.toMatchObject({
        message: expect.stringContaining(`proxy-page (HTTP 503). A page of ${text.length} bytes`),
      })
    },
  )

  it('takes a store’s error document for what it says, whatever its type', async () => {
    server.use(answer(403, { 'content-type': 'text/html' }, '<Error><Code>AccessDenied</Code></Error>'))
    await expect(put(openStorage())).rejects.toMatchObject({ reason: 'AccessDenied' })
  })

  it.each([
    ['no body', {}, null],
    ['a text', { 'content-type': 'text/plain' }, 'Bad Request'],
    ['a page', pageHeaders, page],
    ['an empty page', pageHeaders, ''],
    ['a blank', {}, ' '],
    ['JSON', { 'content-type': 'application/json' }, '{"message":"Bad Request"}'],
    ['other XML', { 'content-type': 'application/xml' }, '<Fault><Text>Bad Request</Text></Fault>'],
    ['an XML error without a code', { 'content-type': 'application/xml' }, '<Error><Message>no</Message></Error>'],
    ['an empty code', { 'content-type': 'application/xml' }, '<Error><Code></Code></Error>'],
    ['XML that is cut', { 'content-type': 'application/xml' }, '<Error><Co'],
    ['a text that is called XML', { 'content-type': 'application/xml' }, 'Bad Request'],
    ['1 MB of text', { 'content-type': 'text/plain' }, 'x'.repeat(1_000_000)],
  ])('with status 400 and %s passes twice, for each key', async (_what, headers, body) => {
    server.use(http.put('*', () => new HttpResponse(body, { status: 400, headers })))
    const storage = openStorage()
    const other = () => storage.put('other', Readable.from(['hello']), putOptions())
    for (const retryable of [true, true, false, true]) {
      await expect(put(storage)).rejects.toMatchObject({ status: 400, retryable })
    }
    await expect(other()).rejects.toMatchObject({ retryable: true })
  })

  it('with status 400 and a code is final at once', async () => {
    server.use(http.put(object, () => s3Error(400, 'InvalidArgument')))
    await expect(put(openStorage())).rejects.toMatchObject({ reason: 'InvalidArgument', retryable: false })
  })

  it('with status 304 says that the object exists', async () => {
    server.use(answer(304, {}))
    expect(await put(openStorage())).toEqual({ outcome: 'exists' })
    await expect(put(openStorage(), { ifAbsent: false })).rejects.toMatchObject({ status: 304, reason: 'NotModified' })
  })
})

it('forgets the oldest of a thousand keys that were refused without a reason', async () => {
  server.use(http.put('*', () => new HttpResponse(null, { status: 400 })))
  const storage = open()
  const refuse = (key: string) => storage.put(key, Readable.from(['hello']), putOptions()).catch((error) => error)
  await refuse('first')
  await refuse('first')
  for (let number = 0; number < 1_000; number++) await refuse(`k${number}`)
  expect(await refuse('first')).toMatchObject({ retryable: true })
})

it('repeats no key, secret and session token that the put carried', async () => {
  const xml =
    '<Error><Code>InvalidRequest</Code><Message>Bad header among FwoGZXIvYXdzCANARYSESSION, alias/canary, wJalrCANARYSECRET</Message></Error>'
  server.use(http.put(object, () => HttpResponse.xml(xml, { status: 400 })))
  const session = {
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrCANARYSECRET',
    sessionToken: 'FwoGZXIvYXdzCANARYSESSION',
  }
  const storage = createS3Storage({
    ...{ bucket: 'media', region: 'eu-central-1', endpoint, credentials: session },
    encryption: { type: 'SSE-KMS', keyId: 'alias/canary' },
  })
  await expect(put(storage)).rejects.toMatchObject({
    cause: { message: 'Bad header among [removed], [removed], [removed]' },
  })
})
