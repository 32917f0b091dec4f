import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contradicts } from '../../src/file-type/contradicts.js'
import { SNIFF_BYTES, sniff } from '../../src/file-type/sniff.js'

const latin1 = (text: string): number[] => [...Buffer.from(text, 'latin1')]

/** Beginnings that lead into every branch, cut anywhere and followed by anything. */
const beginning = fc
  .constantFrom(
    '\xff\xd8\xff',
    '\xff\xfb\x90',
    '\x89PNG\r\n\x1a\n',
    'GIF89a',
    'RIFF\0\0\0\0WEBP',
    '\0\0\0\x20ftypmif1\0\0\0\0',
    '\xff\xff\xff\xffftypmif1\0\0\0\0',
    '\0\0\0\x18ftypisom',
    `OggS${'\0'.repeat(22)}\xff`,
    '\x1aE\xdf\xa3',
    'PK\x03\x04',
    `PK\x03\x04${'\0'.repeat(26)}mimetypeapplication/vnd.oasis.opendocument.`,
    'PK\x03\x04'.repeat(1_100),
    '%PDF-',
    'MZ',
    `MZ${'\0'.repeat(58)}\xff\xff`,
    'BM',
    'ID3',
    '<?xml ',
    '<!--'.repeat(1_200),
    '<??>'.repeat(1_200),
    '<!doctype ',
    '\xff\xfe<\0',
    '#!',
    '\0'.repeat(5_000),
  )
  .chain((text) => fc.nat({ max: text.length }).map((length) => latin1(text.slice(0, length))))
const bytes = fc
  .tuple(beginning, fc.uint8Array({ maxLength: 300 }), fc.constantFrom(0, 0, 0, SNIFF_BYTES))
  .map(([first, rest, padding]) => Uint8Array.from([...first, ...rest, ...new Uint8Array(padding)]))

const declared = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('image/jpeg', 'text/plain', 'application/pdf', 'application/octet-stream', 'video/x-foo', 'a/b+xml'),
)

test('sniff never throws, and what it answers is a MIME type that never contradicts itself', () => {
  fc.assert(
    fc.property(bytes, declared, (head, mimeType) => {
      const guess = sniff(head)
      if (guess !== undefined) {
        expect(guess).toMatch(/^[a-z]+\/[a-z0-9.+-]+$/)
        expect(contradicts(guess, guess)).toBe(false)
        // A type without known formats would pass itself off as a format of its own.
        expect(contradicts(guess, 'application/x-unheard-of')).toBe(true)
      }
      expect(typeof contradicts(mimeType, guess)).toBe('boolean')
    }),
    { numRuns: 3_000 },
  )
})

test('sniff depends on the first bytes only, wherever they lie in memory', () => {
  fc.assert(
    fc.property(bytes, fc.uint8Array({ minLength: 1, maxLength: 40 }), (head, before) => {
      const guess = sniff(head)
      expect(sniff(head.subarray(0, SNIFF_BYTES))).toBe(guess)
      const inside = Uint8Array.from([...before, ...head]).subarray(before.length)
      expect(sniff(inside)).toBe(guess)
      expect(sniff(Buffer.from(head))).toBe(guess)
    }),
    { numRuns: 1_000 },
  )
})

test('sniff leaves the bytes as they were', () => {
  fc.assert(
    fc.property(bytes, (head) => {
      const copy = Buffer.from(head)
      sniff(head)
      expect(Buffer.compare(copy, head)).toBe(0)
    }),
    { numRuns: 300 },
  )
})
