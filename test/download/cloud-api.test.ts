import { createHmac } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { type CloudApiOptions, lookUpMedia, resolveCloudApi } from '../../src/download/cloud-api.js'
import type { HttpClient, HttpRequest } from '../../src/http/client.js'
import { createNodeHttpClient } from '../../src/http/node.js'
import { checkTimeouts, startDeadlines, type Timeouts } from '../../src/timing/deadlines.js'
import { REFUSED_URLS } from '../faults/refused-urls.js'
import { type Loopback, startLoopback } from '../loopback.js'

const caller = { accessToken: 'example-token' }
const MEDIA_ID = '1013859600285441'
const HASH = '0123456789abcdef'.repeat(4)

describe('resolveCloudApi', () => {
  it('goes to Meta by default', () => {
    for (const api of [resolveCloudApi(), resolveCloudApi({})]) {
      expect(api.lookUpUrl(MEDIA_ID, caller)).toBe(`https://graph.facebook.com/v25.0/${MEDIA_ID}`)
      expect(api.authorization('t')).toEqual({ authorization: 'Bearer t' })
      expect(api.checkMediaUrl('https://lookaside.fbsbx.com/x?y=z').href).toBe('https://lookaside.fbsbx.com/x?y=z')
    }
  })

  it.each<[CloudApiOptions, string]>([
    [{ version: 'v26.0' }, 'https://graph.facebook.com/v26.0/7'],
    [{ version: '' }, 'https://graph.facebook.com/7'],
    [{ baseUrl: 'https://waba.example/v1' }, 'https://waba.example/v1/v25.0/7'],
    [{ baseUrl: 'https://waba.example/v1/', version: '' }, 'https://waba.example/v1/7'],
    [{ baseUrl: 'https://WABA.example:8443/a/../b' }, 'https://waba.example:8443/b/v25.0/7'],
    [{ baseUrl: 'http://127.0.0.1:4010' }, 'http://127.0.0.1:4010/v25.0/7'],
    [{ baseUrl: 'http://[::1]:4010' }, 'http://[::1]:4010/v25.0/7'],
  ])('looks up where %j says', (options, url) => {
    expect(resolveCloudApi(options).lookUpUrl('7', caller)).toBe(url)
  })

  it('sends the token as the provider wants it', () => {
    const { authorization } = resolveCloudApi({ authorization: (token) => ({ 'd360-api-key': token }) })
    expect(authorization('t')).toEqual({ 'd360-api-key': 't' })
  })

  it.each([
    ['no URL', 'graph.facebook.com'],
    ['empty', ''],
    ['plain http', 'http://graph.facebook.com'],
    ['plain http to a name that only starts like loopback', 'http://127.0.0.1.example'],
    ['plain http to a name that only ends like loopback', 'http://evil-localhost'],
    ['plain http to a private address', 'http://10.0.0.1'],
    ['plain http to a mapped address', 'http://[::ffff:127.0.0.1]'],
    ['another scheme', 'ftp://graph.facebook.com'],
    ['a user', 'https://user@graph.facebook.com'],
    ['a password', 'https://:password@graph.facebook.com'],
    ['a query', 'https://graph.facebook.com/?access_token=secret'],
    ['a fragment', 'https://graph.facebook.com/#secret'],
    ['a number', 25],
    ['null', null],
  ])('refuses a base URL: %s', (_name, baseUrl) => {
    const act = () => resolveCloudApi({ baseUrl: baseUrl as string })
    expect(act).toThrow(expect.objectContaining({ code: 'invalid-option', option: 'cloudApi.baseUrl' }))
    expect(act).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/secret|password|user@/) }))
  })

  it.each(['25.0', 'v25', 'V25.0', 'v25.0/', '../v1', 'v1234.0', ' ', 'v25.0\n', 25, null])(
    'refuses the version %j',
    (version) => {
      expect(() => resolveCloudApi({ version: version as string })).toThrow(
        expect.objectContaining({ code: 'invalid-option', option: 'cloudApi.version' }),
      )
    },
  )

  it.each([
    ...[
      '',
      '.',
      'com',
      '.com',
      'localhost',
      '*.fbsbx.com',
      'fbsbx.com.',
      '..fbsbx.com',
      'a..b',
      '-a.example',
      'a b.example',
    ],
    ...['lookaside.fbsbx.com:443', 'lookaside.fbsbx.com/x', 'user@lookaside.fbsbx.com', 'lookaside.fbsbx.com\n'],
    ...['127.0.0.1', '1.2', '[::1]', 'münchen.example'],
    ...['http://lookaside.fbsbx.com', 'https://user@media.example', 'https://media.example?a', 'ftp://127.0.0.1'],
    ...[undefined, null, 7, /fbsbx/],
  ])('refuses the media host %s', (entry) => {
    expect(() => resolveCloudApi({ mediaHosts: ['lookaside.fbsbx.com', entry as string] })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'cloudApi.mediaHosts' }),
    )
  })

  it('refuses options of another type', () => {
    expect(() => resolveCloudApi({ mediaHosts: 'lookaside.fbsbx.com' as unknown as string[] })).toThrow(
      'cloudApi.mediaHosts must be a list, got a string of 19 characters',
    )
    expect(() => resolveCloudApi({ authorization: 'Bearer t' as unknown as () => never })).toThrow(
      'cloudApi.authorization must be a function, got a string of 8 characters',
    )
  })
})

