import { describe, expect, it } from 'vitest'
import { toExtractedMedia } from '../../src/media-archive/enqueue.js'
import type { MediaReference } from '../../src/media-reference.js'

const reference: MediaReference = {
  mediaId: '1013859600285441',
  mediaType: 'document',
  mimeType: 'application/pdf',
  sha256: 'a'.repeat(64),
  filename: 'Payslip.pdf',
  caption: 'for you',
  voice: false,
  animated: false,
  downloadUrl: 'https://lookaside.fbsbx.com/x',
  downloadUrlExpiresAt: '2026-11-22T10:05:00.000Z',
  messageId: 'wamid.A',
  timestamp: '2026-11-22T10:00:00.000Z',
  receivedAt: '2026-11-22T10:00:01.000Z',
  from: '15550001111',
  fromUserId: 'US.1',
  phoneNumberId: '106540352242922',
  businessAccountId: '102290129340398',
  direction: 'inbound',
  origin: 'message',
}

describe('toExtractedMedia', () => {
  const nothing = { media: [], unavailable: [], revoked: [] }

  it('takes one reference, several, or what extractMedia found', () => {
    expect(toExtractedMedia(reference)).toEqual({ ...nothing, media: [reference] })
    expect(toExtractedMedia(Object.freeze([reference, reference]))).toEqual({
      ...nothing,
      media: [reference, reference],
    })
    const found = { ...nothing, media: [null], unavailable: [{}] }
    expect(toExtractedMedia(found)).toBe(found)
  })

  it.each<[string, unknown]>([
    ['media', undefined],
    ['media', null],
    ['media', 'wamid.A'],
    ['media.mediaId', {}],
    ['media.messageId', { ...reference, messageId: 7 }],
    ['media[0]', [null]],
    ['media[1]', [reference, 'wamid.A']],
    ['media[1].mediaId', [reference, { ...reference, mediaId: 7 }]],
    ['media.media', { unavailable: [] }],
    ['media.unavailable', { ...nothing, unavailable: null }],
    ['media.revoked', { ...nothing, revoked: {} }],
    ['media.unavailable[0]', { ...nothing, unavailable: [null] }],
    ['media.revoked[1]', { ...nothing, revoked: [{}, 'wamid.A'] }],
  ])('names %s as what is wrong', (option, given) => {
    expect(() => toExtractedMedia(given)).toThrow(expect.objectContaining({ code: 'invalid-option', option }))
  })
})
