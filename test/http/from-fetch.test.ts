import { getMaxListeners } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { HttpRequest } from '../../src/http/client.js'
import { type FetchLike, type FetchLikeResponse, fromFetch } from '../../src/http/from-fetch.js'
import { createController } from '../../src/timing/abort.js'
import { type Loopback, startLoopback } from '../loopback.js'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(...handler: Parameters<typeof startLoopback>): Promise<Loopback> {
  const server = await startLoopback(...handler)
  closing.push(() => server.close())
  return server
}

function get(url: string, overrides: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url, headers: {}, signal: new AbortController().signal, ...overrides }
}

describe('fromFetch over globalThis.fetch and a real server', () => {
  const client = fromFetch(fetch)

  it('sends method, path, headers and body as they are', async () => {
    const seen: unknown[] = []
    const { origin } = await serve(async (request, response) => {
      const { method, url, headers } = request
      seen.push([method, url, headers.authorization, headers['accept-encoding'], await text(request)])
      response.end()
    })
    const headers = Object.freeze({ authorization: 'Bearer of-a-test', 'accept-encoding': 'identity' })
    await client(get(`${origin}/a?b=c%20d`, { headers }))
    await client(get(`${origin}/up`, { method: 'POST', headers, body: Buffer.from('grüße') }))
    expect(seen).toEqual([
      ['GET', '/a?b=c%20d', 'Bearer of-a-test', 'identity', ''],
      ['POST', '/up', 'Bearer of-a-test', 'identity', 'grüße'],
    ])
  })

  it('streams the answer with its status and joined headers', async () => {
    const bytes = Buffer.alloc(300_000, 'media ')
    const { origin } = await serve((_request, response) => {
      response.writeHead(206, ['X-Usage', 'a', 'x-usage', 'b', 'ETag', '24893501']).end(bytes)
    })
    const { status, headers, body } = await client(get(origin))
    expect(status).toBe(206)
    expect(headers).toMatchObject({ 'x-usage': 'a, b', etag: '24893501' })
    expect(body).toBeInstanceOf(Readable)
    expect((await buffer(body)).equals(bytes)).toBe(true)
  })

  it.each([301, 302, 303, 307, 308])('shows a %i and does not follow it', async (status) => {
    const { origin, requests } = await serve((_request, response) => {
      response.writeHead(status, { location: '/elsewhere' }).end()
    })
    const answer = await client(get(`${origin}/start`))
    expect(answer).toMatchObject({ status, headers: { location: '/elsewhere' } })
    expect(await text(answer.body)).toBe('')
    expect(requests).toEqual(['GET /start'])
  })

  it('refuses an answer that was decoded behind our back', async () => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('decoded'))
    })
    const { host } = new URL(origin)
    await expect(client(get(origin))).rejects.toMatchObject({
      code: 'download-failed',
      retryable: false,
      host,
      message: `The request to ${host} failed: the answer has a Content-Encoding`,
    })
  })

  it('rejects when the connection is reset before headers', async () => {
    const { origin } = await serve((request) => request.socket.resetAndDestroy())
    await expect(client(get(origin))).rejects.toThrow('fetch failed')
  })

  it('errors the body when the connection is reset in its middle', async () => {
    const { origin } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write('part', () => request.socket.resetAndDestroy())
    })
    const { status, body } = await client(get(origin))
    expect(status).toBe(200)
    await expect(text(body)).rejects.toThrow('terminated')
  })

  it('does not end the process when a body that nobody reads breaks off', async () => {
    const { origin } = await serve((request, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write('part', () => request.socket.resetAndDestroy())
    })
    const { body } = await client(get(origin))
    // Only 'close' is listened for; an unheard 'error' would fail this run.
    await new Promise((resolve) => body.once('close', resolve).resume())
    expect(body.errored).toBeInstanceOf(Error)
  })

  it("rejects with the signal's reason when that aborts before headers", async () => {
    const caller = new AbortController()
    const reason = new Error('the caller left')
    const { origin } = await serve(() => caller.abort(reason))
    const { signal } = caller
    await expect(client(get(origin, { signal }))).rejects.toBe(reason)
    await expect(client(get(origin, { signal }))).rejects.toBe(reason)
  })

  it("errors the body with the signal's reason when that aborts in its middle", async () => {
    const caller = new AbortController()
    const reason = new Error('the caller left')
    const { origin } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write('part')
    })
    const { body } = await client(get(origin, { signal: caller.signal }))
    body.once('data', () => caller.abort(reason))
    await expect(text(body)).rejects.toBe(reason)
  })
})

