import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest'
import type { MediaEvent } from '../src/events.js'
import type { KeyLayout } from '../src/key.js'
import { getSignedUrl, type SigningOptions, signUrl, signUrls } from '../src/signed-url.js'
import { createMemoryStorage } from '../src/storage/memory.js'
import type { ObjectStorage, SignedUrlOptions } from '../src/storage.js'

const WEEK = 604_800
const UUID = '5ef5e495-9ea6-59d7-91c6-d39ba4699239'
const keyOf = (extension: string, accountId = 'acme') =>
  `whatsapp-media/${accountId}/2026-11-22/document/${UUID}.${extension}`
const KEY = keyOf('jpg')

interface SigningStorage extends ObjectStorage {
  asked: ({ key: string } & SignedUrlOptions)[]
}

/** A storage whose URLs tell what was signed; equal requests get equal URLs, as with signature version 4. */
function signingStorage(options: { credentialsEndAt?: number } = {}): SigningStorage {
  const { credentialsEndAt = Infinity } = options
  const asked: SigningStorage['asked'] = []
  return {
    ...createMemoryStorage(),
    name: 'signing',
    asked,
    async signedUrl(key, request) {
      asked.push({ key, ...request })
      const { signedAt = new Date(), expiresIn, contentType, contentDisposition } = request
      const query = new URLSearchParams({
        ...{ date: signedAt.toISOString(), expires: String(expiresIn) },
        ...{ type: contentType, disposition: contentDisposition },
      })
      const expiresAt = new Date(Math.min(signedAt.getTime() + expiresIn * 1_000, credentialsEndAt))
      return { url: `https://signed.example/${key}?${query}`, expiresAt }
    },
  }
}

/** Without `accountId`, for any account. */
type Wishes = Pick<SigningOptions, 'prefix' | 'keyLayout' | 'filename' | 'disposition'> & { accountId?: string }

