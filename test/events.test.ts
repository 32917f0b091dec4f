import { describe, expect, it, vi } from 'vitest'
import { emit, type MediaEvent, messageIdHash } from '../src/events.js'

const event: MediaEvent = { type: 'host-refused', host: 'evil.example' }

describe('emit', () => {
  it('hands the event on', () => {
    const onEvent = vi.fn()
    emit(onEvent, event)
    expect(onEvent).toHaveBeenCalledExactlyOnceWith(event)
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

describe('messageIdHash', () => {
  it('is the SHA-256 of the message id, in lowercase hex', () => {
    expect(messageIdHash('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
