import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { readNodeBody, readWebBody } from '../../src/webhook/body.js'

const LIMITS = { maxBytes: 10, timeoutMs: 54_321 }

/** What adapters for other platforms pass as a request: a stream with a few properties. */
function madeUp(stream: Readable): IncomingMessage {
  return stream as IncomingMessage
}

function web(stream: ReadableStream): Request {
  return new Request('https://app.example/', { method: 'POST', body: stream, ...{ duplex: 'half' } })
}

describe('readNodeBody', () => {
  it('reads any stream of bytes', async () => {
    const chunks = [Buffer.from('ab'), Buffer.from(''), Buffer.from('cdef'), Buffer.from('ghij')]
    expect(await readNodeBody(madeUp(Readable.from(chunks)), LIMITS)).toStrictEqual({
      outcome: 'read',
      bytes: new Uint8Array(Buffer.from('abcdefghij')),
    })
    expect(await readNodeBody(madeUp(Readable.from([])), LIMITS)).toStrictEqual({
      outcome: 'read',
      bytes: new Uint8Array(),
    })
    expect(await readNodeBody(madeUp(Readable.from([...chunks, Buffer.from('k')])), LIMITS)).toStrictEqual({
      outcome: 'too-large',
    })
  })

  it('hears the error of a stream that reports it to nobody else', async () => {
    const stream = new Readable({ read() {} })
    const body = readNodeBody(madeUp(stream), LIMITS)
    stream.destroy(new Error('reset'))
    expect(await body).toStrictEqual({ outcome: 'body-aborted' })
  })

  it('waits for nothing from a client that was gone before', async () => {
    const stream = new Readable({ read() {} })
    stream.destroy()
    expect(await readNodeBody(madeUp(stream), LIMITS)).toStrictEqual({ outcome: 'body-aborted' })
  })
})

describe.each([
  ['readNodeBody', () => readNodeBody(madeUp(Readable.from([Buffer.from('ab')])), LIMITS)],
  ['readWebBody', () => readWebBody(web(new ReadableStream({ start: (controller) => controller.close() })), LIMITS)],
])('%s', (_name, read) => {
  it('leaves no timer behind, which would keep the process alive', async () => {
    const set = vi.spyOn(globalThis, 'setTimeout')
    const clear = vi.spyOn(globalThis, 'clearTimeout')
    await read()
    const timers = set.mock.results.filter((_, index) => set.mock.calls[index]?.[1] === LIMITS.timeoutMs)
    expect(timers).toHaveLength(1)
    expect(clear).toHaveBeenCalledWith(timers[0]?.value)
  })
})

describe('a stream of no bytes is refused, for its length may count something else', () => {
  const refusal = { code: 'invalid-option', option: 'body' }

  it.each([
    ['text', '{}'.repeat(20)],
    ['wider numbers', new Uint16Array(3)],
    ['objects', {}],
  ])('of %s', async (_name, chunk) => {
    const cancel = vi.fn()
    const pull = (controller: ReadableStreamDefaultController<unknown>): void => controller.enqueue(chunk)
    const stream = new ReadableStream<unknown>({ pull, cancel }, { highWaterMark: 0 })
    await expect(readWebBody(web(stream), LIMITS)).rejects.toMatchObject(refusal)
    expect(cancel).toHaveBeenCalledOnce()
    await expect(readNodeBody(madeUp(Readable.from([chunk])), LIMITS)).rejects.toMatchObject(refusal)
  })
})

it('readWebBody leaves alone a body that somebody else reads', async () => {
  const request = web(new ReadableStream())
  request.body?.getReader()
  expect(await readWebBody(request, LIMITS)).toStrictEqual({ outcome: 'body-already-parsed', taker: 'web' })
})