describe('lookUpUrl', () => {
  it('carries the proof of the token when there is an app secret', () => {
    const url = new URL(resolveCloudApi().lookUpUrl(MEDIA_ID, { accessToken: 'token', appSecret: 'secret' }))
    const proof = createHmac('sha256', 'secret').update('token').digest('hex')
    expect(Object.fromEntries(url.searchParams)).toEqual({ appsecret_proof: proof })
  })

  it('names the phone number id when it is to be guarded and known', () => {
    const guarded = resolveCloudApi({ guardPhoneNumber: true })
    expect(guarded.lookUpUrl(MEDIA_ID, { ...caller, phoneNumberId: '123' })).toMatch(/\?phone_number_id=123$/)
    expect(guarded.lookUpUrl(MEDIA_ID, caller)).not.toContain('?')
    expect(resolveCloudApi().lookUpUrl(MEDIA_ID, { ...caller, phoneNumberId: '123' })).not.toContain('?')
  })

  const { lookUpUrl } = resolveCloudApi()

  it.each([
    ['a/b?c=d#e', 'a%2Fb%3Fc%3Dd%23e'],
    ['../me', '..%2Fme'],
    ['...x', '...x'],
    ['a b\n', 'a%20b%0A'],
    ['%2e%2e', '%252e%252e'],
    ['é', '%C3%A9'],
  ])('keeps the media id %j in its place', (mediaId, path) => {
    expect(lookUpUrl(mediaId, caller)).toBe(`https://graph.facebook.com/v25.0/${path}`)
    expect(new URL(lookUpUrl(mediaId, caller)).pathname).toBe(`/v25.0/${path}`)
  })

  it.each(['', '.', '..', '...', '\ud800', 'x'.repeat(513), 7, null])('refuses the media id %j', (mediaId) => {
    expect(() => lookUpUrl(mediaId as string, caller)).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'mediaId' }),
    )
  })
})

