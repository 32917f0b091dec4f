import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { toNodeHandler } from '../../src/webhook/node.js'
import { signPayload } from '../../src/webhook/signature.js'
import { limitUnsignedBytes } from '../../src/webhook/unsigned-bytes.js'
import { createWebhookHandler, type WebhookRejection } from '../../src/webhook.js'

describe('limitUnsignedBytes', () => {
  it('drops the largest body, not the last, until the others fit', () => {
    const dropped: string[] = []
    const memory = limitUnsignedBytes(100)
    const [small, large, middle] = ['small', 'large', 'middle'].map((name) => memory.enter(() => dropped.push(name)))
    large?.hold(60)
    middle?.hold(40)
    expect(dropped).toEqual([])
    small?.hold(1)
    expect(dropped).toEqual(['large'])
    large?.hold(1_000)
    small?.hold(60)
    expect(dropped).toEqual(['large'])
    small?.hold(61)
    expect(dropped).toEqual(['large', 'small'])
    middle?.hold(101)
    expect(dropped).toEqual(['large', 'small', 'middle'])
  })

  it('counts a body until it leaves, and once', () => {
    const drop = vi.fn()
    const memory = limitUnsignedBytes(10)
    for (let times = 0; times < 5; times++) {
      const body = memory.enter(drop)
      body.hold(4)
      body.hold(10)
      body.leave()
      body.leave()
      body.hold(10)
    }
    expect(drop).not.toHaveBeenCalled()
  })
})

const SECRET = 'test_app_secret'
const FORGED = `sha256=${'0'.repeat(64)}`

function setUp(maxUnsignedBytes: number) {
  const rejections: WebhookRejection[] = []
  const handler = createWebhookHandler({
    ...{ appSecret: SECRET, verifyToken: 'test-verify-token', maxBytes: 100_000, maxUnsignedBytes },
    onPayload() {},
    onRejected: (rejection) => void rejections.push(rejection),
  })
  return { handler, rejections }
}

const OVERLOADED = [
  {
    ...{ reason: 'memory-limit', status: 503 },
    error: expect.objectContaining({ code: 'memory-limit', retryable: true, limitBytes: 200_000 }),
  },
]

it('createWebhookHandler ends the largest of slow bodies with 503, and takes a signed one beside them', async () => {
  const { handler, rejections } = setUp(200_000)
  const cancel = vi.fn()
  const sendSlowly = (bytes: number): Promise<Response> => {
    const start = (controller: ReadableStreamDefaultController): void => controller.enqueue(new Uint8Array(bytes))
    const body = new ReadableStream({ start, cancel })
    const headers = { 'x-hub-signature-256': FORGED }
    return handler(new Request('https://app.example/', { method: 'POST', body, headers, ...{ duplex: 'half' } }))
  }
  const slow = [90_000, 99_000, 10_000].map(sendSlowly)
  const signed = JSON.stringify({ text: 'x'.repeat(5_000) })
  const headers = { 'x-hub-signature-256': signPayload(signed, { appSecret: SECRET }) }
  const answer = await handler(new Request('https://app.example/', { method: 'POST', body: signed, headers }))
  expect(answer.status).toBe(200)
  const refused = await slow[1]
  expect([refused?.status, await refused?.text()]).toEqual([503, 'Service Unavailable'])
  expect(cancel).toHaveBeenCalledOnce()
  expect(rejections).toEqual(OVERLOADED)
})

it('toNodeHandler ends a body that alone is above the limit of all, and keeps none of what still comes', async () => {
  const { handler, rejections } = setUp(200_000)
  const server = createServer(toNodeHandler(handler)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const open = async (bytes: number): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write(`POST / HTTP/1.1\r\nhost: a\r\nx-hub-signature-256: ${FORGED}\r\ncontent-length: 100000\r\n\r\n`)
    socket.write('x'.repeat(bytes))
    return socket
  }
  const sockets = await Promise.all([99_000, 99_000, 99_000].map(open))
  const answers = sockets.map(async (socket) => {
    const [answer] = (await once(socket, 'data')) as [Buffer]
    // More of a refused body is read, and forgotten.
    socket.write('x')
    return String(answer)
  })
  expect(await Promise.race(answers)).toMatch(
    /^HTTP\/1\.1 503 Service Unavailable\r\n(?:.*\r\n)*connection: close\r\n/i,
  )
  expect(rejections[0]).toMatchObject({ reason: 'memory-limit' })
})

it('maxUnsignedBytes can not be below maxBytes, and grows with it', () => {
  expect(() => setUp(99_999)).toThrow(/^maxUnsignedBytes must be a whole number from 100000 to /)
  const options = { appSecret: SECRET, verifyToken: 'test-verify-token', onPayload() {}, maxBytes: 100_000_000 }
  expect(() => createWebhookHandler(options)).not.toThrow()
})
