import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { DownloadFailedError, MediaUnavailableError } from '../../src/errors.js'
import { hashMessageId } from '../../src/events.js'
import { createMediaFailure } from '../../src/media-archive/media-failure.js'
import { copyFields } from '../../src/media-reference/copy-fields.js'
import type { MediaReference } from '../../src/media-reference.js'
import type { UnavailableMedia } from '../../src/webhook/extract.js'

const SECRETS = {
  messageId: 'wamid.HBgLMTIwMjU1NTAxNDMVAgA=',
  from: '12025550143',
  fromUserId: 'US.13491208655302741918',
  filename: 'Payslip Jane.pdf',
  caption: 'my payslip',
  downloadUrl: 'https://lookaside.fbsbx.com/x/?hash=signed-for-a-test',
  downloadUrlExpiresAt: '2026-11-22T12:05:00.000Z',
  mimeType: 'application/pdf; name="Payslip Jane.pdf"',
}
const SHOWN = {
  mediaId: '1013859600285441',
  mediaType: 'document',
  timestamp: '2026-11-22T12:00:00.000Z',
  receivedAt: '2026-11-22T12:00:01.000Z',
  phoneNumberId: '106540352242922',
  origin: 'message',
  direction: 'inbound',
} as const
const encryption = { encryptedSha256: 'e'.repeat(64), encryptionKey: 'key one', iv: 'an iv', hmacKey: 'key two' }
const reference: MediaReference = {
  ...SECRETS,
  ...SHOWN,
  encryption,
  businessAccountId: '102290129340398',
  sha256: 'a'.repeat(64),
}
const error = new DownloadFailedError({ host: 'lookaside.fbsbx.com', problem: 'no answer' })

describe('createMediaFailure', () => {
  it('holds what finds the message again, but no download URL and no keys', () => {
    const { downloadUrl, downloadUrlExpiresAt, encryption: keys, ...media } = reference
    const failure = createMediaFailure(reference, { error, accountId: 'acme' })
    expect(copyFields(failure.media)).toStrictEqual(media)
    expect(failure).toMatchObject({ error, accountId: 'acme' })
    expect(failure.media.from).toBe(SECRETS.from)
    expect(failure.error).toBe(error)
    expect(reference).toHaveProperty('downloadUrl', downloadUrl)
  })

  it('lacks the account where the number has none', () => {
    expect(createMediaFailure(reference, { error })).not.toHaveProperty('accountId')
    expect(JSON.parse(JSON.stringify(createMediaFailure(reference, { error })))).not.toHaveProperty('accountId')
  })

  it('shows in JSON only what a log may hold', () => {
    expect(JSON.parse(JSON.stringify(createMediaFailure(reference, { error, accountId: 'acme' })))).toEqual({
      media: { ...SHOWN, messageIdHash: hashMessageId(SECRETS.messageId) },
      error: error.toJSON(),
      accountId: 'acme',
    })
  })

  it.each<[string, (failure: unknown) => string]>([
    ['JSON', (failure) => JSON.stringify({ failures: [failure] })],
    ['console.log', (failure) => inspect(failure)],
    ['console.log of something around it', (failure) => inspect({ failures: [failure] }, { depth: null })],
  ])('hides every personal value from %s', (_name, show) => {
    const shown = show(createMediaFailure(reference, { error, accountId: 'acme' }))
    expect(shown).toContain('1013859600285441')
    expect(shown).toContain('acme')
    expect(shown).toContain('no answer')
    for (const secret of [...Object.values(SECRETS), ...Object.values(encryption), 'Payslip'])
      expect(shown).not.toContain(secret)
  })

  it('shows media that can not be downloaded in the same way', () => {
    const unavailable: UnavailableMedia = {
      ...SHOWN,
      ...{ reason: 'media-error', errorCode: 131_052, title: 'Media download error' },
      ...{ messageId: SECRETS.messageId, from: SECRETS.from, businessAccountId: '102290129340398' },
    }
    const cause = new MediaUnavailableError({ reason: 'media-error', errorCode: 131_052 })
    const failure = createMediaFailure(unavailable, { error: cause, accountId: 'acme' })
    expect(copyFields(failure.media)).toStrictEqual({ mediaId: '', ...unavailable })
    expect(failure).toMatchObject({ error: cause, accountId: 'acme' })
    expect(JSON.parse(JSON.stringify(failure))).toEqual({
      media: { ...SHOWN, messageIdHash: hashMessageId(SECRETS.messageId) },
      error: cause.toJSON(),
      accountId: 'acme',
    })
  })

  it('shows neither a token nor a number that a job has in place of what a log may hold', () => {
    const token = `EAAG${'canary0'.repeat(4)}`
    const odd = { ...reference, mediaId: token, timestamp: SECRETS.from, receivedAt: [SECRETS.from], mediaType: token }
    const more = { direction: 7, origin: SECRETS.filename, phoneNumberId: { token } }
    const failure = createMediaFailure({ ...odd, ...more } as never, { error, accountId: `/${token}` })
    expect(JSON.parse(JSON.stringify(failure))).toMatchObject({
      media: {
        ...{ mediaId: 'a string of 32 characters', timestamp: 'a string of 11 characters' },
        ...{ receivedAt: 'a value of type object', mediaType: 'a string of 32 characters' },
        ...{ direction: 'a value of type number', origin: 'a string of 16 characters' },
      },
      accountId: 'a string of 33 characters',
    })
    for (const shown of [JSON.stringify(failure), inspect(failure)]) {
      for (const secret of [token, SECRETS.from, 'Payslip']) expect(shown).not.toContain(secret)
    }
  })

  it('lets the app that it belongs to change what it hides', () => {
    const { media } = createMediaFailure(reference, { error })
    media.messageId = 'another'
    expect([media.messageId, inspect(media).includes('another')]).toEqual(['another', false])
  })

  it('shows media without a message id', () => {
    const lost: UnavailableMedia = {
      ...{ reason: 'retention-expired', receivedAt: SHOWN.receivedAt },
      ...{ phoneNumberId: SHOWN.phoneNumberId, businessAccountId: '102290129340398' },
    }
    const cause = new MediaUnavailableError({ reason: 'retention-expired' })
    expect(JSON.parse(JSON.stringify(createMediaFailure(lost, { error: cause })))).toEqual({
      media: { receivedAt: SHOWN.receivedAt, phoneNumberId: SHOWN.phoneNumberId },
      error: cause.toJSON(),
    })
  })
})
