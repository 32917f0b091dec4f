import { createPublicKey, createVerify, generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import type { MediaEvent } from '../../src/events.js'
import { signUrl } from '../../src/signed-url.js'
import { type CloudFrontSignerOptions, createCloudFrontSigner } from '../../src/signers/cloudfront.js'
import { createS3Storage } from '../../src/storage/s3.js'
import type { SignedUrlOptions } from '../../src/storage.js'

type Kind = 'RSA' | 'ECDSA'

const pemOf = (key: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer }): string =>
  key.export({ type: 'pkcs8', format: 'pem' }).toString()
const KEYS: Record<Kind, string> = {
  RSA: pemOf(generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey),
  ECDSA: pemOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey),
}

const options: CloudFrontSignerOptions = {
  domain: 'd111111abcdef8.cloudfront.net',
  keyPairId: 'K2JCJMDEHXQW5F',
  privateKey: KEYS.RSA,
}
const signing: SignedUrlOptions = {
  expiresIn: 60,
  contentType: 'image/jpeg',
  contentDisposition: `inline; filename="photo.jpg"; filename*=UTF-8''photo%20%E2%9C%93.jpg`,
  signedAt: new Date('2026-11-22T12:00:00Z'),
}
const UUID = '5ef5e495-9ea6-59d7-91c6-d39ba4699239'
const KEY = `whatsapp-media/acme/2026-11-22/image/${UUID}.jpg`
const EXPIRES = Date.UTC(2026, 10, 22, 12, 1) / 1_000

const sign = (key = KEY, more: Partial<SignedUrlOptions & CloudFrontSignerOptions> = {}) => {
  const { expiresIn, contentType, contentDisposition, signedAt, ...own } = { ...signing, ...more }
  const asked = { expiresIn, contentType, contentDisposition, ...(signedAt === undefined ? {} : { signedAt }) }
  return createCloudFrontSigner({ ...options, ...own }).signedUrl(key, asked)
}

/**
 * As CloudFront checks a canned policy (Amazon: Create a signed URL using a canned policy): what stands before its own
 * parameters is the resource; the policy is rebuilt from it and the expiry, without a blank.
 */
function verify(url: string, privateKey: string): { resource: string; expires: number; isGood: boolean } {
  const [resource = '', own = ''] = url.split(/[?&](?=Expires=)/)
  const parameters = new URLSearchParams(own)
  const expires = Number(parameters.get('Expires'))
  expect([...parameters.keys()].sort().filter((name) => name !== 'Hash-Algorithm')).toEqual([
    'Expires',
    'Key-Pair-Id',
    'Signature',
  ])
  expect(parameters.get('Key-Pair-Id')).toBe('K2JCJMDEHXQW5F')
  const policy = `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`
  const signature = (parameters.get('Signature') ?? '').replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/')
  const hash = parameters.get('Hash-Algorithm') === 'SHA256' ? 'sha256' : 'sha1'
  const isGood = createVerify(hash).update(policy).verify(createPublicKey(privateKey), signature, 'base64')
  return { resource, expires, isGood }
}

