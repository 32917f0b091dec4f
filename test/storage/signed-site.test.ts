import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFileSystemStorage, type FileSystemStorage } from '../../src/storage/file-system.js'
import { createMemoryStorage, type MemoryStorage } from '../../src/storage/memory.js'
import type { SignedUrlOptions } from '../../src/storage.js'
import { BASE_URL, factsOf, openFilesBelow, put, SECRET, temporaryDirectory } from './file-system/fixture.js'

const directory = temporaryDirectory()
const NOW = 1_700_000_000_123
const TEXT = '0123456789'
const SIGNING: SignedUrlOptions = { expiresIn: 60, contentType: 'image/png', contentDisposition: 'inline' }
const HEAD = { method: 'HEAD' }
type SiteSettings = { baseUrl?: string | undefined; secret?: string | string[] | undefined }

/** All storages with a site of their own, each anew with its objects kept. */
const STORAGES = [
  {
    name: 'the file system',
    start: () => (settings: SiteSettings) => createFileSystemStorage({ directory: directory.path, ...settings }),
  },
  { name: 'memory', start: () => (settings: SiteSettings) => createMemoryStorage(settings) },
]

let create: (settings: SiteSettings) => FileSystemStorage | MemoryStorage
let storage: FileSystemStorage | MemoryStorage

async function sign(
  options: Partial<SignedUrlOptions> & { key?: string } = {},
): Promise<{ url: string; expiresAt: Date }> {
  const { key = 'a/key.txt', ...signing } = options
  return (await storage.signedUrl?.(key, { ...SIGNING, ...signing })) ?? expect.fail('no signed URLs')
}

async function ask(options: { method?: string; headers?: Record<string, string> } = {}): Promise<Response> {
  return storage.handler(new Request((await sign()).url, options))
}

