import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type DownloadOptions, downloadMediaFromWhatsApp, resolveDownload } from '../src/download.js'
import type { MediaEvent } from '../src/events.js'
import type { HttpClient, HttpResponse } from '../src/http/client.js'
import { fromFetch } from '../src/http/from-fetch.js'
import type { MaxBytes } from '../src/integrity/max-bytes.js'
import type { MediaReference } from '../src/media-reference.js'
import { createFakeCloudApi, type FakeCloudApi } from '../src/testing/fake-cloud-api.js'
import { type Loopback, startLoopback } from './loopback.js'

const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(150_000, 'jpeg')])
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const sha256 = hashOf(jpeg)

/** A busy machine is no failure. */
const PATIENT = { timeout: 10_000 }

let api: FakeCloudApi
let events: MediaEvent[]
const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)

beforeEach(async () => {
  api = await createFakeCloudApi()
  events = []
  process.on('unhandledRejection', note).on('uncaughtException', note)
})

afterEach(async () => {
  vi.useRealTimers()
  await api.close()
  process.off('unhandledRejection', note).off('uncaughtException', note)
  expect(unhandled.splice(0)).toEqual([])
})

const options = (more: Partial<DownloadOptions> = {}): DownloadOptions => ({
  accessToken: api.accessToken,
  cloudApi: api.cloudApi,
  onEvent: (event) => events.push(event),
  ...more,
})

