import { describe, expect, it, vi } from 'vitest'
import type { MediaEvent } from '../src/events.js'

// As it is: what other tests import is watched, and always has a receiver.
const { callLogger, describeSubject, emit, hashMessageId } =
  await vi.importActual<typeof import('../src/events.js')>('../src/events.js')

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

  it.each([
    ['a word of ours', 'call-recording', 'call-recording'],
    ['a token', `EAAG${'canary0'.repeat(4)}`, 'a string of 32 characters'],
    ['a phone number', '12025550143', 'a string of 11 characters'],
    ['null', null, 'a value of type object'],
    ['no text', 7, 'a value of type number'],
  ])('shows for a type and an origin that is %s what a log may hold', (_name, word, shown) => {
    const onEvent = vi.fn()
    emit(onEvent, { type: 'host-refused', host: 'h', mediaType: word as string, origin: word as string })
    expect(onEvent).toHaveBeenCalledExactlyOnceWith({
      type: 'host-refused',
      host: 'h',
      mediaType: shown,
      origin: shown,
    })
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

describe('describeSubject', () => {
  it.each([
    ['nothing', {}, {}],
    ['empty ids', { mediaId: '', messageId: '' }, {}],
    ['a message id that is no text', { mediaId: '7', messageId: 7 }, { mediaId: '7' }],
    [
      'a reference',
      { mediaId: '7', mediaType: 'image', origin: 'echo', messageId: 'abc', from: '12025550143', caption: 'secret' },
      { mediaId: '7', mediaType: 'image', origin: 'echo', messageIdHash: hashMessageId('abc') },
    ],
  ])('tells of %s what events may', (_name, media, subject) => {
    expect(describeSubject(media as Parameters<typeof describeSubject>[0])).toEqual(subject)
  })
})

describe('hashMessageId', () => {
  it('is the SHA-256 of the message id, in lowercase hex', () => {
    expect(hashMessageId('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})
