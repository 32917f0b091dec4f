import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import { InvalidOptionError, InvalidSignatureError, PayloadTooLargeError, TimeoutError } from '../src/errors.js'
import type { ExtractedMedia } from '../src/webhook/extract.js'
import { signPayload } from '../src/webhook/signature.js'
import { createWebhookHandler, type WebhookHandlerOptions, type WebhookRejection } from '../src/webhook.js'

const SECRET = 'test_app_secret'
const TOKEN = 'test-verify-token'
const URL_OF_WEBHOOK = 'https://app.example/webhook'
const IMAGE = readFileSync(new URL('./fixtures/webhooks/image.json', import.meta.url))
const TEXT = readFileSync(new URL('./fixtures/webhooks/text.json', import.meta.url))

/** A handler whose calls are kept in the order they came. */
function setUp(options: Partial<WebhookHandlerOptions> = {}) {
  const calls: string[] = []
  const media: ExtractedMedia[] = []
  const rejections: WebhookRejection[] = []
  const handler = createWebhookHandler({
    appSecret: SECRET,
    verifyToken: TOKEN,
    onPayload: () => void calls.push('onPayload'),
    onMedia: (extracted) => {
      calls.push('onMedia')
      media.push(extracted)
    },
    onRejected: (rejection) => void rejections.push(rejection),
    ...options,
  })
  return { handler, calls, media, rejections }
}

function delivery(
  body: string | Uint8Array | ReadableStream<Uint8Array> | null,
  headers: Record<string, string> = {},
): Request {
  const signed = typeof body === 'string' || body instanceof Uint8Array
  return new Request(URL_OF_WEBHOOK, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      ...(signed ? { 'x-hub-signature-256': signPayload(body, { appSecret: SECRET }) } : {}),
      ...headers,
    },
    // Node's fetch wants it for streams; TypeScript's DOM-free types do not know it.
    ...{ duplex: 'half' },
  })
}

