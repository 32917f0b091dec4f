import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { MediaReference } from '../src/media-reference.js'
import { jobHash, jobId, type MediaJob, retryDelaySeconds } from '../src/queues.js'

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

describe('jobId', () => {
  it('is the same for a redelivery, whatever its URL and time of arrival', () => {
    const redelivered = {
      ...media,
      receivedAt: '2026-11-23T10:00:00.000Z',
      downloadUrl: 'https://lookaside.fbsbx.com/',
    }
    expect(jobId({ ...job, media: redelivered })).toBe(jobId(job))
  })

  it.each<[string, MediaJob]>([
    ['account', { ...job, accountId: 'other' }],
    ['media id', { ...job, media: { ...media, mediaId: '2' } }],
    ['message', { ...job, media: { ...media, messageId: 'wamid.B' } }],
    ['date', { ...job, media: { ...media, timestamp: '2026-11-22T10:00:01.000Z' } }],
  ])('is another for another %s', (_name, other) => {
    expect(jobId(other)).not.toBe(jobId(job))
  })

  it('never mixes its parts up, whatever they hold', () => {
    // Short texts of the separators: many pairs are equal, and many more nearly so.
    const part = fc.string({ unit: fc.constantFrom('"', ',', '\\', ']'), maxLength: 3 })
    const parts = fc.tuple(part, part, part)
    const idOf = ([accountId, mediaId, messageId]: [string, string, string]): string =>
      jobId({ ...job, accountId, media: { ...media, mediaId, messageId } })
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        expect(idOf(one) === idOf(other)).toBe(one.every((text, index) => text === other[index]))
      }),
      { numRuns: 1_000 },
    )
  })
})

it('jobHash is as different as the ids are, and fit for engines that take no colon and no number', () => {
  expect(jobHash(job)).toMatch(/^j[0-9a-f]{32}$/)
  expect(jobHash({ ...job, faults: { 'media-gone': 1 } })).toBe(jobHash(job))
  expect(jobHash({ ...job, accountId: 'other' })).not.toBe(jobHash(job))
})

describe('retryDelaySeconds', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const attempts = fc.integer({ min: 1, max: 5_000 })

  it('waits half to all of 5 seconds, doubled with each attempt, to an hour', () => {
    fc.assert(
      fc.property(attempts, (attempt) => {
        const cap = attempt > 10 ? 3_600 : 5 * 2 ** (attempt - 1)
        const seconds = retryDelaySeconds(attempt)
        expect(Number.isSafeInteger(seconds)).toBe(true)
        expect(seconds).toBeGreaterThanOrEqual(Math.floor(cap / 2))
        expect(seconds).toBeLessThanOrEqual(cap)
      }),
    )
  })

  it('never comes before the time that a server asked for', () => {
    fc.assert(
      fc.property(attempts, fc.integer({ min: 0, max: 86_400_000 }), (attempt, askedMs) => {
        const seconds = retryDelaySeconds(attempt, askedMs)
        expect(seconds * 1_000).toBeGreaterThanOrEqual(askedMs)
        expect(seconds).toBeLessThanOrEqual(Math.max(3_600, Math.ceil(askedMs / 1_000) * 1.1 + 1))
      }),
    )
  })

  it.each([
    [1, 0, 3, 4_001],
    [1, 0.999, 5, 4_006],
    [4, 0, 20, 4_001],
    [4, 0.999, 40, 4_041],
    [10, 0.999, 2_559, 4_401],
    [11, 0, 1_800, 4_001],
    [5_000, 0.999, 3_598, 4_401],
  ])('after attempt %d, with a random %d, is %d; %d when 4,001 were asked for', (attempt, random, seconds, asked) => {
    vi.spyOn(Math, 'random').mockReturnValue(random)
    expect(retryDelaySeconds(attempt)).toBe(seconds)
    expect(retryDelaySeconds(attempt, 4_000_001)).toBe(asked)
  })
})
