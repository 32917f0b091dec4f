import { createHash } from 'node:crypto'
import { get } from 'node:http'
import { http } from 'msw'
import { setupServer } from 'msw/node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { archiveMedia } from '../../../src/archive.js'
import { downloadMediaFromWhatsApp } from '../../../src/download.js'
import { fromFetch } from '../../../src/http/from-fetch.js'
import { createMemoryStorage, type MemoryStorage } from '../../../src/storage/memory.js'
import { createFakeCloudApi, type FakeCloudApi, type Fault } from '../../../src/testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../../../src/testing/generated-bytes.js'

const META = 'https://graph.facebook.com'
const bytes = Buffer.from('a photo of 20 bytes!')
const sha256 = createHash('sha256').update(bytes).digest('hex')

let api: FakeCloudApi
let storage: MemoryStorage

const add = (more: object = {}) => api.addMedia({ bytes, mimeType: 'image/jpeg', mediaType: 'image', ...more })
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${api.accessToken}` })
const manual = { redirect: 'manual' } as const

beforeEach(async () => {
  api = await createFakeCloudApi({ origin: META })
  storage = createMemoryStorage()
})
afterEach(() => api.close())

/** A test of the same app in each form of the fake. */
const FORMS = [
  { form: 'a server', open: async () => ({ options: { cloudApi: api.cloudApi }, close: () => {} }), origin: undefined },
  {
    form: 'a fetch beside a server',
    open: async () => ({ options: { cloudApi: api.cloudApi, http: fromFetch(api.fetch) }, close: () => {} }),
    origin: undefined,
  },
  {
    form: 'a fetch',
    open: async () => ({ options: { cloudApi: api.cloudApi, http: fromFetch(api.fetch) }, close: () => {} }),
    origin: 'https://cloud-api.test',
  },
  {
    form: 'handlers for msw',
    open: async () => {
      const server = setupServer(...api.handlers(http))
      server.listen({ onUnhandledRequest: 'error' })
      return { options: { cloudApi: api.cloudApi }, close: () => server.close() }
    },
    origin: 'https://cloud-api.test',
  },
  {
    form: 'handlers for msw, asked by fetch',
    open: async () => {
      const server = setupServer(...api.handlers(http))
      server.listen({ onUnhandledRequest: 'error' })
      return { options: { cloudApi: api.cloudApi, http: fromFetch(globalThis.fetch) }, close: () => server.close() }
    },
    origin: 'https://cloud-api.test',
  },
]

/** Each fault once, and what the library makes of it. A fault that passes ends as success at the second attempt. */
const FAULTS: readonly [Fault, string][] = [
  [{ on: 'look-up', kind: 'status', status: 503, times: 1 }, 'stored'],
  [{ on: 'look-up', kind: 'status', status: 400 }, 'media-gone'],
  [{ on: 'look-up', kind: 'status', status: 304 }, 'graph-api'],
  [{ on: 'look-up', kind: 'malformed-json', times: 1 }, 'stored'],
  [{ on: 'look-up', kind: 'reset', times: 1 }, 'stored'],
  [{ on: 'look-up', kind: 'stall', times: 1 }, 'stored'],
  [{ on: 'look-up', kind: 'wrong-sha256' }, 'integrity-mismatch'],
  [{ on: 'look-up', kind: 'no-size' }, 'stored'],
  [{ on: 'download', kind: 'reset', times: 1 }, 'stored'],
  [{ on: 'download', kind: 'reset', afterBytes: 5, times: 1 }, 'stored'],
  [{ on: 'download', kind: 'close-early', times: 1 }, 'stored'],
  [{ on: 'download', kind: 'stall', times: 1 }, 'stored'],
  [{ on: 'download', kind: 'stall', afterBytes: 3, times: 1 }, 'stored'],
  [{ on: 'download', kind: 'drip', everyMs: 1 }, 'stored'],
  [{ on: 'download', kind: 'flip-bit' }, 'integrity-mismatch'],
  [{ on: 'download', kind: 'short-body', times: 1 }, 'stored'],
  [{ on: 'download', kind: 'long-body', times: 1 }, 'stored'],
  [{ on: 'download', kind: 'empty', times: 1 }, 'stored'],
  [{ on: 'download', kind: 'html-page', times: 1 }, 'stored'],
  [{ on: 'download', kind: 'json-page', times: 1 }, 'stored'],
  [{ on: 'download', kind: 'redirect', to: 'https://evil.example/' }, 'host-refused'],
  [{ on: 'download', kind: 'gzip' }, 'download-failed'],
  [{ on: 'download', kind: 'chunked' }, 'stored'],
]

describe.each(FORMS)('the fake API as $form', ({ open, origin }) => {
  let opened: Awaited<ReturnType<typeof open>>

  const archive = async (): Promise<string> => {
    const { mediaId } = await add()
    const options = { storage, accountId: 'acme', accessToken: api.accessToken, mediaType: 'image' } as const
    const timeouts = { headersMs: 500, idleMs: 500 }
    try {
      const media = await archiveMedia(mediaId, { ...options, ...opened.options, timeouts, waitScale: 0.001 })
      expect(media.sha256).toBe(sha256)
      return 'stored'
    } catch (error) {
      return String((error as { code?: unknown }).code)
    }
  }

  beforeEach(async () => {
    await api.close()
    api = await createFakeCloudApi({ origin })
    opened = await open()
  })
  afterEach(() => opened.close())

  it('answers look-ups and downloads, and records them', async () => {
    expect(await archive()).toBe('stored')
    expect(api.requests.map(({ kind, method, status }) => [kind, method, status])).toEqual([
      ['look-up', 'GET', 200],
      ['download', 'GET', 200],
    ])
    expect(api.requests[0]?.url).toMatch(/^\/v25\.0\/\d+$/)
    expect(api.requests[0]?.headers['authorization']).toBe(`Bearer ${api.accessToken}`)
  })

  it.each(FAULTS)('has the fault %o', async (fault, outcome) => {
    api.fail(fault)
    expect(await archive()).toBe(outcome)
    expect(storage.keys()).toHaveLength(outcome === 'stored' ? 1 : 0)
  })
})

describe('api.fetch', () => {
  it("answers as Meta's own hosts", async () => {
    const { mediaId, reference } = await add()
    expect(new URL(reference.downloadUrl ?? '').origin).toBe('https://lookaside.fbsbx.com')
    expect(api.cloudApi).toEqual({
      baseUrl: META,
      version: 'v25.0',
      mediaHosts: ['https://lookaside.fbsbx.com'],
      flowMediaHosts: ['https://mmg.whatsapp.net'],
    })
    const fetch = fromFetch(api.fetch)
    const media = await downloadMediaFromWhatsApp(mediaId, { accessToken: api.accessToken, http: fetch })
    expect(await media.bytes()).toEqual(bytes)
  })

  it('takes what fetch takes: a text, a URL, a request', async () => {
    const { mediaId } = await add()
    const url = `${META}/v25.0/${mediaId}?a=b`
    const init = { headers: bearer() }
    for (const response of [
      await api.fetch(url, init),
      await api.fetch(new URL(url), init),
      await api.fetch(new Request(url, init)),
    ]) {
      expect(response.status).toBe(200)
      expect(JSON.parse(await response.text())).toMatchObject({ id: mediaId, file_size: bytes.length })
    }
    expect((await api.fetch(url, { ...init, method: 'DELETE' })).status).toBe(200)
    expect((await api.fetch(url, init)).status).toBe(400)
    expect((await api.fetch(url)).status).toBe(401)
  })

  it('streams no faster than it is read, and stops with its reader', async () => {
    const large = createGeneratedBytes({ size: 50_000_000 })
    let made = 0
    const { reference } = await add({
      bytes: {
        ...large,
        stream: () =>
          large.stream().on('data', (piece: Buffer) => {
            made += piece.length
          }),
      },
    })
    const { body } = await api.fetch(reference.downloadUrl ?? '', { headers: bearer() })
    const reader = body?.getReader()
    await reader?.read()
    expect(made).toBeLessThan(5_000_000)
    await reader?.cancel()
    expect(made).toBeLessThan(5_000_000)
  })

  it('breaks off as fetch does', async () => {
    const { reference } = await add()
    const url = reference.downloadUrl ?? ''
    api.fail({ on: 'download', kind: 'reset', times: 1 })
    await expect(api.fetch(url)).rejects.toMatchObject({
      name: 'TypeError',
      message: 'fetch failed',
      cause: { code: 'ECONNRESET' },
    })
    expect(api.requests.at(-1)?.status).toBeUndefined()
    api.fail({ on: 'download', kind: 'close-early', times: 1 })
    const response = await api.fetch(url, { headers: bearer() })
    await expect(response.text()).rejects.toMatchObject({ message: 'terminated', cause: { code: 'UND_ERR_SOCKET' } })
  })

  it('ends with its signal, before the answer, in its body, and when it has aborted', async () => {
    const { reference } = await add()
    const url = reference.downloadUrl ?? ''
    const reason = new Error('left')
    api.fail({ on: 'download', kind: 'stall', times: 1 })
    const first = new AbortController()
    const stalled = api.fetch(url, { signal: first.signal })
    first.abort(reason)
    await expect(stalled).rejects.toBe(reason)
    api.fail({ on: 'download', kind: 'stall', afterBytes: 2, times: 1 })
    const second = new AbortController()
    const { body } = await api.fetch(url, { headers: bearer(), signal: second.signal })
    const reader = body?.getReader()
    expect((await reader?.read())?.value).toHaveLength(2)
    second.abort(reason)
    await expect(reader?.read()).rejects.toBe(reason)
    await expect(api.fetch(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('hands an encoded body out decoded', async () => {
    const { reference } = await add()
    api.fail({ on: 'download', kind: 'gzip' })
    const response = await api.fetch(reference.downloadUrl ?? '', { headers: bearer() })
    expect(response.headers.get('content-encoding')).toBe('gzip')
    let size = 0
    for await (const piece of response.body ?? []) size += piece.length
    expect(size).toBe(50_000_000)
  })

  it('follows no redirect, and says so', async () => {
    const { reference } = await add()
    const url = reference.downloadUrl ?? ''
    api.fail({ on: 'download', kind: 'redirect', to: 'https://evil.example/' })
    const { status, headers } = await api.fetch(url, { headers: bearer(), ...manual })
    expect([status, headers.get('location')]).toEqual([302, 'https://evil.example/'])
    await expect(api.fetch(url, { headers: bearer() })).rejects.toThrow(
      new TypeError("The fake API's fetch follows no redirects: ask with redirect 'manual', as fromFetch does"),
    )
  })

  it.each(['https://example.com/', 'http://graph.facebook.com/', 'https://graph.facebook.com:444/'])(
    'answers for no other host: %s',
    async (url) => {
      await expect(api.fetch(url)).rejects.toThrow(
        `The fake API's fetch answers ${META} and https://lookaside.fbsbx.com and https://mmg.whatsapp.net, and was asked for ${new URL(url).origin}`,
      )
      expect(api.requests).toEqual([])
    },
  )

  it('breaks off when a file fails', async () => {
    const failing = {
      size: 5,
      sha256,
      stream: () => createGeneratedBytes({ size: 5 }).stream().destroy(new Error('disk')),
    }
    const { reference } = await add({ bytes: failing })
    const response = await api.fetch(reference.downloadUrl ?? '', { headers: bearer() })
    await expect(response.text()).rejects.toThrow('terminated')
  })

  it.each([199, 600, 101])('refuses the status %i, which no Response has, at once without a server', async (status) => {
    const message = `fault.status must be from 200 to 599 without a server, for no Response has another, got ${status}`
    const refusal = expect.objectContaining({ code: 'invalid-option', message })
    expect(() => api.fail({ on: 'look-up', kind: 'status', status })).toThrow(refusal)
    await api.close()
    api = await createFakeCloudApi()
    const { mediaId } = await add()
    api.fail({ on: 'look-up', kind: 'status', status })
    await expect(api.fetch(`${api.origin}/v25.0/${mediaId}`)).rejects.toEqual(refusal)
  })

  it.each([204, 205, 304, 200, 599])('has the status %i', async (status) => {
    const { mediaId } = await add()
    api.fail({ on: 'look-up', kind: 'status', status, body: 'text' })
    const response = await api.fetch(`${META}/v25.0/${mediaId}`, manual)
    expect([response.status, await response.text()]).toEqual([status, [200, 599].includes(status) ? 'text' : ''])
  })
})

