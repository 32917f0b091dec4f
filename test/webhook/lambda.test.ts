import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type LambdaWebhookEvent, toLambdaHandler } from '../../src/webhook/lambda.js'
import { signPayload } from '../../src/webhook/signature.js'
import { createWebhookHandler, type WebhookHandlerOptions, type WebhookRejection } from '../../src/webhook.js'

const SECRET = 'test_app_secret'
const TOKEN = 'test-verify-token'
const IMAGE = readFileSync(new URL('../fixtures/webhooks/image.json', import.meta.url), 'utf8')
const SIGNATURE = signPayload(IMAGE, { appSecret: SECRET })

function setUp(options: Partial<WebhookHandlerOptions> = {}) {
  const payloads: unknown[] = []
  const rejections: WebhookRejection[] = []
  const handler = toLambdaHandler(
    createWebhookHandler({
      appSecret: SECRET,
      verifyToken: TOKEN,
      onPayload: (payload) => void payloads.push(payload),
      onRejected: (rejection) => void rejections.push(rejection),
      ...options,
    }),
  )
  return { handler, payloads, rejections }
}

interface Sent {
  method: string
  body?: string
  signature?: string
  type?: string
  query?: Record<string, string>
}

const loadBalancer = { elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:ap-south-1:1:targetgroup/webhook/1' } }
const encoded = (query: Record<string, string> = {}): [string, string][] =>
  Object.entries(query).map(([name, value]) => [encodeURIComponent(name), encodeURIComponent(value)])

/** The events as AWS documents them, cut to what differs between them. */
const EVENTS: Record<string, (sent: Sent) => LambdaWebhookEvent & Record<string, unknown>> = {
  'Function URL': ({ method, body, signature, type = 'application/json', query = {} }) => ({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/webhook',
    rawQueryString: new URLSearchParams(query).toString(),
    headers: {
      'content-type': type,
      host: 'abc.lambda-url.ap-south-1.on.aws',
      ...(signature === undefined ? {} : { 'x-hub-signature-256': signature }),
    },
    requestContext: {
      accountId: 'anonymous',
      http: { method, path: '/webhook', protocol: 'HTTP/1.1', sourceIp: '192.0.2.1' },
      stage: '$default',
    },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: false,
  }),
  'HTTP API v2': ({ method, body, signature, type = 'application/json', query = {} }) => ({
    version: '2.0',
    routeKey: 'ANY /webhook',
    rawPath: '/webhook',
    rawQueryString: new URLSearchParams(query).toString(),
    ...(Object.keys(query).length === 0 ? {} : { queryStringParameters: query }),
    headers: { 'content-type': type, ...(signature === undefined ? {} : { 'x-hub-signature-256': signature }) },
    requestContext: { apiId: 'api', http: { method, path: '/webhook' }, routeKey: 'ANY /webhook', stage: '$default' },
    ...(body === undefined ? {} : { body }),
    isBase64Encoded: false,
  }),
  'REST v1': ({ method, body, signature, type = 'application/json', query }) => ({
    resource: '/webhook',
    path: '/webhook',
    httpMethod: method,
    headers: { 'Content-Type': type, ...(signature === undefined ? {} : { 'X-Hub-Signature-256': signature }) },
    multiValueHeaders: {
      'Content-Type': [type],
      ...(signature === undefined ? {} : { 'X-Hub-Signature-256': [signature] }),
    },
    queryStringParameters: query ?? null,
    multiValueQueryStringParameters: null,
    requestContext: { httpMethod: method, resourcePath: '/webhook', stage: 'prod' },
    body: body ?? null,
    isBase64Encoded: false,
  }),
  'load balancer': ({ method, body, signature, type = 'application/json', query }) => ({
    requestContext: loadBalancer,
    httpMethod: method,
    path: '/webhook',
    queryStringParameters: Object.fromEntries(encoded(query)),
    headers: { 'content-type': type, ...(signature === undefined ? {} : { 'x-hub-signature-256': signature }) },
    body: body ?? '',
    isBase64Encoded: false,
  }),
}

const HANDSHAKE = { 'hub.mode': 'subscribe', 'hub.verify_token': TOKEN, 'hub.challenge': '1158201444' }

describe.each(Object.keys(EVENTS))('toLambdaHandler with %s events', (name) => {
  const event = (sent: Sent): LambdaWebhookEvent => {
    const make = EVENTS[name]
    if (make === undefined) throw new Error(name)
    return make(sent)
  }

  it('answers the handshake', async () => {
    const { handler } = setUp()
    expect(await handler(event({ method: 'GET', query: HANDSHAKE }))).toStrictEqual({
      statusCode: 200,
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'content-length': '10',
        'x-content-type-options': 'nosniff',
      },
      body: '1158201444',
      isBase64Encoded: false,
    })
    expect(await handler(event({ method: 'GET' }))).toMatchObject({ statusCode: 403 })
  })

  it('takes a signed webhook, as text and as base64', async () => {
    const { handler, payloads } = setUp()
    const sent = { method: 'POST', body: IMAGE, signature: SIGNATURE }
    expect(await handler(event(sent))).toMatchObject({ statusCode: 200, body: 'OK' })
    const encoded = { ...event({ ...sent, body: Buffer.from(IMAGE).toString('base64') }), isBase64Encoded: true }
    expect(await handler(encoded)).toMatchObject({ statusCode: 200 })
    expect(payloads).toStrictEqual([JSON.parse(IMAGE), JSON.parse(IMAGE)])
  })

  it('takes raw UTF-8 when that is what was signed', async () => {
    const body = '{"text":"ä😀"}'
    const signature = signPayload(body, { appSecret: SECRET })
    expect(await setUp().handler(event({ method: 'POST', body, signature }))).toMatchObject({ statusCode: 200 })
  })

  it('refuses method, type, signature and size', async () => {
    const { handler, rejections } = setUp({ maxBytes: IMAGE.length, contentType: 'json' })
    const sent = { method: 'POST', body: IMAGE, signature: SIGNATURE }
    expect(await handler(event({ ...sent, method: 'PUT' }))).toMatchObject({
      statusCode: 405,
      headers: { allow: 'GET, POST' },
    })
    expect(await handler(event({ ...sent, type: 'text/plain' }))).toMatchObject({ statusCode: 415 })
    expect(await handler(event({ method: 'POST', body: IMAGE }))).toMatchObject({ statusCode: 401 })
    expect(await handler(event({ ...sent, signature: `${SIGNATURE},${SIGNATURE}` }))).toMatchObject({ statusCode: 401 })
    expect(await handler(event({ method: 'POST' }))).toMatchObject({ statusCode: 401 })
    expect(await handler(event({ method: 'POST', signature: SIGNATURE }))).toMatchObject({ statusCode: 401 })
    expect(await handler(event({ ...sent, body: `${IMAGE}€`.slice(1) }))).toMatchObject({ statusCode: 413 })
    const encoded = Buffer.from(`${IMAGE} `).toString('base64')
    expect(await handler({ ...event({ ...sent, body: encoded }), isBase64Encoded: true })).toMatchObject({
      statusCode: 413,
    })
    expect(rejections.map(({ reason }) => reason)).toStrictEqual([
      'method',
      'content-type',
      'signature',
      'signature',
      'signature',
      'signature',
      'too-large',
      'too-large',
    ])
  })

  it('answers 500 for a body that a mapping template has parsed', async () => {
    const { handler, rejections } = setUp()
    const parsed = { ...event({ method: 'POST', signature: SIGNATURE }), body: JSON.parse(IMAGE) as string }
    expect(await handler(parsed)).toMatchObject({ statusCode: 500, body: 'Internal Server Error' })
    expect(rejections).toMatchObject([{ reason: 'body-already-parsed' }])
  })
})