/** A delivery under a signature that nobody made. */
function claim(body: ReadableStream<Uint8Array>, headers: Record<string, string> = {}): Request {
  return delivery(body, { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}`, ...headers })
}

/** A promise, and the function that resolves it. */
function gate(): [Promise<void>, () => void] {
  let open = (): void => {}
  return [
    new Promise<void>((resolve) => {
      open = resolve
    }),
    () => open(),
  ]
}

function handshake(query: Record<string, string> | string): Request {
  return new Request(`${URL_OF_WEBHOOK}?${new URLSearchParams(query)}`)
}

const SUBSCRIBE = { 'hub.mode': 'subscribe', 'hub.verify_token': TOKEN, 'hub.challenge': '1158201444' }

async function shown(response: Response): Promise<[number, string]> {
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  return [response.status, await response.text()]
}

describe('createWebhookHandler', () => {
  it.each([[''], [undefined], [[]], ['secret\n']])('refuses the app secret %j at creation', (appSecret) => {
    expect(() => createWebhookHandler({ appSecret: appSecret as string, verifyToken: TOKEN })).toThrow(
      /^appSecret (?:is missing; it )?must be/,
    )
  })

  it.each([[''], [' '], [undefined], [5]])(
    'refuses the verify token %j at creation, without showing it',
    (verifyToken) => {
      expect(() => createWebhookHandler({ appSecret: SECRET, verifyToken: verifyToken as string })).toThrow(
        InvalidOptionError,
      )
      expect(() => createWebhookHandler({ appSecret: SECRET, verifyToken: verifyToken as string })).toThrow(
        /^verifyToken (?:is missing; it )?must be .* got a /,
      )
    },
  )

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d as a limit', (limit) => {
    expect(() => setUp({ maxBytes: limit })).toThrow(/^maxBytes must be a whole number from 1/)
    expect(() => setUp({ bodyTimeoutMs: limit })).toThrow(/^bodyTimeoutMs must be a whole number from 1 to 2147483647/)
  })

  it('refuses a time limit that timers cannot keep', () => {
    expect(() => setUp({ bodyTimeoutMs: 2 ** 31 })).toThrow(/^bodyTimeoutMs/)
  })
})

describe('the handshake', () => {
  it("echoes Meta's challenge as plain text", async () => {
    const { handler, rejections } = setUp()
    expect(await shown(await handler(handshake(SUBSCRIBE)))).toStrictEqual([200, '1158201444'])
    expect(rejections).toStrictEqual([])
  })

  it.each([
    ['another token', { ...SUBSCRIBE, 'hub.verify_token': 'wrong' }],
    ['a token of the same length', { ...SUBSCRIBE, 'hub.verify_token': TOKEN.replace('t', 'x') }],
    ['no token', { 'hub.mode': 'subscribe', 'hub.challenge': '1' }],
    ['another mode', { ...SUBSCRIBE, 'hub.mode': 'unsubscribe' }],
    ['no mode', { 'hub.verify_token': TOKEN, 'hub.challenge': '1' }],
    ['no challenge', { 'hub.mode': 'subscribe', 'hub.verify_token': TOKEN }],
    ['markup as challenge', { ...SUBSCRIBE, 'hub.challenge': '<script>alert(1)</script>' }],
    ['a line break after the challenge', { ...SUBSCRIBE, 'hub.challenge': '1\n' }],
    ['a challenge of 257 characters', { ...SUBSCRIBE, 'hub.challenge': '1'.repeat(257) }],
    ['two challenges', 'hub.mode=subscribe&hub.challenge=1&hub.challenge=2&hub.verify_token=test-verify-token'],
    ['no query', ''],
  ])('answers 403 without a detail for %s', async (_name, query) => {
    const { handler, rejections } = setUp()
    expect(await shown(await handler(handshake(query)))).toStrictEqual([403, 'Forbidden'])
    expect(rejections).toStrictEqual([{ reason: 'handshake', status: 403, error: expect.any(InvalidOptionError) }])
  })

  it('needs no signature, and no body', async () => {
    const { handler } = setUp()
    const longest = 'a-_9'.repeat(64)
    expect(await shown(await handler(handshake({ ...SUBSCRIBE, 'hub.challenge': longest })))).toStrictEqual([
      200,
      longest,
    ])
  })
})

describe('a delivery', () => {
  it('is given to onPayload and then to onMedia, and answered with 200', async () => {
    const payloads: unknown[] = []
    const { handler, calls, media, rejections } = setUp({
      onPayload: (payload, { rawBody, receivedAt }) => {
        calls.push('onPayload')
        payloads.push(payload, Buffer.from(rawBody), Number.isNaN(Date.parse(receivedAt)))
      },
    })
    expect(await shown(await handler(delivery(IMAGE)))).toStrictEqual([200, 'OK'])
    expect(payloads).toStrictEqual([JSON.parse(IMAGE.toString()), Buffer.from(IMAGE), false])
    expect(calls).toStrictEqual(['onPayload', 'onMedia'])
    expect(media).toMatchObject([{ media: [{ mediaId: '3000000000000001', caption: 'Grüße aus Köln/Bonn' }] }])
    expect(rejections).toStrictEqual([])
  })

  it('waits for onPayload before it calls onMedia, and for both before it answers', async () => {
    const [saved, save] = gate()
    const [queued, queue] = gate()
    const { handler, calls } = setUp({
      onPayload: () => saved,
      onMedia: async () => {
        calls.push('onMedia')
        await queued
      },
    })
    let isAnswered = false
    const response = handler(delivery(IMAGE)).then((answer) => {
      isAnswered = true
      return answer
    })
    await new Promise(setImmediate)
    expect(calls).toStrictEqual([])
    save()
    await vi.waitFor(() => expect(calls).toStrictEqual(['onMedia']))
    expect(isAnswered).toBe(false)
    queue()
    expect((await response).status).toBe(200)
  })

  it('without media does not reach onMedia', async () => {
    const { handler, calls } = setUp()
    expect((await handler(delivery(TEXT))).status).toBe(200)
    expect(calls).toStrictEqual(['onPayload'])
  })

  it.each(['revoke', 'unsupported'])('of a %s reaches onMedia', async (name) => {
    const { handler, media } = setUp()
    await handler(delivery(readFileSync(new URL(`./fixtures/webhooks/${name}.json`, import.meta.url))))
    expect(media).toHaveLength(1)
  })

  it.each(['onPayload', 'onMedia'])('needs no more than %s', async (callback) => {
    const handler = createWebhookHandler({ appSecret: SECRET, verifyToken: TOKEN, [callback]() {} })
    expect((await handler(delivery(IMAGE))).status).toBe(200)
    expect((await handler(delivery('{}', { 'x-hub-signature-256': '' }))).status).toBe(401)
  })

  it('gives onMedia what was sent, even if onPayload changes the payload', async () => {
    const { handler, media } = setUp({ onPayload: (payload) => void Object.assign(payload as object, { entry: [] }) })
    await handler(delivery(IMAGE))
    expect(media[0]?.media).toHaveLength(1)
  })

  it.each([
    [
      'onPayload throws',
      {
        onPayload: () => {
          throw new Error('secret detail')
        },
      },
    ],
    ['onPayload rejects', { onPayload: () => Promise.reject(new Error('secret detail')) }],
    [
      'onMedia throws',
      {
        onMedia: () => {
          throw new Error('secret detail')
        },
      },
    ],
    ['onMedia rejects', { onMedia: () => Promise.reject(new Error('secret detail')) }],
  ])('is answered with 500 and no detail when %s', async (_name, options) => {
    const { handler, rejections } = setUp(options)
    expect(await shown(await handler(delivery(IMAGE)))).toStrictEqual([500, 'Internal Server Error'])
    expect(rejections).toStrictEqual([{ reason: 'handler-failed', status: 500, error: new Error('secret detail') }])
  })

  it('does not reach onMedia when onPayload failed', async () => {
    const { handler, calls } = setUp({ onPayload: () => Promise.reject(new Error('database')) })
    await handler(delivery(IMAGE))
    expect(calls).toStrictEqual([])
  })

  it.each(['GETTER', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'])(
    'by %s is answered with 405 and the methods there are',
    async (method) => {
      const { handler, rejections, calls } = setUp()
      const response = await handler(new Request(URL_OF_WEBHOOK, { method }))
      expect(response.headers.get('allow')).toBe('GET, POST')
      expect(await shown(response)).toStrictEqual([405, 'Method Not Allowed'])
      expect(rejections).toStrictEqual([{ reason: 'method', status: 405, error: expect.any(InvalidOptionError) }])
      expect(calls).toStrictEqual([])
    },
  )

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'text/html; application/json'])(
    'of type %s is taken once its signature fits, and answered with 415 where JSON alone may come',
    async (type) => {
      expect((await setUp().handler(delivery(IMAGE, { 'content-type': type }))).status).toBe(200)
      const { handler, rejections, calls } = setUp({ contentType: 'json' })
      expect(await shown(await handler(delivery(IMAGE, { 'content-type': type })))).toStrictEqual([
        415,
        'Unsupported Media Type',
      ])
      expect(rejections).toStrictEqual([{ reason: 'content-type', status: 415, error: expect.any(InvalidOptionError) }])
      expect(rejections[0]?.error?.message).toMatch(/must be application\/json, as Meta sends it, got /)
      expect(calls).toStrictEqual([])
    },
  )

  it('without a type is taken, and answered with 415 where JSON alone may come', async () => {
    const headers = { 'x-hub-signature-256': signPayload(IMAGE, { appSecret: SECRET }) }
    const request = (): Request => new Request(URL_OF_WEBHOOK, { method: 'POST', body: Buffer.from(IMAGE), headers })
    expect((await setUp().handler(request())).status).toBe(200)
    const { handler, rejections } = setUp({ contentType: 'json' })
    expect((await handler(request())).status).toBe(415)
    expect(rejections[0]?.error?.message).toMatch(/got none/)
  })

  it('of another type and no JSON is told by its type', async () => {
    const { handler, rejections } = setUp()
    expect((await handler(delivery('a=1', { 'content-type': 'application/x-www-form-urlencoded' }))).status).toBe(415)
    expect(rejections).toMatchObject([{ reason: 'content-type' }])
  })

  it('of another type and a wrong signature is told by its signature', async () => {
    const { handler, rejections } = setUp({ contentType: 'json' })
    const headers = { 'content-type': 'text/plain', 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` }
    expect((await handler(delivery(IMAGE, headers))).status).toBe(401)
    expect(rejections).toMatchObject([{ reason: 'signature' }])
  })

  it('refuses another rule for content types', () => {
    expect(() => setUp({ contentType: 'jason' as 'json' })).toThrow(/^contentType must be any or json, got 'jason'/)
  })

  const hex = '0'.repeat(64)
  it.each<[reason: string, what: string, headers: Record<string, string>]>([
    ['missing-header', 'no signature', {}],
    ['missing-header', 'an empty signature', { 'x-hub-signature-256': '' }],
    ['missing-header', 'blanks for a signature', { 'x-hub-signature-256': '   ' }],
    ['missing-header', 'the old signature alone', { 'x-hub-signature': `sha1=${'0'.repeat(40)}` }],
    ['malformed-header', 'a signature by SHA-1', { 'x-hub-signature-256': `sha1=${'0'.repeat(40)}` }],
    ['malformed-header', 'digits alone', { 'x-hub-signature-256': hex }],
    ['malformed-header', 'a digit too few', { 'x-hub-signature-256': `sha256=${hex.slice(1)}` }],
    ['malformed-header', 'a digit too many', { 'x-hub-signature-256': `sha256=${hex}0` }],
    ['malformed-header', 'capital digits', { 'x-hub-signature-256': `sha256=${hex.slice(1)}A` }],
    ['malformed-header', 'a capital name', { 'x-hub-signature-256': `SHA256=${hex}` }],
    ['malformed-header', 'a letter that is no digit', { 'x-hub-signature-256': `sha256=${hex.slice(1)}g` }],
    ['malformed-header', 'two signatures', { 'x-hub-signature-256': `sha256=${hex}, sha256=${hex}` }],
    ['malformed-header', 'a signature in quotes', { 'x-hub-signature-256': `"sha256=${hex}"` }],
    ['malformed-header', 'a signature in base64', { 'x-hub-signature-256': `sha256=${'A'.repeat(43)}=` }],
    ['malformed-header', 'a signature of 1 MB', { 'x-hub-signature-256': `sha256=${'0'.repeat(1_000_000)}` }],
  ])('is refused as %s before it is read: %s', async (reason, _, headers) => {
    const { stream, state } = streamOf(slices(IMAGE, 100))
    const { handler, rejections } = setUp()
    expect((await handler(delivery(stream, headers))).status).toBe(401)
    expect(state.bytes).toBe(0)
    expect(rejections).toMatchObject([{ error: { reason } }])
  })

  it.each(['application/json; charset=utf-8', 'Application/JSON', 'application/json ;charset=utf-8'])(
    'of type %s is taken',
    async (type) => {
      expect((await setUp().handler(delivery(IMAGE, { 'content-type': type }))).status).toBe(200)
    },
  )

  it.each([
    ['missing-header', ''],
    ['malformed-header', 'sha256=0'],
    ['malformed-header', `sha256=${'0'.repeat(64)}, sha256=${'0'.repeat(64)}`],
    ['body-re-encoded', `sha256=${'0'.repeat(64)}`],
  ])('with a refused signature (%s) is answered with 401, parsed by nobody', async (reason, header) => {
    const { handler, rejections, calls } = setUp()
    const parse = vi.spyOn(JSON, 'parse')
    expect(await shown(await handler(delivery(IMAGE, { 'x-hub-signature-256': header })))).toStrictEqual([
      401,
      'Unauthorized',
    ])
    expect(parse).not.toHaveBeenCalled()
    expect(rejections).toMatchObject([{ reason: 'signature', status: 401, error: { reason } }])
    expect(rejections[0]?.error).toBeInstanceOf(InvalidSignatureError)
    expect(calls).toStrictEqual([])
  })

  it('signed with an older secret is taken while both are configured', async () => {
    const { handler } = setUp({ appSecret: ['new', SECRET] })
    expect((await handler(delivery(IMAGE))).status).toBe(200)
  })

  it.each(['', '{', 'nonsense', '{"a":1}}'])('of %j, which is no JSON, is answered with 400', async (body) => {
    const { handler, rejections, calls } = setUp()
    expect(await shown(await handler(delivery(body)))).toStrictEqual([400, 'Bad Request'])
    expect(rejections).toStrictEqual([{ reason: 'json', status: 400, error: expect.any(InvalidOptionError) }])
    expect(calls).toStrictEqual([])
  })

  it('without a body is answered like an empty one', async () => {
    const { handler, rejections } = setUp()
    const empty = signPayload('', { appSecret: SECRET })
    expect((await handler(delivery(null, { 'x-hub-signature-256': empty }))).status).toBe(400)
    expect(rejections).toStrictEqual([{ reason: 'json', status: 400, error: expect.any(InvalidOptionError) }])
  })

  it.each(['null', '[]', '"text"', '5', '{"entry":{}}'])('of the JSON %s is taken: it is authentic', async (body) => {
    const { handler, calls } = setUp()
    expect((await handler(delivery(body))).status).toBe(200)
    expect(calls).toStrictEqual(['onPayload'])
  })

  it('of 1,000 updates and 3 MB is taken', async () => {
    const { handler, media } = setUp()
    const messages = Array.from({ length: 1_000 }, (_, index) => ({
      id: `wamid.${index}`,
      type: 'image',
      image: { id: `m${index}`, mime_type: 'image/jpeg', caption: 'x'.repeat(2_900) },
    }))
    const body = JSON.stringify({ entry: [{ id: '1', changes: [{ field: 'messages', value: { messages } }] }] })
    expect(body.length).toBeGreaterThan(2_950_000)
    expect((await handler(delivery(body))).status).toBe(200)
    expect(media[0]?.media).toHaveLength(1_000)
  })
})