/** The headers for a reader's browser. */
async function served(key: string, { accountId, ...wishes }: Wishes = {}): Promise<[string, string]> {
  const tenant = accountId === undefined ? ({ anyAccount: true } as const) : { accountId }
  const url = new URL(await getSignedUrl(key, { storage: signingStorage(), ...wishes, ...tenant }))
  return [url.searchParams.get('type') ?? '', url.searchParams.get('disposition') ?? '']
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 22, 12, 0, 0) })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('getSignedUrl', () => {
  it('asks the storage for a URL of a HEAD where that is wanted, and for no other method', async () => {
    const storage = signingStorage()
    const sign = (method: string | undefined) =>
      getSignedUrl(KEY, { storage, anyAccount: true, method: method as 'HEAD' })
    await sign('HEAD')
    await sign('GET')
    await sign(undefined)
    expect(storage.asked.map(({ method }) => method)).toEqual(['HEAD', 'GET', undefined])
    await expect(sign('PUT')).rejects.toMatchObject({ code: 'invalid-option', option: 'method' })
    expect(storage.asked).toHaveLength(3)
  })

  it('signs now, for an hour, by default', async () => {
    const storage = signingStorage()
    const url = await getSignedUrl(KEY, { storage, anyAccount: true })
    expect(url).toMatch(`https://signed.example/${KEY}?date=2026-11-22T12`)
    expect(storage.asked).toStrictEqual([
      {
        ...{ key: KEY, expiresIn: 3_600, signedAt: new Date('2026-11-22T12:00:00Z') },
        ...{ contentType: 'image/jpeg', contentDisposition: 'inline' },
      },
    ])
  })

  it('signs anew each second, as signatures count', async () => {
    const storage = signingStorage()
    const first = await getSignedUrl(KEY, { storage, anyAccount: true })
    vi.advanceTimersByTime(1_000)
    expect(await getSignedUrl(KEY, { storage, anyAccount: true })).not.toBe(first)
  })

  it.each([1, 60, WEEK])('signs for %i seconds', async (expiresIn) => {
    const storage = signingStorage()
    await getSignedUrl(KEY, { storage, anyAccount: true, expiresIn })
    expect(storage.asked).toMatchObject([{ expiresIn }])
  })

  it.each<[Partial<SigningOptions>, string]>([
    ...[0, -1, 1.5, WEEK + 1, Number.NaN, Infinity, '60'].map((expiresIn): [Partial<SigningOptions>, string] => [
      { expiresIn: expiresIn as number },
      'expiresIn',
    ]),
    ...[-1, 0.5, WEEK + 1, Number.NaN, '0'].map((cacheFor): [Partial<SigningOptions>, string] => [
      { cacheFor: cacheFor as number },
      'cacheFor',
    ]),
    [{ cacheFor: WEEK - 3_599 }, 'expiresIn + cacheFor'],
    [{ expiresIn: WEEK, cacheFor: 1 }, 'expiresIn + cacheFor'],
    [{ disposition: 'INLINE' as 'inline' }, 'disposition'],
    [{ filename: 7 as unknown as string }, 'filename'],
    [{ filename: null as unknown as string }, 'filename'],
    [{ accountId: '../acme' }, 'accountId'],
  ])('refuses %j', async (options, option) => {
    const storage = signingStorage()
    const signed = getSignedUrl(KEY, { storage, accountId: 'acme', ...options } as SigningOptions)
    await expect(signed).rejects.toMatchObject({ code: 'invalid-option', option })
    expect(storage.asked).toEqual([])
  })

  it.each([
    [0, '0'],
    [WEEK + 1, '604801'],
    [1.5, '1.5'],
    [Number.NaN, 'NaN'],
    ['60', "'60'"],
  ])('names the expiry %j that it refuses', async (expiresIn, shown) => {
    const signed = getSignedUrl(KEY, { storage: signingStorage(), anyAccount: true, expiresIn: expiresIn as number })
    await expect(signed).rejects.toThrow(`expiresIn must be a whole number of seconds from 1 to 604800, got ${shown}`)
  })

  it.each([
    ...[
      '',
      undefined,
      null,
      7,
      '/',
      '/a.jpg',
      'a/',
      'a//b.jpg',
      '.',
      '..',
      'a/./b.jpg',
      'a/../b.jpg',
      '../a.jpg',
      'a/..',
    ],
    ...['a\0.jpg', 'a\r\nx: y.jpg', 'a\u007f.jpg', 'a\u0085.jpg', 'a\ud800.jpg', 'a'.repeat(1_025), 'ü'.repeat(513)],
  ])('refuses the key %j', async (key) => {
    const storage = signingStorage()
    const signed = getSignedUrl(key as string, { storage, anyAccount: true })
    await expect(signed).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
    expect(storage.asked).toEqual([])
  })

  it.each(['a b+c%2e.jpg', 'Grüße/写真.jpg', '...jpg', 'a/..b/c..jpg', 'a'.repeat(1_024), 'ü'.repeat(512)])(
    "signs the old object's name %j as it is",
    async (key) => {
      const storage = signingStorage()
      await getSignedUrl(key, { storage, anyAccount: true })
      expect(storage.asked).toMatchObject([{ key }])
    },
  )

  it('says so when the storage can not sign', async () => {
    await expect(getSignedUrl(KEY, { storage: createMemoryStorage(), anyAccount: true })).rejects.toMatchObject({
      ...{ code: 'invalid-option', option: 'storage' },
      message: expect.stringMatching(/^storage must be able to sign URLs, and memory is not\. .*baseUrl and secret/),
    })
  })

  it.each([
    undefined,
    null,
    'https://signed.example/',
    {},
    { url: 7, expiresAt: new Date() },
    { url: 'u', expiresAt: 'soon' },
  ])('types an answer of the store’s that is none: %j', async (answer) => {
    const failure = { code: 'storage-failed', operation: 'sign', key: KEY, retryable: true }
    for (const signed of [async () => answer, () => answer]) {
      const storage = { ...createMemoryStorage(), signedUrl: signed as never }
      await expect(getSignedUrl(KEY, { storage, anyAccount: true })).rejects.toMatchObject(failure)
    }
  })

  it("types the storage's own error", async () => {
    const storage = { ...createMemoryStorage(), signedUrl: () => Promise.reject(new Error('no credentials')) }
    await expect(getSignedUrl(KEY, { storage, anyAccount: true })).rejects.toMatchObject({
      ...{ code: 'storage-failed', operation: 'sign', key: KEY, reason: 'Error' },
      cause: { message: 'Error' },
    })
  })
})

