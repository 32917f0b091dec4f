import { describe, expect, it } from 'vitest'
import { describeForm, hasBlanks } from '../../src/webhook/describe-form.js'
import { toLambdaHandler } from '../../src/webhook/lambda.js'
import { signPayload, verifySignature } from '../../src/webhook/signature.js'
import { createWebhookHandler } from '../../src/webhook.js'

const SECRET = 'test_app_secret'
const BODY = String.raw`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"value":{"text":"a, \u00e4: \"b\""}}]}]}`
const HEADER = signPayload(BODY, { appSecret: SECRET })
const AGAIN = JSON.stringify(JSON.parse(BODY))
const pretty = (blank: string | number): string => JSON.stringify(JSON.parse(BODY), null, blank)
const toBase64 = (text: string): string => Buffer.from(text).toString('base64')

const FORMS: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  ['nothing', '', /empty/],
  ['an empty object', '{}', /an empty object/],
  ['an empty object with a line end', '{ \n}', /an empty object/],
  ['an object as text', '[object Object]', /an object that was turned into text/],
  ['a list of bytes as text', '[object Uint8Array]', /an object that was turned into text/],
  ['no value', 'undefined', /a variable was empty/],
  ['null', 'null', /a variable was empty/],
  ['a flag', 'true', /a variable was empty/],
  ['a Buffer as JSON', JSON.stringify(Buffer.from(BODY)), /a Buffer that was turned into JSON/],
  ['a typed array as JSON', JSON.stringify(new Uint8Array(Buffer.from(BODY))), /bytes or a request that were turned/],
  ['an event of Lambda', JSON.stringify({ body: BODY }), /bytes or a request that were turned/],
  ['pretty printed', pretty(2), /blanks between its tokens/],
  ['pretty printed with tabs', pretty('\t'), /blanks between its tokens/],
  ['pretty printed in Windows', pretty(2).replaceAll('\n', '\r\n'), /blanks between its tokens/],
  ['as Python writes JSON', BODY.replaceAll('":', '": ').replaceAll(',"', ', "'), /blanks between its tokens/],
  ['with blanks after commas alone', BODY.replaceAll(',"', ', "'), /no blanks between tokens/],
  ['with blanks before colons', BODY.replaceAll('":', '" :'), /blanks between its tokens/],
  ['with blanks around it', ` ${BODY}`, /blanks between its tokens/],
  ['with a line end', `${BODY}\n`, /a line end or blanks behind it/],
  ['with a line end of Windows', `${BODY}\r\n`, /a line end or blanks behind it/],
  ['with something behind it', `${BODY};`, /has something behind its end/],
  ['with a byte order mark', `\ufeff${BODY}`, /byte order mark/],
  ['cut', BODY.slice(0, 100), /cut/],
  ['cut after its first character', '{"', /cut/],
  ['in base64', toBase64(BODY), /base64/],
  ['pretty printed in base64', toBase64(pretty(2)), /base64/],
  ['in base64url', Buffer.from(BODY).toString('base64url'), /base64/],
  ['as a data URL', `data:application/json;base64,${toBase64(BODY)}`, /base64/],
  ['in hex', Buffer.from(BODY).toString('hex'), /hex digits/],
  ['in a JSON string', JSON.stringify(BODY), /serialized twice/],
  ['in the middle of a JSON string', JSON.stringify(BODY).slice(1, -1), /serialized twice/],
  ['in a list', `[${BODY}]`, /a list/],
  ['in a form field', `payload=${encodeURIComponent(BODY)}`, /form fields/],
  ['as form fields', new URLSearchParams({ object: 'page', 'entry[0][id]': '1' }).toString(), /form fields/],
  ['as fields of nested forms', 'entry[0][id]=1&object=page', /form fields/],
  ['percent-encoded', encodeURIComponent(BODY), /percent-encoded/],
  ['in a multipart form', `--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n${BODY}\r\n--x--`, /multipart form/],
  ['as XML', `<body>${BODY}</body>`, /XML or HTML/],
  ['as a Python object', "{'object': 'whatsapp_business_account'}", /no JSON/],
  ['as Node prints objects', '{ object: 1 }', /no JSON/],
  ['as words', 'hello', /no JSON object/],
  ['written again', AGAIN, /Meta escapes non-ASCII and slashes/],
  ['decoded as Latin-1', Buffer.from(AGAIN).toString('latin1'), /Meta escapes non-ASCII and slashes/],
  ['decoded as ASCII', AGAIN.replaceAll('ä', '\ufffd'), /another encoding/],
]

describe.each(FORMS)('a body that is %s', (_name, body, form) => {
  const error = { name: 'InvalidSignatureError', reason: 'body-re-encoded', message: expect.stringMatching(form) }

  it('is told as what it is by verifySignature', () => {
    for (const given of typeof body === 'string' ? [body, Buffer.from(body)] : [body]) {
      expect(() => verifySignature(given, HEADER, { appSecret: SECRET })).toThrow(expect.objectContaining(error))
    }
  })

  it('is told as what it is by the handler and its adapter for Lambda', async () => {
    const rejections: unknown[] = []
    const handler = createWebhookHandler({
      appSecret: ['the-secret-before', SECRET],
      verifyToken: 'test-verify-token',
      onPayload() {},
      onRejected: (rejection) => void rejections.push(rejection),
    })
    const headers = { 'x-hub-signature-256': HEADER, 'content-type': 'application/json' }
    const request = new Request('https://app.example/webhook', { method: 'POST', headers, body: Buffer.from(body) })
    expect((await handler(request)).status).toBe(401)
    const event = { httpMethod: 'POST', headers, body: Buffer.from(body).toString() }
    expect((await toLambdaHandler(handler)(event)).statusCode).toBe(401)
    expect(rejections).toMatchObject([
      { reason: 'signature', error },
      { reason: 'signature', error },
    ])
  })
})

describe('describeForm', () => {
  it.each([
    ['a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(BODY)]), /byte order mark/],
    ['UTF-16', Buffer.from(BODY, 'utf16le'), /UTF-16/],
    ['UTF-16 with a mark', Buffer.from(`\ufeff${BODY}`, 'utf16le'), /UTF-16/],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), /gzip/],
  ])('knows the bytes of %s', (_name, bytes, form) => {
    expect(describeForm(bytes)).toMatch(form)
  })

  it('says nothing of a body in Meta’s form', () => {
    expect(describeForm(BODY)).toBeUndefined()
  })
})

describe('hasBlanks', () => {
  it.each([
    ['{"a b":"c \\" d"}', false],
    ['{"a":"\\\\", "b":1}', true],
    ['{"a":[1,\t2]}', true],
    ['{"a', false],
  ])('of %s is %s', (json, is) => {
    expect(hasBlanks(json)).toBe(is)
  })
})