/** A stream of chunks that come one at a time; it tells how much was taken and whether it was cancelled. */
function streamOf(chunks: Iterable<Uint8Array>, end: 'close' | 'stall' | 'fail' = 'close') {
  const state = { bytes: 0, isCancelled: false }
  const source = chunks[Symbol.iterator]()
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = source.next()
        if (next.done !== true) {
          state.bytes += next.value.byteLength
          controller.enqueue(next.value)
          return
        }
        if (end === 'close') controller.close()
        if (end === 'fail') controller.error(new Error('connection reset'))
        return end === 'stall' ? new Promise(() => {}) : undefined
      },
      cancel() {
        state.isCancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, state }
}

function* slices(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('the body', () => {
  const signature = signPayload(IMAGE, { appSecret: SECRET })

  it.each([1, 2, 3, 7, 100, 1_000])('verifies in chunks of %d bytes', async (size) => {
    const text = Buffer.from('{"text":"ä€😀 \\u00e4 \\/"}')
    const headers = { 'x-hub-signature-256': signPayload(text, { appSecret: SECRET }) }
    const payloads: unknown[] = []
    const { handler } = setUp({ onPayload: (payload) => void payloads.push(payload) })
    expect((await handler(delivery(streamOf(slices(text, size)).stream, headers))).status).toBe(200)
    expect(payloads).toStrictEqual([{ text: 'ä€😀 ä /' }])
  })

  it('is copied together: chunks may reuse their memory after the first', async () => {
    const reused = new Uint8Array(1)
    function* bytes(): Generator<Uint8Array> {
      yield IMAGE.subarray(0, 1)
      for (const byte of IMAGE.subarray(1)) {
        reused[0] = byte
        yield reused
      }
    }
    const request = delivery(streamOf(bytes()).stream, { 'x-hub-signature-256': signature })
    expect((await setUp().handler(request)).status).toBe(200)
  })

  it('may have exactly maxBytes, and not one more', async () => {
    const { handler, rejections } = setUp({ maxBytes: IMAGE.length })
    const fitting = delivery(streamOf(slices(IMAGE, 100)).stream, { 'x-hub-signature-256': signature })
    expect((await handler(fitting)).status).toBe(200)
    const longer = Buffer.concat([IMAGE, Buffer.from(' ')])
    const { stream, state } = streamOf(slices(longer, 100))
    expect(await shown(await handler(claim(stream)))).toStrictEqual([413, 'Content Too Large'])
    expect(state.isCancelled).toBe(true)
    expect(rejections).toStrictEqual([
      { reason: 'too-large', status: 413, error: new PayloadTooLargeError({ limitBytes: IMAGE.length }) },
    ])
    expect(rejections[0]?.error).toMatchObject({
      code: 'payload-too-large',
      limitBytes: IMAGE.length,
    })
  })

  it('is not read at all when Content-Length says that it is too large', async () => {
    const { handler, rejections } = setUp({ maxBytes: 1_000 })
    const { stream, state } = streamOf(slices(Buffer.alloc(2_000), 100))
    expect((await handler(delivery(stream, { 'content-length': '1001' }))).status).toBe(413)
    expect(state.bytes).toBe(0)
    expect(rejections).toMatchObject([{ reason: 'too-large', error: { limitBytes: 1_000 } }])
  })

  it('is counted whatever Content-Length says', async () => {
    const { handler } = setUp({ maxBytes: 1_000 })
    for (const length of ['5', 'many', '-1']) {
      const { stream, state } = streamOf(slices(Buffer.alloc(50_000), 100))
      expect((await handler(claim(stream, { 'content-length': length }))).status).toBe(413)
      expect(state.bytes).toBeLessThanOrEqual(1_200)
    }
  })

  it('that never ends is cut at the limit, 4 MiB by default', async () => {
    const chunk = Buffer.alloc(65_536)
    const endless: Iterable<Uint8Array> = {
      *[Symbol.iterator]() {
        for (;;) yield chunk
      },
    }
    const { stream, state } = streamOf(endless)
    const { handler, rejections } = setUp()
    expect((await handler(claim(stream))).status).toBe(413)
    expect(state.bytes).toBeLessThanOrEqual(4_194_304 + 2 * chunk.length)
    expect(rejections).toMatchObject([{ error: { limitBytes: 4_194_304 } }])
  })

  it('that stalls is given up after bodyTimeoutMs with 408', async () => {
    const { stream, state } = streamOf(slices(IMAGE, 100), 'stall')
    const { handler, rejections } = setUp({ bodyTimeoutMs: 30 })
    expect(await shown(await handler(claim(stream)))).toStrictEqual([408, 'Request Timeout'])
    expect(state.isCancelled).toBe(true)
    expect(rejections).toMatchObject([{ reason: 'body-timeout', status: 408, error: { code: 'timeout', limitMs: 30 } }])
    expect(rejections[0]?.error).toBeInstanceOf(TimeoutError)
  })

  it('that breaks off is answered with 400', async () => {
    const { handler, rejections } = setUp()
    expect(await shown(await handler(claim(streamOf(slices(IMAGE, 100), 'fail').stream)))).toStrictEqual([
      400,
      'Bad Request',
    ])
    expect(rejections).toStrictEqual([{ reason: 'body-aborted', status: 400 }])
  })

  it('whose cancelling fails is refused all the same', async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(100)),
      cancel: () => Promise.reject(new Error('no')),
    })
    expect((await setUp({ maxBytes: 50 }).handler(claim(stream))).status).toBe(413)
  })

  it('that someone has read is answered with 500, and the log says what to change', async () => {
    const { handler, rejections } = setUp()
    const request = delivery(IMAGE)
    await request.json()
    expect(await shown(await handler(request))).toStrictEqual([500, 'Internal Server Error'])
    expect(rejections).toMatchObject([{ reason: 'body-already-parsed', status: 500 }])
    expect(rejections[0]?.error).toBeInstanceOf(InvalidOptionError)
    expect(String(rejections[0]?.error)).toMatch(/Call the handler before request\.json\(\)/)
  })
})

