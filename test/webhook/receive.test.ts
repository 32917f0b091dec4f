import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import type { ReadBody } from '../../src/webhook/body.js'
import type { IncomingWebhook } from '../../src/webhook/handler.js'
import { toLambdaHandler } from '../../src/webhook/lambda.js'
import { toNodeHandler } from '../../src/webhook/node.js'
import { signPayload } from '../../src/webhook/signature.js'
import { createWebhookHandler, type WebhookRejection } from '../../src/webhook.js'

const SECRET = 'test_app_secret'
const BODY = Buffer.from('{}')
const HEADERS: Record<string, unknown> = {
  'content-type': 'application/json',
  'x-hub-signature-256': signPayload(BODY, { appSecret: SECRET }),
}
const BROKEN = new Error('broken adapter')

function fail(): never {
  throw BROKEN
}

/** A request that is fine, but for what a test replaces. */
function incoming(replaced: PropertyDescriptorMap): IncomingWebhook {
  const fine: IncomingWebhook = {
    method: 'POST',
    query: '',
    header: (name) => HEADERS[name],
    readBody: () => ({ outcome: 'read', bytes: BODY }),
  }
  return Object.defineProperties(fine, replaced)
}

function header(broken: string, value: () => unknown): PropertyDescriptorMap {
  return { header: { value: (name: string) => (name === broken ? value() : HEADERS[name]) } }
}

const UNPRINTABLE = { toString: fail, valueOf: fail }

function setUp({
  onRejected,
  ...limits
}: {
  onRejected?: () => unknown
  maxBytes?: number
  bodyTimeoutMs?: number
} = {}) {
  const rejections: WebhookRejection[] = []
  const handler = createWebhookHandler({
    appSecret: SECRET,
    verifyToken: 'test-verify-token',
    onPayload() {},
    ...limits,
    onRejected: (rejection) => {
      rejections.push(rejection)
      return onRejected?.()
    },
  })
  return { handler, rejections }
}

describe('receive never rejects', () => {
  it('answers 200 to the request that the others are made of', async () => {
    expect(await setUp().handler.receive(incoming({}))).toMatchObject({ status: 200 })
  })

  it.each<[string, PropertyDescriptorMap]>([
    ['a method that throws', { method: { get: fail } }],
    ['a query that throws', { method: { value: 'GET' }, query: { get: fail } }],
    ['headers that throw', { header: { value: fail } }],
    ['no way to headers', { header: { value: undefined } }],
    ['a length that is no number and no text', header('content-length', () => UNPRINTABLE)],
    ['a length that is a symbol', header('content-length', () => Symbol('length'))],
    ['a type without text', header('content-type', () => UNPRINTABLE)],
    ['a signature that throws', header('x-hub-signature-256', fail)],
    ['a body reader that throws', { readBody: { value: fail } }],
    ['a body reader that rejects', { readBody: { value: () => Promise.reject(BROKEN) } }],
    ['no body reader', { readBody: { value: undefined } }],
    ['a body reader that gives nothing', { readBody: { value: () => undefined } }],
    ['a body reader that gives null', { readBody: { value: async () => null } }],
    ['a body whose outcome throws', { readBody: { value: () => Object.defineProperty({}, 'outcome', { get: fail }) } }],
    [
      'a promise of a body that throws',
      { readBody: { value: () => Object.defineProperty({}, 'then', { get: fail }) } },
    ],
    ['a body without bytes', { readBody: { value: () => ({ outcome: 'read' }) } }],
    ...[
      new DataView(new Uint8Array(BODY).buffer),
      new Uint16Array(BODY),
      new Uint8Array(BODY).buffer,
      [...BODY],
      '{}',
    ].map((bytes): [string, PropertyDescriptorMap] => [
      `a body of another form, ${Object.prototype.toString.call(bytes)}`,
      { readBody: { value: () => ({ outcome: 'read', bytes }) } },
    ]),
  ])('given %s', async (_name, replaced) => {
    const { handler, rejections } = setUp()
    expect(await handler.receive(incoming(replaced))).toMatchObject({ status: 500, body: 'Internal Server Error' })
    expect(rejections).toStrictEqual([{ reason: 'adapter-failed', status: 500, error: expect.any(Error) }])
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
  ])('given %s for a request', async (_name, nothing) => {
    const { handler, rejections } = setUp()
    expect(await handler.receive(nothing as IncomingWebhook)).toMatchObject({ status: 500 })
    expect(rejections).toMatchObject([{ reason: 'adapter-failed' }])
  })

  it('given more bytes than it asked for', async () => {
    const { handler, rejections } = setUp({ maxBytes: BODY.length - 1 })
    expect(await handler.receive(incoming({}))).toMatchObject({ status: 413 })
    expect(rejections).toMatchObject([{ reason: 'too-large' }])
  })

  it('given a body that never ends: 408 at bodyTimeoutMs, and close ends', async () => {
    const { handler, rejections } = setUp({ bodyTimeoutMs: 20 })
    const endless = incoming({ readBody: { value: () => new Promise(() => {}) } })
    expect(await handler.receive(endless)).toMatchObject({ status: 408 })
    expect(rejections).toMatchObject([{ reason: 'body-timeout', error: { code: 'timeout', limitMs: 20 } }])
    await handler.close()
  })

  it('given an outcome of a body that there is not', async () => {
    const { handler, rejections } = setUp()
    const readBody = () => ({ outcome: 'lost' }) as unknown as ReadBody
    expect(await handler.receive({ ...incoming({}), readBody })).toMatchObject({ status: 400 })
    expect(rejections).toStrictEqual([{ reason: 'body-aborted', status: 400 }])
  })

  it.each<[string, () => unknown]>([
    ['throws', fail],
    ['rejects', () => Promise.reject(BROKEN)],
    ['gives a promise that throws', () => Object.defineProperty({}, 'then', { get: fail })],
  ])('with an onRejected that %s', async (_name, onRejected) => {
    const { handler, rejections } = setUp({ onRejected })
    expect(await handler.receive(incoming({ method: { get: fail } }))).toMatchObject({ status: 500 })
    expect(rejections).toHaveLength(1)
    await handler.close()
  })
})

