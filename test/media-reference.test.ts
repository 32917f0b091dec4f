import { describe, expect, it } from 'vitest'
import {
  checkMediaId,
  checkReference,
  findProblem,
  isKnownMedia,
  keepValidFields,
  type MediaReference,
  toWantedMedia,
} from '../src/media-reference.js'
import { reference } from './whole-reference.js'

const ODD = {
  missing: undefined,
  null: null,
  number: 12_025_550_143,
  object: { a: 1 },
  array: ['x'],
  empty: '',
} as const
type Odd = keyof typeof ODD
const names = Object.keys(reference) as (keyof MediaReference)[]

/** What a field may be, beside its own form. */
const ALLOWED: Partial<Record<keyof MediaReference, readonly Odd[]>> = {
  mimeType: ['empty'],
  ...{ messageId: ['empty'], phoneNumberId: ['empty'], businessAccountId: ['empty'] },
  ...{ direction: ['empty'], origin: ['empty'] },
  ...{ sha256: ['missing'], voice: ['missing'], animated: ['missing'] },
  ...{ filename: ['missing', 'empty'], caption: ['missing', 'empty'] },
  ...{ from: ['missing', 'empty'], fromUserId: ['missing', 'empty'] },
  ...{ contact: ['missing', 'object'], group: ['missing', 'empty'] },
  ...{ downloadUrl: ['missing', 'empty'], downloadUrlExpiresAt: ['missing', 'empty'] },
}
const ROWS = names.flatMap((name) => (Object.keys(ODD) as Odd[]).map((odd) => [name, odd] as const))

const without = (name: keyof MediaReference, odd: Odd): Record<string, unknown> => {
  const changed: Record<string, unknown> = { ...reference, [name]: ODD[odd] }
  if (odd === 'missing') delete changed[name]
  return changed
}

describe('checkReference', () => {
  it('takes a valid reference, with and without what is optional, and what it does not know', () => {
    checkReference(reference)
    checkReference({ ...reference, note: 7 })
    const { sha256, filename, caption, voice, animated, downloadUrl, downloadUrlExpiresAt, ...rest } = reference
    const { from, fromUserId, contact, group, ...least } = rest
    checkReference(least)
    expect(Object.keys(least)).toHaveLength(10)
  })

  it.each(['phone', 'userId', 'parentUserId'])('names the id of a contact that is no string: %s', (name) => {
    const problem = findProblem(() => checkReference({ ...reference, contact: { [name]: 12_025_550_143 } }))
    expect(problem).toMatchObject({ code: 'invalid-option', option: `media.contact.${name}` })
    expect(problem?.message).not.toContain('12025550143')
  })

  it.each(ROWS)('says of %s, where it is %s, whether it is valid', (name, odd) => {
    const isAllowed = ALLOWED[name]?.includes(odd) === true
    const problem = findProblem(() => checkReference(without(name, odd), 'job.media'))
    if (isAllowed) expect(problem).toBeUndefined()
    else expect(problem).toMatchObject({ code: 'invalid-option', option: `job.media.${name}`, retryable: false })
    expect(problem?.message ?? '').not.toContain('wamid')
  })

  it.each([
    ['mediaId', 'wamid.HBgLMTIwMjU1NTAxNDM='],
    ['mediaId', 'x'.repeat(513)],
    ['mediaType', 'podcast'],
    ['sha256', 'A'.repeat(64)],
    ['timestamp', '2026-11-22T10:00:00'],
    ['receivedAt', 'yesterday'],
  ])('refuses %s of the wrong form: %s', (name, value) => {
    expect(() => checkReference({ ...reference, [name]: value })).toThrow(
      expect.objectContaining({ option: `media.${name}` }),
    )
  })

  it.each(['from', 'filename', 'caption', 'messageId', 'mediaId', 'downloadUrl'])('shows nothing of %s', (name) => {
    for (const value of [12_025_550_143, ['secret'], { secret: 1 }]) {
      const problem = findProblem(() => checkReference({ ...reference, [name]: value }))
      expect(problem?.message).toBe(`media.${name} must be a string, got a value of type ${typeof value}`)
    }
  })

  it.each([undefined, null, 7, 'wamid.A', [], [reference]])('refuses %j in place of a reference', (media) => {
    expect(() => checkReference(media)).toThrow(expect.objectContaining({ code: 'invalid-option', option: 'media' }))
  })
})

describe('keepValidFields', () => {
  it('is all of a valid reference, but its download URL', () => {
    const { downloadUrl, downloadUrlExpiresAt, ...told } = reference
    expect(keepValidFields({ ...reference, note: 7 })).toEqual({ ...told, note: 7 })
  })

  it.each(ROWS)('holds %s, where it is %s, only if it is valid', (name, odd) => {
    const part: Record<string, unknown> = { ...keepValidFields(without(name, odd)) }
    const [messageId, mediaId] = [part['messageId'], part['mediaId']]
    expect([typeof messageId, typeof mediaId]).toEqual(['string', 'string'])
    const kept = ALLOWED[name]?.includes(odd) === true && !name.startsWith('downloadUrl') ? ODD[odd] : undefined
    expect(part[name]).toBe(['messageId', 'mediaId'].includes(name) ? '' : kept)
  })

  it.each([undefined, null, 7, 'wamid.A', []])('holds two empty ids of %j', (media) => {
    expect(keepValidFields(media)).toEqual({ messageId: '', mediaId: '' })
  })
})

describe('checkMediaId', () => {
  it.each([
    ['a token', `EAAG${'canary0'.repeat(4)}`],
    ['the body of a message id', 'HBgLMTIwMjU1NTAxNDMVAgASGBQ='],
  ])('refuses %s, which errors and events would show', (_name, id) => {
    expect(() => checkMediaId(id)).toThrow(
      `mediaId must be the media id, got what looks like a secret: a string of ${id.length} characters`,
    )
  })
})

describe('toWantedMedia', () => {
  it('takes the words of a reference, and not the caller’s', () => {
    const wanted = toWantedMedia(reference, { mediaType: 'image', timestamp: '2020-01-01', filename: 'other.png' })
    expect(wanted).toMatchObject({ mediaId: reference.mediaId, mediaType: 'document', mimeType: 'application/pdf' })
    expect(wanted).toMatchObject({ timestamp: reference.timestamp, filename: 'Payslip.pdf', reference })
    expect(isKnownMedia(wanted)).toBe(true)
  })

  it('takes the caller’s words for a bare media id', () => {
    const wanted = toWantedMedia('7', { mediaType: 'image', timestamp: '2020-01-01' })
    expect(wanted).toEqual({ mediaId: '7', mediaType: 'image', timestamp: '2020-01-01' })
    expect(isKnownMedia(wanted)).toBe(false)
  })

  it('takes an empty MIME type for an unknown one', () => {
    const wanted = toWantedMedia({ ...reference, mimeType: '' })
    expect(wanted.mimeType).toBeUndefined()
    expect(isKnownMedia(wanted)).toBe(false)
  })
})
