import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSha256, parseTimestamp } from '../src/json.js'

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))

describe('parseSha256', () => {
  it('gives the same lowercase hex for every encoding of 32 bytes', () => {
    fc.assert(
      fc.property(hash, fc.infiniteStream(fc.boolean()), (bytes, isUpper) => {
        const hex = bytes.toString('hex')
        const mixed = [...hex].map((digit) => (isUpper.next().value === true ? digit.toUpperCase() : digit)).join('')
        for (const form of [
          hex,
          mixed,
          bytes.toString('base64'),
          bytes.toString('base64url'),
          `${bytes.toString('base64url')}=`,
        ]) {
          expect(parseSha256(form)).toBe(hex)
        }
      }),
    )
  })

  it('gives 64 lowercase hex digits or nothing, for anything', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.string(), fc.base64String(), fc.string({ minLength: 43, maxLength: 64 })),
        (value) => {
          expect(parseSha256(value) ?? '0'.repeat(64)).toMatch(/^[0-9a-f]{64}$/)
        },
      ),
    )
  })

  it('takes no encoding of another number of bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        // 48 bytes are 64 characters of base64, which may happen to be hex digits; such a value is taken for hex.
        fc.pre(bytes.length !== 32 && bytes.length !== 48)
        const buffer = Buffer.from(bytes)
        for (const encoding of ['hex', 'base64', 'base64url'] as const) {
          expect(parseSha256(buffer.toString(encoding))).toBeUndefined()
        }
      }),
    )
  })
})

describe('parseTimestamp', () => {
  it('gives back every time between 1973 and 9999 in milliseconds, and every one before in seconds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99_999_999_999 }),
        fc.integer({ min: 100_000_000_000, max: 253_402_300_799_999 }),
        (seconds, ms) => {
          expect(Date.parse(parseTimestamp(`${seconds}`) ?? '')).toBe(seconds * 1_000)
          expect(Date.parse(parseTimestamp(ms) ?? '')).toBe(ms)
        },
      ),
    )
  })
})