const photo = async (more: object = {}): Promise<MediaReference> =>
  (await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image', ...more })).reference

/** A photo's id alone: it has to be looked up. */
const photoId = async (): Promise<string> => (await photo()).mediaId

/** Not `once` of node:events: it rejects on an error. */
const closing = (body: Readable): Promise<void> => new Promise((resolve) => body.once('close', resolve))

const asked = (): string[] => api.requests.map(({ kind }) => kind)

it('downloadMediaFromWhatsApp lets go of a body that comes after its deadline', async () => {
  const late = new PassThrough()
  const http = async (): Promise<HttpResponse> => {
    await new Promise((resolve) => setTimeout(resolve, 60))
    return { status: 200, headers: { 'content-length': '5' }, body: late }
  }
  const reference = {
    ...{ mediaId: '17', mediaType: 'image', mimeType: 'image/jpeg', sha256: 'ab'.repeat(32) },
    downloadUrl: 'https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=17',
    downloadUrlExpiresAt: new Date(Date.now() + 300_000).toISOString(),
  } as MediaReference
  await expect(
    downloadMediaFromWhatsApp(reference, { accessToken: 'token', http, timeouts: { totalMs: 20 } }),
  ).rejects.toMatchObject({ code: 'timeout' })
  await expect.poll(() => late.destroyed).toBe(true)
})

describe('downloadMediaFromWhatsApp', () => {
  it('streams the bytes of a bare media id, and tells what the look-up told', async () => {
    const mediaId = await photoId()
    const { body, bytes, ...facts } = await downloadMediaFromWhatsApp(mediaId, options())
    expect(facts).toStrictEqual({ mediaId, mimeType: 'image/jpeg', size: jpeg.length, sha256 })
    expect(body).toBeInstanceOf(Readable)
    expect(hashOf(Buffer.concat(await body.toArray()))).toBe(sha256)
    expect(asked()).toEqual(['look-up', 'download'])
  })

  it('takes a reference, its file name and its own URL', async () => {
    const reference = await photo({ filename: 'roof.jpg' })
    const media = await downloadMediaFromWhatsApp(reference, options())
    expect(media).toMatchObject({ mediaId: reference.mediaId, filename: 'roof.jpg', sha256, size: jpeg.length })
    expect(hashOf(await media.bytes())).toBe(sha256)
    expect(asked()).toEqual(['download'])
  })

  it('takes the cap of the type that its MIME type has, for a reference of untyped code without one', async () => {
    const { mediaType, ...reference } = await photo()
    expect(mediaType).toBe('image')
    const download = (maxBytes: MaxBytes) =>
      downloadMediaFromWhatsApp(reference as MediaReference, options({ maxBytes }))
    expect(hashOf(await (await download({ document: 1_000 })).bytes())).toBe(sha256)
    expect(asked()).toEqual(['download'])
    await expect(download({ image: 1_000 })).rejects.toMatchObject({ code: 'size-limit', limitBytes: 1_000 })
  })

  it('lacks size and hash where nobody told them', async () => {
    const http: HttpClient = async ({ url }) => ({
      status: 200,
      headers: {},
      body: Readable.from(
        url.endsWith('/42')
          ? [JSON.stringify({ url: `${api.origin}/media`, mime_type: 'image/jpeg', messaging_product: 'whatsapp' })]
          : [jpeg],
      ),
    })
    const { body, bytes, ...facts } = await downloadMediaFromWhatsApp('42', options({ http }))
    expect(facts).toStrictEqual({ mediaId: '42', mimeType: 'image/jpeg' })
    expect(hashOf(await bytes())).toBe(sha256)
  })

  it.each(['flip-bit', 'short-body', 'long-body', 'close-early'] as const)(
    'never shows the end of a body with the fault %s',
    async (kind) => {
      api.fail({ on: 'download', kind })
      const reference = { ...(await photo()), size: jpeg.length }
      const { body } = await downloadMediaFromWhatsApp(reference, options())
      const seen: Buffer[] = []
      body.on('data', (part) => seen.push(part))
      const problem = kind === 'close-early' ? 'download-failed' : 'integrity-mismatch'
      await expect(finished(body)).rejects.toMatchObject({ code: problem })
      expect(Buffer.concat(seen).length).toBeLessThan(jpeg.length - 1)
    },
  )

  it('bytes() gives all or an error, and the same bytes each time', async () => {
    const media = await downloadMediaFromWhatsApp(await photoId(), options())
    const [first, second] = await Promise.all([media.bytes(), media.bytes()])
    expect(hashOf(first)).toBe(sha256)
    expect(second).toBe(first)
    expect(await media.bytes()).toBe(first)
    api.fail({ on: 'download', kind: 'flip-bit', offset: 140_000 })
    const wrong = await downloadMediaFromWhatsApp(await photoId(), options())
    await expect(wrong.bytes()).rejects.toMatchObject({ code: 'integrity-mismatch', observedSize: jpeg.length })
  })

  it('bytes() never gives the rest of a body that was read in part', async () => {
    const { body, bytes } = await downloadMediaFromWhatsApp(await photoId(), options())
    for await (const part of body.iterator({ destroyOnReturn: false })) {
      expect(part.length).toBeLessThan(jpeg.length)
      break
    }
    await expect(bytes()).rejects.toMatchObject({ code: 'invalid-option', option: 'body' })
    body.destroy()
  })

  it('destroys a body that nobody reads at the total deadline', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { body } = await downloadMediaFromWhatsApp(await photoId(), options())
    const closed = closing(body)
    await vi.advanceTimersByTimeAsync(599_000)
    expect(body.destroyed).toBe(false)
    await vi.advanceTimersByTimeAsync(2_000)
    await closed
    expect(body.errored).toMatchObject({ code: 'timeout', waitedFor: 'total', limitMs: 600_000 })
  })

  it('lets its reader take as much time as the total deadline leaves', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { bytes } = await downloadMediaFromWhatsApp(await photoId(), options())
    await vi.advanceTimersByTimeAsync(300_000)
    expect(hashOf(await bytes())).toBe(sha256)
  })

  it('stops all clocks when the body ends, and when it is thrown away', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const before = vi.getTimerCount()
    const { bytes } = await downloadMediaFromWhatsApp(await photoId(), options())
    expect(vi.getTimerCount()).toBeGreaterThan(before)
    await bytes()
    const { body } = await downloadMediaFromWhatsApp(await photoId(), options())
    const closed = closing(body)
    body.destroy()
    await closed
    await expect(downloadMediaFromWhatsApp('404404', options())).rejects.toMatchObject({ code: 'media-gone' })
    expect(vi.getTimerCount()).toBe(before)
  })

  it('ends in a timeout when nothing comes', async () => {
    // A fault for each photo: a slow look-up may end the first call before it uses its fault up.
    const [silent, broken] = [await photoId(), await photoId()]
    api.fail({ on: 'download', kind: 'stall', mediaId: silent })
    const quick = { timeouts: { headersMs: 50 } }
    await expect(downloadMediaFromWhatsApp(silent, options(quick))).rejects.toMatchObject({
      code: 'timeout',
      waitedFor: 'headers',
    })
    api.fail({ on: 'download', kind: 'stall', afterBytes: 100_000, mediaId: broken })
    const { bytes } = await downloadMediaFromWhatsApp(broken, options({ timeouts: { idleMs: 50 } }))
    await expect(bytes()).rejects.toMatchObject({ code: 'timeout', waitedFor: 'source' })
  })

  describe('aborted', () => {
    const reason = { why: 'a reason that is no error' }

    it('rejects with the caller’s own reason, before and during the look-up', async () => {
      const gone = downloadMediaFromWhatsApp(await photoId(), options({ signal: AbortSignal.abort(reason) }))
      await expect(gone).rejects.toBe(reason)
      expect(asked()).toEqual([])
      api.fail({ on: 'look-up', kind: 'stall' })
      const controller = new AbortController()
      const going = downloadMediaFromWhatsApp(await photoId(), options({ signal: controller.signal }))
      await vi.waitFor(() => expect(asked()).toEqual(['look-up']), PATIENT)
      controller.abort(reason)
      await expect(going).rejects.toBe(reason)
    })

    it('ends the body, and bytes() with the caller’s own reason', async () => {
      api.fail({ on: 'download', kind: 'stall', afterBytes: 100_000 })
      const controller = new AbortController()
      const { body, bytes } = await downloadMediaFromWhatsApp(await photoId(), options({ signal: controller.signal }))
      const collected = bytes()
      controller.abort(reason)
      await expect(collected).rejects.toBe(reason)
      expect(body.destroyed).toBe(true)
    })

    it('ends a body that nobody reads without an unhandled error', async () => {
      const controller = new AbortController()
      const { body } = await downloadMediaFromWhatsApp(await photoId(), options({ signal: controller.signal }))
      const closed = closing(body)
      controller.abort(new Error('shutting down'))
      await closed
      expect(body.errored).toMatchObject({ message: 'shutting down' })
    })
  })

  it.each([null, '', 7])('refuses %j for an app secret, and does not show it', async (appSecret) => {
    const going = downloadMediaFromWhatsApp(await photoId(), options({ appSecret: appSecret as string }))
    await expect(going).rejects.toMatchObject({
      ...{ code: 'invalid-option', option: 'appSecret' },
      message: expect.stringMatching(
        /^appSecret must be a non-empty string, or left out, got a (?:value of|string of 0)/,
      ),
    })
    expect(asked()).toEqual([])
  })

  describe('the access token', () => {
    it('is asked for again when Meta rejects it, and the same is not tried twice', async () => {
      const reasons: string[] = []
      const accessToken = (reason: string): string => {
        reasons.push(reason)
        return reasons.length < 4 ? 'stale-token' : api.accessToken
      }
      const rejected = downloadMediaFromWhatsApp(await photoId(), options({ accessToken }))
      await expect(rejected).rejects.toMatchObject({ code: 'access-token', reason: 'rejected' })
      expect(reasons).toEqual(['first', 'rejected'])
      expect(asked()).toEqual(['look-up'])
      const { bytes } = await downloadMediaFromWhatsApp(await photoId(), options({ accessToken }))
      expect(await bytes()).toHaveLength(jpeg.length)
      expect(reasons).toEqual(['first', 'rejected', 'first', 'rejected'])
    })

    it.each<[string, DownloadOptions['accessToken']]>([
      ['undefined', undefined],
      ['empty', ''],
      ['no header text', 'EAA token\r\nx-evil: 1'],
      ['found by no function', async () => undefined],
    ])('is missing when it is %s', async (_name, accessToken) => {
      const missing = downloadMediaFromWhatsApp(await photoId(), options({ accessToken }))
      await expect(missing).rejects.toMatchObject({ code: 'access-token', reason: 'missing', retryable: false })
      expect(asked()).toEqual([])
    })

    it('may go out in a header of the provider’s own', async () => {
      const authorization = (accessToken: string): Record<string, string> => ({ 'D360-API-KEY': accessToken })
      const seen: unknown[] = []
      const server = await startLoopback(({ url, headers }, response) => {
        seen.push([url, headers['d360-api-key'], headers.authorization])
        const info = { url: `${server.origin}/media`, mime_type: 'image/jpeg', file_size: jpeg.length, sha256 }
        response.end(url === '/42' ? JSON.stringify({ ...info, id: '42', messaging_product: 'whatsapp' }) : jpeg)
      })
      try {
        const cloudApi = { baseUrl: server.origin, version: '', mediaHosts: [server.origin], authorization }
        const { bytes } = await downloadMediaFromWhatsApp('42', { accessToken: 'a-key', cloudApi })
        expect(hashOf(await bytes())).toBe(sha256)
      } finally {
        await server.close()
      }
      expect(seen).toEqual([
        ['/42', 'a-key', undefined],
        ['/media', 'a-key', undefined],
      ])
    })
  })

  describe('an answer of the media host', () => {
    it.each([
      [401, true],
      [403, true],
      [404, true],
      [410, true],
      [408, true],
      [425, true],
      [429, true],
      [500, true],
      [503, true],
      [204, true],
      [206, true],
      [304, false],
      [400, false],
      [402, false],
      [416, false],
      [451, false],
    ])('with status %d is a failed download; worth a retry: %s', async (status, retryable) => {
      api.fail({ on: 'download', kind: 'status', status })
      const failed = downloadMediaFromWhatsApp(await photoId(), options())
      await expect(failed).rejects.toMatchObject({ code: 'download-failed', status, retryable })
      await expect(failed).rejects.not.toHaveProperty('retryAfterMs')
    })

    it('tells how long to wait', async () => {
      api.fail({ on: 'download', kind: 'status', status: 429, headers: { 'retry-after': '7' } })
      await expect(downloadMediaFromWhatsApp(await photoId(), options())).rejects.toMatchObject({ retryAfterMs: 7_000 })
    })

    it('in another encoding is refused before its body is read', async () => {
      api.fail({ on: 'download', kind: 'gzip' })
      await expect(downloadMediaFromWhatsApp(await photoId(), options())).rejects.toMatchObject({
        ...{ code: 'download-failed', retryable: false, message: expect.stringContaining('Content-Encoding') },
      })
    })

    it('that is endless stops at the announced size', async () => {
      api.fail({ on: 'download', kind: 'endless' })
      const { bytes } = await downloadMediaFromWhatsApp(await photoId(), options())
      await expect(bytes()).rejects.toMatchObject({ code: 'integrity-mismatch', expectedSize: jpeg.length })
    })

    it('with more bytes than allowed is refused before its body is read', async () => {
      await expect(downloadMediaFromWhatsApp(await photoId(), options({ maxBytes: 1_000 }))).rejects.toMatchObject({
        ...{ code: 'size-limit', limitBytes: 1_000, bytes: jpeg.length },
      })
    })

    it.each(['html-page', 'json-page'] as const)('that is a page is refused: %s', async (kind) => {
      api.fail({ on: 'download', kind })
      await expect(downloadMediaFromWhatsApp(await photoId(), options())).rejects.toMatchObject({
        code: 'integrity-mismatch',
      })
    })
  })

  describe('a redirect', () => {
    let other: Loopback
    let headersSeen: Record<string, unknown>[]
    /** A redirect, a status or a body. */
    let answerOther: (path: string) => string | number | Buffer

    beforeEach(async () => {
      headersSeen = []
      answerOther = () => jpeg
      other = await startLoopback((request, response) => {
        headersSeen.push(request.headers)
        const answer = answerOther(request.url ?? '')
        if (typeof answer === 'string') response.writeHead(302, { location: answer }).end()
        else if (typeof answer === 'number') response.writeHead(answer).end()
        else response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': answer.length }).end(answer)
      })
    })
    afterEach(() => other.close())

    const allowing = (...origins: string[]): DownloadOptions =>
      options({ cloudApi: { ...api.cloudApi, mediaHosts: [api.origin, ...origins] } })

    it('to another allowed host is followed without credentials', async () => {
      api.fail({ on: 'download', kind: 'redirect', to: `${other.origin}/elsewhere?x=1` })
      const { bytes } = await downloadMediaFromWhatsApp(await photoId(), allowing(other.origin))
      expect(hashOf(await bytes())).toBe(sha256)
      expect(other.requests).toEqual(['GET /elsewhere?x=1'])
      expect(headersSeen).toHaveLength(1)
      expect(headersSeen[0]).not.toHaveProperty('authorization')
      expect(JSON.stringify(headersSeen)).not.toContain(api.accessToken)
    })

    it('to a host that is not allowed is not followed at all, and is told', async () => {
      api.fail({ on: 'download', kind: 'redirect', to: `${other.origin}/elsewhere?secret=1` })
      const mediaId = await photoId()
      const refused = downloadMediaFromWhatsApp(mediaId, options())
      await expect(refused).rejects.toMatchObject({ code: 'host-refused', host: new URL(other.origin).host })
      expect(other.sockets).toEqual([])
      expect(events).toEqual([{ type: 'host-refused', host: new URL(other.origin).host, mediaId }])
    })

    it.each(['http://[', 'javascript:alert(1)', 'file:///etc/passwd'])('to %s is refused', async (to) => {
      api.fail({ on: 'download', kind: 'redirect', to })
      await expect(downloadMediaFromWhatsApp(await photoId(), options())).rejects.toMatchObject({
        code: 'host-refused',
      })
    })

    it('back from another host gets credentials again only at the first origin', async () => {
      const reference = await photo()
      answerOther = () => reference.downloadUrl ?? ''
      api.fail({ on: 'download', kind: 'redirect', to: `${other.origin}/away`, times: 1 })
      const { bytes } = await downloadMediaFromWhatsApp(reference.mediaId, allowing(other.origin))
      expect(hashOf(await bytes())).toBe(sha256)
      expect(headersSeen[0]).not.toHaveProperty('authorization')
      expect(api.requests.map(({ kind, headers }) => [kind, headers.authorization])).toEqual(
        ['look-up', 'download', 'download'].map((kind) => [kind, `Bearer ${api.accessToken}`]),
      )
    })

    it('is told of by the host that failed in the end', async () => {
      answerOther = () => 503
      api.fail({ on: 'download', kind: 'redirect', to: `${other.origin}/elsewhere` })
      await expect(downloadMediaFromWhatsApp(await photoId(), allowing(other.origin))).rejects.toMatchObject({
        code: 'download-failed',
        host: new URL(other.origin).host,
        status: 503,
      })
    })

    it('may be relative', async () => {
      answerOther = (path) => (path === '/a/b?mid=1' ? '../c?mid=2' : jpeg)
      api.fail({ on: 'download', kind: 'redirect', to: `${other.origin}/a/b?mid=1`, status: 307 })
      const { bytes } = await downloadMediaFromWhatsApp(await photoId(), allowing(other.origin))
      expect(hashOf(await bytes())).toBe(sha256)
      expect(other.requests).toEqual(['GET /a/b?mid=1', 'GET /c?mid=2'])
    })

    it.each([
      [3, true],
      [4, false],
    ])('%d times in a row is followed: %s', async (redirects, isFollowed) => {
      // The first comes from the fake API.
      answerOther = (path) => (path === `/${redirects}` ? jpeg : `/${Number(path.slice(1)) + 1}`)
      api.fail({ on: 'download', kind: 'redirect', to: `${other.origin}/1` })
      const media = downloadMediaFromWhatsApp(await photoId(), allowing(other.origin))
      if (isFollowed) expect(hashOf(await (await media).bytes())).toBe(sha256)
      else await expect(media).rejects.toMatchObject({ code: 'download-failed', message: /more than 3 redirects/ })
      expect(other.requests).toHaveLength(3)
    })

    it('without a Location is just a bad status', async () => {
      api.fail({ on: 'download', kind: 'status', status: 302 })
      await expect(downloadMediaFromWhatsApp(await photoId(), options())).rejects.toMatchObject({
        code: 'download-failed',
        status: 302,
        retryable: false,
      })
    })

    it('of a look-up is not followed: it is no answer of Meta’s', async () => {
      api.fail({ on: 'look-up', kind: 'redirect', to: `${other.origin}/info` })
      await expect(downloadMediaFromWhatsApp(await photoId(), allowing(other.origin))).rejects.toMatchObject({
        code: 'graph-api',
        status: 302,
      })
      expect(other.sockets).toEqual([])
    })
  })

  describe('with fromFetch', () => {
    const http = fromFetch(globalThis.fetch)

    it('downloads the same bytes, and follows redirects by hand', async () => {
      const mediaId = await photoId()
      const { bytes } = await downloadMediaFromWhatsApp(mediaId, options({ http }))
      expect(hashOf(await bytes())).toBe(sha256)
      api.fail({ on: 'download', kind: 'redirect', to: 'https://evil.example/x' })
      await expect(downloadMediaFromWhatsApp(mediaId, options({ http }))).rejects.toMatchObject({
        code: 'host-refused',
        host: 'evil.example',
      })
    })

    it('refuses another encoding', async () => {
      api.fail({ on: 'download', kind: 'gzip' })
      await expect(downloadMediaFromWhatsApp(await photoId(), options({ http }))).rejects.toMatchObject({
        code: 'download-failed',
      })
    })

    it('proves the bytes', async () => {
      api.fail({ on: 'download', kind: 'flip-bit' })
      const { bytes } = await downloadMediaFromWhatsApp(await photoId(), options({ http }))
      await expect(bytes()).rejects.toMatchObject({ code: 'integrity-mismatch' })
    })
  })

  it.each([
    ['maxBytes', { maxBytes: 0 }],
    ['timeouts.totalMs', { timeouts: { totalMs: 0 } }],
    ['cloudApi.version', { cloudApi: { version: '25' } }],
  ])('refuses a bad %s before anything is asked', async (option, wrong) => {
    await expect(downloadMediaFromWhatsApp('42', options(wrong))).rejects.toMatchObject({
      code: 'invalid-option',
      option,
    })
    expect(asked()).toEqual([])
  })
})

describe('resolveDownload', () => {
  it.each([null, '', 12_025_550_143, ['canary'], { canary: 1 }, Symbol('canary')])(
    'refuses the app secret %o, and shows none of it',
    (appSecret) => {
      const refuse = (): unknown => resolveDownload({ appSecret: appSecret as never })
      expect(refuse).toThrow(
        /^appSecret must be a non-empty string, or left out, got a (?:string of 0 characters|value of type \w+)$/,
      )
    },
  )
})
