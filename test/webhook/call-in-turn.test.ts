import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TimeoutError } from '../../src/errors.js'
import { signPayload } from '../../src/webhook/signature.js'
import { createWebhookHandler, type WebhookHandlerOptions, type WebhookRejection } from '../../src/webhook.js'

const SECRET = 'test_app_secret'
const IMAGE = readFileSync(new URL('../fixtures/webhooks/image.json', import.meta.url))

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function setUp(options: Partial<WebhookHandlerOptions>) {
  const rejections: WebhookRejection[] = []
  const handler = createWebhookHandler({
    appSecret: SECRET,
    verifyToken: 'test-verify-token',
    onPayload() {},
    onRejected: (rejection) => void rejections.push(rejection),
    ...options,
  })
  const deliver = async (): Promise<number> => {
    const headers = {
      'content-type': 'application/json',
      'x-hub-signature-256': signPayload(IMAGE, { appSecret: SECRET }),
    }
    const readBody = () => ({ outcome: 'read', bytes: IMAGE }) as const
    const header = (name: string): unknown => headers[name as keyof typeof headers]
    return (await handler.receive({ method: 'POST', query: '', header, readBody })).status
  }
  return { handler, deliver, rejections }
}

/** Work that a test ends. */
function gate() {
  let resolve = (): void => {}
  let reject = (_error: Error): void => {}
  const promise = new Promise<void>((succeed, fail) => {
    resolve = succeed
    reject = fail
  })
  return { promise, resolve, reject }
}

describe('the time limit of onPayload and onMedia', () => {
  it.each(['onPayload', 'onMedia'] as const)(
    'answers 500 when %s is late, after 8 seconds by default',
    async (name) => {
      const { deliver, rejections } = setUp({ [name]: () => new Promise(() => {}) })
      const status = vi.fn()
      void deliver().then(status)
      await vi.advanceTimersByTimeAsync(7_999)
      expect(status).not.toHaveBeenCalled()
      await vi.advanceTimersByTimeAsync(1)
      expect(status).toHaveBeenCalledWith(500)
      expect(rejections).toStrictEqual([{ reason: 'handler-timeout', status: 500, error: expect.any(TimeoutError) }])
      expect(rejections[0]?.error).toMatchObject({
        ...{ code: 'timeout', waitedFor: 'callback', callback: name, limitMs: 8_000 },
        message: `${name} did not end within 8000 ms`,
      })
    },
  )

  it('holds for the two together', async () => {
    const wait = (ms: number) => () => new Promise((resolve) => setTimeout(resolve, ms))
    const { deliver, rejections } = setUp({ onPayload: wait(600), onMedia: wait(500), callbackTimeoutMs: 1_000 })
    const status = deliver()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await status).toBe(500)
    expect(rejections).toMatchObject([{ error: { callback: 'onMedia', limitMs: 1_000 } }])
  })

  it('is none with Infinity', async () => {
    const { promise, resolve } = gate()
    const { deliver } = setUp({ onPayload: () => promise, callbackTimeoutMs: Number.POSITIVE_INFINITY })
    const status = deliver()
    await vi.advanceTimersByTimeAsync(3_600_000)
    resolve()
    expect(await status).toBe(200)
  })

  it('leaves no timer behind', async () => {
    const { deliver } = setUp({ onPayload: () => {}, onMedia: async () => {} })
    expect(await deliver()).toBe(200)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([0, -1, Number.NaN, '8000'])('refuses %j', (callbackTimeoutMs) => {
    expect(() => setUp({ callbackTimeoutMs: callbackTimeoutMs as number })).toThrow(
      /^callbackTimeoutMs must be a positive number of milliseconds, got/,
    )
  })

  it('calls no onMedia for a delivery whose onPayload was late: Meta sends it again', async () => {
    const { promise, resolve } = gate()
    const onMedia = vi.fn()
    const { handler, deliver } = setUp({ onPayload: () => promise, onMedia })
    const status = deliver()
    await vi.advanceTimersByTimeAsync(8_000)
    expect(await status).toBe(500)
    resolve()
    await handler.close()
    expect(onMedia).not.toHaveBeenCalled()
  })

  it('reports what fails after it', async () => {
    const { promise, reject } = gate()
    const { handler, deliver, rejections } = setUp({ onMedia: () => promise })
    const status = deliver()
    await vi.advanceTimersByTimeAsync(8_000)
    expect(await status).toBe(500)
    reject(new Error('queue is down'))
    await handler.close()
    expect(rejections.slice(1)).toStrictEqual([
      { reason: 'handler-failed', status: 500, error: new Error('queue is down') },
    ])
  })

  it('reports nothing of what ends well after it', async () => {
    const { promise, resolve } = gate()
    const { handler, deliver, rejections } = setUp({ onMedia: () => promise })
    const status = deliver()
    await vi.advanceTimersByTimeAsync(8_000)
    await status
    resolve()
    await handler.close()
    expect(rejections).toHaveLength(1)
  })
})

describe('close', () => {
  it('resolves at once when nothing runs', async () => {
    await setUp({}).handler.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('awaits a callback that outlasts its answer', async () => {
    const { promise, resolve } = gate()
    const { handler, deliver } = setUp({ onMedia: () => promise })
    const status = deliver()
    await vi.advanceTimersByTimeAsync(8_000)
    await status
    const closed = vi.fn()
    void handler.close().then(closed)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(closed).not.toHaveBeenCalled()
    resolve()
    await vi.advanceTimersByTimeAsync(0)
    expect(closed).toHaveBeenCalled()
  })

  it('awaits a delivery under way, and the report of its failure', async () => {
    const payload = gate()
    const report = gate()
    const { handler, deliver } = setUp({ onPayload: () => payload.promise, onRejected: () => report.promise })
    const status = deliver()
    await vi.advanceTimersByTimeAsync(0)
    const closed = vi.fn()
    void handler.close().then(closed)
    payload.reject(new Error('database'))
    expect(await status).toBe(500)
    await vi.advanceTimersByTimeAsync(0)
    expect(closed).not.toHaveBeenCalled()
    report.resolve()
    await vi.advanceTimersByTimeAsync(0)
    expect(closed).toHaveBeenCalled()
  })

  it('called by a callback, ends at its time limit', async () => {
    const { handler, deliver } = setUp({ onPayload: () => handler.close({ timeoutMs: 1_000 }) })
    const status = deliver()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await status).toBe(200)
    await handler.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([Number.NaN, -1, null, '5', {}])('refuses %s for timeoutMs', async (timeoutMs) => {
    const { handler } = setUp({})
    await expect(handler.close({ timeoutMs: timeoutMs as number })).rejects.toMatchObject({
      ...{ code: 'invalid-option', option: 'timeoutMs' },
    })
  })

  it('refuses options of another form', async () => {
    const options = null as unknown as { timeoutMs?: number }
    await expect(setUp({}).handler.close(options)).rejects.toMatchObject({ code: 'invalid-option', option: 'options' })
  })

  it.each([0, Number.POSITIVE_INFINITY])('takes %d for timeoutMs', async (timeoutMs) => {
    await expect(setUp({}).handler.close({ timeoutMs })).resolves.toBeUndefined()
  })

  it('waits for timeoutMs at most', async () => {
    const { handler, deliver } = setUp({ onMedia: () => new Promise(() => {}) })
    void deliver()
    await vi.advanceTimersByTimeAsync(0)
    const closed = vi.fn()
    void handler.close({ timeoutMs: 500 }).then(closed)
    await vi.advanceTimersByTimeAsync(499)
    expect(closed).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(closed).toHaveBeenCalled()
  })
})
