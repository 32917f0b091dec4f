import { errorMonitor, once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  createServer,
  request as httpRequest,
  IncomingMessage,
  type RequestListener,
  type Server,
  ServerResponse,
} from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { toNodeHandler } from '../../src/webhook/node.js'
import { signPayload } from '../../src/webhook/signature.js'
import { createWebhookHandler, type WebhookHandlerOptions, type WebhookRejection } from '../../src/webhook.js'

const SECRET = 'test_app_secret'
const TOKEN = 'test-verify-token'
const IMAGE = readFileSync(new URL('../fixtures/webhooks/image.json', import.meta.url))
/** A signature that nobody made. */
const CLAIM = `x-hub-signature-256: sha256=${'0'.repeat(64)}\r\n`
const SIGNED = { 'content-type': 'application/json', 'x-hub-signature-256': signPayload(IMAGE, { appSecret: SECRET }) }

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

interface Setup {
  port: number
  url: string
  payloads: unknown[]
  rejections: WebhookRejection[]
}

/** A `node:http` server; `before` may do with the request what other middlewares do. */
async function serve(
  options: Partial<WebhookHandlerOptions> = {},
  before: (...args: Parameters<RequestListener>) => unknown = () => undefined,
): Promise<Setup> {
  const payloads: unknown[] = []
  const rejections: WebhookRejection[] = []
  const handler = toNodeHandler(
    createWebhookHandler({
      appSecret: SECRET,
      verifyToken: TOKEN,
      onPayload: (payload) => void payloads.push(payload),
      onRejected: (rejection) => void rejections.push(rejection),
      ...options,
    }),
  )
  const server = createServer((request, response) => {
    void (async () => {
      await before(request, response)
      await handler(request, response)
    })()
  })
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}/webhook`, payloads, rejections }
}

function post(url: string, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = SIGNED): Promise<Response> {
  return fetch(url, { method: 'POST', body, headers })
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

describe('toNodeHandler', () => {
  it('refuses a request without a method, as a framework may make one', async () => {
    const request = new IncomingMessage(new Socket())
    const response = new ServerResponse(request)
    await toNodeHandler(createWebhookHandler({ appSecret: SECRET, verifyToken: TOKEN, onPayload() {} }))(
      request,
      response,
    )
    expect(response.statusCode).toBe(405)
  })

  it('answers the handshake', async () => {
    const { url } = await serve()
    const response = await fetch(`${url}?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${TOKEN}`)
    expect([response.status, await response.text()]).toStrictEqual([200, '1158201444'])
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('content-length')).toBe('10')
    expect((await fetch(url)).status).toBe(403)
  })

  it('takes a signed webhook and keeps the connection', async () => {
    const { url, payloads } = await serve()
    const response = await post(url, IMAGE)
    expect([response.status, await response.text()]).toStrictEqual([200, 'OK'])
    expect(response.headers.get('connection')).not.toBe('close')
    expect(payloads).toStrictEqual([JSON.parse(IMAGE.toString())])
  })

  it('takes a body in many chunks, multi-byte characters split', async () => {
    const { port, payloads } = await serve()
    const body = Buffer.from('{"text":"ä€😀 \\u00e4 \\/"}')
    const request = httpRequest({
      port,
      method: 'POST',
      path: '/webhook',
      headers: { ...SIGNED, 'x-hub-signature-256': signPayload(body, { appSecret: SECRET }) },
    })
    const answered = once(request, 'response')
    request.setNoDelay(true)
    for (const byte of body) {
      request.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    request.end()
    const [response] = (await answered) as [IncomingMessage]
    expect([response.statusCode, String(await readAll(response))]).toStrictEqual([200, 'OK'])
    expect(payloads).toStrictEqual([{ text: 'ä€😀 ä /' }])
  })

  it('refuses what is unsigned, wrongly signed or signed twice', async () => {
    const { url, port, rejections } = await serve()
    expect((await post(url, IMAGE, { 'content-type': 'application/json' })).status).toBe(401)
    expect((await post(url, IMAGE, { ...SIGNED, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` })).status).toBe(401)
    const twice = httpRequest({
      port,
      method: 'POST',
      headers: { ...SIGNED, 'x-hub-signature-256': [SIGNED['x-hub-signature-256'], SIGNED['x-hub-signature-256']] },
    })
    const answered = once(twice, 'response')
    twice.end(IMAGE)
    const [response] = (await answered) as [IncomingMessage]
    expect(response.resume().statusCode).toBe(401)
    expect(rejections.map(({ error }) => error)).toMatchObject([
      { reason: 'missing-header' },
      { reason: 'body-re-encoded' },
      { reason: 'malformed-header' },
    ])
  })

  it('answers 405, 413 and 401 without reading, and closes the connection', async () => {
    const { port, rejections } = await serve({ maxBytes: 1_000 })
    const refusals = [
      ['PUT /webhook', CLAIM, '999', 405],
      ['POST /webhook', CLAIM, '1001', 413],
      ['POST /webhook', '', '999', 401],
      ['POST /webhook', 'x-hub-signature-256: sha1=0\r\n', '999', 401],
    ] as const
    for (const [line, signature, length, status] of refusals) {
      const socket = await dial(port, `${line} HTTP/1.1\r\nhost: a\r\n${signature}content-length: ${length}\r\n\r\n{`)
      const answer = await ended(socket)
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(answer).toMatch(/\r\nconnection: close\r\n/i)
    }
    expect(rejections.map(({ reason }) => reason)).toStrictEqual(['method', 'too-large', 'signature', 'signature'])
  })

  it('cuts an unsigned 50 MB body without Content-Length at the limit, in flat memory', async () => {
    const { port, rejections } = await serve()
    const socket = await dial(port, `POST /webhook HTTP/1.1\r\nhost: a\r\n${CLAIM}transfer-encoding: chunked\r\n\r\n`)
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 'x'), Buffer.from('\r\n')])
    const before = process.memoryUsage().arrayBuffers
    let sent = 0
    let most = 0
    while (sent < 50_000_000 && !socket.destroyed && !socket.readableEnded) {
      sent += 65_536
      if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {})
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    expect(sent).toBeLessThan(50_000_000)
    expect(rejections).toMatchObject([{ reason: 'too-large', status: 413, error: { limitBytes: 4_194_304 } }])
    // The block of at most 4 MiB, the smaller one it grew out of, and what the sockets of both sides hold.
    expect(most).toBeLessThan(20_000_000)
  })

  it('cuts a body of one-byte chunks at the limit', async () => {
    const { port, rejections } = await serve({ maxBytes: 200_000 })
    const socket = await dial(port, `POST /webhook HTTP/1.1\r\nhost: a\r\n${CLAIM}transfer-encoding: chunked\r\n\r\n`)
    socket.write('1\r\nx\r\n'.repeat(200_001))
    expect(await ended(socket)).toMatch(/^HTTP\/1\.1 413 /)
    expect(rejections).toMatchObject([{ reason: 'too-large' }])
  })

  it('gives a body that stalls up after bodyTimeoutMs with 408', async () => {
    const { port, rejections } = await serve({ bodyTimeoutMs: 30 })
    const socket = await dial(port, `POST /webhook HTTP/1.1\r\nhost: a\r\n${CLAIM}content-length: 100\r\n\r\n{`)
    expect(await ended(socket)).toMatch(/^HTTP\/1\.1 408 /)
    expect(rejections).toMatchObject([{ reason: 'body-timeout', error: { limitMs: 30 } }])
  })

  it('survives a sender that hangs up in the middle', async () => {
    const { port, url, rejections } = await serve()
    const socket = await dial(port, `POST /webhook HTTP/1.1\r\nhost: a\r\n${CLAIM}content-length: 100\r\n\r\n{`)
    socket.destroy()
    await vi.waitFor(() => expect(rejections).toStrictEqual([{ reason: 'body-aborted', status: 400 }]))
    expect((await post(url, IMAGE)).status).toBe(200)
  })

  it.each([
    ['an error', new Error('middleware')],
    ['no error', undefined],
  ])('survives a request that a middleware destroys with %s', async (_name, error) => {
    const { port, rejections } = await serve({}, (request) => void setImmediate(() => request.destroy(error)))
    const socket = await dial(port, `POST /webhook HTTP/1.1\r\nhost: a\r\n${CLAIM}content-length: 100\r\n\r\n{`)
    await ended(socket)
    expect(rejections).toStrictEqual([{ reason: 'body-aborted', status: 400 }])
  })

  it.each([
    [
      'parsed it',
      async (request: IncomingMessage) => Object.assign(request, { body: JSON.parse(String(await readAll(request))) }),
    ],
    ['read it', async (request: IncomingMessage) => void (await readAll(request))],
    ['set its encoding', (request: IncomingMessage) => request.setEncoding('utf8')],
  ])('answers 500 when someone before it %s, and says in the log how to fix it', async (_name, before) => {
    const { url, rejections, payloads } = await serve({}, before)
    const response = await post(url, IMAGE)
    expect([response.status, await response.text()]).toStrictEqual([500, 'Internal Server Error'])
    expect(rejections).toMatchObject([{ reason: 'body-already-parsed', error: { code: 'invalid-option' } }])
    expect(String(rejections[0]?.error)).toMatch(/Mount the handler before express\.json\(\)/)
    expect(payloads).toStrictEqual([])
  })

  it.each(['body', 'rawBody'])('takes the bytes that someone kept as %s, within the limit', async (name) => {
    const keep = async (request: IncomingMessage): Promise<unknown> =>
      Object.assign(request, { body: {}, [name]: await readAll(request) })
    const { url, payloads } = await serve({}, keep)
    expect((await post(url, IMAGE)).status).toBe(200)
    expect(payloads).toHaveLength(1)
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(IMAGE)
        controller.close()
      },
    })
    const small = await serve({ maxBytes: IMAGE.length - 1 }, keep)
    const init = { method: 'POST', body: chunked, headers: SIGNED, duplex: 'half' } as const
    expect((await fetch(small.url, init)).status).toBe(413)
  })

  it('leaves an answer alone that someone else gave meanwhile', async () => {
    const { url } = await serve(
      {
        onPayload: () => new Promise(setImmediate),
      },
      (_request, response) => void response.writeHead(503).end('busy'),
    )
    const response = await post(url, IMAGE)
    expect([response.status, await response.text()]).toStrictEqual([503, 'busy'])
  })

  it('ends an answer that someone else began and left open, and survives what is written later', async () => {
    const failed = vi.fn()
    const { url } = await serve({}, (_request, response) => {
      response.writeHead(503)
      const end = response.end.bind(response)
      response.end = () => {
        end()
        response.once(errorMonitor, failed).write('late')
        return response
      }
    })
    const response = await post(url, IMAGE)
    expect([response.status, await response.text()]).toStrictEqual([503, ''])
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'ERR_STREAM_WRITE_AFTER_END' }))
  })

  it('closes the connection when the wrapper of a middleware throws', async () => {
    const { url, payloads } = await serve({}, (_request, response) => {
      response.end = () => {
        throw new Error('middleware')
      }
    })
    await expect(post(url, IMAGE)).rejects.toThrow('fetch failed')
    expect(payloads).toHaveLength(1)
  })

  it('answers 500 when handing over failed', async () => {
    const { url } = await serve({ onMedia: () => Promise.reject(new Error('queue is full')) })
    const response = await post(url, IMAGE)
    expect([response.status, await response.text()]).toStrictEqual([500, 'Internal Server Error'])
  })
})

/** Opens a connection and says something; what a refused sender meets afterwards is no error of the test. */
async function dial(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  return socket
}

/** What came until the other side hung up. */
async function ended(socket: Socket): Promise<string> {
  let answer = ''
  socket.on('data', (chunk) => {
    answer += String(chunk)
  })
  await once(socket, 'close')
  return answer
}