describe('getSignedUrl for a tenant', () => {
  it('signs its own keys', async () => {
    expect(await served(KEY, { accountId: 'acme' })).toEqual(['image/jpeg', 'inline'])
    expect(await served(`wa/acme/2026-11-22/image/${UUID}.png`, { accountId: 'acme', prefix: 'wa/' })).toEqual([
      'image/png',
      'inline',
    ])
  })

  it.each(['other', 'acm', 'acme2', 'ACME'])("refuses a key of %s, another's", async (owner) => {
    const storage = signingStorage()
    await expect(getSignedUrl(keyOf('jpg', owner), { storage, accountId: 'acme' })).rejects.toMatchObject({
      ...{ code: 'wrong-account', accountId: 'acme' },
      message: "The key does not belong to account 'acme'",
    })
    expect(storage.asked).toEqual([])
  })

  it.each([
    ['elsewhere', `private/acme/2026-11-22/image/${UUID}.jpg`],
    ['of another prefix', `wa/acme/2026-11-22/image/${UUID}.jpg`],
    ['with a way out', `whatsapp-media/acme/../other/2026-11-22/image/${UUID}.jpg`],
    ['with a tail', `${KEY}/../../other`],
    ['of no form', 'acme'],
    ['of another type', 7],
    ['below a prefix that looks like ours', KEY.replace('whatsapp-media/', 'whatsapp-media-2/')],
    ['below our prefix and one more', `x/${KEY}`],
    ['with a leading slash', `/${KEY}`],
    ['with an empty segment', KEY.replace('acme/', 'acme//')],
    ['with a dot segment', KEY.replace('acme/', 'acme/./')],
    ['with an encoded way out', KEY.replace('acme/', 'acme/%2e%2e/other/')],
    ['with a backslash', KEY.replace('acme/', 'acme\\')],
    ['with a line break at its end', `${KEY}\n`],
    ['with a NUL', `${KEY}\0`],
    ['with a letter that looks like ours', KEY.replace('acme', '\u0430cme')],
    ['with a wide letter', KEY.replace('acme', '\uff41cme')],
    ['with an accent of its own', KEY.replace('acme', 'acme\u0301')],
    ['with an invisible letter', KEY.replace('acme', 'acme\u200b')],
    ['with a query', `${KEY}?versionId=1`],
  ])('refuses a key %s', async (_name, key) => {
    const storage = signingStorage()
    const signed = getSignedUrl(key as string, { storage, accountId: 'acme' })
    await expect(signed).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
    expect(storage.asked).toEqual([])
  })

  it.each([
    'acme/../other/a.jpg',
    'acme/./a.jpg',
    'acme//a.jpg',
    '/acme/a.jpg',
    'acme/a.jpg\n',
    'acme/ü.jpg',
    'acme/%2e%2e/a.jpg',
  ])("refuses the key %j whatever the user's own layout says", async (key) => {
    const keyLayout: KeyLayout = { build: () => 'unused', parse: () => ({ accountId: 'acme' }) }
    const storage = signingStorage()
    const signed = getSignedUrl(key, { storage, accountId: 'acme', keyLayout })
    await expect(signed).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
    expect(storage.asked).toEqual([])
  })

  it("reads keys by the user's own layout", async () => {
    const layout = (extension?: string): KeyLayout => ({
      build: () => 'unused',
      parse: (key) => ({ accountId: key.split('.')[0] ?? '', ...(extension === undefined ? {} : { extension }) }),
    })
    expect(await served('acme.mp4', { accountId: 'acme', keyLayout: layout() })).toEqual(['video/mp4', 'inline'])
    expect(await served('acme.mp4', { accountId: 'acme', keyLayout: layout('png') })).toEqual(['image/png', 'inline'])
    await expect(served('other.mp4', { accountId: 'acme', keyLayout: layout() })).rejects.toMatchObject({
      code: 'wrong-account',
    })
  })
})

