import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../../src/errors.js'
import { toLambdaHandler } from '../../src/webhook/lambda.js'
import { adviseOnParsedBody, type BodyTaker, findKeptBodies } from '../../src/webhook/parsed-body.js'
import { signPayload } from '../../src/webhook/signature.js'
import { createWebhookHandler, type WebhookRejection } from '../../src/webhook.js'

describe('adviseOnParsedBody', () => {
  it.each<[BodyTaker, RegExp]>([
    ['express', /before express\.json\(\).*verify: \(request, response, bytes\).*rawBody: true \}\)$/],
    ['fastify', /addContentTypeParser\('application\/json', \{ parseAs: 'buffer' \}.*rawBody: true/],
    ['koa', /bodyParser\(\).*ctx\.request/],
    ['hapi', /payload: \{ parse: false, output: 'data' \}/],
    ['next-pages', /api: \{ bodyParser: false \}/],
    ['node', /express\.json\(\).*Fastify.*Koa|Koa.*Next\.js/],
    ['lambda', /middy.*httpJsonBodyParser.*event\.rawBody/],
    ['web', /request\.clone\(\)/],
  ])('names what to change in %s', (taker, told) => {
    const { message } = new InvalidOptionError({ option: 'request.body', problem: adviseOnParsedBody(taker) })
    expect(message).toMatch(told)
    // Cleaning an error must not take its advice away.
    expect(message).toBe(`request.body ${adviseOnParsedBody(taker)}`)
  })
})

describe('findKeptBodies', () => {
  it('finds bytes and text under the usual names, on each holder', () => {
    const bytes = Buffer.from('a')
    const request = Object.assign(new IncomingMessage(new Socket()), { body: 'b', rawBody: bytes })
    expect(findKeptBodies({ payload: '€' }, request).map(String)).toEqual(['€', 'a', 'b'])
  })

  it('reads a text that keeps one character for each byte in both ways', () => {
    const sent = Buffer.from('{"text":"ä😀"}')
    for (const encoding of ['utf8', 'latin1', 'binary'] as const) {
      expect(findKeptBodies({ rawBody: sent.toString(encoding) })).toContainEqual(sent)
    }
    expect(findKeptBodies({ rawBody: '{"text":"ascii"}' })).toHaveLength(1)
  })

  it('takes nothing else', () => {
    expect(findKeptBodies({ body: {}, rawBody: 5, payload: null }, undefined, [], 'body')).toEqual([])
  })
})

describe('a body that a middleware of Lambda has parsed', () => {
  const SECRET = 'test_app_secret'
  const RAW = '{"object":"whatsapp_business_account","entry":[],"text":"\\u00e4"}'
  const headers = {
    'content-type': 'application/json',
    'x-hub-signature-256': signPayload(RAW, { appSecret: SECRET }),
  }

  async function post(event: object, maxBytes = 1_000) {
    const rejections: WebhookRejection[] = []
    const options = { appSecret: SECRET, verifyToken: 'v', maxBytes, onPayload() {} }
    const handler = toLambdaHandler(createWebhookHandler({ ...options, onRejected: (each) => rejections.push(each) }))
    const { statusCode } = await handler({ requestContext: { http: { method: 'POST' } }, headers, ...event })
    return { statusCode, rejections }
  }

  const base64 = Buffer.from(RAW).toString('base64')
  it.each<[string, object]>([
    ['as text', { body: JSON.parse(RAW), rawBody: RAW }],
    ['as bytes', { body: JSON.parse(RAW), rawBody: Buffer.from(RAW) }],
    ['in base64', { body: JSON.parse(RAW), rawBody: base64, isBase64Encoded: true }],
    ['as text, though the flag of base64 is left', { body: RAW, isBase64Encoded: true }],
    ['beside a body written again', { body: JSON.stringify(JSON.parse(RAW)), rawBody: RAW }],
    ['alone', { body: null, rawBody: RAW }],
  ])('is taken where it is kept %s', async (_name, event) => {
    expect(await post(event)).toEqual({ statusCode: 200, rejections: [] })
  })

  it('is refused with advice for Lambda where it is not', async () => {
    const { statusCode, rejections } = await post({ body: JSON.parse(RAW) })
    expect(statusCode).toBe(500)
    expect(String(rejections[0]?.error)).toMatch(/middy/)
  })

  it('is refused where what is kept does not fit', async () => {
    const { statusCode, rejections } = await post({ body: {}, rawBody: '[object Object]' })
    expect(statusCode).toBe(401)
    expect(rejections).toMatchObject([{ error: { reason: 'body-re-encoded' } }])
    expect(String(rejections[0]?.error)).toMatch(/It is an object that was turned into text/)
    expect((await post({ body: {}, rawBody: RAW }, RAW.length - 1)).statusCode).toBe(413)
  })
})
