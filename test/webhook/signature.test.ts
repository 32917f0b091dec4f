import { describe, expect, it } from 'vitest'
import { InvalidOptionError, InvalidSignatureError, WhatsAppMediaError } from '../../src/errors.js'
import { signPayload, verifySignature } from '../../src/webhook/signature.js'

const SECRET = 'test_app_secret'
const BODY = '{"object":"whatsapp_business_account","entry":[]}'
const SIGNATURE = 'sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756'

/** A body as Meta writes it: escaped slashes and non-ASCII in lower case, `<`, `%` and `@` as escapes too. */
const WIRE = String.raw`{"text":"\u00e4\ud83d\ude00 https:\/\/a.b \u003C3 100\u0025 \u0040me","n":1}`

function reasonOf(run: () => void): string {
  try {
    run()
  } catch (error) {
    if (error instanceof InvalidSignatureError) return error.reason
    throw error
  }
  return 'verified'
}

describe('signPayload', () => {
  it('gives the published vector', () => {
    expect(signPayload(BODY, { appSecret: SECRET })).toBe(SIGNATURE)
    expect(signPayload(Buffer.from(BODY), { appSecret: SECRET })).toBe(SIGNATURE)
  })

  it('signs a view into a larger buffer by its own bytes', () => {
    const larger = Buffer.from(`xx${BODY}yy`)
    expect(signPayload(new Uint8Array(larger.buffer, larger.byteOffset + 2, BODY.length), { appSecret: SECRET })).toBe(
      SIGNATURE,
    )
  })
})

function messageOf(run: () => void): string {
  try {
    run()
  } catch (error) {
    return String(error)
  }
  return 'verified'
}

