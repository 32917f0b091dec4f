import { describe, expect, it, vi } from 'vitest'
import type { MediaEvent } from '../src/events.js'

// As it is: what other tests import is watched, and always has a receiver.
const { callLogger, emit, hashMessageId } = await vi.importActual<typeof import('../src/events.js')>('../src/events.js')

const event: MediaEvent = { type: 'host-refused', host: 'evil.example' }

describe('emit', () => {
  it('hands the event on', () => {
    const onEvent = vi.fn()
    emit(onEvent, event)
    expect(onEvent).toHaveBeenCalledExactlyOnceWith(event)
  })

  it.each([
    ['a token', `EAAG${'canary0'.repeat(4)}`, 'a string of 32 characters'],
    ['a message id', 'wamid.HBgL', 'a string of 10 characters'],
    ['no text', 7, 'a value of type number'],
    ['one', '1013859600285441', '1013859600285441'],
  ])('shows for a media id that is %s what a log may hold', (_name, mediaId, shown) => {
    const onEvent = vi.fn()
    emit(onEvent, { type: 'unknown-number', phoneNumberId: '1', mediaId: mediaId as string })
    expect(onEvent).toHaveBeenCalledExactlyOnceWith({ type: 'unknown-number', phoneNumberId: '1', mediaId: shown })
  })

  it('does nothing without a receiver', () => {
    expect(() => emit(undefined, event)).not.toThrow()
  })

  it('ignores what the receiver throws', () => {
    const onEvent = vi.fn(() => {
      throw new Error('the logger is broken')
    })
    expect(() => emit(onEvent, event)).not.toThrow()
    expect(onEvent).toHaveBeenCalledOnce()
  })

  it('ignores what an async receiver rejects with', async () => {
    const rejection = Promise.reject(new Error('the logger is broken'))
    const onEvent = vi.fn(() => rejection)
    // An unheard rejection would fail this run.
    emit(onEvent, event)
    await new Promise(setImmediate)
    expect(onEvent).toHaveBeenCalledOnce()
  })
})

describe('callLogger', () => {
  it('hands the value on, and does nothing without a logger', () => {
    const log = vi.fn()
    callLogger(log, 7)
    callLogger(undefined, 7)
    expect(log).toHaveBeenCalledExactlyOnceWith(7)
  })

  it('ignores what the logger throws', () => {
    const log = (): never => {
      throw new Error('the logger is broken')
    }
    expect(() => callLogger(log, 7)).not.toThrow()
  })
})

describe('hashMessageId', () => {
  it('is the SHA-256 of the message id, in lowercase hex', () => {
    expect(hashMessageId('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
