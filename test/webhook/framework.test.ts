import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { findFramework, takeResponse, unwrapRequest } from '../../src/webhook/framework.js'
import { toNodeHandler } from '../../src/webhook/node.js'
import { signPayload } from '../../src/webhook/signature.js'
import { createWebhookHandler } from '../../src/webhook.js'

const node = new IncomingMessage(new Socket())
const ofExpress = Object.assign(new IncomingMessage(new Socket()), { baseUrl: '', originalUrl: '/webhook' })
const ofNext = Object.assign(new IncomingMessage(new Socket()), { [Symbol.for('NextInternalRequestMeta')]: {} })

describe('a request', () => {
  it.each([
    ['node', node, node],
    ['express', ofExpress, ofExpress],
    ['next-pages', ofNext, ofNext],
    ['fastify', { raw: node }, node],
    ['koa', { req: node, ctx: {} }, node],
    ['hapi', { raw: { req: node, res: {} } }, node],
  ])('of %s is known and unwrapped', (framework, given, inner) => {
    expect(findFramework(given)).toBe(framework)
    expect(unwrapRequest(given)).toBe(inner)
  })

  it.each([
    ['bytes', Buffer.from('{}')],
    ['text', '{}'],
    ['nothing', null],
  ])('whose app keeps %s as raw is Node’s', (_name, raw) => {
    const request = Object.assign(new IncomingMessage(new Socket()), { raw })
    expect(unwrapRequest(request)).toBe(request)
    expect(findFramework(request)).toBe('node')
  })
})

it('a response is unwrapped, and its framework told', () => {
  const raw = new ServerResponse(node)
  const hijack = vi.fn()
  expect(takeResponse(raw)).toBe(raw)
  expect(takeResponse({ raw })).toBe(raw)
  expect(takeResponse({ raw, hijack })).toBe(raw)
  expect(hijack).toHaveBeenCalledOnce()
})

describe('toNodeHandler', () => {
  const answers = { receive: async () => ({ status: 200, headers: {}, body: 'OK' }) }
  const koas = { res: new ServerResponse(node) }
  const misuses: [string, unknown, string][] = [
    ['nothing', undefined, 'got undefined'],
    ['null', null, 'got null'],
    ['an empty object', {}, 'got a value of type object'],
    ['a callback', () => {}, 'got a value of type function'],
    ['a text', 'response', "got 'response'"],
    ['a number', 200, 'got 200'],
    ['a list', [new ServerResponse(node)], 'got an array of 1'],
    ['a promise', Promise.resolve(new ServerResponse(node)), 'got a Promise (await it)'],
    ['a request', node, 'got a value of type object'],
    ['a web-standard response', new Response(), 'got a value of type object'],
    ['a reply without its response', { raw: undefined }, 'got a value of type object'],
    ['a reply whose response is none', { raw: { statusCode: 200 } }, 'got a value of type object'],
    ['half a response', { end() {} }, 'got a value of type object'],
    ["Koa's own response", koas, ': give its res'],
  ]

  it.each(misuses)('rejects for %s as response', async (_what, response, says) => {
    for (const handler of [answers, async () => new Response('OK')]) {
      const refused: unknown = await Reflect.apply(toNodeHandler(handler), undefined, [node, response]).catch(
        (error: unknown) => error,
      )
      expect(refused).toMatchObject({ code: 'invalid-option', option: 'response' })
      expect(String(refused)).toMatch(/response (?:is missing; it )?must be Node's response/)
      expect(String(refused)).toContain(says)
    }
  })

  it('answers on a response of another class', async () => {
    const response = { writeHead: vi.fn(), end: vi.fn(), writableEnded: false, headersSent: false }
    await Reflect.apply(toNodeHandler(answers), undefined, [node, response])
    expect(response.end).toHaveBeenCalledWith('OK')
  })
})

it('toNodeHandler takes the raw body that a framework keeps on its own request', async () => {
  const rawBody = '{"entry":[]}'
  const request = Object.assign(new IncomingMessage(new Socket()), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-hub-signature-256': signPayload(rawBody, { appSecret: 's' }),
    },
  })
  request.push('{}')
  request.push(null)
  request.resume()
  await new Promise((resolve) => request.once('end', resolve))
  for (const given of [
    { raw: request, rawBody },
    { req: request, rawBody },
    { raw: { req: request }, payload: rawBody },
  ]) {
    const raw = new ServerResponse(request)
    await toNodeHandler(createWebhookHandler({ appSecret: 's', verifyToken: 'v', onPayload() {} }))(given, { raw })
    expect(raw.statusCode).toBe(200)
  }
})