describe('onRejected', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('broken logger')
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken logger'))],
  ])('changes nothing when it %s', async (_name, onRejected) => {
    const { handler } = setUp({ onRejected })
    expect((await handler(delivery(IMAGE, { 'x-hub-signature-256': '' }))).status).toBe(401)
    // An unhandled rejection would fail the run.
    await new Promise(setImmediate)
  })
})

describe('the error of onRejected', () => {
  it.each<[string, unknown, string]>([
    ['an error', new TypeError('down'), 'down'],
    ['a text', 'down', 'What was thrown is no error: a string of 4 characters'],
    ['nothing', undefined, 'What was thrown is no error: a value of type undefined'],
    ['null', null, 'What was thrown is no error: a value of type object'],
    ['an object', { code: 1 }, 'What was thrown is no error: a value of type object'],
    ['an error of another realm', runInNewContext('new RangeError("far away")'), 'far away'],
  ])('is an error where onPayload throws %s', async (_name, thrown, message) => {
    const { handler, rejections } = setUp({
      onPayload() {
        throw thrown
      },
    })
    await handler(delivery(IMAGE))
    const [{ reason, status, error } = { reason: 'json', status: 0 }] = rejections
    expect([reason, status, error?.message]).toEqual(['handler-failed', 500, message])
    expect(error === thrown || error?.cause === thrown).toBe(true)
  })

  it('is absent where nothing was thrown', async () => {
    const rejections: object[] = []
    const onRejected = (rejection: object): void => void rejections.push(rejection)
    const handler = createWebhookHandler({ appSecret: SECRET, verifyToken: TOKEN, onPayload() {}, onRejected })
    const readBody = () => ({ outcome: 'body-aborted' }) as const
    const header = (name: string) => (name === 'x-hub-signature-256' ? `sha256=${'0'.repeat(64)}` : undefined)
    await handler.receive({ method: 'POST', query: '', header, readBody })
    expect(rejections).toEqual([{ reason: 'body-aborted', status: 400 }])
  })
})