describe('the choice of tenant', () => {
  const refusal = {
    ...{ code: 'invalid-option', option: 'accountId' },
    message:
      'accountId must be the account whose key it is, or left out beside anyAccount: true; give exactly one of the two',
  }

  it.each([
    ['neither', {}],
    ['both', { accountId: 'acme', anyAccount: true }],
    ['a tenant that the caller failed to find', { accountId: undefined }],
    ['that and any account', { accountId: undefined, anyAccount: true }],
    ['not any account', { anyAccount: false }],
    ['an account, and not any', { accountId: 'acme', anyAccount: false }],
    ['any account by another word', { anyAccount: 'true' }],
    ['any account, perhaps', { anyAccount: undefined }],
  ])('refuses %s', async (_name, tenant) => {
    const storage = signingStorage()
    const options = { storage, ...tenant } as unknown as SigningOptions
    await expect(getSignedUrl(KEY, options)).rejects.toMatchObject(refusal)
    await expect(signUrls([KEY], options)).rejects.toMatchObject(refusal)
    await expect(signUrls([], options)).rejects.toMatchObject(refusal)
    expect(storage.asked).toEqual([])
  })

  it('is the options’ own: a polluted prototype opens no account', async () => {
    const storage = signingStorage()
    const polluted = (own: object): SigningOptions => Object.assign(Object.create({ anyAccount: true }), own)
    await expect(getSignedUrl(KEY, polluted({ storage }))).rejects.toMatchObject(refusal)
    expect(storage.asked).toEqual([])
    await getSignedUrl(KEY, polluted({ storage, accountId: 'acme' }))
    const other = getSignedUrl(keyOf('jpg', 'other'), polluted({ storage, accountId: 'acme' }))
    await expect(other).rejects.toMatchObject({ code: 'wrong-account' })
  })

  it.each([
    ['options', undefined],
    ['options', null],
    ['storage', {}],
    ['storage', { accountId: 'acme' }],
    ['storage', { accountId: 'acme', storage: null }],
  ])('comes with a storage, without %s: %j', async (option, options) => {
    const refused = { code: 'invalid-option', option }
    await expect(getSignedUrl(KEY, options as unknown as SigningOptions)).rejects.toMatchObject(refused)
    await expect(signUrls([], options as unknown as SigningOptions)).rejects.toMatchObject(refused)
  })

  it('is one of the two by type', () => {
    const storage = signingStorage()
    expectTypeOf({ storage, accountId: 'acme' }).toExtend<SigningOptions>()
    expectTypeOf({ storage, anyAccount: true } as const).toExtend<SigningOptions>()
    expectTypeOf({ storage }).not.toExtend<SigningOptions>()
    expectTypeOf({ storage, accountId: 'acme', anyAccount: true } as const).not.toExtend<SigningOptions>()
    expectTypeOf({ storage, accountId: undefined }).not.toExtend<SigningOptions>()
    expectTypeOf({ storage, anyAccount: false } as const).not.toExtend<SigningOptions>()
  })

  it("opens every account's objects, and others", async () => {
    expect(await served(keyOf('jpg', 'other'))).toEqual(['image/jpeg', 'inline'])
    expect(await served('invoices/1.pdf')).toEqual(['application/pdf', 'attachment'])
  })
})

