import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { serve } from '@hono/node-server'
import type { APIGatewayProxyHandler, APIGatewayProxyHandlerV2, LambdaFunctionURLHandler } from 'aws-lambda'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import { toLambdaHandler } from '../../src/webhook/lambda.js'
import { toNodeHandler } from '../../src/webhook/node.js'
import { signPayload } from '../../src/webhook/signature.js'
import { createWebhookHandler, type WebhookHandler, type WebhookRejection } from '../../src/webhook.js'

const SECRET = 'test_app_secret'
const TOKEN = 'test-verify-token'
const IMAGE = readFileSync(new URL('../fixtures/webhooks/image.json', import.meta.url))
const SIGNED = { 'content-type': 'application/json', 'x-hub-signature-256': signPayload(IMAGE, { appSecret: SECRET }) }
/** Enough for a webhook of 3 MB; what comes without Content-Length is cut here. */
const MAX_BYTES = 3_500_000

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

async function listening(server: Server): Promise<string> {
  cleanUps.push(() => {
    server.close()
    server.closeAllConnections()
  })
  if (!server.listening) await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`
}

/** How an app mounts the handler in each framework, and how it would get it wrong. */
type Mount = (handler: WebhookHandler, order: 'right' | 'parsed before') => Promise<string>

const FRAMEWORKS: Record<string, Mount> = {
  async Express(handler, order) {
    const app = express()
    if (order === 'parsed before') app.use(express.json())
    app.all('/webhook', toNodeHandler(handler))
    app.use(express.json())
    return listening(app.listen(0, '127.0.0.1'))
  },

  async 'node:http'(handler, order) {
    const handle = toNodeHandler(handler)
    const server = createServer(async (request, response) => {
      if (order === 'parsed before') for await (const _ of request);
      await handle(request, response)
    })
    return listening(server.listen(0, '127.0.0.1'))
  },

  async Fastify(handler, order) {
    const app = fastify()
    cleanUps.push(() => app.close())
    const handle = toNodeHandler(handler)
    await app.register(async (scope) => {
      if (order === 'right') {
        scope.removeAllContentTypeParsers()
        // Takes every type and leaves the stream alone.
        scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
      }
      scope.all('/webhook', async (request, reply) => {
        reply.hijack()
        await handle(request.raw, reply.raw)
      })
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return listening(app.server)
  },

  async Hono(handler, order) {
    const app = new Hono()
    if (order === 'parsed before') {
      app.use(async (context, next) => {
        await context.req.json()
        await next()
      })
    }
    app.all('/webhook', (context) => handler(context.req.raw))
    return listening(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server)
  },
}

function setUp(options: { bodyTimeoutMs?: number; contentType?: 'json' } = {}) {
  const payloads: unknown[] = []
  const rejections: WebhookRejection[] = []
  const handler = createWebhookHandler({
    appSecret: SECRET,
    verifyToken: TOKEN,
    maxBytes: MAX_BYTES,
    ...options,
    onPayload: (payload) => void payloads.push(payload),
    onRejected: (rejection) => void rejections.push(rejection),
  })
  return { handler, payloads, rejections }
}

async function shown(response: Response): Promise<[number, string]> {
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  return [response.status, await response.text()]
}

/** Sends a request by hand and gives what came back until the server hung up or the answer was whole. */
async function converse(
  url: string,
  write: (send: (text: string) => Promise<boolean>) => Promise<unknown>,
): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  cleanUps.push(() => socket.destroy())
  let answer = ''
  const over = new Promise<void>((resolve) => {
    // A refused sender may meet a reset in place of the answer's end.
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
    socket.on('data', (chunk) => {
      answer += String(chunk)
      if (/\r\n\r\n./.test(answer)) resolve()
    })
  })
  await Promise.race([once(socket, 'connect'), over])
  // Resolves to false once the conversation is over.
  const send = (text: string): Promise<boolean> =>
    Promise.race([
      new Promise<boolean>((resolve) => socket.write(text, (error) => resolve(!error))),
      over.then(() => false),
    ])
  await write(send)
  await over
  return answer
}

const HEAD =
  'POST /webhook HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n' +
  `x-hub-signature-256: sha256=${'0'.repeat(64)}\r\n`

describe.each(Object.entries(FRAMEWORKS))('createWebhookHandler in %s', (_name, mount) => {
  it('answers the handshake', async () => {
    const url = await mount(setUp().handler, 'right')
    const query = new URLSearchParams({
      'hub.mode': 'subscribe',
      'hub.challenge': '1158201444',
      'hub.verify_token': TOKEN,
    })
    expect(await shown(await fetch(`${url}?${query}`))).toStrictEqual([200, '1158201444'])
    query.set('hub.verify_token', 'wrong')
    expect(await shown(await fetch(`${url}?${query}`))).toStrictEqual([403, 'Forbidden'])
  })

  it('takes signed webhooks, one of 3 MB too', async () => {
    const { handler, payloads } = setUp()
    const url = await mount(handler, 'right')
    expect(await shown(await fetch(url, { method: 'POST', body: IMAGE, headers: SIGNED }))).toStrictEqual([200, 'OK'])
    const large = JSON.stringify({ text: 'ä'.repeat(1_500_000) })
    const headers = { ...SIGNED, 'x-hub-signature-256': signPayload(large, { appSecret: SECRET }) }
    expect(await shown(await fetch(url, { method: 'POST', body: large, headers }))).toStrictEqual([200, 'OK'])
    expect(payloads).toStrictEqual([JSON.parse(IMAGE.toString()), JSON.parse(large)])
  })

  it('refuses what is unsigned, wrongly signed, of another type or method', async () => {
    const { handler, payloads, rejections } = setUp({ contentType: 'json' })
    const url = await mount(handler, 'right')
    const send = async (method: string, headers: Record<string, string>) =>
      shown(await fetch(url, { method, body: IMAGE, headers }))
    expect(await send('POST', { 'content-type': 'application/json' })).toStrictEqual([401, 'Unauthorized'])
    const forged = { ...SIGNED, 'x-hub-signature-256': signPayload(IMAGE, { appSecret: 'another' }) }
    expect(await send('POST', forged)).toStrictEqual([401, 'Unauthorized'])
    expect(await send('POST', { ...SIGNED, 'content-type': 'text/plain' })).toStrictEqual([
      415,
      'Unsupported Media Type',
    ])
    expect(await send('PUT', SIGNED)).toStrictEqual([405, 'Method Not Allowed'])
    expect(payloads).toStrictEqual([])
    expect(rejections.map(({ reason }) => reason)).toStrictEqual(['signature', 'signature', 'content-type', 'method'])
  })

  it('refuses an oversized body by its Content-Length', async () => {
    const { handler, rejections } = setUp()
    const url = await mount(handler, 'right')
    const answer = await converse(url, (send) => send(`${HEAD}content-length: 50000000\r\n\r\n`))
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(rejections.map(({ reason }) => reason)).toStrictEqual(['too-large'])
  })

  it('cuts an oversized body without Content-Length', async () => {
    const { handler, rejections } = setUp()
    const url = await mount(handler, 'right')
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
    let sent = 0
    await converse(url, async (send) => {
      let isOpen = await send(`${HEAD}transfer-encoding: chunked\r\n\r\n`)
      while (isOpen && sent < 50_000_000) {
        isOpen = await send(chunk)
        sent += 65_536
      }
    })
    expect(sent).toBeLessThan(50_000_000)
    expect(rejections.map(({ reason }) => reason)).toStrictEqual(['too-large'])
  })

  it('gives a slow body up', async () => {
    const { handler, rejections } = setUp({ bodyTimeoutMs: 50 })
    const url = await mount(handler, 'right')
    const answer = await converse(url, (send) => send(`${HEAD}content-length: 100\r\n\r\n{"half":`))
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(rejections.map(({ reason }) => reason)).toStrictEqual(['body-timeout'])
  })

  it('says in the log how to mount it when the body was parsed before', async () => {
    const { handler, payloads, rejections } = setUp()
    const url = await mount(handler, 'parsed before')
    const response = await fetch(url, { method: 'POST', body: IMAGE, headers: SIGNED })
    expect(await shown(response)).toStrictEqual([500, 'Internal Server Error'])
    expect(payloads).toStrictEqual([])
    expect(rejections).toMatchObject([{ reason: 'body-already-parsed', error: { code: 'invalid-option' } }])
  })
})

describe('createWebhookHandler in Express', () => {
  it('uses the bytes that express.raw() kept', async () => {
    const { handler, payloads } = setUp()
    const app = express()
    app.use(express.raw({ type: '*/*' }))
    app.all('/webhook', toNodeHandler(handler))
    const url = await listening(app.listen(0, '127.0.0.1'))
    expect((await fetch(url, { method: 'POST', body: IMAGE, headers: SIGNED })).status).toBe(200)
    expect(payloads).toHaveLength(1)
  })

  it('works on a router below a path', async () => {
    const { handler } = setUp()
    const router = express.Router()
    router.all('/', toNodeHandler(handler))
    const url = await listening(express().use('/webhook', router).listen(0, '127.0.0.1'))
    expect((await fetch(url, { method: 'POST', body: IMAGE, headers: SIGNED })).status).toBe(200)
    expect((await fetch(`${url}?hub.mode=subscribe&hub.challenge=1&hub.verify_token=${TOKEN}`)).status).toBe(200)
  })
})

describe('createWebhookHandler as a route handler of Next.js', () => {
  /** A `route.ts` has one export a method, each a function of a `Request`. */
  function routeModule(options: { bodyTimeoutMs?: number } = {}) {
    const { handler, ...seen } = setUp(options)
    return { GET: handler, POST: handler, ...seen }
  }

  function post(body: Uint8Array<ArrayBuffer> | ReadableStream, headers: Record<string, string> = SIGNED): Request {
    return new Request('https://app.example/api/webhook', { method: 'POST', body, headers, ...{ duplex: 'half' } })
  }

  it('answers the handshake and takes signed webhooks', async () => {
    const { GET, POST, payloads } = routeModule()
    const query = `hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${TOKEN}`
    expect(await shown(await GET(new Request(`https://app.example/api/webhook?${query}`)))).toStrictEqual([
      200,
      '1158201444',
    ])
    expect(await shown(await POST(post(IMAGE)))).toStrictEqual([200, 'OK'])
    expect(payloads).toHaveLength(1)
  })

  it('gives a slow body up', async () => {
    const { POST, rejections } = routeModule({ bodyTimeoutMs: 50 })
    expect((await POST(post(new ReadableStream({ pull: () => new Promise(() => {}) })))).status).toBe(408)
    expect(rejections.map(({ reason }) => reason)).toStrictEqual(['body-timeout'])
  })

  it('refuses what is unsigned, wrongly signed, oversized or read before', async () => {
    const { POST, payloads, rejections } = routeModule()
    expect((await POST(post(IMAGE, { 'content-type': 'application/json' }))).status).toBe(401)
    expect((await POST(post(Buffer.from('{}')))).status).toBe(401)
    expect((await POST(post(Buffer.alloc(MAX_BYTES + 1)))).status).toBe(413)
    const read = post(IMAGE)
    await read.text()
    expect((await POST(read)).status).toBe(500)
    expect(payloads).toStrictEqual([])
    expect(rejections.map(({ reason }) => reason)).toStrictEqual([
      'signature',
      'signature',
      'too-large',
      'body-already-parsed',
    ])
  })
})

describe('toLambdaHandler', () => {
  it('fits the types of all three events', () => {
    const handler = toLambdaHandler(setUp().handler)
    expectTypeOf(handler).toExtend<LambdaFunctionURLHandler>()
    expectTypeOf(handler).toExtend<APIGatewayProxyHandlerV2>()
    expectTypeOf(handler).toExtend<APIGatewayProxyHandler>()
  })
})
