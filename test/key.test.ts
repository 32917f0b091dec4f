import { v5 } from 'uuid'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../src/errors.js'
import { buildMediaKey, MEDIA_ID_NAMESPACE, type MediaKeyParts, parseMediaKey, resolveKeyLayout } from '../src/key.js'

const parts: MediaKeyParts = {
  accountId: 'pixels_internal',
  mediaType: 'audio',
  mimeType: 'audio/ogg; codecs=opus',
  mediaId: '1761000000000001',
  timestamp: '2026-11-22T23:59:59.000Z',
}

describe('buildMediaKey', () => {
  it('builds the documented layout', () => {
    expect(buildMediaKey(parts)).toBe(
      `whatsapp-media/pixels_internal/2026-11-22/audio/${v5('1761000000000001', MEDIA_ID_NAMESPACE)}.ogg`,
    )
  })

  it('takes the date in UTC', () => {
    expect(buildMediaKey({ ...parts, timestamp: '2026-11-22T23:30:00-02:00' })).toContain('/2026-11-23/')
    expect(buildMediaKey({ ...parts, timestamp: new Date('2026-01-02T00:00:00Z') })).toContain('/2026-01-02/')
  })

  it('uses a namespace that is version 5 of the package page', () => {
    expect(MEDIA_ID_NAMESPACE).toBe(v5('https://www.npmjs.com/package/whatsapp-media-archive', v5.URL))
  })

  it.each([
    ['audio/mp4', undefined, 'm4a'],
    ['audio/mpeg', undefined, 'mp3'],
    ['video/3gpp', undefined, '3gp'],
    ['image/jpeg', 'photo.png', 'jpg'],
    ['application/octet-stream', 'drawing.DWG', 'dwg'],
    ['x-unknown/type', 'notes.tar.gz', 'gz'],
    ['x-unknown/type', 'no extension', 'bin'],
    ['x-unknown/type', '../../etc/passwd', 'bin'],
    ['', undefined, 'bin'],
  ])('gives %s with name %s the extension %s', (mimeType, filename, extension) => {
    expect(buildMediaKey({ ...parts, mimeType, filename })).toMatch(new RegExp(`\\.${extension}$`))
  })

  it('gives uploads without media id a key of their own each', () => {
    const { mediaId, ...rest } = parts
    expect(buildMediaKey(rest)).not.toBe(buildMediaKey(rest))
  })

  it('takes any safe prefix, and none', () => {
    expect(buildMediaKey(parts, { prefix: '' })).toMatch(/^pixels_internal\//)
    expect(buildMediaKey(parts, { prefix: 'a/b.c/' })).toMatch(/^a\/b\.c\/pixels_internal\//)
  })

  it.each(['/', '../', './', 'a', 'a//', '/a/', 'a b/', 'a/../', 'ü/'])('refuses prefix %j', (prefix) => {
    expect(() => buildMediaKey(parts, { prefix })).toThrow(InvalidOptionError)
  })

  it.each([
    ['accountId', { accountId: '' }],
    ['accountId', { accountId: '../other' }],
    ['accountId', { accountId: 'a/b' }],
    ['accountId', { accountId: 'a'.repeat(129) }],
    ['accountId', { accountId: 'pixels internal' }],
    ['mediaType', { mediaType: '../image' as 'image' }],
    ['mediaId', { mediaId: '' }],
    ['mediaId', { mediaId: '\ud800' }],
    ['mediaId', { mediaId: 'x'.repeat(513) }],
    ['mediaId', { mediaId: 42 as unknown as string }],
    ['mediaId', { mediaId: 'wamid.HBgLMTIwMjU1NTAxNDMVAgA=' }],
    ['mimeType', { mimeType: undefined as unknown as string }],
    ['timestamp', { timestamp: 'yesterday' }],
    ['timestamp', { timestamp: new Date(Number.NaN) }],
    ['timestamp', { timestamp: '+012026-01-01T00:00:00Z' }],
  ])('refuses a bad %s and names it', (option, wrong) => {
    expect(() => buildMediaKey({ ...parts, ...wrong })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option }),
    )
  })

  it('refuses keys over 1,024 bytes', () => {
    expect(() => buildMediaKey(parts, { prefix: `${'p'.repeat(1_000)}/` })).toThrow(/at most 1024 bytes/)
  })
})

describe('parseMediaKey', () => {
  it('reads what buildMediaKey made', () => {
    expect(parseMediaKey(buildMediaKey(parts))).toEqual({
      accountId: 'pixels_internal',
      date: '2026-11-22',
      mediaType: 'audio',
      uuid: v5('1761000000000001', MEDIA_ID_NAMESPACE),
      extension: 'ogg',
    })
  })

  it.each([
    '',
    'whatsapp-media/',
    'other/pixels/2026-11-22/audio/5ef5e495-9ea6-59d7-91c6-d39ba4699239.ogg',
    'whatsapp-media/../2026-11-22/audio/5ef5e495-9ea6-59d7-91c6-d39ba4699239.ogg',
    'whatsapp-media/a/b/2026-11-22/audio/5ef5e495-9ea6-59d7-91c6-d39ba4699239.ogg',
    'whatsapp-media/a/2026-11-22/podcast/5ef5e495-9ea6-59d7-91c6-d39ba4699239.ogg',
    'whatsapp-media/a/2026-11-22/audio/5ef5e495-9ea6-59d7-91c6-d39ba4699239',
    'whatsapp-media/a/2026-11-22/audio/5ef5e495-9ea6-59d7-91c6-d39ba4699239.ogg\n',
    undefined as unknown as string,
  ])('refuses %j', (key) => {
    expect(() => parseMediaKey(key)).toThrow(InvalidOptionError)
  })
})

describe('resolveKeyLayout', () => {
  const build = ({ accountId, mediaId = 'none' }: MediaKeyParts): string => `${accountId}/${mediaId}`
  const parse = (key: string) => ({ accountId: key.split('/')[0] ?? '' })

  it('uses a sound custom layout', () => {
    const layout = resolveKeyLayout({ keyLayout: { build, parse } })
    expect(layout.build(parts)).toBe('pixels_internal/1761000000000001')
    expect(layout.parse('a/b')).toEqual({ accountId: 'a' })
  })

  it('refuses a layout that is not deterministic', () => {
    let calls = 0
    const layout = resolveKeyLayout({ keyLayout: { build: (p) => `${build(p)}-${calls++}`, parse } })
    expect(() => layout.build(parts)).toThrow(/the same key from the same parts/)
  })

  it('refuses a layout that mixes up accounts', () => {
    const layout = resolveKeyLayout({ keyLayout: { build: () => 'shared/key', parse } })
    expect(() => layout.build(parts)).toThrow(/back to account pixels_internal/)
  })

  it.each(['', '/a', 'a//b', 'a/../b', 'a/./b', 'a b', 'a?b', 'ä', 7 as unknown as string])(
    'refuses the custom key %j',
    (key) => {
      const layout = resolveKeyLayout({
        keyLayout: { build: () => key, parse: () => ({ accountId: parts.accountId }) },
      })
      expect(() => layout.build(parts)).toThrow(InvalidOptionError)
    },
  )

  it('checks the prefix at once', () => {
    expect(() => resolveKeyLayout({ prefix: '../' })).toThrow(InvalidOptionError)
  })
})
