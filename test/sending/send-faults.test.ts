import { afterEach, describe, expect, it } from 'vitest'
import { fromFetch, type HttpClient } from '../../src/http.js'
import { type MediaEvent, type SendMessageOptions, sendMediaMessage } from '../../src/index.js'
import { isMediaRefused, isUnsent } from '../../src/sending/judge-refusal.js'
import type { FakeCloudApi, Fault } from '../../src/testing.js'
import { callOptions, catchError, createApis, phoneNumberId } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

const CAPTION = 'The invoice of Erika Mustermann'
const FILENAME = 'Invoice of Erika Mustermann.pdf'
const TO = '+1 (555) 000-1111'

const send = (api: FakeCloudApi, more: Partial<SendMessageOptions> = {}) =>
  sendMediaMessage(
    {
      ...{ to: TO, caption: CAPTION, filename: FILENAME, callbackData: 'row 7' },
      media: { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' },
    },
    { ...callOptions(api), phoneNumberId, ...more },
  )

const answer = (code: number, status = 400, more: object = {}): Fault => ({
  ...({ on: 'send', kind: 'status', status, times: 1 } as const),
  body: JSON.stringify({ error: { code, message: `(#${code}) no`, type: 'OAuthException', ...more } }),
})

const posts = (api: FakeCloudApi): number => api.requests.filter(({ kind }) => kind === 'send').length

describe('a message that Meta did not take is sent again', () => {
  it.each<[string, Fault]>([
    ['429', { on: 'send', kind: 'status', status: 429, times: 1 }],
    ['429 of a server between', { on: 'send', kind: 'status', status: 429, body: '<html>', times: 1 }],
    ['503, overloaded', { on: 'send', kind: 'status', status: 503, times: 1 }],
    ['too many calls of the app', answer(4)],
    ['too many calls of the account', answer(80_007)],
    ['too many messages', answer(130_429)],
    ['too many messages to one customer', answer(131_056)],
    ['unavailable', answer(131_016, 500)],
    ['in maintenance', answer(131_057, 500)],
    ['the server is unavailable', answer(133_004, 500)],
  ])('%s', async (_name, fault) => {
    const api = await apis.start()
    api.fail(fault)
    await send(api)
    expect([posts(api), api.messages.length, api.uploads.length]).toEqual([2, 1, 1])
  })

  it('without a connection', async () => {
    const api = await apis.start()
    const real = fromFetch(fetch)
    let refused = 0
    const http: HttpClient = (request) => {
      if (!request.url.includes('/messages') || refused > 0) return real(request)
      refused += 1
      return Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))
    }
    await send(api, { http })
    expect([refused, api.messages.length]).toEqual([1, 1])
  })

  it('with a token that is asked for again', async () => {
    const api = await apis.start()
    const given: string[] = []
    const accessToken = (): string => {
      given.push('asked')
      return given.length === 2 ? 'dead-token' : api.accessToken
    }
    await send(api, { accessToken })
    expect([given.length, posts(api), api.messages.length]).toEqual([3, 2, 1])
  })
})

describe('a message that may be sent is not sent again', () => {
  it.each<[string, Fault, object]>([
    ['reset before the answer', { on: 'send', kind: 'reset' }, { code: 'graph-unreachable' }],
    [
      'reset in the middle of the request',
      { on: 'send', kind: 'reset', afterBytes: 20 },
      { code: 'graph-unreachable' },
    ],
    ['closed in the middle of the request', { on: 'send', kind: 'close-early', afterBytes: 20 }, {}],
    ['closed in the middle of the answer', { on: 'send', kind: 'close-early' }, { code: 'graph-unreachable' }],
    ['no answer in time', { on: 'send', kind: 'stall' }, { code: 'timeout', waitedFor: 'headers' }],
    ['a page in place of the answer', { on: 'send', kind: 'html-page' }, { code: 'graph-unreachable' }],
    ['other JSON in place of the answer', { on: 'send', kind: 'json-page' }, { code: 'graph-unreachable' }],
    ['an empty answer', { on: 'send', kind: 'empty' }, { code: 'graph-unreachable' }],
    ['500 without a code', { on: 'send', kind: 'status', status: 500, body: '' }, { status: 500 }],
    ['502 of a server between', { on: 'send', kind: 'status', status: 502, body: '<html>' }, { status: 502 }],
    ['503 of a server between', { on: 'send', kind: 'status', status: 503, body: 'upstream reset' }, { status: 503 }],
    ['504 of a server between', { on: 'send', kind: 'status', status: 504, body: '' }, { status: 504 }],
    ['408', { on: 'send', kind: 'status', status: 408, body: '' }, { status: 408 }],
    ['an unknown fault', answer(1, 500), { graphCode: 1 }],
    ['something went wrong', answer(131_000, 500), { graphCode: 131_000 }],
    ['a code that nobody knows', answer(999_999, 500), { status: 500 }],
    ['a fault that passes, of an unknown code', answer(999_999, 400, { is_transient: true }), { status: 400 }],
  ])('%s', async (_name, fault, cause) => {
    const api = await apis.start()
    api.fail(fault)
    const events: MediaEvent[] = []
    const timeouts = { headersMs: 300 }
    const error = await catchError(send(api, { timeouts, onEvent: (event) => events.push(event) }))
    expect(error).toMatchObject({ code: 'send-outcome-unknown', retryable: false, phoneNumberId, cause })
    expect(error).toMatchObject({ mediaId: api.uploads[0]?.mediaId })
    expect([posts(api), api.uploads.length]).toEqual([1, 1])
    expect(events).toMatchObject([{ type: 'attempt-failed', attempt: 1, mediaType: 'document' }])
    expect(events[0]).not.toHaveProperty('retryInMs')
  })
})