describe('the adapters pass on what a request throws', () => {
  const failure = [{ reason: 'adapter-failed', status: 500, error: BROKEN }]

  it('of Request', async () => {
    const { handler, rejections } = setUp()
    const request = new Request('https://app.example/')
    const response = await handler(Object.defineProperty(request, 'url', { get: fail }))
    expect(response.status).toBe(500)
    expect(rejections).toStrictEqual(failure)
  })

  it('of Node', async () => {
    const { handler, rejections } = setUp()
    const statuses: number[] = []
    const response = { writeHead: (status: number) => void statuses.push(status), end: () => {} }
    const request = Object.defineProperty({}, 'method', { get: fail })
    await toNodeHandler(handler)(request as IncomingMessage, response as unknown as ServerResponse)
    expect(statuses).toEqual([500])
    expect(rejections).toStrictEqual(failure)
  })

  it.each<[string, object]>([
    ['writeHead', { writeHead: fail, end: () => {} }],
    ['end', { writeHead: () => {}, end: fail }],
    ['headersSent', Object.defineProperty({ writeHead: () => {}, end: () => {} }, 'headersSent', { get: fail })],
  ])('of Node never rejects: %s of a wrapped response throws', async (_name, wrapped) => {
    const { handler } = setUp()
    const destroy = vi.fn(fail)
    const response = Object.defineProperty(wrapped, 'destroy', { value: destroy })
    await toNodeHandler(handler)({ method: 'GET' } as IncomingMessage, response as unknown as ServerResponse)
    expect(destroy).toHaveBeenCalledOnce()
  })

  it('of Node, but for a URL: adapters of other platforms have none', async () => {
    const { handler, rejections } = setUp()
    const response = { writeHead: () => {}, end: () => {} }
    await toNodeHandler(handler)({ method: 'GET' } as IncomingMessage, response as unknown as ServerResponse)
    expect(rejections).toStrictEqual([{ reason: 'handshake', status: 403, error: expect.any(Error) }])
  })

  it('of Lambda', async () => {
    const { handler, rejections } = setUp()
    const event = { requestContext: Object.defineProperty({}, 'http', { get: fail, enumerable: true }) }
    expect(await toLambdaHandler(handler)(event)).toMatchObject({ statusCode: 500 })
    expect(rejections).toStrictEqual(failure)
  })

  it('of Lambda’s headers, which are read for the answer, too', async () => {
    const { handler, rejections } = setUp()
    const event = Object.defineProperty({ httpMethod: 'POST' }, 'headers', { get: fail })
    expect(await toLambdaHandler(handler)(event)).toMatchObject({ statusCode: 500 })
    expect(rejections).toStrictEqual(failure)
  })
})