describe.each(['RSA', 'ECDSA'] as const)('createCloudFrontSigner with %s', (kind) => {
  const privateKey = KEYS[kind]

  it('makes a URL for HEAD as it makes one for GET: a canned policy names no method', async () => {
    const { signedUrl } = createCloudFrontSigner({ ...options, privateKey })
    const [head, get, any] = await Promise.all([
      signedUrl(KEY, { ...signing, method: 'HEAD' }),
      signedUrl(KEY, { ...signing, method: 'GET' }),
      signedUrl(KEY, signing),
    ])
    const [first, ...others] = [head, get, any].map(({ url }) => verify(url, privateKey))
    expect(first).toMatchObject({ expires: EXPIRES, isGood: true })
    expect(others).toEqual([first, first])
    expect([get.expiresAt, any.expiresAt]).toEqual([head.expiresAt, head.expiresAt])
  })

  it.each(['get', 'head', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'PATCH', '', ' HEAD', null, 7, ['HEAD']])(
    'refuses to sign for the method %j',
    async (method) => {
      const { signedUrl } = createCloudFrontSigner({ ...options, privateKey })
      const refused = signedUrl(KEY, { ...signing, method: method as 'HEAD' })
      await expect(refused).rejects.toMatchObject({ code: 'invalid-option', option: 'method' })
    },
  )

  it.each(['SHA256', 'SHA1'] as const)('makes a canned policy that CloudFront accepts, with %s', async (algorithm) => {
    const { url, expiresAt } = await sign(KEY, { privateKey, algorithm })
    expect(verify(url, privateKey)).toEqual({
      resource:
        `https://d111111abcdef8.cloudfront.net/${KEY}?response-content-type=image%2Fjpeg` +
        '&response-content-disposition=inline%3B%20filename%3D%22photo.jpg%22%3B%20' +
        'filename%2A%3DUTF-8%27%27photo%2520%25E2%259C%2593.jpg',
      expires: EXPIRES,
      isGood: true,
    })
    expect(expiresAt).toEqual(new Date(EXPIRES * 1_000))
    expect(new URL(url).searchParams.get('Hash-Algorithm')).toBe(algorithm === 'SHA256' ? 'SHA256' : null)
  })

  it.each([
    ['the key', KEY, KEY.replace('acme', 'other')],
    ['the content type', 'image%2Fjpeg', 'text%2Fhtml'],
    ['the disposition', '=inline', '=attachment'],
    ['the overrides', /response-content-type.*?&(?=Expires)/, ''],
    ['one parameter more', 'Expires=', 'response-content-type=text%2Fhtml&Expires='],
    ['the expiry', String(EXPIRES), String(EXPIRES + 1)],
  ])('makes a signature that does not survive a change of %s', async (_what, from, to) => {
    const { url } = await sign(KEY, { privateKey })
    const changed = url.replace(from, to)
    expect(changed).not.toBe(url)
    expect(verify(changed, privateKey).isGood).toBe(false)
  })
})