describe('verifySignature', () => {
  it('accepts the published vector, as text and as bytes', () => {
    expect(() => verifySignature(BODY, SIGNATURE, { appSecret: SECRET })).not.toThrow()
    expect(() => verifySignature(new TextEncoder().encode(BODY), SIGNATURE, { appSecret: SECRET })).not.toThrow()
  })

  it("accepts Meta's escapes, and raw UTF-8 when that is what was signed", () => {
    for (const body of [WIRE, '{"text":"ä😀 https://a.b <3 100% @me"}', '']) {
      expect(
        reasonOf(() => verifySignature(body, signPayload(body, { appSecret: SECRET }), { appSecret: SECRET })),
      ).toBe('verified')
    }
  })

  it('accepts any of several secrets: one is being replaced', () => {
    for (const secret of ['old', 'new', 'newer']) {
      const header = signPayload(BODY, { appSecret: secret })
      expect(reasonOf(() => verifySignature(BODY, header, { appSecret: ['old', 'new', 'newer'] }))).toBe('verified')
    }
    expect(reasonOf(() => verifySignature(BODY, SIGNATURE, { appSecret: ['old', 'new'] }))).toBe('wrong-secret')
  })

  it.each([undefined, null, ''])('names a missing header for %j', (header) => {
    expect(reasonOf(() => verifySignature(BODY, header, { appSecret: SECRET }))).toBe('missing-header')
  })

  it.each([
    [[SIGNATURE]],
    [[SIGNATURE, SIGNATURE]],
    [`${SIGNATURE}, ${SIGNATURE}`],
    [`${SIGNATURE},${SIGNATURE}`],
    [SIGNATURE.slice(0, -1)],
    [SIGNATURE.slice(0, -2)],
    [`${SIGNATURE}0`],
    [SIGNATURE.toUpperCase()],
    [`sha256=${SIGNATURE.slice(7).toUpperCase()}`],
    [SIGNATURE.slice(7)],
    [SIGNATURE.replace('sha256', 'sha1')],
    [` ${SIGNATURE}`],
    [`${SIGNATURE} `],
    [`${SIGNATURE}\n`],
    [`sha256=${'z'.repeat(64)}`],
    ['sha256='],
    [{ toString: () => SIGNATURE }],
    [256],
    [Buffer.from(SIGNATURE)],
  ])('refuses the header %j as malformed', (header) => {
    expect(reasonOf(() => verifySignature(BODY, header, { appSecret: SECRET }))).toBe('malformed-header')
  })

  it('names a wrong secret for a body in the wire form', () => {
    const header = signPayload(WIRE, { appSecret: 'another' })
    expect(reasonOf(() => verifySignature(WIRE, header, { appSecret: SECRET }))).toBe('wrong-secret')
  })

  it.each([
    String.raw`{"text":"\u00e4"}`,
    String.raw`{"url":"https:\/\/a.b"}`,
    String.raw`{"text":"\u0040me"}`,
    String.raw`{"text":"\u003C3"}`,
    String.raw`{"text":"\u003Cb>"}`,
    String.raw`{"text":"100\u0025"}`,
    String.raw`{"text":"\u003Cb\u003E"}`,
    WIRE,
  ])('suspects that %s was parsed and written again', (wire) => {
    const reEncoded = JSON.stringify(JSON.parse(wire))
    const header = signPayload(wire, { appSecret: SECRET })
    expect(reEncoded).not.toBe(wire)
    expect(reasonOf(() => verifySignature(reEncoded, header, { appSecret: SECRET }))).toBe('body-re-encoded')
    expect(reasonOf(() => verifySignature(Buffer.from(reEncoded), header, { appSecret: ['old', SECRET] }))).toBe(
      'body-re-encoded',
    )
  })

  it('distinguishes an escaped slash from a slash after an escaped backslash', () => {
    const header = signPayload(BODY, { appSecret: SECRET })
    const reason = (body: string): string => reasonOf(() => verifySignature(body, header, { appSecret: SECRET }))
    expect(reason(String.raw`{"a":"\/"}`)).toBe('wrong-secret')
    expect(reason(String.raw`{"a":"\\\/"}`)).toBe('wrong-secret')
    expect(reason(String.raw`{"a":"\\/"}`)).toBe('body-re-encoded')
    expect(reason('{"a":"/"}')).toBe('body-re-encoded')
  })

  it.each([
    ['as .NET writes escapes', WIRE.replace('\\u00e4', '\\u00E4')],
    ['with more escapes', WIRE.replace('https', '\\u0068ttps')],
    ['with its slashes as escapes', WIRE.replaceAll('\\/', '\\u002f')],
    ['without the escapes of ASCII', WIRE.replaceAll('\\u0040', '@').replace('\\u003C', '<').replace('\\u0025', '%')],
  ])('knows the body again that was written %s', (_name, body) => {
    const header = signPayload(WIRE, { appSecret: SECRET })
    expect(messageOf(() => verifySignature(body, header, { appSecret: ['old', SECRET] }))).toMatch(
      /It is JSON that was parsed and written again$/,
    )
  })

  it('examines no refused body above 64 KB: strangers choose its length', () => {
    const header = signPayload(BODY, { appSecret: SECRET })
    const reason = (body: string): string => reasonOf(() => verifySignature(body, header, { appSecret: SECRET }))
    expect(reason(`{"a":${'/'.repeat(65_530)}}`)).toBe('body-re-encoded')
    expect(reason(`{"a":${'/'.repeat(65_531)}}`)).toBe('wrong-secret')
  })

  it.each([
    [''],
    [' '],
    ['secret\n'],
    [' secret'],
    [undefined],
    [null],
    [5],
    [[]],
    [['']],
    [['good', '']],
    [['good', undefined]],
    [{}],
  ])('refuses %j as app secret at once', (appSecret) => {
    const options = { appSecret } as { appSecret: string }
    for (const run of [
      () => verifySignature(BODY, SIGNATURE, options),
      () => verifySignature(BODY, undefined, options),
      () => signPayload(BODY, options),
    ]) {
      expect(run).toThrow(InvalidOptionError)
      expect(run).toThrow(/^appSecret (?:is missing; it )?must be/)
    }
  })

  it('never shows the secret it refuses', () => {
    expect(() => signPayload(BODY, { appSecret: 'hush-hush\n' })).toThrow('got a string of 10 characters')
  })

  it.each([[{ object: 'whatsapp_business_account' }], [undefined], [null], [[]]])(
    'refuses %j as raw body and says what to give',
    (body) => {
      for (const run of [
        () => verifySignature(body as never, SIGNATURE, { appSecret: SECRET }),
        () => signPayload(body as never, { appSecret: SECRET }),
      ]) {
        expect(run).toThrow(/^rawBody (?:is missing; it )?must be the body's bytes or text from before any JSON parser/)
      }
    },
  )
})

describe('InvalidSignatureError', () => {
  it('is one of the library, final, and of the receiving', () => {
    const error = new InvalidSignatureError({ reason: 'wrong-secret' })
    expect(WhatsAppMediaError.is(error)).toBe(true)
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      name: 'InvalidSignatureError',
      code: 'invalid-signature',
      retryable: false,
      reason: 'wrong-secret',
    })
    expect(error.message).toMatch(/compare appSecret/)
  })
})
