import fc from 'fast-check'
import { expect, it } from 'vitest'
import { resolveCloudApi } from '../../src/download/cloud-api.js'
import { WhatsAppMediaError } from '../../src/errors.js'

const scheme = fc.constantFrom(
  'https://',
  'http://',
  'HTTPS:',
  'https:\\\\',
  'blob:https://',
  'data:',
  'ftp://',
  '//',
  '',
)
const piece = fc.oneof(
  fc.constantFrom(
    'lookaside.fbsbx.com',
    'fbsbx.com',
    'cdn.example',
    '.',
    '..',
    '@',
    ':',
    ':443',
    ':444',
    '/',
    '\\',
    '#',
    '?',
  ),
  fc.constantFrom(
    'evil',
    '.evil.example',
    '%2e',
    '%00',
    '%40',
    '\t',
    '\n',
    '。',
    'ｌ',
    'о',
    '127.0.0.1',
    '[::1]',
    '0x7f.1',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
)
const text = fc.tuple(scheme, fc.array(piece, { maxLength: 6 })).map(([start, rest]) => start + rest.join(''))

const caller = { accessToken: 'example-token' }

it('checkMediaUrl lets only https to a configured host through, however the URL is written', () => {
  const { checkMediaUrl } = resolveCloudApi({ mediaHosts: ['lookaside.fbsbx.com', '.cdn.example'] })
  const written = fc.constantFrom('https://lookaside.fbsbx.com', 'HTTPS:a.cdn.example:443', 'https:\\\\b.c.cdn.example')
  const allowed = fc.tuple(written, fc.webPath()).map((parts) => parts.join(''))
  let passed = 0
  fc.assert(
    fc.property(fc.oneof(text, fc.webUrl(), allowed), (candidate) => {
      try {
        const url = checkMediaUrl(candidate)
        passed += 1
        expect(url.href).toMatch(/^https:\/\/(?:lookaside\.fbsbx\.com|(?:[^/@:?#]*\.)cdn\.example)\//)
        // Asked again in its final form, it is the same URL.
        expect(checkMediaUrl(url.href).href).toBe(url.href)
      } catch (error) {
        expect(WhatsAppMediaError.is(error) && error.code).toBe('host-refused')
      }
    }),
    { numRuns: 2_000 },
  )
  // About a third of the candidates pass; a check that refused everything would fail here.
  expect(passed).toBeGreaterThan(100)
})

it('buildLookUpUrl keeps any media id inside its path segment', () => {
  const { buildLookUpUrl } = resolveCloudApi({ baseUrl: 'https://graph.example/base' })
  const mediaId = fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 50 }), text)
  fc.assert(
    fc.property(mediaId, (id) => {
      fc.pre(id !== '' && !/^\.+$/.test(id) && !/\p{Surrogate}/u.test(id))
      const url = new URL(buildLookUpUrl(id, caller))
      expect(url.origin + url.search + url.hash).toBe('https://graph.example')
      expect(url.pathname.split('/').slice(0, -1)).toEqual(['', 'base', 'v25.0'])
      expect(decodeURIComponent(url.pathname.split('/').at(-1) ?? '')).toBe(id)
    }),
  )
})
