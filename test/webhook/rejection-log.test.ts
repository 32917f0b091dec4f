import { afterEach, expect, it, vi } from 'vitest'
import { buildWebhook, signWebhook } from '../../src/testing.js'
import { createRejectionLog } from '../../src/webhook/rejection-log.js'
import { createWebhookHandler, type WebhookHandlerOptions } from '../../src/webhook.js'

const SECRET = 'test_app_secret'
const { body, headers } = signWebhook(buildWebhook([{ text: 'x' }]), { appSecret: SECRET })

afterEach(() => vi.restoreAllMocks())

async function post(options: Partial<WebhookHandlerOptions>, before?: (request: Request) => unknown) {
  const spy = vi.spyOn(console, 'error').mockImplementation(() => {})
  const handler = createWebhookHandler({ appSecret: SECRET, verifyToken: 'v', onPayload() {}, ...options })
  const request = new Request('https://app.example/', { method: 'POST', body, headers })
  await before?.(request)
  const { status } = await handler(request)
  await handler.close()
  return { status, lines: spy.mock.calls.map(([line]) => String(line)) }
}

it.each<[string, Partial<WebhookHandlerOptions>, ((request: Request) => unknown) | undefined, RegExp]>([
  [
    'a throw of onPayload',
    {
      onPayload() {
        throw new Error('my database is down')
      },
    },
    undefined,
    /500 \(handler-failed\).*onPayload or onMedia threw.*onRejected to get each, with the whole error\.\n {2}Error\n {4}at /,
  ],
  [
    'a callback that takes too long',
    { onPayload: () => new Promise((resolve) => setTimeout(resolve, 30)), callbackTimeoutMs: 5 },
    undefined,
    /500 \(handler-timeout\).*Hand the media over to a queue/,
  ],
  ['a body that was read', {}, (request) => request.text(), /500 \(body-already-parsed\).*\n.*request\.clone\(\)/],
  [
    'a request that throws',
    {},
    (request) =>
      Object.defineProperty(request, 'method', {
        get() {
          throw new Error('broken')
        },
      }),
    /500 \(adapter-failed\)/,
  ],
])('without onRejected, %s goes to console.error', async (_name, options, before, told) => {
  const { status, lines } = await post(options, before)
  expect(status).toBe(500)
  expect(lines).toHaveLength(1)
  expect(lines[0]).not.toContain('my database is down')
  expect(lines[0]).toMatch(told)
})

it('leaves the log alone where somebody listens, and for what strangers send', async () => {
  const failing = {
    onPayload() {
      throw new Error('down')
    },
  }
  expect(await post({ ...failing, onRejected: () => {} })).toEqual({ status: 500, lines: [] })
  expect(await post({ appSecret: 'another' })).toEqual({ status: 401, lines: [] })
  const spy = vi.spyOn(console, 'error').mockImplementation(() => {})
  createRejectionLog()({ reason: 'handshake', error: new Error('x') })
  expect(spy).not.toHaveBeenCalled()
})

it('answers all the same when the console is broken', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {
    throw new Error('EPIPE')
  })
  const handler = createWebhookHandler({ appSecret: SECRET, verifyToken: 'v', onPayload: () => Promise.reject(1) })
  const request = new Request('https://app.example/', { method: 'POST', body, headers })
  expect((await handler(request)).status).toBe(500)
})
