import { createHash } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import tls from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createS3Clock } from '../../../../src/storage/s3/direct/clock.js'
import { createHttpPut, type HttpPut, type HttpPutRequest } from '../../../../src/storage/s3/direct/http-put.js'
import { createS3Signer } from '../../../../src/storage/s3/direct/signature-v4.js'
import { type Loopback, startLoopback } from '../../../loopback.js'
import { selfSigned } from '../../../self-signed.js'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example-secret' }
const bytes = Buffer.from('hello')
/** So many that they are sent, not held until more come. */
const enough = Buffer.alloc(131_072, 'x')
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

interface Store extends Loopback {
  sender: HttpPut
  put(body: Readable, more?: Partial<HttpPutRequest>): ReturnType<HttpPut['put']>
}

async function startStore(handler: RequestListener, options?: Parameters<typeof startLoopback>[1]): Promise<Store> {
  const server = await startLoopback(handler, options)
  const sender = createHttpPut({ signer: createS3Signer(), clock: createS3Clock(), agent: undefined })
  open.push(sender, server)
  const { origin } = server
  const address = { origin, host: new URL(origin).host, path: '/media', region: 'eu-central-1' }
  const put: Store['put'] = (body, more = {}) =>
    sender.put(body, {
      address,
      credentials,
      key: 'a b.jpg',
      size: 5,
      sha256: hashOf(bytes),
      headers: {},
      signal: undefined,
      ...more,
    })
  return { ...server, sender, put }
}

function hashOf(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex')
}

type Received = { request: IncomingMessage; body: Buffer }[]

/** Takes whole bodies, like a store. */
function taking(received: Received = []): RequestListener {
  return (request, response) => {
    buffer(request).then(
      (body) => {
        received.push({ request, body })
        response.writeHead(200, { etag: '"e"' }).end()
      },
      () => {},
    )
  }
}

const refuse = (response: ServerResponse, status: number, xml = '', headers: Record<string, string> = {}): void =>
  void response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(xml)

describe('put', () => {
  it('sends one plain, signed request with its length, and uses its connection again', async () => {
    const received: Received = []
    const { put, sockets } = await startStore(taking(received))
    const headers = { 'content-type': 'image/jpeg', 'if-none-match': '*' }
    expect(await put(Readable.from([bytes.subarray(0, 2), bytes.subarray(2)]), { headers })).toEqual({
      etag: '"e"',
      checksum: undefined,
      isEarly: false,
    })
    await put(Readable.from(['hello']), { credentials: { ...credentials, sessionToken: 'token' } })
    await put(Readable.from([]), { size: 0 })
    const [first, second, third] = received
    expect(first?.request.url).toBe('/media/a%20b.jpg')
    expect(first?.request.headers).toMatchObject({
      ...headers,
      'content-length': '5',
      'x-amz-content-sha256': hashOf(bytes),
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=content-length;content-type;host;if-none-match;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
      ),
    })
    for (const name of ['expect', 'transfer-encoding', 'content-encoding', 'x-amz-security-token']) {
      expect(first?.request.headers).not.toHaveProperty(name)
    }
    expect(second?.request.headers['x-amz-security-token']).toBe('token')
    expect(received.map(({ body }) => String(body))).toEqual(['hello', 'hello', ''])
    expect(third?.request.headers['content-length']).toBe('0')
    expect(sockets).toHaveLength(1)
  })

  it('speaks https, and returns the checksum of the store’s answer', async () => {
    const certificate = selfSigned()
    const { connect } = tls
    const trusting = (options: tls.ConnectionOptions) => connect({ ...options, ca: certificate.cert })
    vi.spyOn(tls, 'connect').mockImplementation(trusting as typeof connect)
    const { put, origin } = await startStore(
      (request, response) =>
        void request
          .resume()
          .once('end', () => response.writeHead(200, { etag: '"e"', 'x-amz-checksum-sha256': 'sum' }).end()),
      { tls: certificate },
    )
    expect(origin).toMatch(/^https:/)
    expect(await put(Readable.from([bytes]))).toEqual({ etag: '"e"', checksum: 'sum', isEarly: false })
  })

  it('finds IPv6 addresses', async () => {
    const { put } = await startStore(taking())
    const address = { origin: 'http://[::1]:9', host: '[::1]:9', path: '', region: 'x' }
    await expect(put(Readable.from([bytes]), { address })).rejects.toMatchObject({
      code: expect.stringMatching(/^E/),
      address: '::1',
    })
  })

  it('waits while the store is slow, and sends large bodies whole', async () => {
    const received: Received = []
    const { put } = await startStore((request, response) => {
      setTimeout(() => taking(received)(request, response), 20)
    })
    const body = Buffer.alloc(3_000_000, 'large')
    const chunks = Array.from({ length: 30 }, (_, at) => body.subarray(at * 100_000, (at + 1) * 100_000))
    await put(Readable.from(chunks), { size: body.length, sha256: hashOf(body) })
    expect(received[0]?.body.equals(body)).toBe(true)
  })

  it('holds a body back that a store does not read', async () => {
    const { put } = await startStore(() => {})
    const size = 200 * enough.length
    let taken = 0
    const body = Readable.from(
      (function* () {
        for (; taken < size; taken += enough.length) yield enough
      })(),
    )
    const leaving = new AbortController()
    const sent = put(body, { size, signal: leaving.signal })
    await vi.waitFor(() => expect(body.isPaused()).toBe(true), 30_000)
    expect(taken).toBeLessThan(size)
    leaving.abort('seen')
    await expect(sent).rejects.toBe('seen')
  })

  it('joins the next chunks while the last are under way', async () => {
    const { put } = await startStore(taking())
    const body = Readable.from(Array.from({ length: 40 }, () => enough))
    let taken = 0
    const takenAtPauses: number[] = []
    body.on('pause', () => takenAtPauses.push(taken)).on('data', () => taken++)
    await put(body, { size: 40 * enough.length })
    expect(takenAtPauses[0]).toBeGreaterThan(1)
  })

  it('needs no interim answer before it sends, and ignores one', async () => {
    const { put } = await startStore((request, response) => {
      response.writeContinue()
      taking()(request, response)
    })
    expect(await put(Readable.from([bytes]))).toMatchObject({ etag: '"e"' })
  })

  it('reads a body that was paused before', async () => {
    const { put } = await startStore(taking())
    const body = Readable.from([bytes])
    body.pause()
    expect(await put(body)).toMatchObject({ etag: '"e"' })
  })
})

