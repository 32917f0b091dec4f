import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import type { HttpClient } from '../../src/http/client.js'
import { createNodeHttpClient, fromFetch } from '../../src/http.js'
import { startLoopback } from '../loopback.js'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const CLIENTS: readonly [name: string, create: () => HttpClient][] = [
  [
    'node:http',
    () => {
      const client = createNodeHttpClient()
      closing.push(client.close)
      return client
    },
  ],
  ['fetch', () => fromFetch(fetch)],
]

async function serve(listener: RequestListener): Promise<string> {
  const { origin, close } = await startLoopback(listener)
  closing.push(close)
  return origin
}

function post(url: string, body: Readable, bytes: number) {
  const headers = { 'content-length': String(bytes) }
  return { method: 'POST', url, headers, body, signal: new AbortController().signal } as const
}

const PIECE = Buffer.alloc(65_536, 'x')

/** A body that has more bytes than any buffer on its way, and tells whether it was destroyed. */
function makeLongBody(pieces = 1_000): Readable {
  let left = pieces
  return new Readable({
    read() {
      this.push(left-- > 0 ? PIECE : null)
    },
  })
}

async function readAll(source: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const part of source) bytes += part.byteLength
  return bytes
}

describe.each(CLIENTS)('a stream as body through %s', (_name, create) => {
  it('arrives with the length that was announced', async () => {
    const seen: unknown[] = []
    const origin = await serve(async (request, response) => {
      const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
      seen.push(length, encoding, (await buffer(request)).toString())
      response.end('taken')
    })
    const answer = await create()(post(origin, Readable.from([Buffer.from('he'), Buffer.from('llo')]), 5))
    expect(await text(answer.body)).toBe('taken')
    expect(seen).toEqual(['5', undefined, 'hello'])
  })

  it('arrives whole when it is longer than any buffer', async () => {
    const origin = await serve(async (request, response) => void response.end(String(await readAll(request))))
    const bytes = 1_000 * PIECE.length
    const answer = await create()(post(origin, makeLongBody(), bytes))
    expect(await text(answer.body)).toBe(String(bytes))
  })

  it('ends the request when it fails', async () => {
    const origin = await serve((request) => void request.resume())
    const body = new Readable({ read() {} })
    body.push(PIECE)
    const answer = create()(post(origin, body, 1_000_000))
    answer.catch(() => {})
    body.destroy(new Error('of the body'))
    await expect(answer).rejects.toThrow()
  })
})

describe('feedRequest', () => {
  const send: HttpClient = (request) => CLIENTS[0]?.[1]()(request) ?? Promise.reject(new Error('no client'))

  it("rejects with the body's own error", async () => {
    const origin = await serve((request) => void request.resume())
    const body = new Readable({ read() {} })
    const answer = send(post(origin, body, 1_000_000))
    body.destroy(new Error('of the body'))
    await expect(answer).rejects.toThrow('of the body')
    body.emit('error', new Error('a second one ends no process'))
  })

  it('rejects for a body that had failed before', async () => {
    const origin = await serve((request) => void request.resume())
    const body = new Readable({ read() {} }).on('error', () => {})
    const closed = new Promise((resolve) => body.once('close', resolve))
    body.destroy(new Error('before'))
    await closed
    await expect(send(post(origin, body, 5))).rejects.toThrow('before')
  })

  it('rejects for a body that closes before its end', async () => {
    const origin = await serve((request) => void request.resume())
    const body = new Readable({ read() {} })
    const answer = send(post(origin, body, 5))
    body.destroy()
    await expect(answer).rejects.toThrow('the body closed before its end')
  })

  it('brings an answer that comes early, and sends no more', async () => {
    const requests: string[] = []
    const origin = await serve((request, response) => {
      requests.push(String(request.url))
      response.writeHead(401).end('refused')
    })
    const client = createNodeHttpClient({ maxSockets: 1 })
    closing.push(client.close)
    const body = makeLongBody(1_000_000)
    const answer = await client(post(`${origin}/1`, body, 1_000_000 * PIECE.length))
    expect([answer.status, await text(answer.body)]).toEqual([401, 'refused'])
    expect(body.destroyed).toBe(true)
    // On one connection alone: that of the first request serves no other.
    const next = await client(post(`${origin}/2`, Readable.from([Buffer.from('hello')]), 5))
    expect(await text(next.body)).toBe('refused')
    expect(requests).toEqual(['/1', '/2'])
  })

  it.each(['at once', 'later'])('destroys the body when the request is aborted %s', async (moment) => {
    let arrive = (): void => {}
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const origin = await serve((request) => void request.resume().once('data', arrive))
    const body = new Readable({ read() {} })
    body.push('hell')
    const controller = new AbortController()
    const answer = send({ ...post(origin, body, 5), signal: controller.signal })
    const closed = once(body, 'close')
    if (moment === 'later') await arrived
    controller.abort(new Error('enough'))
    await expect(answer).rejects.toThrow('enough')
    await closed
  })
})