describe('a message that Meta refuses for good is not sent', () => {
  it.each<[string, Fault, object]>([
    ['a dead token', answer(190, 401), { code: 'access-token', reason: 'rejected', retryable: true }],
    ['a parameter', answer(100), { code: 'graph-api', graphCode: 100 }],
    ['a missing permission, as 500', answer(3, 500), { code: 'graph-api', graphCode: 3 }],
    ['a missing permission', answer(10, 403), { code: 'graph-api' }],
    ['a blocked account', answer(368, 403), { code: 'graph-api' }],
    ['a customer who can not be reached', answer(131_026), { code: 'graph-api', graphCode: 131_026 }],
    ['more than 24 hours', answer(131_047), { code: 'graph-api', graphCode: 131_047 }],
    ['media that is bad', answer(131_053), { code: 'graph-api', graphCode: 131_053 }],
    ['403 of a firewall', { on: 'send', kind: 'status', status: 403, body: '<html>' }, { status: 403 }],
    ['413 of a proxy', { on: 'send', kind: 'status', status: 413, body: '' }, { status: 413 }],
    ['a redirect', { on: 'send', kind: 'redirect', to: 'https://login.example/' }, { status: 302 }],
    [
      'media that is gone',
      { on: 'send', kind: 'status', status: 400 },
      { code: 'media-gone', graphCode: 100, subcode: 33 },
    ],
  ])('%s', async (_name, fault, form) => {
    const api = await apis.start()
    api.fail({ ...fault, times: 1 })
    expect(await catchError(send(api))).toMatchObject({ retryable: false, ...form })
    expect([posts(api), api.messages.filter(() => fault.kind === 'status').length]).toEqual([1, 0])
  })

  it.each([['unknown', { mediaId: '1234567890123456', mediaType: 'image' as const }]])(
    'media that is %s',
    async (_name, media) => {
      const api = await apis.start()
      const work = sendMediaMessage({ to: TO, media }, { ...callOptions(api), phoneNumberId })
      expect(await catchError(work)).toMatchObject({ code: 'media-gone', mediaId: media.mediaId, graphCode: 100 })
      expect(api.messages).toEqual([])
    },
  )

  it('by a number that Meta does not know', async () => {
    const api = await apis.start({ phoneNumberIds: ['106540352242923'] })
    const media = { link: 'https://a.example/a.png', mediaType: 'image' as const }
    const work = sendMediaMessage({ to: TO, media }, { ...callOptions(api), phoneNumberId })
    expect(await catchError(work)).toMatchObject({ code: 'graph-api', graphCode: 100, subcode: 33 })
    const byId = { mediaId: '1234567890123456', mediaType: 'image' as const }
    const other = sendMediaMessage({ to: TO, media: byId }, { ...callOptions(api), phoneNumberId })
    expect(await catchError(other)).toMatchObject({ code: 'graph-api', graphCode: 100, subcode: 33 })
  })
})

describe('faults of the upload send no message', () => {
  it.each<[string, Fault, number]>([
    ['a reset in the middle', { on: 'upload', kind: 'reset', afterBytes: 100, times: 1 }, 1],
    ['503', { on: 'upload', kind: 'status', status: 503, times: 1 }, 1],
    ['429', { on: 'upload', kind: 'status', status: 429, times: 1 }, 1],
    ['a lost answer', { on: 'upload', kind: 'reset', times: 1 }, 1],
    ['a dead token', { on: 'upload', kind: 'status', status: 401 }, 0],
    ['for good', { on: 'upload', kind: 'status', status: 503 }, 0],
  ])('%s', async (_name, fault, messages) => {
    const api = await apis.start()
    api.fail(fault)
    await send(api).catch(() => {})
    expect(api.messages).toHaveLength(messages)
  })
})

