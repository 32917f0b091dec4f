import { EventEmitter } from 'node:events'
import { Agent } from 'node:http'
import type { OnReadOpts } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { reuseReadBuffer } from '../../src/http/read-buffer.js'

/** How a runtime reads: it fills `onread.buffer`, and calls `onread.callback` on something. */
function connectOnce(protocol: string) {
  const made = new PassThrough()
  let onread: OnReadOpts | undefined
  const agent = new Agent()
  agent.createConnection = (options) => {
    onread = Reflect.get(options, 'onread')
    return made
  }
  reuseReadBuffer(agent, protocol)
  const connection = agent.createConnection({ port: 443 })
  const { buffer, callback } = onread ?? {}
  if (!Buffer.isBuffer(buffer) || callback === undefined) throw new Error('the connection reads as it likes')
  const read = (on: unknown, text: string): boolean => callback.call(on, buffer.write(text), buffer)
  return { made, connection, buffer, read }
}

describe('reuseReadBuffer', () => {
  it.each([
    ['http:', 65_536],
    ['https:', 16_384],
  ])('gives each connection over %s one buffer', (protocol, bytes) => {
    const [one, other] = [connectOnce(protocol), connectOnce(protocol)]
    expect(one.connection).toBe(one.made)
    expect([one.buffer.byteLength, other.buffer.byteLength]).toEqual([bytes, bytes])
    expect(one.buffer.buffer).not.toBe(other.buffer.buffer)
  })

  it.each<[string, unknown]>([
    ['nothing, as Bun does', undefined],
    ['null', null],
    ['its options', {}],
    ['an object with another emit', { emit: true }],
    ['the global object', globalThis],
    ['a function', () => {}],
  ])('passes the bytes to the connection when called on %s', (_name, on) => {
    const { made, read } = connectOnce('https:')
    const pieces: string[] = []
    made.on('data', (piece: Uint8Array) => pieces.push(piece.toString()))
    expect([read(on, 'some'), read(on, 'more bytes'), read(on, '')]).toEqual([true, true, true])
    expect(pieces).toEqual(['some', 'more bytes', ''])
  })

  it('passes the bytes to the connection that it is called on, as Node does behind a proxy', () => {
    const { made, read } = connectOnce('https:')
    const tunnel = new EventEmitter()
    const pieces: string[] = []
    made.on('data', () => pieces.push('to the proxy'))
    tunnel.on('data', (piece: Uint8Array) => pieces.push(piece.toString()))
    read(tunnel, 'secret')
    expect(pieces).toEqual(['secret'])
  })
})
