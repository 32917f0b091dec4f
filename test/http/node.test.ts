import { randomBytes } from 'node:crypto'
import { getEventListeners, once } from 'node:events'
import { IncomingMessage, type RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'
import tls from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { HttpRequest } from '../../src/http/client.js'
import { createNodeHttpClient, getDefaultHttpClient, type NodeHttpClientOptions } from '../../src/http/node.js'
import { type Loopback, startLoopback } from '../loopback.js'
import { selfSigned } from '../self-signed.js'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(handler: RequestListener, options: Parameters<typeof startLoopback>[1] = {}): Promise<Loopback> {
  const server = await startLoopback(handler, options)
  closing.push(() => server.close())
  return server
}

function newClient(options?: NodeHttpClientOptions) {
  const client = createNodeHttpClient(options)
  closing.push(() => client.close())
  return client
}

function get(url: string, overrides: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url, headers: {}, signal: new AbortController().signal, ...overrides }
}

/** A caller who can abort, with the reason that it will give. */
function abortable() {
  const controller = new AbortController()
  const reason = new Error('the caller left')
  return { signal: controller.signal, reason, abort: () => controller.abort(reason) }
}

describe('createNodeHttpClient', () => {
  it('sends method, path, headers and body as they are', async () => {
    const seen: { method: string | undefined; url: string | undefined; headers: unknown; body: string }[] = []
    const { origin } = await serve(async (request: IncomingMessage, response) => {
      const { method, url, headers } = request
      seen.push({ method, url, headers, body: await text(request) })
      response.end()
    })
    const client = newClient()
    const body = new TextEncoder().encode('{"grüße":1}')
    const headers = { 'content-type': 'application/json', authorization: 'Bearer of-a-test' }
    for (const request of [
      get(`${origin}/a/b?c=d%20e`, { headers }),
      get(`${origin}/upload`, { method: 'POST', headers, body }),
      get(`${origin}/empty`, { method: 'POST', headers, body: new Uint8Array() }),
      get(`${origin}/gone`, { method: 'DELETE', headers }),
    ]) {
      const answer = await client(request)
      expect(await text(answer.body)).toBe('')
    }
    expect(seen.map(({ method, url, body: sent }) => [method, url, sent])).toEqual([
      ['GET', '/a/b?c=d%20e', ''],
      ['POST', '/upload', '{"grüße":1}'],
      ['POST', '/empty', ''],
      ['DELETE', '/gone', ''],
    ])
    for (const request of seen) expect(request.headers).toMatchObject(headers)
    expect(seen[1]?.headers).toMatchObject({ 'content-length': String(body.byteLength) })
    expect(seen[2]?.headers).toMatchObject({ 'content-length': '0' })
    expect(seen[0]?.headers).not.toHaveProperty('content-length')
  })

  it('streams the answer with its status and headers', async () => {
    const bytes = Buffer.alloc(300_000, 'media ')
    const { origin } = await serve((_request, response) => {
      response.writeHead(206, { 'Content-Type': 'image/png', ETag: '2489350178742251424' }).end(bytes)
    })
    const { status, headers, body } = await newClient()(get(origin))
    expect(status).toBe(206)
    expect(headers).toMatchObject({ 'content-type': 'image/png', etag: '2489350178742251424' })
    expect((await buffer(body)).equals(bytes)).toBe(true)
  })

  it('joins repeated headers, also those of which Node keeps one', async () => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, [
        ...['X-Usage', 'a', 'x-usage', 'b', 'Set-Cookie', 'c=1', 'Set-Cookie', 'd=2'],
        ...['Location', '/one', 'Location', '/two'],
      ])
      response.end()
    })
    const { headers, body } = await newClient()(get(origin))
    body.resume()
    expect(headers).toMatchObject({ 'x-usage': 'a, b', 'set-cookie': 'c=1, d=2', location: '/one, /two' })
  })

  it.each([301, 302, 303, 307, 308])('shows a %i and does not follow it', async (status) => {
    const { origin, requests } = await serve((_request, response) => {
      response.writeHead(status, { location: '/elsewhere' }).end()
    })
    const answer = await newClient()(get(`${origin}/start`))
    answer.body.resume()
    expect(answer).toMatchObject({ status, headers: { location: '/elsewhere' } })
    expect(requests).toEqual(['GET /start'])
  })

  it('does not decode a body', async () => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip at all')
    })
    const { headers, body } = await newClient()(get(origin))
    expect(headers['content-encoding']).toBe('gzip')
    expect(await text(body)).toBe('not gzip at all')
  })

  it('hands on error answers, and skips informational ones', async () => {
    const { origin } = await serve((_request, response) => {
      response.writeProcessing()
      response.writeHead(503).end('later')
    })
    const { status, body } = await newClient()(get(origin))
    expect([status, await text(body)]).toEqual([503, 'later'])
  })

  it('uses a connection again', async () => {
    const { origin, sockets } = await serve((_request, response) => response.end('x'))
    const client = newClient()
    for (let i = 0; i < 3; i++) {
      const { body } = await client(get(origin))
      await text(body)
      await nextTurn()
    }
    expect(sockets).toHaveLength(1)
  })

  it('opens at most maxSockets connections to one host', async () => {
    const { origin, sockets } = await serve((_request, response) => void setTimeout(() => response.end('x'), 5))
    const client = newClient({ maxSockets: 2 })
    const answers = Array.from({ length: 6 }, async () => text((await client(get(origin))).body))
    expect(await Promise.all(answers)).toEqual(['x', 'x', 'x', 'x', 'x', 'x'])
    expect(sockets).toHaveLength(2)
  })

  it('close ends its connections', async () => {
    const { origin, sockets, firstClosed } = await serve((_request, response) => response.end('x'))
    const client = newClient()
    await text((await client(get(origin))).body)
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false])
    client.close()
    await firstClosed()
  })

  it('rejects what is no URL and no header, without a request', async () => {
    const { origin, requests } = await serve((_request, response) => response.end())
    const client = newClient()
    await expect(client(get('no url'))).rejects.toThrow('Invalid URL')
    await expect(client(get(origin, { headers: { authorization: 'a\r\nb: c' } }))).rejects.toThrow(/Invalid character/)
    expect(requests).toEqual([])
  })

  it('rejects when nobody listens', async () => {
    const { origin, close } = await startLoopback(() => {})
    await close()
    await expect(newClient()(get(origin))).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('rejects when the connection is reset before headers', async () => {
    const { origin } = await serve((request) => request.socket.resetAndDestroy())
    const { signal } = abortable()
    await expect(newClient()(get(origin, { signal }))).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('rejects when the connection ends before headers', async () => {
    const { origin } = await serve((request) => request.socket.end())
    await expect(newClient()(get(origin))).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('rejects an answer that is no HTTP', async () => {
    const { origin } = await serve((request) => request.socket.end('220 mail.example ESMTP\r\n'))
    await expect(newClient()(get(origin))).rejects.toMatchObject({ code: expect.stringMatching(/^HPE_/) })
  })

  it('rejects a switch of protocols that nobody asked for', async () => {
    const { origin } = await serve((request) => {
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n')
    })
    const { signal } = abortable()
    await expect(newClient()(get(origin, { signal }))).rejects.toThrow('the connection closed without an answer')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it.each<[string, RequestListener]>([
    ['is reset', (request, response) => response.write('part', () => request.socket.resetAndDestroy())],
    ['ends early', (request, response) => response.write('part', () => request.socket.end())],
  ])('errors the body when the connection %s in its middle', async (_name, breakOff) => {
    const { origin } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': 1_000 })
      breakOff(request, response)
    })
    const { signal } = abortable()
    const { status, body } = await newClient()(get(origin, { signal }))
    expect(status).toBe(200)
    await expect(text(body)).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('does not end the process when a body that nobody reads breaks off', async () => {
    const { origin } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write('part', () => request.socket.resetAndDestroy())
    })
    const { body } = await newClient()(get(origin))
    // Only 'close' is listened for; an unheard 'error' would fail this run.
    await new Promise((resolve) => body.once('close', resolve))
    expect(body.errored).toMatchObject({ code: 'ECONNRESET' })
  })

  it("rejects with the signal's reason, without a request, when that has aborted", async () => {
    const { origin, sockets } = await serve((_request, response) => response.end())
    const { signal, reason, abort } = abortable()
    abort()
    await expect(newClient()(get(origin, { signal }))).rejects.toBe(reason)
    expect(sockets).toHaveLength(0)
  })

  it("rejects with the signal's reason when that aborts before headers", async () => {
    const { signal, reason, abort } = abortable()
    const { origin, firstClosed } = await serve(abort)
    await expect(newClient()(get(origin, { signal }))).rejects.toBe(reason)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await firstClosed()
  })

  it('rejects with a reason that is no error', async () => {
    const controller = new AbortController()
    const { origin } = await serve(() => controller.abort('enough'))
    await expect(newClient()(get(origin, { signal: controller.signal }))).rejects.toBe('enough')
  })

  it('rejects at once when a request is aborted that still waits for a connection', async () => {
    const { origin } = await serve(() => {})
    const client = newClient({ maxSockets: 1 })
    const first = abortable()
    const second = abortable()
    const answers = [client(get(origin, { signal: first.signal })), client(get(origin, { signal: second.signal }))]
    second.abort()
    await expect(answers[1]).rejects.toBe(second.reason)
    first.abort()
    await expect(answers[0]).rejects.toBe(first.reason)
  })

  it("errors the body with the signal's reason when that aborts in its middle", async () => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write('part')
    })
    const { signal, reason, abort } = abortable()
    const { body } = await newClient()(get(origin, { signal }))
    body.once('data', abort)
    await expect(text(body)).rejects.toBe(reason)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it.each([
    [1_000, 'keep-alive'],
    [1_000, 'close'],
    [500_000, 'keep-alive'],
  ])('never ends a body of %i bytes as if whole after an abort, with connection: %s', async (size, connection) => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { connection }).end(Buffer.alloc(size))
    })
    const { signal, reason, abort } = abortable()
    const { body } = await newClient()(get(origin, { signal }))
    // Most likely all of a small body has arrived by now; the outcome is the same if not.
    await wait(20)
    const received = pipeline(body, async (parts: AsyncIterable<Buffer>) => {
      for await (const _part of parts) await nextTurn()
    })
    abort()
    await expect(received).rejects.toBe(reason)
  })

  it('ignores an abort after the end of the body', async () => {
    const { origin, sockets } = await serve((_request, response) => response.end('x'))
    const client = newClient()
    const { signal, abort } = abortable()
    expect(await text((await client(get(origin, { signal }))).body)).toBe('x')
    await nextTurn()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    abort()
    expect(await text((await client(get(origin))).body)).toBe('x')
    expect(sockets).toHaveLength(1)
  })

  it('gives pieces that nothing changes later', async () => {
    const bytes = randomBytes(1_000_000)
    const { origin } = await serve((_request, response) => response.end(bytes))
    const { body } = await newClient()(get(origin))
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(piece)
    expect(pieces.length).toBeGreaterThan(3)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  })

  it('would copy what a parser passes on of the memory that connections read into', async () => {
    let sendRest = (): void => {}
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 8 }).write('some')
      sendRest = () => void response.end('more')
    })
    const { body } = await newClient()(get(origin))
    if (!(body instanceof IncomingMessage)) throw new Error('not what node:http answers')
    const pieces: Uint8Array[] = []
    body.on('data', (piece: Uint8Array) => pieces.push(piece))
    const read = new Promise<Uint8Array>((resolve) => {
      // What a parser would do that does not copy.
      body.socket.prependOnceListener('data', (bytes: Uint8Array) => {
        body.push(bytes)
        resolve(bytes)
      })
    })
    const ended = once(body, 'end')
    sendRest()
    const { buffer: memory } = await read
    await ended
    expect(Buffer.concat(pieces).toString()).toBe('somemoremore')
    for (const piece of pieces) expect(piece.buffer).not.toBe(memory)
  })

  it('leaves connections as Node makes them, when the option says so', async () => {
    const bytes = randomBytes(300_000)
    const { origin } = await serve((_request, response) => response.end(bytes))
    const { body } = await newClient({ reuseReadBuffer: false })(get(origin))
    expect((await buffer(body)).equals(bytes)).toBe(true)
  })

  it('hangs up on a connection that brings what nobody asked for', async () => {
    let connection: Socket | undefined
    const { origin, sockets, firstClosed } = await serve(({ socket }, response) => {
      connection ??= socket
      response.end(String(sockets.length))
    })
    const client = newClient()
    expect(await text((await client(get(origin))).body)).toBe('1')
    await nextTurn()
    connection?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
    await firstClosed()
    expect(await text((await client(get(origin))).body)).toBe('2')
  })

  it('speaks https to a server whose certificate it can prove', async () => {
    const certificate = selfSigned()
    const { origin, requests } = await serve((_request, response) => response.end('secret'), { tls: certificate })
    const client = newClient()
    await expect(client(get(`${origin}/a`))).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(requests).toEqual([])
    const { connect } = tls
    const trusting = (options: tls.ConnectionOptions) => connect({ ...options, ca: certificate.cert })
    vi.spyOn(tls, 'connect').mockImplementation(trusting as typeof connect)
    expect(await text((await client(get(`${origin}/b`))).body)).toBe('secret')
    expect(requests).toEqual(['GET /b'])
  })
})

describe('getDefaultHttpClient', () => {
  it('is one client for the whole process', async () => {
    const { origin } = await serve((_request, response) => response.end('x'))
    expect(getDefaultHttpClient()).toBe(getDefaultHttpClient())
    expect(await text((await getDefaultHttpClient()(get(origin))).body)).toBe('x')
  })
})
