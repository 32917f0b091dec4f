import { parse } from 'content-disposition'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  buildContentDisposition,
  buildFilename,
  cleanFilename,
  encodeMetadata,
  findSafeExtension,
} from '../../src/file-type/filename.js'

/** Strings of any UTF-16 units, lone surrogates included. */
const units = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 400 })
  .map((codes) => String.fromCharCode(...codes))

/** Strings made of what attackers and vendors are fond of. */
const pieces = fc
  .array(
    fc.oneof(
      fc.constantFrom('..', '.', '/', '\\', ':', ' ', '\u00a0', '\u2800', '\r\n', '\0', '\u202e', '\u200d', '\ufeff'),
      fc.constantFrom('con', 'NUL', 'com1', 'LPT\u00b9', 'conin$', '_', '%41', '%', ';', '"', "'", '=', 'filename*'),
      fc.constantFrom('.pdf', '.exe', '.JPEG', '.jpg', 'e', '\u0301', '\u0338', '<', '>', '\u226e', '\u037e', '\u212a'),
      fc.constantFrom('\ud83d', '\ude00', '😀', '文', '\u1100', '\u1161', '\u11a8', '\ufb01', '\u1fef', '\u2000'),
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.constantFrom('x', '.', ' ', '\u0301', '文').map((one) => one.repeat(200)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

const name = fc.oneof(units, pieces, fc.string({ unit: 'grapheme' }))
const extension = fc.option(fc.constantFrom('pdf', 'jpg', 'jpeg', 'ogg', 'txt', 'bin', 'tar.gz', '../x', ''), {
  nil: undefined,
})

const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)/i

function expectSafe(safe: string): void {
  expect(Buffer.byteLength(safe)).toBeGreaterThan(0)
  expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(150)
  expect(safe).not.toMatch(/[/\\:*?"<>|]/)
  expect(safe).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/u)
  expect(safe).not.toMatch(/^[\s.]|[\s.]$|\s\s/)
  expect(safe).not.toMatch(RESERVED)
  expect(safe.normalize('NFC')).toBe(safe)
}

test('cleanFilename gives a safe name, whatever it is given', () => {
  fc.assert(
    fc.property(name, extension, (given, wanted) => {
      expectSafe(cleanFilename(given, { extension: wanted }))
    }),
    { numRuns: 5_000 },
  )
})

test('cleanFilename changes nothing the second time', () => {
  fc.assert(
    fc.property(name, extension, (given, wanted) => {
      const once = cleanFilename(given, { extension: wanted })
      expect(cleanFilename(once, { extension: wanted })).toBe(once)
      expect(cleanFilename(once)).toBe(once)
    }),
    { numRuns: 5_000 },
  )
})

test('cleanFilename ends in the extension asked for', () => {
  const equals: Record<string, string[]> = { pdf: ['pdf'], jpg: ['jpg', 'jpeg', 'jpe', 'jfif'] }
  fc.assert(
    fc.property(name, fc.constantFrom('pdf', 'jpg'), (given, wanted) => {
      expect(equals[wanted]).toContain(findSafeExtension(cleanFilename(given, { extension: wanted })))
    }),
    { numRuns: 2_000 },
  )
})

test('findSafeExtension is letters and digits, and does not change the name it comes from', () => {
  fc.assert(
    fc.property(name, (given) => {
      const found = findSafeExtension(given)
      if (found === undefined) return
      expect(found).toMatch(/^[a-z0-9]{1,10}$/)
      expect(given.toLowerCase().endsWith(`.${found}`)).toBe(true)
    }),
  )
})

test('contentDisposition is one line of ASCII and reads back as the safe name', () => {
  fc.assert(
    fc.property(name, fc.constantFrom('inline' as const, 'attachment' as const), (given, disposition) => {
      const header = buildContentDisposition(disposition, given)
      expect(header).toMatch(/^[\x20-\x7e]+$/)
      const parsed = parse(header)
      expect(parsed.type).toBe(disposition)
      expect(parsed.parameters['filename']).toBe(cleanFilename(given))
      // Readers that know only the plain parameter get a safe name too.
      const plain = parse(header, { extended: false }).parameters
      expect(Object.keys(plain).filter((key) => key !== 'filename*')).toEqual(['filename'])
      expectSafe(plain['filename'] ?? '')
      expect(plain['filename']).not.toMatch(/[%;]/)
    }),
    { numRuns: 5_000 },
  )
})

test('buildFilename gives a safe name with its extension', () => {
  const time = fc.oneof(fc.date({ noInvalidDate: false }), fc.string())
  const mediaType = fc.constantFrom('image' as const, 'video' as const, 'audio' as const, 'document' as const)
  fc.assert(
    fc.property(mediaType, time, name, (kind, timestamp, id) => {
      const found = buildFilename({ mediaType: kind, timestamp, id, extension: 'jpg' })
      expectSafe(found)
      expect(found).toMatch(/^(?:image|video|audio|document)-?[A-Za-z0-9+-]*\.jpg$/)
    }),
  )
})

test('encodeMetadata is ASCII within its limit and decodes to the beginning of the text', () => {
  fc.assert(
    fc.property(name, fc.integer({ min: 0, max: 2_000 }), (value, maxBytes) => {
      const encoded = encodeMetadata(value, maxBytes)
      expect(encoded).toMatch(/^[\x21-\x7e]*$/)
      expect(encoded.length).toBeLessThanOrEqual(maxBytes)
      const wellFormed = value.replace(/\p{Surrogate}/gu, '\ufffd')
      const decoded = decodeURIComponent(encoded)
      expect(wellFormed.startsWith(decoded)).toBe(true)
      // Only what did not fit is missing: the longest character takes 12 bytes.
      if (decoded !== wellFormed) expect(encoded.length).toBeGreaterThan(maxBytes - 12)
    }),
    { numRuns: 2_000 },
  )
})