describe('api.handlers', () => {
  it("answer an app that knows Meta's hosts only, and break off as a network does", async () => {
    const server = setupServer(...api.handlers(http))
    server.listen({ onUnhandledRequest: 'error' })
    try {
      const { mediaId } = await add()
      const { accessToken } = api
      const media = await archiveMedia(mediaId, { storage, accountId: 'acme', accessToken })
      expect(media.sha256).toBe(sha256)
      api.fail({ on: 'look-up', kind: 'reset' })
      const broken = downloadMediaFromWhatsApp(mediaId, { accessToken })
      await expect(broken).rejects.toMatchObject({ code: 'download-failed', retryable: true })
    } finally {
      server.close()
    }
  })

  it('are one for each origin', async () => {
    const all = (pattern: string): string => pattern
    expect(api.handlers({ all })).toEqual([`${META}/*`, 'https://lookaside.fbsbx.com/*', 'https://mmg.whatsapp.net/*'])
    await api.close()
    api = await createFakeCloudApi({ origin: 'https://cloud-api.test' })
    expect(api.handlers({ all })).toEqual(['https://cloud-api.test/*'])
  })

  it('throw what msw shall show', async () => {
    await api.close()
    api = await createFakeCloudApi()
    const { mediaId } = await add()
    api.fail({ on: 'look-up', kind: 'status', status: 999 })
    const [ask] = api.handlers({ all: (_pattern, resolver) => resolver })
    const request = new Request(`${api.origin}/v25.0/${mediaId}`)
    await expect(ask?.({ request })).rejects.toMatchObject({ code: 'invalid-option' })
    expect((await ask?.({ request: new Request(request, { signal: AbortSignal.abort() }) }))?.type).toBe('error')
  })
})

describe('the option origin', () => {
  it('opens no socket, and closes none', async () => {
    expect(api.origin).toBe(META)
    await api.close()
    await api.close()
  })

  it('leaves the server where it was without it', async () => {
    await api.close()
    api = await createFakeCloudApi()
    await new Promise<void>((resolve) => get(api.origin, () => resolve()))
    expect(api.requests).toMatchObject([{ kind: 'other', status: 404 }])
  })

  it.each([
    '',
    'graph.test',
    'https://graph.test/',
    'https://graph.test/v1',
    'ftp://graph.test',
    'HTTPS://GRAPH.test',
    7,
  ])('refuses %s', async (origin) => {
    await expect(createFakeCloudApi({ origin: origin as string })).rejects.toMatchObject({
      code: 'invalid-option',
      option: 'origin',
      message: expect.stringContaining('must be an origin such as https://cloud-api.test'),
    })
  })
})
