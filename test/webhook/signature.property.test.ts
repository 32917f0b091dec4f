import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidSignatureError } from '../../src/errors.js'
import { signPayload, verifySignature } from '../../src/webhook/signature.js'

// Printable: HMAC pads keys with zero bytes, so two secrets that differ in trailing ones are the same key.
const secret = fc.string({ minLength: 1 }).filter((text) => text.trim() === text)
const body = fc.uint8Array({ maxLength: 300 })

describe('verifySignature', () => {
  it('accepts what signPayload signed', () => {
    fc.assert(
      fc.property(body, secret, (bytes, appSecret) => {
        const header = signPayload(bytes, { appSecret })
        expect(header).toMatch(/^sha256=[0-9a-f]{64}$/)
        verifySignature(bytes, header, { appSecret })
      }),
    )
  })

  it('accepts text where its UTF-8 was signed', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), secret, (text, appSecret) => {
        verifySignature(text, signPayload(Buffer.from(text, 'utf8'), { appSecret }), { appSecret })
      }),
    )
  })

  it('refuses one flipped bit anywhere in the body', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), secret, (bytes, at, appSecret) => {
        const header = signPayload(bytes, { appSecret })
        expect(() => verifySignature(withFlippedBit(bytes, at), header, { appSecret })).toThrow(InvalidSignatureError)
      }),
    )
  })

  it('refuses one flipped bit anywhere in the header', () => {
    fc.assert(
      fc.property(body, fc.nat(), secret, (bytes, at, appSecret) => {
        const header = Buffer.from(signPayload(bytes, { appSecret }))
        const flipped = Buffer.from(withFlippedBit(header, at)).toString('latin1')
        expect(() => verifySignature(bytes, flipped, { appSecret })).toThrow(InvalidSignatureError)
      }),
    )
  })

  it('refuses another secret, and any header that is not the signature', () => {
    fc.assert(
      fc.property(body, secret, secret, fc.anything(), (bytes, appSecret, other, header) => {
        fc.pre(appSecret !== other)
        expect(() => verifySignature(bytes, signPayload(bytes, { appSecret: other }), { appSecret })).toThrow(
          InvalidSignatureError,
        )
        expect(() => verifySignature(bytes, header, { appSecret })).toThrow(InvalidSignatureError)
      }),
    )
  })
})

function withFlippedBit(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = Uint8Array.from(bytes)
  const index = Math.floor(at / 8) % flipped.length
  flipped[index] = (flipped[index] ?? 0) ^ (1 << (at % 8))
  return flipped
}