describe('fromFetch over scripted answers', () => {
  const server = setupServer(
    http.get('https://lookaside.test/moved', () => HttpResponse.redirect('https://elsewhere.test/', 302)),
    http.get('https://lookaside.test/plain', () => HttpResponse.text('bytes', { headers: { 'X-Trace': 't' } })),
    http.get('https://lookaside.test/nothing', () => new HttpResponse(null, { status: 204 })),
    http.get('https://lookaside.test/down', () => HttpResponse.error()),
    http.get('https://lookaside.test/packed', () =>
      HttpResponse.text('packed', { headers: { 'content-encoding': 'br' } }),
    ),
    http.post('https://lookaside.test/echo', async ({ request }) =>
      HttpResponse.arrayBuffer(await request.arrayBuffer()),
    ),
  )
  beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
  afterAll(() => server.close())

  // Looked up at each call, since msw replaces globalThis.fetch.
  const client = fromFetch((url, init) => fetch(url, init))

  it('hands on an answer', async () => {
    const { status, headers, body } = await client(get('https://lookaside.test/plain'))
    expect([status, headers['x-trace'], await text(body)]).toEqual([200, 't', 'bytes'])
  })

  it('hands on an answer without body', async () => {
    const { status, body } = await client(get('https://lookaside.test/nothing'))
    expect([status, await text(body)]).toEqual([204, ''])
  })

  it('shows a redirect to another host, and asks it nothing', async () => {
    const { status, headers } = await client(get('https://lookaside.test/moved'))
    expect([status, headers['location']]).toEqual([302, 'https://elsewhere.test/'])
  })

  it('refuses any Content-Encoding', async () => {
    await expect(client(get('https://lookaside.test/packed'))).rejects.toMatchObject({
      code: 'download-failed',
      host: 'lookaside.test',
      retryable: false,
    })
  })

  it('rejects when no answer comes', async () => {
    await expect(client(get('https://lookaside.test/down'))).rejects.toThrow('Failed to fetch')
  })

  it('sends only the bytes of a view, not the buffer around it', async () => {
    const whole = Buffer.from('before[inside]after')
    const body = whole.subarray(6, 14)
    const answer = await client(get('https://lookaside.test/echo', { method: 'POST', body }))
    expect(await text(answer.body)).toBe('[inside]')
  })
})