describe('createCloudFrontSigner', () => {
  it('signs with SHA-256 by default', async () => {
    expect((await sign()).url).toMatch(/&Hash-Algorithm=SHA256$/)
  })

  it('takes the key from a function, once for all that are signed at a time', async () => {
    const privateKey = vi.fn(async () => KEYS.RSA)
    const signer = createCloudFrontSigner({ ...options, privateKey })
    expect(privateKey).not.toHaveBeenCalled()
    const urls = await Promise.all([signer.signedUrl(KEY, signing), signer.signedUrl('b.jpg', signing)])
    expect(urls.map(({ url }) => verify(url, KEYS.RSA).isGood)).toEqual([true, true])
    await signer.signedUrl(KEY, signing)
    expect(privateKey).toHaveBeenCalledTimes(1)
  })

  it('asks the function again after it failed, and shows none of its message', async () => {
    const privateKey = vi
      .fn<() => string>()
      .mockImplementationOnce(() => JSON.parse(KEYS.RSA))
      .mockImplementationOnce(() => {
        throw 'MIIEvQ'
      })
      .mockImplementationOnce(() => {
        throw Object.assign(new Error('x'), { name: 'MIIEvQ/secret' })
      })
      .mockReturnValueOnce('not a key')
      .mockReturnValue(KEYS.RSA)
    const signer = createCloudFrontSigner({ ...options, privateKey })
    const failed = { code: 'storage-failed', operation: 'sign', key: KEY, retryable: true }
    for (const reason of [
      'privateKey() threw SyntaxError',
      'privateKey() threw an error',
      'privateKey() threw an error',
    ]) {
      const error: unknown = await signer.signedUrl(KEY, signing).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ ...failed, reason })
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/MIIEv|PRIVATE KEY/)
    }
    await expect(signer.signedUrl(KEY, signing)).rejects.toMatchObject({ option: 'privateKey' })
    expect(verify((await signer.signedUrl(KEY, signing)).url, KEYS.RSA).isGood).toBe(true)
  })

  it.each([
    ['a public key', createPublicKey(KEYS.RSA).export({ type: 'spki', format: 'pem' }).toString()],
    ['a short RSA key', pemOf(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey)],
    ['a key of another curve', pemOf(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey)],
    ['a key of another kind', pemOf(generateKeyPairSync('ed25519').privateKey)],
    ['a key with a character lost', KEYS.RSA.replace(/.{5}\n-----END/, '\n-----END')],
    ['a key without its frame', KEYS.RSA.replaceAll(/-----.*-----\n/g, '')],
    ['nothing', ''],
    ['no text', undefined as unknown as string],
  ])('refuses %s, and does not show it', async (_name, pem) => {
    const refused = (() => {
      try {
        return createCloudFrontSigner({ ...options, privateKey: pem })
      } catch (error) {
        return error
      }
    })()
    expect(refused).toMatchObject({ code: 'invalid-option', option: 'privateKey', retryable: false })
    expect(String(refused)).toMatch(
      /^InvalidOptionError: privateKey (?:is missing; it )?must be an RSA 2048 or ECDSA P-256 private key in PEM, without passphrase, got a (?:string of \d+ characters|value of type undefined)$/,
    )
    const shown = inspect(refused, { depth: 9, showHidden: true })
    for (const line of String(pem).split('\n')) if (line.length > 30) expect(shown).not.toContain(line)
    const later = createCloudFrontSigner({ ...options, privateKey: () => pem })
    await expect(later.signedUrl(KEY, signing)).rejects.toMatchObject({ option: 'privateKey' })
  })

  it("says what is wrong with a key whose line breaks became '\\n'", () => {
    expect(() => createCloudFrontSigner({ ...options, privateKey: KEYS.RSA.replaceAll('\n', '\\n') })).toThrow(
      /got a string of \d+ characters; it has '\\n' in place of line breaks$/,
    )
  })

  it.each<Partial<Record<keyof CloudFrontSignerOptions, unknown>>>([
    ...[
      '',
      'http://d1.cloudfront.net',
      'https://a@b',
      'https://a?b',
      'https://a#b',
      'https://a/*',
      'https://a/%20',
      '*.a',
      7,
    ]
      .concat('ftp://a', 'https://')
      .map((domain) => ({ domain })),
    ...['', 'K2 JC', '&Expires=1', undefined].map((keyPairId) => ({ keyPairId })),
    ...['media', '/', '/media/', '/..', '/a/../b', '/a b', '/*', 7].map((originPath) => ({ originPath })),
    { algorithm: 'MD5' },
  ])('refuses %j', (wrong) => {
    const [option] = Object.keys(wrong)
    expect(() => createCloudFrontSigner({ ...options, ...(wrong as object) })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option }),
    )
  })

  it.each([
    ['https://media.example.org', `https://media.example.org/${KEY}`],
    ['https://media.example.org/', `https://media.example.org/${KEY}`],
    ['Media.Example.org/files', `https://media.example.org/files/${KEY}`],
    ['https://media.example.org:8443/files/', `https://media.example.org:8443/files/${KEY}`],
  ])('puts keys below %s', async (domain, resource) => {
    const { url } = await sign(KEY, { domain })
    expect(url.split('?')[0]).toBe(resource)
    expect(verify(url, KEYS.RSA).isGood).toBe(true)
  })

  it('leaves out of the URL what the distribution puts before it', async () => {
    const { url } = await sign(KEY, { originPath: '/whatsapp-media/acme' })
    expect(new URL(url).pathname).toBe(`/2026-11-22/image/${UUID}.jpg`)
    for (const key of ['whatsapp-media/acme2/a.jpg', 'whatsapp-media/acme', 'a.jpg']) {
      await expect(sign(key, { originPath: '/whatsapp-media/acme' })).rejects.toMatchObject({ option: 'key' })
    }
  })

  it.each([
    ['a b.jpg', 'a%20b.jpg'],
    ['a+b.jpg', 'a%2Bb.jpg'],
    ['100%.jpg', '100%25.jpg'],
    ['a%20b%2Fc.jpg', 'a%2520b%252Fc.jpg'],
    ['Grüße/写真 ✓😀.jpg', 'Gr%C3%BC%C3%9Fe/%E5%86%99%E7%9C%9F%20%E2%9C%93%F0%9F%98%80.jpg'],
    ['a?b#c&d=e;f.jpg', 'a%3Fb%23c%26d%3De%3Bf.jpg'],
    [`"<a>'(b)!~\\^\`{|}.jpg`, "%22%3Ca%3E'(b)!~%5C%5E%60%7B%7C%7D.jpg"],
  ])('encodes the key %j, as it is signed and as browsers ask for it', async (key, encoded) => {
    const { url } = await sign(key)
    const { resource, isGood } = verify(url, KEYS.RSA)
    expect(resource.split('?')[0]).toBe(`https://d111111abcdef8.cloudfront.net/${encoded}`)
    expect(isGood).toBe(true)
    // WHATWG URL is what browsers send: it must not rewrite what was signed.
    expect(new URL(url).href).toBe(url)
    expect(decodeURIComponent(new URL(url).pathname.slice(1))).toBe(key)
  })

  it.each(['', '/a', 'a/', 'a//b', '.', '..', 'a/../b', 'a/./b', 'a\nb', 'a\0', '\ud800', 'a*', 'ü'.repeat(513), 7])(
    'refuses the key %j',
    async (key) => {
      await expect(sign(key as string)).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
    },
  )

  it('leaves no wildcard in what it signs: the text would do for a custom policy, too', async () => {
    const { url } = await sign('a.jpg', { contentDisposition: "attachment; filename*=UTF-8''*.jpg" })
    expect(url).not.toContain('*')
    expect(new URL(url).searchParams.get('response-content-disposition')).toBe("attachment; filename*=UTF-8''*.jpg")
  })

  it.each<[Partial<Record<keyof SignedUrlOptions, unknown>>, string]>([
    ...[0, -1, 1.5, 604_801, Number.NaN, '60'].map((expiresIn): [{ expiresIn: unknown }, string] => [
      { expiresIn },
      'expiresIn',
    ]),
    [{ contentType: 'image/jpeg\r\nx: y' }, 'contentType'],
    [{ contentDisposition: 'inline; filename=ü' }, 'contentDisposition'],
    [{ contentDisposition: undefined }, 'contentDisposition'],
  ])('refuses to sign %j', async (wrong, option) => {
    await expect(sign(KEY, wrong as object)).rejects.toMatchObject({ code: 'invalid-option', option })
  })

  it('counts in whole seconds, and never promises more than it signed', async () => {
    const { url, expiresAt } = await sign(KEY, { signedAt: new Date('2026-11-22T12:00:00.999Z') })
    expect(verify(url, KEYS.RSA).expires).toBe(EXPIRES)
    expect(expiresAt).toEqual(new Date(EXPIRES * 1_000))
  })

  it('signs now by default', async () => {
    vi.useFakeTimers({ now: Date.UTC(2026, 10, 22, 12, 0, 0, 500) })
    try {
      const { signedAt: _signedAt, ...asked } = signing
      expect((await createCloudFrontSigner(options).signedUrl(KEY, asked)).expiresAt).toEqual(new Date(EXPIRES * 1_000))
    } finally {
      vi.useRealTimers()
    }
  })

  it('gives the same URL for the same signing time with RSA, and not with ECDSA', async () => {
    const twice = async (kind: Kind) => {
      const signer = createCloudFrontSigner({ ...options, privateKey: KEYS[kind] })
      const [first, second] = [await signer.signedUrl(KEY, signing), await signer.signedUrl(KEY, signing)]
      return first.url === second.url
    }
    expect(await twice('RSA')).toBe(true)
    expect(await twice('ECDSA')).toBe(false)
  })
})