describe('getSignedUrl chooses type and disposition from the extension', () => {
  const OCTETS = 'application/octet-stream'

  it.each([
    ['jpg', 'image/jpeg', 'inline'],
    ['mp4', 'video/mp4', 'inline'],
    ['ogg', 'audio/ogg', 'inline'],
    ['webp', 'image/webp', 'inline'],
    ['pdf', 'application/pdf', 'attachment'],
    ['txt', 'text/plain; charset=utf-8', 'attachment'],
    ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'attachment'],
    ...['html', 'svg', 'xml', 'xhtml', 'js', 'css', 'exe', 'bin', 'zzz'].map((extension) => [
      extension,
      OCTETS,
      'attachment',
    ]),
  ])('%s: %s, %s', async (extension, contentType, disposition) => {
    expect(await served(keyOf(extension))).toEqual([contentType, disposition])
    expect(await served(keyOf(extension), { accountId: 'acme' })).toEqual([contentType, disposition])
    expect(await served(keyOf(extension), { disposition: 'attachment' })).toEqual([contentType, 'attachment'])
  })

  it.each(['heic', 'tiff', 'avi', 'mkv', 'amr', '3gp'])('%s: a download, unless a reader wishes', async (extension) => {
    expect((await served(keyOf(extension)))[1]).toBe('attachment')
    expect((await served(keyOf(extension), { disposition: 'inline' }))[1]).toBe('inline')
  })

  it('serves a sound as a sound, where a video has the same extension', async () => {
    const key = keyOf('3gp')
    expect(await served(key)).toEqual(['video/3gpp', 'attachment'])
    const sound = key.replace(/\/[a-z]+\/([^/]+)$/, '/audio/$1')
    expect(await served(sound)).toEqual(['audio/3gpp', 'attachment'])
    expect(await served(sound, { accountId: 'acme' })).toEqual(['audio/3gpp', 'attachment'])
  })

  it('serves a key without extension as octets', async () => {
    expect(await served('whatsapp-media/acme/file')).toEqual([OCTETS, 'attachment'])
    expect(await served('whatsapp-media/acme/file', { filename: 'a.jpg' })).toEqual([
      OCTETS,
      'attachment; filename=a.jpg',
    ])
  })

  it('shows inline on request only what may be shown', async () => {
    const inline = { disposition: 'inline' } as const
    expect(await served(keyOf('pdf'), inline)).toEqual(['application/pdf', 'inline'])
    expect(await served(keyOf('png'), inline)).toEqual(['image/png', 'inline'])
    for (const extension of ['html', 'svg', 'txt', 'zip', 'docx', 'bin']) {
      expect((await served(keyOf(extension), inline))[1]).toBe('attachment')
    }
  })

  it('names the download, safely, and with the extension of the key', async () => {
    const named = async (filename: string, extension = 'pdf') => (await served(keyOf(extension), { filename }))[1]
    expect(await named('offer.pdf')).toBe('attachment; filename=offer.pdf')
    expect(await named('offer.pdf.exe')).toBe('attachment; filename=offer.pdf.exe.pdf')
    expect(await named('photo', 'jpg')).toBe('inline; filename=photo.jpg')
    expect(await named('../../etc/passwd\r\nx: y')).toMatch(/^attachment; filename="[^"\r\n/]+\.pdf"$/)
    expect(await named('Grüße.pdf')).toMatch(
      /^attachment; filename=[ -~]+\.pdf"?; filename\*=UTF-8''Gr%C3%BC%C3%9Fe\.pdf$/,
    )
  })
})

describe('getSignedUrl with cacheFor', () => {
  it('gives the same URL within a window, and another in the next', async () => {
    const storage = signingStorage()
    const sign = () => getSignedUrl(KEY, { storage, anyAccount: true, cacheFor: 900 })
    const first = await sign()
    vi.advanceTimersByTime(899_999)
    expect(await sign()).toBe(first)
    vi.advanceTimersByTime(1)
    const second = await sign()
    expect(second).not.toBe(first)
    vi.advanceTimersByTime(899_999)
    expect(await sign()).toBe(second)
  })

  it('lives expiresIn at the least, and expiresIn + cacheFor at the most', async () => {
    const storage = signingStorage()
    for (const lateMs of [0, 1, 450_000, 899_999]) {
      vi.setSystemTime(Date.UTC(2026, 10, 22, 12, 0, 0) + lateMs)
      const { expiresAt } = await signUrl(KEY, { storage, anyAccount: true, expiresIn: 60, cacheFor: 900 })
      const livesMs = expiresAt.getTime() - Date.now()
      expect(livesMs).toBeGreaterThanOrEqual(60_000)
      expect(livesMs).toBeLessThanOrEqual(960_000)
      expect(storage.asked.at(-1)).toMatchObject({ expiresIn: 960, signedAt: new Date('2026-11-22T12:00:00Z') })
    }
  })

  it('takes the two up to seven days', async () => {
    const storage = signingStorage()
    await getSignedUrl(KEY, { storage, anyAccount: true, expiresIn: 1, cacheFor: WEEK - 1 })
    expect(storage.asked).toMatchObject([{ expiresIn: WEEK }])
  })
})

