import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeSecret, describeValue } from '../../src/errors/describe.js'
import { cleanServerText } from '../../src/errors/redaction.js'

const alphanumeric = (minLength: number, maxLength: number) =>
  fc.string({
    unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'),
    minLength,
    maxLength,
  })
const around = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  fc.constantFrom(
    '"',
    "'",
    '{"error":{"message":"',
    'https://x.test/a/',
    'Bearer ',
    'x'.repeat(900),
    '\n',
    '_',
    'EA',
    '+',
  ),
)
const token = alphanumeric(16, 220).map((rest) => `EA${rest}`)

/** Every piece of `secret` that is long enough to be recognised as one. */
function piecesOf(secret: string, length = 18): string[] {
  return Array.from({ length: secret.length - length + 1 }, (_, at) => secret.slice(at, at + length))
}

function expectNone(shown: string, pieces: readonly string[]): void {
  expect(pieces.filter((piece) => shown.includes(piece))).toEqual([])
}

describe('cleanServerText', () => {
  it('lets no access token through, whatever is around it', () => {
    fc.assert(
      fc.property(around, token, around, (before, canary, after) => {
        expectNone(cleanServerText(before + canary + after), piecesOf(canary))
      }),
      { numRuns: 500 },
    )
  })

  it('lets no signed query through, plain, JSON-escaped or percent-encoded', () => {
    const secret = alphanumeric(20, 60).map((rest) => `k${rest}`)
    const url = fc.constantFrom<(canary: string) => string>(
      (canary) => `https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1&ext=2&hash=${canary}`,
      (canary) => String.raw`https:\/\/lookaside.fbsbx.com\/x\/?sig=${canary}&ext=2`,
      (canary) => encodeURIComponent(`https://lookaside.fbsbx.com/?hash=${canary}`),
      (canary) => `HTTPS://bucket.test/key?X-Amz-Date=1&X-Amz-Signature=${canary}`,
      (canary) => `/key?X-Amz-Date=1&X-Amz-Signature=${canary}`,
      (canary) => `{"access_token":"${canary}"}`,
      (canary) => `authorization: Bearer ${canary}`,
    )
    fc.assert(
      fc.property(around, url, secret, around, (before, write, canary, after) => {
        expectNone(cleanServerText(`${before} ${write(canary)} ${after}`), piecesOf(canary, 16))
      }),
      { numRuns: 500 },
    )
  })

  it('lets no phone number through', () => {
    const line = fc.integer({ min: 100, max: 199 }).map((n) => `0${n}`)
    const form = fc.constantFrom<(last: string) => string>(
      (last) => `+1202555${last}`,
      (last) => `1202555${last}`,
      (last) => `+1 202 555 ${last}`,
      (last) => `+1 (202) 555-${last}`,
      (last) => `+1.202.555.${last}`,
      (last) => `1-202-555-${last}`,
    )
    const word = fc.string({ unit: fc.constantFrom(...'abcXYZ_:;,"\'<>/@é'), maxLength: 20 })
    fc.assert(
      fc.property(word, form, line, word, (before, write, last, after) => {
        const cleaned = cleanServerText(before + write(last) + after)
        expect(cleaned).not.toContain(last)
        expect(cleaned).not.toContain('202')
      }),
    )
  })

  it('gives toPrintable text of at most 1 KB and some marks', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), (text) => {
        const cleaned = cleanServerText(text)
        expect(cleaned.length).toBeLessThanOrEqual(2_048)
        expect(cleaned).toMatch(/^[^\p{Cc}\u2028\u2029]*$/u)
        expect(cleaned).toBe(cleaned.trim())
      }),
    )
  })
})

describe('describeValue and describeSecret', () => {
  it('show no access token, in any kind of value', () => {
    fc.assert(
      fc.property(around, token, around, (before, canary, after) => {
        const text = before + canary + after
        for (const value of [text, canary, [text], { text }, Symbol(text), new Error(text), Buffer.from(text)]) {
          expectNone(describeValue(value), piecesOf(canary))
          expectNone(describeSecret(value), piecesOf(canary))
        }
      }),
    )
  })

  it('show one short line of plain characters', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true }), (value) => {
        expect(describeValue(value)).toMatch(/^[\w .:/+='-]{1,130}$/)
        expect(describeSecret(value)).toMatch(/^a (?:string of \d+ characters|value of type \w+)$/)
      }),
    )
  })
})
