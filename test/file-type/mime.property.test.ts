import fc from 'fast-check'
import mimeTypes from 'mime-types'
import { expect, test } from 'vitest'
import {
  contentTypeForExtension,
  essence,
  extensionForMime,
  mayShowInline,
  servedAs,
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

test('servedAs never serves a type that runs, and inline only pictures, sound and video', () => {
  fc.assert(
    fc.property(mimeType, (declared) => {
      const { contentType, inline } = servedAs(declared)
      expect(contentType).toMatch(/^[a-z]+\/[a-z0-9.+-]+(?:; charset=utf-8)?$/)
      expect(contentType).not.toMatch(RUNNABLE)
      if (inline) expect(contentType).toMatch(INLINE_TOP)
      if (mayShowInline(declared)) expect(contentType).toMatch(/^(?:image|audio|video)\/|^application\/pdf$/)
      // What is served is served the same again.
      expect(servedAs(contentType)).toEqual({ contentType, inline })
    }),
    { numRuns: 2_000 },
  )
})

test('extensionForMime gives a safe extension, whatever the type', () => {
  fc.assert(
    fc.property(mimeType, (declared) => {
      expect(extensionForMime(declared) ?? 'none').toMatch(/^[a-z0-9]{1,10}$/)
    }),
    { numRuns: 2_000 },
  )
})

test('extensionForMime and servedAs go by the essence alone', () => {
  fc.assert(
    fc.property(mimeType, (declared) => {
      const name = essence(declared)
      expect(essence(name)).toBe(name)
      expect(extensionForMime(declared)).toBe(extensionForMime(name))
      expect(servedAs(declared)).toEqual(servedAs(name))
    }),
  )
})

test('contentTypeForExtension of a served type stays in what that type may be', () => {
  fc.assert(
    fc.property(realType, (declared) => {
      const extension = extensionForMime(declared)
      fc.pre(extension !== undefined && servedAs(declared).contentType !== 'application/octet-stream')
      const signed = servedAs(contentTypeForExtension(extension) ?? '')
      expect(signed.inline).toBe(servedAs(declared).inline)
      expect(extensionForMime(signed.contentType)).toBe(extension)
    }),
  )
})
