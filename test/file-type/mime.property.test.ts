import fc from 'fast-check'
import mimeTypes from 'mime-types'
import { expect, test } from 'vitest'
import {
  decideServedType,
  findContentType,
  findExtension,
  mayShowInline,
  readEssence,
} from '../../src/file-type/mime.js'

const hostile = fc
  .array(
    fc.constantFrom('image', 'text/html', '/', 'jpeg', ';', ' ', '\r\n', '..', '\0', '+xml', 'A', '\u212a', '%2f', '"'),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''))
const realType = fc.constantFrom(...Object.keys(mimeTypes.extensions))
const mimeType = fc.oneof(
  hostile,
  fc.string({ unit: 'binary' }),
  realType,
  fc.tuple(realType, fc.string()).map(([type, parameter]) => `${type.toUpperCase()}; ${parameter}`),
)

const INLINE_TOP = /^(?:image|audio|video)\//
const RUNNABLE = /html|\/xml$|\+xml$|script|svg|css|wasm|flash/

test('decideServedType never serves a type that runs, and inline only pictures, sound and video', () => {
  fc.assert(
    fc.property(mimeType, (declared) => {
      const { contentType, inline } = decideServedType(declared)
      expect(contentType).toMatch(/^[a-z]+\/[a-z0-9.+-]+(?:; charset=utf-8)?$/)
      expect(contentType).not.toMatch(RUNNABLE)
      if (inline) expect(contentType).toMatch(INLINE_TOP)
      if (mayShowInline(declared)) expect(contentType).toMatch(/^(?:image|audio|video)\/|^application\/pdf$/)
      // What is served is served the same again.
      expect(decideServedType(contentType)).toEqual({ contentType, inline })
    }),
    { numRuns: 2_000 },
  )
})

test('findExtension gives a safe extension, whatever the type', () => {
  fc.assert(
    fc.property(mimeType, (declared) => {
      expect(findExtension(declared) ?? 'none').toMatch(/^[a-z0-9]{1,10}$/)
    }),
    { numRuns: 2_000 },
  )
})

test('findExtension and decideServedType go by the readEssence alone', () => {
  fc.assert(
    fc.property(mimeType, (declared) => {
      const name = readEssence(declared)
      expect(readEssence(name)).toBe(name)
      expect(findExtension(declared)).toBe(findExtension(name))
      expect(decideServedType(declared)).toEqual(decideServedType(name))
    }),
  )
})

test('findContentType of a served type stays in what that type may be', () => {
  fc.assert(
    fc.property(realType, (declared) => {
      const extension = findExtension(declared)
      fc.pre(extension !== undefined && decideServedType(declared).contentType !== 'application/octet-stream')
      const signed = decideServedType(findContentType(extension) ?? '')
      expect(signed.inline).toBe(decideServedType(declared).inline)
      expect(findExtension(signed.contentType)).toBe(extension)
    }),
  )
})