describe('createS3Storage with a CloudFront signer', () => {
  const storage = createS3Storage({ bucket: 'media', region: 'eu-central-1', signer: createCloudFrontSigner(options) })

  it('signs through it, with the allow-list, and asks S3 for no credentials', async () => {
    const events: MediaEvent[] = []
    const signed = await signUrl(KEY.replace('.jpg', '.svg'), {
      ...{ storage, accountId: 'acme', expiresIn: 60, cacheFor: 900, filename: 'Grüße.svg', disposition: 'inline' },
      onEvent: (event) => events.push(event),
    })
    const { searchParams, origin } = new URL(signed.url)
    expect(origin).toBe('https://d111111abcdef8.cloudfront.net')
    expect(searchParams.get('response-content-type')).toBe('application/octet-stream')
    expect(searchParams.get('response-content-disposition')).toMatch(/^attachment; .*Gr%C3%BC%C3%9Fe\.svg$/)
    expect(verify(signed.url, KEYS.RSA)).toMatchObject({ isGood: true, expires: signed.expiresAt.getTime() / 1_000 })
    // What it signs with does not end.
    expect(events).toEqual([])
  })

  it('refuses what the bucket could not hold before it asks the signer', async () => {
    await expect(storage.signedUrl?.('a/../b', signing)).rejects.toMatchObject({ option: 'key' })
  })
})