describe('checkMediaUrl', () => {
  const exact = resolveCloudApi()
  const suffix = resolveCloudApi({ mediaHosts: ['.fbsbx.com'] })
  const origins = resolveCloudApi({
    mediaHosts: ['http://127.0.0.1:4010', 'https://media.example:8443', 'MMG.WhatsApp.net'],
  })

  it.each([
    [exact, 'https://lookaside.fbsbx.com/a?mid=1&ext=2&hash=3', 'https://lookaside.fbsbx.com/a?mid=1&ext=2&hash=3'],
    [exact, 'HTTPS://LOOKASIDE.FBSBX.COM:443/A', 'https://lookaside.fbsbx.com/A'],
    [exact, ' https://look\taside.fbsbx.com/\n', 'https://lookaside.fbsbx.com/'],
    [exact, 'https://%6cookaside.fbsbx.com/', 'https://lookaside.fbsbx.com/'],
    [exact, 'https://ｌookaside。fbsbx.com/', 'https://lookaside.fbsbx.com/'],
    // A browser's reading, and ours: the backslash starts the path.
    [exact, 'https://lookaside.fbsbx.com\\@evil.example/', 'https://lookaside.fbsbx.com/@evil.example/'],
    [suffix, 'https://lookaside.fbsbx.com/', 'https://lookaside.fbsbx.com/'],
    [suffix, 'https://a.b.c.fbsbx.com/', 'https://a.b.c.fbsbx.com/'],
    [origins, 'http://127.0.0.1:4010/x', 'http://127.0.0.1:4010/x'],
    [origins, 'http://2130706433:4010/x', 'http://127.0.0.1:4010/x'],
    [origins, 'https://media.example:8443/x', 'https://media.example:8443/x'],
    [origins, 'https://mmg.whatsapp.net/x', 'https://mmg.whatsapp.net/x'],
  ] as const)('returns the URL that will be asked (%#)', (api, text, href) => {
    expect(api.checkMediaUrl(text).href).toBe(href)
  })

  it.each([...REFUSED_URLS, ['undefined', undefined] as const])('refuses %s', (_name, text) => {
    for (const api of [exact, suffix]) {
      expect(() => api.checkMediaUrl(text as string)).toThrow(
        expect.objectContaining({ code: 'host-refused', retryable: false }),
      )
    }
  })

  it.each(['https://evillookaside.fbsbx.com/', 'https://a.lookaside.fbsbx.com/', 'https://fbsbx.com/'])(
    'takes a host name exactly: not %s',
    (text) => {
      expect(() => exact.checkMediaUrl(text)).toThrow(expect.objectContaining({ code: 'host-refused' }))
    },
  )

  it.each([
    'https://fbsbx.com/',
    'https://evilfbsbx.com/',
    'https://a.evilfbsbx.com/',
    'https://fbsbx.com.evil.example/',
  ])('heeds the label boundary of a suffix: %s', (text) => {
    expect(() => suffix.checkMediaUrl(text)).toThrow(expect.objectContaining({ code: 'host-refused' }))
  })

  it.each([
    ...['http://127.0.0.1:4011/', 'http://127.0.0.1/', 'https://127.0.0.1:4010/', 'http://localhost:4010/'],
    ...['http://[::ffff:127.0.0.1]:4010/', 'https://media.example/', 'http://media.example:8443/'],
    ...['blob:https://media.example:8443/0', 'http://mmg.whatsapp.net/', 'https://lookaside.fbsbx.com/'],
  ])('takes a configured origin exactly: not %s', (text) => {
    expect(() => origins.checkMediaUrl(text)).toThrow(expect.objectContaining({ code: 'host-refused' }))
  })

  it('allows nothing without media hosts', () => {
    const { checkMediaUrl } = resolveCloudApi({ mediaHosts: [] })
    expect(() => checkMediaUrl('https://lookaside.fbsbx.com/')).toThrow('lookaside.fbsbx.com is not among')
  })

  it('names no host and no scheme that may be a secret', () => {
    const token = 'EAAGcanary0Token1Of2Nobody3At4All5'
    const { checkMediaUrl } = resolveCloudApi()
    const refusalOf = (url: string): unknown => {
      try {
        return checkMediaUrl(url, ['my-key', undefined])
      } catch (error) {
        return error
      }
    }
    for (const [url, host] of [
      [`https://${token}/`, '[34 characters]'],
      [`https://x@${token}.evil.example/`, '[34 characters].evil.example'],
      ['https://12025550143.evil.example/', '[11 characters].evil.example'],
      ['https://MY-KEY.evil.example/', '[removed].evil.example'],
      [`${token}:x`, 'another scheme'],
    ] as const) {
      const refusal = refusalOf(url)
      expect(refusal).toMatchObject({ code: 'host-refused', host })
      expect(String(refusal).toLowerCase()).not.toMatch(/eaagcanary|12025550143|my-key/)
    }
  })

  it('names the host, and never user, path or query', () => {
    const refusals = ['https://user:secret@evil.example/secret?secret#secret', 'https://evil.example:444/secret?secret']
    const messages = [...refusals, 'data:secret', 'secret'].map((text) => {
      try {
        return exact.checkMediaUrl(text)
      } catch (error) {
        return JSON.stringify(error)
      }
    })
    expect(messages.join('\n')).not.toContain('secret')
    expect(messages).toEqual([
      expect.stringContaining('Refused to ask evil.example: the URL carries user information'),
      expect.stringContaining('Refused to ask evil.example:444: https://evil.example:444 is not among'),
      expect.stringContaining('Refused to ask data:: data:// is not among cloudApi.mediaHosts'),
      expect.stringContaining('Refused to ask an unreadable URL: it is no absolute URL'),
    ])
  })
})

describe('lookUpMedia', () => {
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
    return lookUpMedia(MEDIA_ID, { cloudApi: resolveCloudApi({ baseUrl }), http, accessToken: 'of-a-test', deadlines })
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
      ...{ code: 'download-failed', phase: 'look-up', retryable: true, host: new URL(origin).host },
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
    ['before headers', (request) => request.socket.resetAndDestroy(), 'no answer'],
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
      ...{ code: 'download-failed', phase: 'look-up', retryable: true, host },
      message: `The look-up from ${host} failed: ${problem}`,
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
    const error: unknown = await lookUpMedia(MEDIA_ID, {
      cloudApi: resolveCloudApi({ baseUrl: origin }),
      http: createNodeHttpClient(),
      accessToken: 'example-key-0815',
      appSecret: 'example-secret',
      deadlines: startDeadlines(checkTimeouts({ totalMs: 5_000 })),
    }).catch((thrown: unknown) => thrown)
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
