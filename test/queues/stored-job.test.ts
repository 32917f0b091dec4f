import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MediaReference } from '../../src/media-reference.js'
import { buildJobHash, buildJobId, removeJobUrl, retryRejected } from '../../src/queues/stored-job.js'
import type { MediaJob } from '../../src/queues.js'

const media: MediaReference = {
  mediaId: '1013859600285441',
  mediaType: 'image',
  mimeType: 'image/jpeg',
  messageId: 'wamid.A',
  timestamp: '2026-11-22T10:00:00.000Z',
  receivedAt: '2026-11-22T10:00:01.000Z',
  phoneNumberId: '106540352242922',
  businessAccountId: '102290129340398',
  direction: 'inbound',
  origin: 'message',
}
const job: MediaJob = { version: 1, accountId: 'pixels', media }

describe('buildJobId', () => {
  it('is the same for a redelivery, whatever its URL and time of arrival', () => {
    const redelivered = {
      ...media,
      receivedAt: '2026-11-23T10:00:00.000Z',
      downloadUrl: 'https://lookaside.fbsbx.com/',
    }
    expect(buildJobId({ ...job, media: redelivered })).toBe(buildJobId(job))
  })

  it.each<[string, MediaJob]>([
    ['account', { ...job, accountId: 'other' }],
    ['media id', { ...job, media: { ...media, mediaId: '2' } }],
    ['message', { ...job, media: { ...media, messageId: 'wamid.B' } }],
    ['date', { ...job, media: { ...media, timestamp: '2026-11-22T10:00:01.000Z' } }],
  ])('is another for another %s', (_name, other) => {
    expect(buildJobId(other)).not.toBe(buildJobId(job))
  })

  it('never mixes its parts up, whatever they hold', () => {
    // Short texts of the separators: many pairs are equal, and many more nearly so.
    const part = fc.string({ unit: fc.constantFrom('"', ',', '\\', ']'), maxLength: 3 })
    const parts = fc.tuple(part, part, part)
    const idOf = ([accountId, mediaId, messageId]: [string, string, string]): string =>
      buildJobId({ ...job, accountId, media: { ...media, mediaId, messageId } })
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        expect(idOf(one) === idOf(other)).toBe(one.every((text, index) => text === other[index]))
      }),
      { numRuns: 1_000 },
    )
  })
})

it('buildJobHash is as different as the ids are, and fit for engines that take no colon and no number', () => {
  expect(buildJobHash(job)).toMatch(/^j[0-9a-f]{32}$/)
  expect(buildJobHash({ ...job, faults: { 'media-gone': 1 } })).toBe(buildJobHash(job))
  expect(buildJobHash({ ...job, accountId: 'other' })).not.toBe(buildJobHash(job))
})

describe('removeJobUrl', () => {
  it('takes the download URL off, and leaves the rest', () => {
    const downloadUrl = 'https://lookaside.fbsbx.com/'
    const withUrl = { ...job, media: { ...media, downloadUrl, downloadUrlExpiresAt: '2026-11-22T10:05:00.000Z' } }
    expect(removeJobUrl(withUrl)).toEqual(job)
    expect(withUrl.media.downloadUrl).toBe(downloadUrl)
  })

  it.each([undefined, null, 7, {}, { media: null }])('leaves %j as it is', (odd) => {
    expect(removeJobUrl(odd as never)).toBe(odd)
  })
})

it('retryRejected keeps the job, and counts the attempt', () => {
  const error = new RangeError('a bug')
  const kept = { outcome: 'retry', until: '', isAttempt: true, job, error }
  expect(retryRejected(job, { error })).toEqual({ ...kept, afterSeconds: 60 })
  expect(retryRejected(job, { error, afterSeconds: 5 })).toEqual({ ...kept, afterSeconds: 5 })
})