describe('put, answered with an error', () => {
  it('reports it in the SDK’s form', async () => {
    const xml =
      '<?xml version="1.0"?><Error><Code>NoSuchBucket</Code><Message>a &lt;b&gt; &amp;&#33;&#x3f;&quot;&apos; &#9999999;&nbsp;</Message></Error>'
    const { put } = await startStore(
      (request, response) =>
        void request.resume().once('end', () => refuse(response, 404, xml, { 'retry-after': '7' })),
    )
    await expect(put(Readable.from([bytes]))).rejects.toMatchObject({
      name: 'NoSuchBucket',
      Code: 'NoSuchBucket',
      message: `a <b> &!?"' &#9999999;&nbsp;`,
      $metadata: { httpStatusCode: 404 },
      $response: { headers: { 'retry-after': '7' } },
    })
  })

  it('names an unknown one as the SDK does', async () => {
    const { put } = await startStore(
      (request, response) => void request.resume().once('end', () => refuse(response, 500)),
    )
    const error: unknown = await put(Readable.from([bytes])).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'UnknownError', message: 'UnknownError', $metadata: { httpStatusCode: 500 } })
    expect(error).not.toHaveProperty('Code')
  })

  it.each([
    [301, 'PermanentRedirect'],
    [307, 'TemporaryRedirect'],
  ])('goes nowhere else: %i %s', async (status, code) => {
    const { put, requests } = await startStore((request, response) => {
      const there = { location: `http://${request.headers.host}/elsewhere` }
      request.resume().once('end', () => refuse(response, status, `<Error><Code>${code}</Code></Error>`, there))
    })
    await expect(put(Readable.from([bytes]))).rejects.toMatchObject({
      Code: code,
      $metadata: { httpStatusCode: status },
    })
    expect(requests).toEqual(['PUT /media/a%20b.jpg'])
  })

  it('stops sending when it comes early, and lets the connection go', async () => {
    const { put, sockets, firstClosed } = await startStore((_request, response) =>
      refuse(response, 403, '<Error><Code>AccessDenied</Code><Message>no</Message></Error>'),
    )
    const body = new PassThrough()
    body.write(enough)
    body.write('more')
    const refused = put(body, { size: 10_000_000 })
    await expect(refused).rejects.toMatchObject({ Code: 'AccessDenied', $metadata: { httpStatusCode: 403 } })
    await firstClosed()
    expect(sockets[0]?.bytesRead).toBeLessThan(enough.length + 1_000)
    // Nobody listens any more, and nothing happens.
    body.destroy(new Error('too late'))
    await wait(1)
  })

  it('puts the next object on another connection when it came early', async () => {
    const received: Received = []
    let puts = 0
    const { put, sockets } = await startStore((request, response) => {
      if (puts++ === 0) refuse(response, 403)
      else taking(received)(request, response)
    })
    const body = new PassThrough()
    body.write(enough)
    await expect(put(body, { size: 10_000_000 })).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } })
    expect(await put(Readable.from([bytes]))).toMatchObject({ etag: '"e"' })
    expect(received.map(({ body }) => String(body))).toEqual(['hello'])
    expect(sockets).toHaveLength(2)
  })

  it('keeps nothing of 1,000 failures', async () => {
    const { put, sockets } = await startStore((request, response) => {
      if (request.url === '/media/early') refuse(response, 503)
      else if (request.url === '/media/late') request.resume().once('end', () => refuse(response, 503))
      else if (request.url === '/media/reset') request.socket.resetAndDestroy()
      else request.resume()
    })
    const opened = (): number => process.getActiveResourcesInfo().filter((kind) => /TCP|TLS/.test(kind)).length
    const openedBefore = opened()
    for (let turn = 0; turn < 1_000; turn++) {
      const key = ['early', 'late', 'reset', 'silent'][turn % 4] ?? ''
      const body = new PassThrough()
      body.write(enough)
      if (key !== 'early') body.end('!')
      const signal = key === 'silent' ? AbortSignal.timeout(5) : undefined
      await expect(put(body, { key, signal, size: enough.length + 1 })).rejects.toBeDefined()
      expect([body.listenerCount('data'), body.listenerCount('end'), body.listenerCount('close')]).toEqual([0, 0, 0])
    }
    await vi.waitFor(() => expect(sockets.filter(({ destroyed }) => !destroyed).length).toBeLessThanOrEqual(1))
    // Both ends of a connection that may be used again are in this process.
    await vi.waitFor(() => expect(opened()).toBeLessThanOrEqual(openedBefore + 2))
  })

  it('reports when success comes early', async () => {
    const { put } = await startStore((_request, response) => response.writeHead(200, { etag: '"e"' }).end())
    const body = new PassThrough()
    body.write(enough)
    expect(await put(body, { size: 10_000_000 })).toEqual({ etag: '"e"', checksum: undefined, isEarly: true })
  })

  it.each([
    [500, 'is kept', 'ends', { $metadata: { httpStatusCode: 500 } }],
    [500, 'is kept', 'is reset', { $metadata: { httpStatusCode: 500 } }],
    [200, 'is none', 'ends', { code: 'ERR_STREAM_PREMATURE_CLOSE' }],
    [200, 'is none', 'is reset', { code: 'ERR_STREAM_PREMATURE_CLOSE' }],
  ])('whose text breaks off: status %i %s when the connection %s', async (status, _verdict, how, expected) => {
    const { put } = await startStore((request, response) => {
      request.resume().once('end', () => {
        response.writeHead(status, { etag: '"e"', 'content-length': '100' }).write('<Error>')
        setTimeout(() => (how === 'ends' ? response.destroy() : request.socket.resetAndDestroy()), 10)
      })
    })
    await expect(put(Readable.from([bytes]))).rejects.toMatchObject(expected)
  })

  it('reads 64 KB of it, and no more', async () => {
    const { put, firstClosed } = await startStore((request, response) => {
      request.resume().once('end', () => {
        response.writeHead(503)
        const more = (): void => {
          if (response.write('x'.repeat(16_384))) setImmediate(more)
          else response.once('drain', more)
        }
        more()
      })
    })
    await expect(put(Readable.from([bytes]))).rejects.toMatchObject({ $metadata: { httpStatusCode: 503 } })
    await firstClosed()
  })

  it.each([
    ['closes', (response: ServerResponse) => response.socket?.end()],
    [
      'switches protocols',
      (response: ServerResponse) =>
        response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    ],
  ])('rejects when the store %s without an answer', async (_what, end) => {
    const { put } = await startStore((request, response) => void request.resume().once('end', () => end(response)))
    await expect(put(Readable.from([bytes]))).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('put on a connection that was idle', () => {
  /** Serves one request on each connection, and resets it at the next. */
  async function startTiredStore(received: Received): Promise<Store> {
    const store = await startStore((request, response) => {
      const { socket } = request
      if (socket.destroyed) return
      response.once('finish', () =>
        setImmediate(() => socket.prependOnceListener('data', () => socket.resetAndDestroy())),
      )
      taking(received)(request, response)
    })
    await store.put(Readable.from([bytes]))
    return store
  }

  it.each([
    ['before a byte was read', ['hello']],
    ['in the middle', [String(enough), 'l', 'lo']],
  ])('sends the body again when that was closed: %s', async (_when, chunks) => {
    const received: Received = []
    const { put, sockets } = await startTiredStore(received)
    const whole = chunks.join('')
    const body = Readable.from(slowly(chunks))
    expect(await put(body, { size: whole.length })).toMatchObject({ etag: '"e"', isEarly: false })
    expect(received.map(({ body }) => String(body))).toEqual(['hello', whole])
    expect(sockets).toHaveLength(2)
  })

  it('finds that out before a large body has gone by, however fast that comes', async () => {
    const { put, sockets } = await startStore(taking())
    await put(Readable.from([bytes]))
    const body = Buffer.alloc(600_000, 'x')
    const chunks = Array.from({ length: 40 }, (_, at) => body.subarray(at * 15_000, (at + 1) * 15_000))
    // In the same turn, in which the client can't hear of it.
    sockets[0]?.resetAndDestroy()
    expect(await put(Readable.from(chunks), { size: body.length })).toMatchObject({ etag: '"e"', isEarly: false })
    expect(sockets).toHaveLength(2)
  })

  it('does not keep large bodies for it', async () => {
    const { put, sockets } = await startTiredStore([])
    const chunk = Buffer.alloc(65_536)
    const body = Readable.from(
      (async function* () {
        for (let sent = 0; sent < 6; sent++) yield chunk
        await new Promise<never>(() => {})
      })(),
    )
    await expect(put(body, { size: 1_000_000 })).rejects.toMatchObject({
      code: expect.stringMatching(/ECONNRESET|EPIPE/),
    })
    expect(sockets).toHaveLength(1)
  })

  it('does not send again what was answered in another language', async () => {
    let puts = 0
    const { put, requests, sockets } = await startStore((request, response) => {
      if (puts++ === 0) taking()(request, response)
      else request.socket.end('SSH-2.0-OpenSSH\r\n')
    })
    await put(Readable.from([bytes]))
    await expect(put(Readable.from([bytes]))).rejects.toMatchObject({ code: expect.stringMatching(/^HPE_/) })
    expect([requests.length, sockets.length]).toEqual([2, 1])
  })

  it('does not take a reset of the source for one of the store', async () => {
    const { put, sockets } = await startStore(taking())
    await put(Readable.from([bytes]))
    const body = new PassThrough()
    body.write('he')
    setTimeout(() => body.destroy(Object.assign(new Error('source'), { code: 'ECONNRESET' })), 10)
    await expect(put(body)).rejects.toThrow('source')
    expect(sockets).toHaveLength(1)
  })
})

/** With time for everything else between the chunks. */
async function* slowly(chunks: readonly string[]): AsyncGenerator<Buffer, void, undefined> {
  for (const chunk of chunks) {
    await wait(10)
    yield Buffer.from(chunk)
  }
}

describe('put with a wrong clock', () => {
  const skewed = '<Error><Code>RequestTimeTooSkewed</Code><Message>no</Message></Error>'
  const refused = { Code: 'RequestTimeTooSkewed' }
  const timeOf = ({ headers }: IncomingMessage): number =>
    Date.parse(String(headers['x-amz-date']).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  /** No minus before a zero. */
  const minutesAhead = (request: IncomingMessage): number => Math.round((timeOf(request) - Date.now()) / 60_000) + 0

  it('signs with the store’s time from then on, and with ours when that is right again', async () => {
    let ahead = 3_600_000
    const signedAhead: number[] = []
    const { put } = await startStore((request, response) => {
      signedAhead.push(minutesAhead(request))
      const isRight = Math.abs(timeOf(request) - Date.now() - ahead) < 900_000
      const date = new Date(Date.now() + ahead).toUTCString()
      request.resume().once('end', () => {
        if (isRight) response.writeHead(200, { etag: '"e"', date }).end()
        else refuse(response, 403, skewed, { date })
      })
    })
    await expect(put(Readable.from([bytes]))).rejects.toMatchObject(refused)
    expect(await put(Readable.from([bytes]))).toMatchObject({ etag: '"e"' })
    ahead = 0
    await expect(put(Readable.from([bytes]))).rejects.toMatchObject(refused)
    expect(await put(Readable.from([bytes]))).toMatchObject({ etag: '"e"' })
    expect(signedAhead).toEqual([0, 60, 60, 0])
  })

  it.each([
    ['a little off', { date: new Date(Date.now() - 60_000).toUTCString() }],
    ['out of a cache', { date: new Date(0).toUTCString(), age: '60' }],
    ['unreadable', { date: 'yesterday' }],
  ])('keeps ours when the answer’s is %s', async (_what, headers) => {
    const signedAhead: number[] = []
    const { put } = await startStore((request, response) => {
      signedAhead.push(minutesAhead(request))
      request.resume().once('end', () => refuse(response, 403, skewed, headers))
    })
    for (let times = 0; times < 2; times++) {
      await expect(put(Readable.from([bytes]))).rejects.toMatchObject(refused)
    }
    expect(signedAhead).toEqual([0, 0])
  })
})

describe('put, given up', () => {
  it('rejects with the signal’s reason: before it begins, while it sends, while it waits', async () => {
    const { put, requests, firstClosed } = await startStore((request) => void request.resume())
    await expect(put(Readable.from([bytes]), { signal: AbortSignal.abort('at once') })).rejects.toBe('at once')
    expect(requests).toEqual([])
    const sending = new AbortController()
    const body = new PassThrough()
    body.write('he')
    body.write('l')
    setTimeout(() => sending.abort('while it sends'), 20)
    await expect(put(body, { signal: sending.signal })).rejects.toBe('while it sends')
    await firstClosed()
    const waiting = new AbortController()
    setTimeout(() => waiting.abort('while it waits'), 20)
    await expect(put(Readable.from([bytes]), { signal: waiting.signal })).rejects.toBe('while it waits')
  })

  it('sends no whole body when the signal aborts in the turn in which that ends', async () => {
    const received: Received = []
    const { put, firstClosed } = await startStore(taking(received))
    await put(Readable.from([bytes]))
    const controller = new AbortController()
    const steps = ['he', 'l', () => controller.abort('enough'), 'lo']
    const body = new Readable({
      read() {
        let step = steps.shift()
        if (typeof step === 'function') {
          step()
          step = steps.shift()
        }
        this.push(step ?? null)
      },
    })
    await expect(put(body, { signal: controller.signal })).rejects.toBe('enough')
    await firstClosed()
    expect(received).toHaveLength(1)
  })

  it('rejects with the body’s own error, and sends no whole body', async () => {
    const received: Received = []
    const { put } = await startStore(taking(received))
    const midway = new PassThrough()
    midway.write('he')
    setTimeout(() => midway.destroy(new Error('midway')), 20)
    await expect(put(midway)).rejects.toThrow('midway')
    const before = new PassThrough()
    before.on('error', () => {})
    before.destroy(new Error('before'))
    await expect(put(before)).rejects.toThrow('before')
    const closed = new PassThrough()
    closed.write('he')
    setTimeout(() => closed.destroy(), 20)
    const premature = { code: 'storage-failed', reason: 'ERR_STREAM_PREMATURE_CLOSE', retryable: true }
    await expect(put(closed)).rejects.toMatchObject(premature)
    await expect(put(new PassThrough().destroy())).rejects.toMatchObject(premature)
    expect(received).toEqual([])
  })

  it.each([
    ['longer', ['hel', 'lo!']],
    ['longer', ['hello', '!']],
    ['shorter', ['hel']],
    ['shorter', []],
  ])('refuses a body that is %s than its size: %j', async (problem, chunks) => {
    const received: Received = []
    const { put } = await startStore(taking(received))
    await expect(put(Readable.from(chunks))).rejects.toMatchObject({
      code: 'integrity-mismatch',
      message: expect.stringContaining(problem),
    })
    expect(received).toEqual([])
  })

  it.each([
    ['an object', [{ length: 5 }, 'hello']],
    ['an object at the end', ['hel', { length: 2 }]],
    ['an array', [[1, 2, 3, 4, 5]]],
  ])('refuses a body with %s in it, which no socket takes', async (_what, chunks) => {
    const received: Received = []
    const { put } = await startStore(taking(received))
    await expect(put(Readable.from(chunks))).rejects.toMatchObject({ code: 'invalid-option', option: 'body' })
    expect(received).toEqual([])
  })

  it('refuses a body that was read before', async () => {
    const { put } = await startStore(taking())
    const body = Readable.from([bytes])
    await buffer(body)
    await expect(put(body)).rejects.toMatchObject({ code: 'integrity-mismatch' })
  })

  it('breaks off when it is closed', async () => {
    const { put, sender } = await startStore(() => {})
    const putting = put(Readable.from([bytes]))
    setTimeout(() => sender.close(), 20)
    await expect(putting).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})
