import { beforeEach, describe, expect, it } from 'vitest'
import { MediaGoneError } from '../../src/errors.js'
import { createKnownGone, type KnownGone } from '../../src/media-archive/known-gone.js'

let rests: { accountId: string; seconds: number; error: unknown }[]
let at: number
const create = (maxGonePerHour = Number.POSITIVE_INFINITY): KnownGone =>
  createKnownGone({
    maxGonePerHour,
    pauseAccount: (accountId, seconds, error) => rests.push({ accountId, seconds, error }),
    now: () => at,
  })
const gone = (mediaId: string): MediaGoneError => new MediaGoneError({ mediaId, status: 400 })
const pass = (seconds: number): void => {
  at += seconds * 1_000
}

beforeEach(() => {
  rests = []
  at = Date.UTC(2026, 10, 22)
})

describe('createKnownGone', () => {
  it('knows media that was gone twice in the last hour, by account', () => {
    const known = create()
    known.note('acme', gone('1'))
    pass(119)
    known.note('acme', gone('1'))
    expect(known.find('acme', '1')).toBeUndefined()
    pass(1)
    const second = gone('1')
    known.note('acme', second)
    expect(known.find('acme', '1')).toBe(second)
    expect(known.find('acme', '2')).toBeUndefined()
    expect(known.find('other', '1')).toBeUndefined()
    pass(3_600)
    expect(known.find('acme', '1')).toBeUndefined()
  })

  it('does not count what was not asked for again', () => {
    const known = create(3)
    const error = gone('1')
    for (let times = 0; times < 5; times++) known.note('acme', error)
    expect(known.find('acme', '1')).toBeUndefined()
    expect(rests).toEqual([])
  })

  it('forgets the oldest of more than ten thousand', () => {
    const known = create()
    for (let times = 0; times < 2; times++) {
      for (const mediaId of ['first', 'second']) known.note('acme', gone(mediaId))
      pass(120)
    }
    for (let other = 0; other < 9_999; other++) known.note('acme', { mediaId: `${other}` } as MediaGoneError)
    expect(known.find('acme', 'first')).toBeUndefined()
    expect(known.find('acme', 'second')).toBeDefined()
  })
})

describe('createKnownGone, with maxGonePerHour', () => {
  it('lets the account rest until the oldest failure is an hour old', () => {
    const known = create(3)
    for (const mediaId of ['1', '2']) {
      known.note('acme', gone(mediaId))
      pass(600)
    }
    known.note('other', gone('3'))
    expect(rests).toEqual([])
    known.note('acme', gone('3'))
    expect(rests).toMatchObject([{ accountId: 'acme', seconds: 2_400, error: { mediaId: '3' } }])
    pass(3_601)
    known.note('acme', gone('4'))
    expect(rests).toHaveLength(1)
  })
})
