import { EventEmitter } from 'node:events'
import type { ClientRequest } from 'node:http'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { joinWrites } from '../../src/http/join-writes.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** A request that notes what is asked of it. `isFull`: its connection does not take more. */
function makeRequest(isFull = false): { request: ClientRequest; calls: string[] } {
  const calls: string[] = []
  const request = Object.assign(new EventEmitter(), {
    writableNeedDrain: isFull,
    cork: () => calls.push('cork'),
    uncork: () => calls.push('uncork'),
    write: (bytes: Uint8Array) => calls.push(String(bytes.byteLength)),
    end: () => calls.push('end'),
  })
  return { request: request as unknown as ClientRequest, calls }
}

function makeBody(): Readable {
  return new Readable({ read() {}, objectMode: true })
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('joinWrites', () => {
  it.each([
    ['nothing', [], ['end']],
    ['one piece', [5], ['cork', '5', 'end']],
    ['small pieces', [5, 6, 7], ['cork', '5', '6', '7', 'end']],
    ['empty pieces', [0, 5, 0], ['cork', '5', 'end']],
    ['a large piece', [524_288], ['cork', '524288', 'uncork', 'end']],
    ['a larger piece', [1_048_576], ['cork', '1048576', 'uncork', 'end']],
    ['one byte less', [524_287, 1], ['cork', '524287', '1', 'uncork', 'end']],
    ['small ones around a large one', [5, 524_288, 6], ['cork', '5', '524288', 'uncork', 'cork', '6', 'end']],
    [
      'two joins',
      [400_000, 200_000, 524_288],
      ['cork', '400000', '200000', 'uncork', 'cork', '524288', 'uncork', 'end'],
    ],
  ])('writes %s', async (_what, sizes, expected) => {
    const { request, calls } = makeRequest()
    const body = makeBody()
    joinWrites(request, body)
    for (const size of sizes) body.push(Buffer.alloc(size))
    body.push(null)
    await turn()
    expect(calls).toEqual(expected)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('has nothing to send when the time of bytes that went together is over', async () => {
    const { request, calls } = makeRequest()
    const body = makeBody()
    const stop = joinWrites(request, body)
    body.push(Buffer.alloc(524_288))
    await turn()
    vi.advanceTimersByTime(1_000)
    expect(calls).toEqual(['cork', '524288', 'uncork'])
    stop()
  })

  it('lets the bytes of a slow body wait 20 ms', async () => {
    const { request, calls } = makeRequest()
    const body = makeBody()
    const stop = joinWrites(request, body)
    for (const before of [[], ['cork', '5', 'uncork']]) {
      body.push(Buffer.alloc(5))
      await turn()
      vi.advanceTimersByTime(19)
      expect(calls).toEqual([...before, 'cork', '5'])
      vi.advanceTimersByTime(1)
      expect(calls).toEqual([...before, 'cork', '5', 'uncork'])
    }
    vi.advanceTimersByTime(1_000)
    expect(calls.filter((call) => call === 'uncork')).toHaveLength(2)
    stop()
  })

  it('pauses the body until the connection takes more', async () => {
    const { request } = makeRequest(true)
    const body = makeBody()
    joinWrites(request, body)
    body.push(Buffer.alloc(524_288))
    await turn()
    expect(body.isPaused()).toBe(true)
    request.emit('drain')
    expect(body.isPaused()).toBe(false)
  })

  it('writes text, and destroys a body of anything else', async () => {
    const { request, calls } = makeRequest()
    const body = makeBody()
    const failed = new Promise((resolve) => body.once('error', resolve))
    joinWrites(request, body)
    body.push('é')
    body.push(7)
    expect(await failed).toMatchObject({ code: 'invalid-option' })
    expect(calls).toEqual(['cork', '2'])
  })

  it.each([
    ['an error', new Error('no more'), 'no more'],
    ['anything else', 'no more', undefined],
  ])('destroys the body when the request throws %s', async (_what, thrown, message) => {
    const { request } = makeRequest()
    request.write = () => {
      throw thrown
    }
    const body = makeBody().on('error', () => {})
    joinWrites(request, body)
    body.push(Buffer.alloc(5))
    await turn()
    expect([body.destroyed, body.errored?.message]).toEqual([true, message])
  })

  it('writes no more once it is stopped', async () => {
    const { request, calls } = makeRequest()
    const body = makeBody()
    const stop = joinWrites(request, body)
    body.push(Buffer.alloc(5))
    await turn()
    stop()
    body.push(Buffer.alloc(6))
    body.push(null)
    body.resume()
    await turn()
    expect(calls).toEqual(['cork', '5'])
    expect([vi.getTimerCount(), request.listenerCount('drain')]).toEqual([0, 0])
  })
})