describe.each(STORAGES)('the site of $name', ({ start }) => {
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW })
    create = start()
    storage = create({ baseUrl: BASE_URL, secret: SECRET })
    await put(storage, 'a/key.txt', { text: TEXT })
  })
  afterEach(async () => {
    vi.useRealTimers()
    expect(await openFilesBelow(directory)).toEqual([])
  })

  describe('signedUrl()', () => {
    it('names key, expiry, type and disposition', async () => {
      const { url, expiresAt } = await sign({ key: 'a/ü b?.txt', expiresIn: 5 })
      const { origin, pathname, searchParams } = new URL(url)
      expect(`${origin}${pathname}`).toBe(`${BASE_URL}/a/%C3%BC%20b%3F.txt`)
      expect([...searchParams.keys()]).toEqual(['expires', 'type', 'disposition', 'signature'])
      expect(searchParams.get('expires')).toBe(String(NOW + 5_000))
      expect(searchParams.get('type')).toBe('image/png')
      expect(searchParams.get('disposition')).toBe('inline')
      expect(searchParams.get('signature')).toMatch(/^[\w-]{43}$/)
      expect(expiresAt).toEqual(new Date(NOW + 5_000))
    })

    it('gives one URL for GET and HEAD, which answers both', async () => {
      const { url } = await sign({ method: 'HEAD' })
      expect([url, url]).toEqual([(await sign({ method: 'GET' })).url, (await sign()).url])
      const [read, head] = await Promise.all([
        storage.handler(new Request(url)),
        storage.handler(new Request(url, HEAD)),
      ])
      const [text, nothing] = await Promise.all([read.text(), head.text()])
      expect([read.status, text, head.status, nothing]).toEqual([200, TEXT, 200, ''])
      expect([...head.headers]).toEqual([...read.headers])
    })

    it.each(['get', 'head', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'CONNECT', '', 'GET ', null, 7, ['HEAD'], {}])(
      'refuses to sign for the method %j',
      async (method) => {
        const refused = sign({ method: method as 'HEAD' })
        await expect(refused).rejects.toMatchObject({ code: 'invalid-option', option: 'method' })
      },
    )

    it('counts from signedAt, and gives the same URL for it', async () => {
      const signedAt = new Date(NOW - 10_001)
      const first = await sign({ signedAt })
      vi.setSystemTime(NOW + 1_000)
      expect(await sign({ signedAt })).toEqual(first)
      expect(first.expiresAt).toEqual(new Date(NOW - 10_001 + 60_000))
    })

    it.each([0, -1, 1.5, 604_801, Number.NaN, Number.POSITIVE_INFINITY])(
      'refuses to expire in %s seconds',
      async (expiresIn) => {
        await expect(sign({ expiresIn })).rejects.toMatchObject({ code: 'invalid-option', option: 'expiresIn' })
      },
    )

    it.each(['contentType', 'contentDisposition'] as const)(
      'refuses a %s that no header can hold, without showing it',
      async (option) => {
        for (const value of ['', 'a\r\nset-cookie: b', 'naïve', 'snow ☃']) {
          await expect(sign({ [option]: value })).rejects.toMatchObject({
            code: 'invalid-option',
            message: `${option} must be printable ASCII, got a string of ${value.length} characters`,
          })
        }
        await expect(sign({ [option]: null })).rejects.toMatchObject({ option })
      },
    )

    it('refuses a key that can be no object', async () => {
      await expect(sign({ key: '../key' })).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
    })
  })

  describe('handler()', () => {
    it('answers with the bytes, the forced type, and what keeps a browser safe', async () => {
      const { handler } = storage
      vi.setSystemTime(NOW - 500)
      const { url } = await sign()
      vi.setSystemTime(NOW)
      const response = await handler(new Request(url))
      expect(response.status).toBe(200)
      expect(await response.text()).toBe(TEXT)
      expect(Object.fromEntries(response.headers)).toEqual({
        'accept-ranges': 'bytes',
        'cache-control': 'private, max-age=59',
        'content-disposition': 'inline',
        'content-length': '10',
        'content-security-policy': "sandbox; default-src 'none'",
        'content-type': 'image/png',
        etag: `"${factsOf(TEXT).sha256}"`,
        'last-modified': new Date(1_700_000_000_000).toUTCString(),
        'x-content-type-options': 'nosniff',
      })
    })

    it.each([
      ['video/mp4', "sandbox allow-same-origin; default-src 'none'; media-src 'self'"],
      ['audio/ogg', "sandbox allow-same-origin; default-src 'none'; media-src 'self'"],
      ['application/pdf', "sandbox; default-src 'none'"],
      ['text/html', "sandbox; default-src 'none'"],
      ['text/html;video/mp4', "sandbox; default-src 'none'"],
    ])('lets %s in a tab of its own ask for itself at the most, and run nothing', async (contentType, policy) => {
      const { headers } = await storage.handler(new Request((await sign({ contentType })).url, { method: 'HEAD' }))
      expect(headers.get('content-security-policy')).toBe(policy)
    })

    it('answers HEAD without a body, ranges or not', async () => {
      const response = await ask({ method: 'HEAD', headers: { range: 'bytes=1-2' } })
      expect(response.status).toBe(200)
      expect(response.headers.get('content-length')).toBe('10')
      expect(response.body).toBe(null)
    })

    it('answers for an empty object', async () => {
      await put(storage, 'a/key.txt', { text: '', ifAbsent: false })
      const response = await ask()
      expect(response.status).toBe(200)
      expect(response.headers.get('content-length')).toBe('0')
      expect(await response.text()).toBe('')
      expect((await ask({ headers: { range: 'bytes=0-' } })).status).toBe(416)
    })

    it.each(['https://media.example', 'https://media.example/', 'http://127.0.0.1:8080/a%20b/c//'])(
      'serves every key below the base URL %s',
      async (baseUrl) => {
        storage = create({ baseUrl, secret: SECRET })
        for (const key of ["it's (1) a*b!.txt", 'ü/☃ %2F&?#=+.txt']) {
          await put(storage, key, { text: key })
          const { url } = await sign({ key })
          expect(url.startsWith(baseUrl.replace(/\/+$/, '/'))).toBe(true)
          expect(await (await storage.handler(new Request(url))).text()).toBe(key)
        }
      },
    )

    it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses the method %s', async (method) => {
      const response = await ask({ method })
      expect(response.status).toBe(405)
      expect(response.headers.get('allow')).toBe('GET, HEAD')
    })

    it('answers until the very expiry, and refuses from then on', async () => {
      const { url, expiresAt } = await sign()
      vi.setSystemTime(expiresAt.getTime() - 1)
      const before = await storage.handler(new Request(url))
      expect([before.status, before.headers.get('cache-control')]).toEqual([200, 'private, max-age=0'])
      await before.body?.cancel()
      vi.setSystemTime(expiresAt)
      expect((await storage.handler(new Request(url))).status).toBe(403)
    })

    it('refuses what was signed with another secret, and says nothing about it', async () => {
      const { url } = await sign()
      storage = create({ baseUrl: BASE_URL, secret: `${SECRET}!` })
      const response = await storage.handler(new Request(url))
      expect(response.status).toBe(403)
      expect(await response.text()).toBe('Forbidden')
      expect(Object.fromEntries(response.headers)).toEqual({
        'cache-control': 'no-store',
        'content-type': 'text/plain; charset=utf-8',
        'x-content-type-options': 'nosniff',
      })
    })

    it.each([
      ['no query', (url: URL) => Object.assign(url, { search: '' })],
      ['no signature', (url: URL) => url.searchParams.delete('signature')],
      ['a shorter signature', (url: URL) => url.searchParams.set('signature', 'short')],
      ['another key', (url: URL) => Object.assign(url, { pathname: '/files/other.txt' })],
      ['a key of another case', (url: URL) => Object.assign(url, { pathname: '/files/a/KEY.txt' })],
      ['a path outside the base URL', (url: URL) => Object.assign(url, { pathname: '/a/key.txt' })],
      ['a path that is no UTF-8', (url: URL) => Object.assign(url, { pathname: '/files/%ff' })],
      ['a later expiry', (url: URL) => url.searchParams.set('expires', String(NOW + 999_000))],
      ['no expiry', (url: URL) => url.searchParams.delete('expires')],
      ['another type', (url: URL) => url.searchParams.set('type', 'text/html')],
      ['another disposition', (url: URL) => url.searchParams.set('disposition', 'attachment')],
    ])('refuses a URL with %s', async (_, tamper) => {
      const url = new URL((await sign()).url)
      tamper(url)
      expect((await storage.handler(new Request(url))).status).toBe(403)
    })

    it('refuses characters moved from one field to the next (property)', async () => {
      const { searchParams } = new URL((await sign({ contentType: 'image/png', contentDisposition: 'inline' })).url)
      const joined = `${searchParams.get('type')}${searchParams.get('disposition')}`
      await fc.assert(
        fc.asyncProperty(fc.nat(joined.length), async (cut) => {
          fc.pre(cut !== 'image/png'.length)
          const url = new URL((await sign()).url)
          url.searchParams.set('type', joined.slice(0, cut))
          url.searchParams.set('disposition', joined.slice(cut))
          expect((await storage.handler(new Request(url))).status).toBe(403)
        }),
      )
    })

    it.each([
      ['its tag', (etag: string) => etag],
      ['its tag, weak', (etag: string) => `W/${etag}`],
      ['a list with its tag', (etag: string) => `"other" , ${etag}`],
      ['any tag', () => '*'],
    ])('answers 304 to If-None-Match with %s', async (_, build) => {
      const headers = { 'if-none-match': build(`"${factsOf(TEXT).sha256}"`), range: 'bytes=1-2' }
      const response = await ask({ headers })
      expect([response.status, response.body]).toEqual([304, null])
      expect(response.headers.get('etag')).toBe(`"${factsOf(TEXT).sha256}"`)
      expect(response.headers.get('cache-control')).toBe('private, max-age=60')
      expect((await ask({ method: 'HEAD', headers })).status).toBe(304)
    })

    it.each(['"other"', 'W/"other"', '', factsOf(TEXT).sha256])(
      'answers If-None-Match %s with the bytes',
      async (tag) => {
        const response = await ask({ headers: { 'if-none-match': tag } })
        expect([response.status, await response.text()]).toEqual([200, TEXT])
      },
    )

    it.each([
      [{ 'if-match': '"other"' }, 412],
      [{ 'if-unmodified-since': new Date(NOW - 60_000).toUTCString() }, 412],
      [{ 'if-modified-since': new Date(NOW).toUTCString() }, 304],
      [{ 'if-modified-since': new Date(NOW - 60_000).toUTCString() }, 200],
      [{ 'if-unmodified-since': new Date(NOW).toUTCString() }, 200],
    ])('minds %o: %i', async (headers, status) => {
      for (const method of ['GET', 'HEAD']) {
        const response = await ask({ method, headers: { ...headers, range: 'bytes=99-' } })
        const expected = status === 200 && method === 'GET' ? 416 : status
        expect(response.status).toBe(expected)
        if (status === 412) expect([...response.headers.keys()]).not.toContain('etag')
      }
    })

    it('accepts what each of several secrets has signed, and signs with the first', async () => {
      const [old, next] = [SECRET, `next ${SECRET}`]
      const { url: oldUrl } = await sign()
      storage = create({ baseUrl: BASE_URL, secret: [next, old] })
      const { url: nextUrl } = await sign()
      expect(nextUrl).not.toBe(oldUrl)
      for (const url of [oldUrl, nextUrl]) expect((await storage.handler(new Request(url, HEAD))).status).not.toBe(403)
      storage = create({ baseUrl: BASE_URL, secret: [next] })
      expect((await sign()).url).toBe(nextUrl)
      expect((await storage.handler(new Request(oldUrl))).status).toBe(403)
      storage = create({ baseUrl: BASE_URL, secret: next })
      expect((await storage.handler(new Request(nextUrl, HEAD))).status).not.toBe(403)
    })

    it.each([[[]], [['', SECRET]], [[SECRET, 'short']], [[SECRET, undefined]], [[[SECRET]]]])(
      'refuses the secrets %j, without showing one',
      (secret) => {
        // @ts-expect-error: what JavaScript callers can pass
        expect(() => create({ baseUrl: BASE_URL, secret })).toThrow(
          expect.objectContaining({ option: 'secret', message: expect.not.stringContaining(SECRET) }),
        )
      },
    )

    it('refuses every URL without a secret, and signs none', async () => {
      const { url } = await sign()
      for (const settings of [{}, { baseUrl: undefined, secret: undefined }]) {
        const { handler, signedUrl } = create(settings)
        expect(signedUrl).toBeUndefined()
        expect((await handler(new Request(url))).status).toBe(403)
      }
    })

    it('gives the address of a key below the base URL', async () => {
      expect(await create({ baseUrl: BASE_URL, secret: SECRET }).address('a b/c.txt')).toBe(`${BASE_URL}/a%20b/c.txt`)
    })

    it.each([
      ['baseUrl', { secret: SECRET }, 'is needed with secret'],
      ['baseUrl', { secret: SECRET, baseUrl: undefined }, 'is needed with secret'],
      ['secret', { baseUrl: BASE_URL }, 'is needed with baseUrl, to sign its URLs'],
      ['secret', { baseUrl: BASE_URL, secret: undefined }, 'at least 16 characters, got undefined'],
      ['baseUrl', { baseUrl: 'ftp://example.com', secret: SECRET }, 'must be an http(s) URL'],
      ['baseUrl', { baseUrl: 'https://example.com/?a=b' }, 'must be an http(s) URL'],
      ['secret', { baseUrl: BASE_URL, secret: 'short' }, 'must be a string of at least 16 characters'],
      ['secret', { baseUrl: BASE_URL, secret: '' }, 'must be a string of at least 16 characters'],
    ])('refuses a %s of the wrong form: %o', (option, settings, problem) => {
      expect(() => create(settings)).toThrow(
        expect.objectContaining({ option, message: expect.stringContaining(problem) }),
      )
    })

    it('answers 404 once the object is gone', async () => {
      await storage.delete('a/key.txt')
      const response = await ask()
      expect([response.status, await response.text()]).toEqual([404, 'Not Found'])
    })
  })

  describe('handler(), asked for a range', () => {
    it.each([
      ['bytes=0-0', '0', 'bytes 0-0/10'],
      ['bytes=2-4', '234', 'bytes 2-4/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=7-99999999999999999999', '789', 'bytes 7-9/10'],
      ['bytes=-3', '789', 'bytes 7-9/10'],
      ['bytes=-30', TEXT, 'bytes 0-9/10'],
    ])('%s answers a part', async (range, text, contentRange) => {
      const response = await ask({ headers: { range } })
      expect(response.status).toBe(206)
      expect(response.headers.get('content-range')).toBe(contentRange)
      expect(response.headers.get('content-length')).toBe(String(text.length))
      expect(await response.text()).toBe(text)
    })

    it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=99999999999999999999-'])(
      '%s is unsatisfiable',
      async (range) => {
        const response = await ask({ headers: { range } })
        expect(response.status).toBe(416)
        expect(response.headers.get('content-range')).toBe('bytes */10')
      },
    )

    it.each(['bytes=-', 'bytes=4-2', 'bytes=0-1,3-4', 'bytes=a-b', 'lines=1-2', 'bytes 1-2', 'bytes=1-2 '.repeat(2)])(
      '%s is ignored',
      async (range) => {
        const response = await ask({ headers: { range } })
        expect([response.status, response.headers.get('content-range'), await response.text()]).toEqual([
          200,
          null,
          TEXT,
        ])
      },
    )

    it('respects If-Range', async () => {
      const etag = `"${factsOf(TEXT).sha256}"`
      const same = await ask({ headers: { range: 'bytes=1-2', 'if-range': etag } })
      expect([same.status, await same.text()]).toEqual([206, '12'])
      const other = await ask({ headers: { range: 'bytes=1-2', 'if-range': '"another"' } })
      expect([other.status, await other.text()]).toEqual([200, TEXT])
      const lastModified = other.headers.get('last-modified') ?? ''
      const dated = await ask({ headers: { range: 'bytes=1-2', 'if-range': lastModified } })
      expect([dated.status, await dated.text()]).toEqual([206, '12'])
    })

    it('gives exactly the bytes asked for (property)', async () => {
      const text = Array.from({ length: 200_000 }, (_, i) => String.fromCharCode(32 + (i % 89))).join('')
      await put(storage, 'a/key.txt', { text, ifAbsent: false })
      await fc.assert(
        fc.asyncProperty(fc.nat(199_999), fc.nat(250_000), async (start, length) => {
          const response = await ask({ headers: { range: `bytes=${start}-${start + length}` } })
          expect((await response.text()) === text.slice(start, start + length + 1)).toBe(true)
        }),
        { numRuns: 30 },
      )
    })
  })
})