describe('signUrl', () => {
  it('says when the URL expires', async () => {
    const events: MediaEvent[] = []
    const signed = await signUrl(KEY, {
      storage: signingStorage(),
      anyAccount: true,
      expiresIn: 60,
      onEvent: (event) => events.push(event),
    })
    expect(signed).toStrictEqual({
      key: KEY,
      url: expect.stringContaining(KEY),
      expiresAt: new Date('2026-11-22T12:01:00Z'),
    })
    expect(events).toEqual([])
  })

  it('reports credentials that end before the URL was asked to', async () => {
    const events: MediaEvent[] = []
    const endsAt = new Date('2026-11-22T12:00:59.999Z')
    const storage = signingStorage({ credentialsEndAt: endsAt.getTime() })
    const { expiresAt } = await signUrl(KEY, {
      storage,
      anyAccount: true,
      expiresIn: 60,
      onEvent: (event) => events.push(event),
    })
    expect(expiresAt).toEqual(endsAt)
    expect(events).toStrictEqual([
      { type: 'expiry-clipped', key: KEY, expiresAt: endsAt, askedFor: new Date('2026-11-22T12:01:00Z') },
    ])
    await expect(signUrl(KEY, { storage, anyAccount: true, expiresIn: 60 })).resolves.toMatchObject({
      expiresAt: endsAt,
    })
  })
})

describe('signUrl near the end of its credentials', () => {
  const events: MediaEvent[] = []
  const onEvent = (event: MediaEvent): void => void events.push(event)
  beforeEach(() => {
    events.length = 0
  })

  it('clips a stable URL, and says so each time it is given out', async () => {
    const endsAt = new Date('2026-11-22T12:10:00Z')
    const storage = signingStorage({ credentialsEndAt: endsAt.getTime() })
    const sign = () => signUrl(KEY, { storage, anyAccount: true, expiresIn: 60, cacheFor: 900, onEvent })
    const first = await sign()
    vi.setSystemTime(endsAt.getTime() - 1)
    const last = await sign()
    expect(last).toEqual({ ...first, expiresAt: endsAt })
    const clipped = {
      ...{ type: 'expiry-clipped', key: KEY, expiresAt: endsAt },
      askedFor: new Date('2026-11-22T12:16:00Z'),
    }
    expect(events).toStrictEqual([clipped, clipped])
  })

  it('gives out no URL that has expired already', async () => {
    const endsAt = Date.UTC(2026, 10, 22, 12, 10)
    const storage = signingStorage({ credentialsEndAt: endsAt })
    vi.setSystemTime(endsAt)
    for (const cacheFor of [0, 900]) {
      await expect(signUrl(KEY, { storage, anyAccount: true, cacheFor, onEvent })).rejects.toMatchObject({
        ...{ code: 'storage-failed', operation: 'sign', retryable: true },
        message: `The storage failed to sign ${KEY}: the signing credentials have ended`,
      })
    }
    expect(events).toEqual([])
  })
})

describe('signUrls', () => {
  it('keeps the order of the keys', async () => {
    const keys = ['png', 'pdf', 'jpg', 'png'].map((extension) => keyOf(extension))
    const signed = await signUrls(keys, { storage: signingStorage(), accountId: 'acme' })
    expect(signed.map(({ key }) => key)).toEqual(keys)
    expect(signed.map(({ url }) => new URL(url).pathname.slice(1))).toEqual(keys)
  })

  it('is empty for no keys', async () => {
    expect(await signUrls([], { storage: signingStorage(), anyAccount: true })).toEqual([])
  })

  it('fails as a whole when one key can not be signed', async () => {
    const keys = [KEY, keyOf('jpg', 'other')]
    await expect(signUrls(keys, { storage: signingStorage(), accountId: 'acme' })).rejects.toMatchObject({
      code: 'wrong-account',
    })
  })
})
