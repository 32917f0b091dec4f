import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type CloudApiOptions, resolveCloudApi } from '../../src/download/cloud-api.js'
import { REFUSED_URLS } from '../faults/refused-urls.js'

const caller = { accessToken: 'example-token' }
const MEDIA_ID = '1013859600285441'

describe('resolveCloudApi', () => {
  it('goes to Meta by default', () => {
    for (const api of [resolveCloudApi(), resolveCloudApi({})]) {
      expect(api.buildLookUpUrl(MEDIA_ID, caller)).toBe(`https://graph.facebook.com/v25.0/${MEDIA_ID}`)
      expect(api.buildAuthorization('t')).toEqual({ authorization: 'Bearer t' })
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
    expect(resolveCloudApi(options).buildLookUpUrl('7', caller)).toBe(url)
  })

  it('sends the token as the provider wants it', () => {
    const { buildAuthorization } = resolveCloudApi({ authorization: (token) => ({ 'd360-api-key': token }) })
    expect(buildAuthorization('t')).toEqual({ 'd360-api-key': 't' })
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

describe('buildLookUpUrl', () => {
  it('carries the proof of the token when there is an app secret', () => {
    const url = new URL(resolveCloudApi().buildLookUpUrl(MEDIA_ID, { accessToken: 'token', appSecret: 'secret' }))
    const proof = createHmac('sha256', 'secret').update('token').digest('hex')
    expect(Object.fromEntries(url.searchParams)).toEqual({ appsecret_proof: proof })
  })

  it('names the phone number id when it is to be guarded and known', () => {
    const guarded = resolveCloudApi({ guardPhoneNumber: true })
    expect(guarded.buildLookUpUrl(MEDIA_ID, { ...caller, phoneNumberId: '123' })).toMatch(/\?phone_number_id=123$/)
    expect(guarded.buildLookUpUrl(MEDIA_ID, caller)).not.toContain('?')
    expect(resolveCloudApi().buildLookUpUrl(MEDIA_ID, { ...caller, phoneNumberId: '123' })).not.toContain('?')
  })

  const { buildLookUpUrl } = resolveCloudApi()

  it.each([
    ['a/b?c=d#e', 'a%2Fb%3Fc%3Dd%23e'],
    ['../me', '..%2Fme'],
    ['...x', '...x'],
    ['a b\n', 'a%20b%0A'],
    ['%2e%2e', '%252e%252e'],
    ['é', '%C3%A9'],
  ])('keeps the media id %j in its place', (mediaId, path) => {
    expect(buildLookUpUrl(mediaId, caller)).toBe(`https://graph.facebook.com/v25.0/${path}`)
    expect(new URL(buildLookUpUrl(mediaId, caller)).pathname).toBe(`/v25.0/${path}`)
  })

  it.each(['', '.', '..', '...', '\ud800', 'x'.repeat(513), 7, null])('refuses the media id %j', (mediaId) => {
    expect(() => buildLookUpUrl(mediaId as string, caller)).toThrow(
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
        return checkMediaUrl(url, { secrets: ['my-key', undefined] })
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
