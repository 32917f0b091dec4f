import { createHmac } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { askForMediaInfo } from '../../src/download/look-up.js'
import { resolveDownload } from '../../src/download.js'
import type { HttpClient, HttpRequest } from '../../src/http/client.js'
import { createNodeHttpClient } from '../../src/http/node.js'
import { checkTimeouts, startDeadlines, type Timeouts } from '../../src/timing/deadlines.js'
import { type Loopback, startLoopback } from '../loopback.js'

const MEDIA_ID = '1013859600285441'
const HASH = '0123456789abcdef'.repeat(4)
const report = (): void => {}

describe('askForMediaInfo', () => {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  async function serve(handler: RequestListener): Promise<Loopback> {
    const server = await startLoopback(handler)
    closing.push(() => server.close())
    return server
  }

  function lookUp(baseUrl: string, overrides: { http?: HttpClient; timeouts?: Timeouts; signal?: AbortSignal } = {}) {
    const client = createNodeHttpClient()
    const deadlines = startDeadlines(checkTimeouts(overrides.timeouts), overrides.signal)
    closing.push(() => client.close(), deadlines.clear)
    const { http = client } = overrides
    const download = resolveDownload({ cloudApi: { baseUrl }, http })
    return askForMediaInfo({ mediaId: MEDIA_ID }, { download, accessToken: 'of-a-test', deadlines, report })
  }

  /** As Meta writes it. */
  const wire = String.raw`{"url":"https:\/\/lookaside.fbsbx.com\/x\/?mid=1&ext=2&hash=3","mime_type":"image\/png","sha256":"${HASH}","file_size":182859,"id":"${MEDIA_ID}","messaging_product":"whatsapp"}`

  it('asks with the token, and reads the answer', async () => {
    const asked: unknown[] = []
    const { origin } = await serve(({ method, url, headers }, response) => {
      asked.push({ method, url, ...headers })
      response.writeHead(200, { 'content-type': 'application/json' }).end(wire)
    })
    expect(await lookUp(origin)).toEqual({
      url: 'https://lookaside.fbsbx.com/x/?mid=1&ext=2&hash=3',
      ...{ mimeType: 'image/png', sha256: HASH, size: 182_859, mediaId: MEDIA_ID },
    })
    expect(asked).toMatchObject([
      {
        ...{ method: 'GET', url: `/v25.0/${MEDIA_ID}`, authorization: 'Bearer of-a-test', accept: '*/*' },
        ...{ 'accept-encoding': 'identity', 'user-agent': expect.stringMatching(/^whatsapp-media-archive\/\d/) },
      },
    ])
  })

  it('reads an answer in pieces, of bytes or text', async () => {
    for (const pieces of [
      [...Buffer.from(wire)].map((byte) => Buffer.from([byte])),
      [...wire],
      [...wire].map((character) => new TextEncoder().encode(character).buffer),
    ]) {
      const http = async (_request: HttpRequest) => ({ status: 200, headers: {}, body: Readable.from(pieces) })
      expect(await lookUp('https://graph.example', { http })).toMatchObject({ size: 182_859 })
    }
  })

  it('reads an answer that its client has paused', async () => {
    const http = async () => ({ status: 200, headers: {}, body: Readable.from([Buffer.from(wire)]).pause() })
    expect(await lookUp('https://graph.example', { http })).toMatchObject({ size: 182_859 })
  })

  it.each<[string, (body: Readable) => unknown]>([
    ['was closed', (body) => body.destroy()],
    ['closes', (body) => setImmediate(() => body.destroy())],
    ['failed', (body) => body.on('error', () => {}).destroy(new Error('before'))],
  ])('says so when the body of a client %s', async (_name, end) => {
    const body = new Readable({ read() {} })
    end(body)
    await expect(
      lookUp('https://graph.example', { http: async () => ({ status: 200, headers: {}, body }) }),
    ).rejects.toMatchObject({ code: 'download-failed', message: expect.stringContaining('the answer broke off') })
  })

  it('takes a body that was read before for no answer', async () => {
    const body = Readable.from([wire])
    await body.forEach(() => {})
    expect(body.readableEnded).toBe(true)
    const http = async () => ({ status: 200, headers: {}, body })
    await expect(lookUp('https://graph.example', { http })).rejects.toThrow('the answer is no media information')
  })

  it('hangs up on a body that is no bytes, or that failed and goes on', async () => {
    const odd = Readable.from([{ url: 'https://a.test/' }, Buffer.from(wire)])
    const failed = new Readable({ read() {} })
    setImmediate(() => failed.emit('error', new Error('and goes on')))
    for (const body of [odd, failed]) {
      const http = async () => ({ status: 200, headers: {}, body })
      await expect(lookUp('https://graph.example', { http })).rejects.toThrow('the answer broke off')
      expect(body.destroyed).toBe(true)
    }
  })

  it.each([
    ['a page', '<html>hello</html>'],
    ['nothing', ''],
    ['cut JSON', wire.slice(0, -1)],
    ['no object', '[]'],
    ['no url', '{"mime_type":"image/png"}'],
    ['no type', '{"url":"https://lookaside.fbsbx.com/"}'],
    ['more than 64 KB', wire.replace('{', `{"filler":"${'x'.repeat(65_536)}",`)],
  ])('takes %s for no answer', async (_name, text) => {
    const { origin } = await serve((_request, response) => response.end(text))
    await expect(lookUp(origin)).rejects.toMatchObject({
      ...{ code: 'download-failed', retryable: true, host: new URL(origin).host },
      message: expect.stringContaining('the answer is no media information'),
    })
  })

  it('reads an answer of just 64 KB', async () => {
    const filler = 'x'.repeat(65_536 - wire.length - '"filler":"",'.length)
    const { origin } = await serve((_request, response) => response.end(wire.replace('{', `{"filler":"${filler}",`)))
    expect(await lookUp(origin)).toMatchObject({ mimeType: 'image/png' })
  })

  it('hangs up on an endless answer', async () => {
    const { origin, firstClosed } = await serve((_request, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(10_000)) && !response.destroyed);
      }
      response.on('drain', more)
      more()
    })
    await expect(lookUp(origin)).rejects.toThrow('the answer is no media information')
    await firstClosed()
  })

  it.each<[string, RequestListener, string]>([
    ['before headers', (request) => request.socket.resetAndDestroy(), 'no answer (ECONNRESET)'],
    [
      'in the body',
      (request, response) => {
        response.writeHead(200, { 'content-length': 1_000 }).write('{', () => request.socket.resetAndDestroy())
      },
      'the answer broke off',
    ],
  ])('says so when the connection is reset %s', async (_name, handler, problem) => {
    const { origin } = await serve(handler)
    const { host } = new URL(origin)
    await expect(lookUp(origin)).rejects.toMatchObject({
      ...{ code: 'download-failed', retryable: true, host },
      message: `The request to ${host} failed: ${problem}`,
      cause: { code: 'ECONNRESET' },
    })
  })

  it.each<[string, Timeouts, RequestListener]>([
    ['headers', { headersMs: 30 }, () => {}],
    ['source', { idleMs: 30 }, (_request, response) => response.write('{')],
  ])('waits no longer than it may for the %s', async (waitedFor, timeouts, handler) => {
    const { origin } = await serve(handler)
    await expect(lookUp(origin, { timeouts })).rejects.toMatchObject({
      code: 'timeout',
      waitedFor,
      limitMs: 30,
    })
  })

  it('shows no key that a provider repeats', async () => {
    const proof = createHmac('sha256', 'example-secret').update('example-key-0815').digest('hex')
    const message = `Unknown API key example-key-0815 of app example-secret with ${proof}`
    const body = JSON.stringify({ error: { message } })
    const { origin } = await serve((_request, response) => void response.writeHead(403).end(body))
    const download = resolveDownload({ cloudApi: { baseUrl: origin }, appSecret: 'example-secret' })
    const deadlines = startDeadlines(checkTimeouts({ totalMs: 5_000 }))
    const attempt = { download, accessToken: 'example-key-0815', deadlines, report }
    const error: unknown = await askForMediaInfo({ mediaId: MEDIA_ID }, attempt).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ status: 403, message: expect.stringContaining('Unknown API key [removed]') })
    expect(JSON.stringify(error)).not.toMatch(/0815|example-secret/)
    expect(JSON.stringify(error)).not.toContain(proof)
  })

  it('ends with the caller', async () => {
    const caller = new AbortController()
    const { origin } = await serve(() =>
      caller.abort(Object.assign(new Error('the caller left'), { name: 'ImpatienceError' })),
    )
    await expect(lookUp(origin, { signal: caller.signal })).rejects.toMatchObject({
      cause: { name: 'ImpatienceError', message: 'ImpatienceError' },
    })
  })

  it.each([
    [401, '{"error":{"code":190}}', 'access-token'],
    [400, '{"error":{"code":100,"error_subcode":33}}', 'media-gone'],
    [400, '{"error":{"code":130429}}', 'graph-api'],
    [503, '<html>down</html>', 'graph-api'],
    [201, wire, 'graph-api'],
  ])('reports HTTP %i %s as %s', async (status, text, code) => {
    const { origin } = await serve((_request, response) => response.writeHead(status).end(text))
    await expect(lookUp(origin)).rejects.toMatchObject({ code, status })
  })

  it('follows no redirect: the token would go along', async () => {
    const { origin, requests } = await serve((_request, response) => {
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    await expect(lookUp(origin)).rejects.toMatchObject({ code: 'graph-api', status: 302, retryable: false })
    expect(requests).toEqual([`GET /v25.0/${MEDIA_ID}`])
  })

  it('tells what Meta asked us to wait', async () => {
    const { origin } = await serve((_request, response) => {
      response.writeHead(400, { 'retry-after': '3' }).end('{"error":{"code":4}}')
    })
    await expect(lookUp(origin)).rejects.toMatchObject({ code: 'graph-api', retryable: true, retryAfterMs: 3_000 })
  })
})