describe('fromFetch over other fetches', () => {
  const answering =
    (response: Partial<FetchLikeResponse>): FetchLike =>
    async () => ({ status: 200, headers: new Headers(), body: null, ...response })

  it('asks for manual redirects, and gives no body where there is none', async () => {
    const asked: unknown[] = []
    const { signal } = new AbortController()
    const client = fromFetch(async (url, init) => {
      asked.push([url, init])
      return { status: 200, headers: new Headers(), body: null }
    })
    await client(get('https://media.example/x', { headers: { accept: '*/*' }, signal }))
    expect(asked).toEqual([
      ['https://media.example/x', { method: 'GET', headers: { accept: '*/*' }, redirect: 'manual', signal }],
    ])
  })

  it('gives the dispatcher to the fetch, with each request', async () => {
    const dispatcher = { dispatch: () => true }
    const given: unknown[] = []
    const client = fromFetch(
      async (_url, init) => {
        given.push(Reflect.get(init, 'dispatcher'))
        return { status: 200, headers: new Headers(), body: null }
      },
      { dispatcher },
    )
    await client(get('https://media.example/x'))
    await client(get('https://media.example/y', { method: 'POST', body: Buffer.from('z') }))
    expect(given).toEqual([dispatcher, dispatcher])
  })

  it.each<[unknown, string]>([
    [null, 'options must be an object, got null; known are dispatcher'],
    [{ dispatch: () => true }, 'unknown option dispatch; did you mean dispatcher?'],
    [{ dispatcher: 'http://proxy.example' }, /^dispatcher must be one of undici's dispatchers, got /],
    [
      { dispatcher: { addRequest() {} } },
      "dispatcher must be one of undici's dispatchers, and lacks the functions dispatch",
    ],
    [{ dispatcher: class ProxyAgent {} }, /^dispatcher must be .*got a class \(give an instance of it\)$/],
  ] as [unknown, string][])('refuses the options %j', (options, message) => {
    expect(() => fromFetch(fetch, options as never)).toThrow(message)
  })

  it("rejects with the signal's reason where the fetch has an error of its own for an abort", async () => {
    const caller = new AbortController()
    const reason = new Error('the caller left')
    const client = fromFetch(async () => {
      caller.abort(reason)
      throw Object.assign(new Error('The user aborted a request.'), { name: 'AbortError' })
    })
    await expect(client(get('https://media.example/x', { signal: caller.signal }))).rejects.toBe(reason)
  })

  it('takes signals that any number of calls may share for a fetch that asks for their limit', async () => {
    const { signal } = createController()
    // undici 7 does so before each request; on Node 20 a limit of 0 is none that can be read.
    const client = fromFetch(async (_url, init) => {
      expect(getMaxListeners(init.signal)).toBe(Number.POSITIVE_INFINITY)
      return { status: 200, headers: new Headers(), body: null }
    })
    expect(await client(get('https://media.example/x', { signal }))).toMatchObject({ status: 200 })
  })

  it.each<[string, Partial<FetchLikeResponse>]>([
    ['an opaque redirect', { type: 'opaqueredirect', status: 302 }],
    ['status 0', { status: 0 }],
    ['both, as in browsers', { type: 'opaqueredirect', status: 0 }],
  ])('refuses a fetch that hides redirects: %s', async (_name, response) => {
    await expect(fromFetch(answering(response))(get('https://media.example/x'))).rejects.toMatchObject({
      code: 'download-failed',
      retryable: false,
      message: 'The request to media.example failed: this fetch hides redirects',
    })
  })

  it('lower-cases the names of headers', async () => {
    const entries = new Map([
      ['Content-Type', 'image/png'],
      ['X-FB-Trace-Id', 'abc'],
    ])
    const answer = await fromFetch(answering({ type: 'basic', headers: entries }))(get('https://media.example/x'))
    expect(answer.headers).toEqual({ 'content-type': 'image/png', 'x-fb-trace-id': 'abc' })
    const packed = answering({ headers: new Map([['Content-Encoding', 'gzip']]) })
    await expect(fromFetch(packed)(get('https://media.example/x'))).rejects.toMatchObject({ code: 'download-failed' })
  })

  it("passes on a Node stream, as node-fetch's body is", async () => {
    const body = new PassThrough()
    const answer = await fromFetch(answering({ body }))(get('https://media.example/x'))
    expect(answer.body).toBe(body)
    body.end('bytes')
    expect(await text(answer.body)).toBe('bytes')
    body.destroy(new Error('late, and unheard'))
  })

  it('wraps a stream of an older kind', async () => {
    const inner = Readable.from(['by', 'tes'], { objectMode: false })
    // A stream of another library: it has the methods, but is no `Readable` of node:stream.
    const foreign = Object.create(null, {
      on: { value: inner.on.bind(inner) },
      pause: { value: inner.pause.bind(inner) },
      resume: { value: inner.resume.bind(inner) },
    }) as NodeJS.ReadableStream
    const { body } = await fromFetch(answering({ body: foreign }))(get('https://media.example/x'))
    expect(body).toBeInstanceOf(Readable)
    expect(await text(body)).toBe('bytes')
  })

  it('reads a web stream, and cancels it when the answer is refused', async () => {
    let cancelled = false
    const stream = () =>
      new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(Buffer.from('more ')),
        cancel() {
          cancelled = true
        },
      })
    const { body } = await fromFetch(answering({ body: stream() }))(get('https://media.example/x'))
    for await (const part of body) {
      expect(String(part)).toMatch(/^more /)
      break
    }
    expect(cancelled).toBe(true)
    cancelled = false
    const headers = new Headers({ 'content-encoding': 'gzip' })
    const refused = fromFetch(answering({ body: stream(), headers }))(get('https://media.example/x'))
    await expect(refused).rejects.toMatchObject({ code: 'download-failed' })
    await new Promise(setImmediate)
    expect(cancelled).toBe(true)
  })
})

describe('a fetch that gives no Response', () => {
  const headers = new Headers()
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'OK'],
    ['a number', 200],
    ['an empty object', {}],
    ['no status', { headers, body: null }],
    ['a status of text', { status: '200', headers, body: null }],
    ['no headers', { status: 200, body: null }],
    ['headers of an object', { status: 200, headers: { a: 'b' }, body: null }],
    ['no body', { status: 200, headers }],
    ['a body of text', { status: 200, headers, body: 'bytes' }],
    ['a response that is still a promise', { response: Promise.resolve() }],
  ])('is told as such, and asked again: %s', async (_name, given) => {
    const client = fromFetch((async () => given) as unknown as FetchLike)
    await expect(client(get('https://graph.facebook.com/1'))).rejects.toMatchObject({
      message: expect.stringMatching(/the fetch gave no Response, but a (?:value of type|string of)/),
      ...{ code: 'download-failed', retryable: true },
    })
  })

  it('is not meant by one of another kind or realm', async () => {
    const given = { status: 200, headers: { forEach: () => {} }, body: Readable.from(['bytes']) }
    const client = fromFetch(async () => given)
    expect((await client(get('https://graph.facebook.com/1'))).status).toBe(200)
  })
})