describe('toLambdaHandler with a load balancer that sends several values', () => {
  const receive = (query: Record<string, string>, options = {}) =>
    setUp(options).handler({
      httpMethod: 'GET',
      requestContext: loadBalancer,
      multiValueHeaders: { host: ['example.com'] },
      multiValueQueryStringParameters: Object.fromEntries(encoded(query).map(([name, value]) => [name, [value]])),
      body: '',
    })

  it('answers in kind', async () => {
    expect(await receive(HANDSHAKE)).toMatchObject({
      statusCode: 200,
      body: '1158201444',
      multiValueHeaders: { 'content-type': ['text/plain; charset=utf-8'], 'content-length': ['10'] },
    })
  })

  it('reads a query as it was encoded', async () => {
    const verifyToken = 'a+b & c%=ü'
    expect(await receive({ ...HANDSHAKE, 'hub.verify_token': verifyToken }, { verifyToken })).toMatchObject({
      statusCode: 200,
    })
  })

  it('takes a query without values', async () => {
    const event = { httpMethod: 'GET', requestContext: loadBalancer, queryStringParameters: { a: undefined } }
    expect(await setUp().handler(event)).toMatchObject({ statusCode: 403 })
  })
})

describe('toLambdaHandler', () => {
  it('refuses a signature header that came twice through a REST API', async () => {
    const { handler, rejections } = setUp()
    const event = {
      httpMethod: 'POST',
      headers: { 'content-type': 'application/json', 'X-Hub-Signature-256': SIGNATURE },
      multiValueHeaders: { 'X-Hub-Signature-256': [SIGNATURE, SIGNATURE] },
      body: IMAGE,
    }
    expect(await handler(event)).toMatchObject({ statusCode: 401 })
    expect(rejections).toMatchObject([{ error: { reason: 'malformed-header' } }])
  })

  it('takes headers that differ in case as one header that came twice', async () => {
    const headers = {
      'content-type': 'application/json',
      'x-hub-signature-256': SIGNATURE,
      'X-Hub-Signature-256': SIGNATURE,
    }
    expect(await setUp().handler({ httpMethod: 'POST', headers, body: IMAGE })).toMatchObject({ statusCode: 401 })
  })

  it('refuses a declared length above the limit without looking at the body', async () => {
    const { handler } = setUp({ maxBytes: 1_000 })
    const headers = { 'content-type': 'application/json', 'content-length': '1001', 'x-hub-signature-256': SIGNATURE }
    expect(await handler({ httpMethod: 'POST', headers, body: '{}' })).toMatchObject({ statusCode: 413 })
  })

  it.each([
    {},
    { headers: null },
    { requestContext: null },
    { headers: { a: undefined }, multiValueHeaders: { b: undefined } },
    null,
  ])('answers 405 to the event %j, which names no method', async (event) => {
    expect(await setUp().handler(event as LambdaWebhookEvent)).toMatchObject({ statusCode: 405 })
  })

  it('takes a header without a value for none', async () => {
    const headers = { 'content-type': undefined, 'x-hub-signature-256': SIGNATURE }
    const event = { httpMethod: 'POST', headers, body: IMAGE }
    expect(await setUp().handler(event)).toMatchObject({ statusCode: 200 })
    expect(await setUp({ contentType: 'json' }).handler(event)).toMatchObject({ statusCode: 415 })
  })

  it('reads an empty query value as empty', async () => {
    const queryStringParameters = { ...HANDSHAKE, other: undefined }
    expect(await setUp().handler({ httpMethod: 'GET', queryStringParameters })).toMatchObject({ statusCode: 200 })
  })
})

it.each([[undefined], [null], [{}], [() => {}], ['x']])('toLambdaHandler refuses %j at once', (handler) => {
  expect(() => toLambdaHandler(handler as never)).toThrow(
    /^handler (?:is missing; it )?must be the one that createWebhookHandler makes, got/,
  )
})