it('an abort rejects with its reason', async () => {
  const api = await apis.start()
  api.fail({ on: 'send', kind: 'stall' })
  const controller = new AbortController()
  const reason = new Error('the user left')
  const work = catchError(send(api, { signal: controller.signal }))
  await expect.poll(() => api.messages.length).toBe(1)
  controller.abort(reason)
  expect(await work).toBe(reason)
})

it('a token that hangs is no lost answer', async () => {
  const api = await apis.start()
  let asked = 0
  const accessToken = (): string | Promise<string> => {
    asked += 1
    return asked === 1 ? api.accessToken : new Promise(() => {})
  }
  const error = await catchError(send(api, { accessToken, timeouts: { totalMs: 200 }, attempts: 2 }))
  expect(error).toMatchObject({ code: 'timeout', waitedFor: 'total' })
  expect(posts(api)).toBe(0)
})

it.each([
  ['ECONNREFUSED', true],
  ['ENOTFOUND', true],
  ['EAI_AGAIN', true],
  ['EHOSTUNREACH', true],
  ['ENETUNREACH', true],
  ['UND_ERR_CONNECT_TIMEOUT', true],
  ['CERT_HAS_EXPIRED', true],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', true],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', true],
  ['ERR_TLS_CERT_ALTNAME_INVALID', true],
  ['ERR_INVALID_CHAR', true],
  ['ERR_INVALID_URL', true],
  ['ERR_INVALID_PROTOCOL', true],
  ['ERR_INVALID_HTTP_TOKEN', true],
  ['ERR_HTTP_INVALID_HEADER_VALUE', true],
  ['ERR_UNESCAPED_CHARACTERS', true],
  ['UND_ERR_INVALID_ARG', true],
  // A client that fails over the answer.
  ['ERR_INVALID_STATE', false],
  ['ERR_INVALID_ARG_TYPE', false],
  ['ERR_INVALID_ARG_VALUE', false],
  ['ERR_OUT_OF_RANGE', false],
  ['ERR_MISSING_ARGS', false],
  ['ERR_UNSUPPORTED_OPERATION', false],
  ['ECONNRESET', false],
  ['EPIPE', false],
  ['ETIMEDOUT', false],
  ['UND_ERR_SOCKET', false],
  ['UND_ERR_HEADERS_TIMEOUT', false],
  ['ERR_SSL_WRONG_VERSION_NUMBER', false],
])('%s proves that nothing was sent: %s', async (code, isProof) => {
  const api = await apis.start()
  const real = fromFetch(fetch)
  const http: HttpClient = (request) =>
    request.url.includes('/messages') ? Promise.reject(Object.assign(new Error('x'), { code })) : real(request)
  const error = await catchError(send(api, { http, attempts: 1 }))
  expect(error).toHaveProperty('code', isProof ? 'graph-unreachable' : 'send-outcome-unknown')
})

const closeTwice = (stream: ReadableStreamDefaultController): void => {
  stream.close()
  stream.close()
}

it.each([
  ['a page that it parses', () => JSON.parse('<html>')],
  ['a status that no Response has', () => new Response('', { status: 99 })],
  ['a name that is not defined', () => Reflect.apply(Reflect.get(globalThis, 'eval'), undefined, ['absentLogger'])],
  ['a piece that is none', () => Buffer.concat(Array(1))],
  ['a stream that was closed', () => void new ReadableStream({ start: closeTwice })],
])('a client that fails over an answer sends no message twice: %s', async (_what, fail) => {
  const api = await apis.start()
  const real = fromFetch(fetch)
  const http: HttpClient = async (request) => {
    const answer = await real(request)
    if (request.url.includes('/messages')) fail()
    return answer
  }
  const error = await catchError(send(api, { http, attempts: 3 }))
  expect(error).toHaveProperty('code', 'send-outcome-unknown')
  expect(posts(api)).toBe(1)
})

it('what is no error of this library proves nothing', () => {
  expect(isUnsent(new Error('x'))).toBe(false)
  expect(isMediaRefused(new Error('x'))).toBe(false)
})

it('takes an answer that names no contact', async () => {
  const http = fromFetch(async () => Response.json({ messages: [{ id: 'wamid.x' }] }))
  const media = { mediaId: '1234567890123456', mediaType: 'image' } as const
  const sent = await sendMediaMessage({ to: TO, media }, { phoneNumberId, accessToken: 'of-a-test', http })
  expect(sent).toEqual({ messageId: 'wamid.x', mediaType: 'image', mediaId: media.mediaId })
})
