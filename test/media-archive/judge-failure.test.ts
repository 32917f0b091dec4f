import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  AccessTokenError,
  type AnyWhatsAppMediaError,
  DownloadFailedError,
  GraphApiError,
  InvalidOptionError,
  MediaGoneError,
  StorageFailedError,
} from '../../src/errors.js'
import { type FailedAttempt, judgeCallbackFailure, judgeFailure } from '../../src/media-archive/judge-failure.js'

const DAY = 86_400
const GIVE_UP = { next: 'give-up' }
const retry = (afterSeconds: number, more: object = {}): object => ({
  ...{ next: 'retry', afterSeconds, isAttempt: true },
  ...more,
})

const passing = new DownloadFailedError({ host: 'media.example', problem: 'reset' })
const asking = (retryAfterMs: number): GraphApiError =>
  new GraphApiError({ status: 503, retryable: true, retryAfterMs })
const rateLimit = new GraphApiError({ status: 429, retryable: true })
const gone = new MediaGoneError({ mediaId: '1', status: 400 })
const token = new AccessTokenError({ reason: 'rejected' })
const denied = new StorageFailedError({ operation: 'put', key: 'k', reason: 'AccessDenied', retryable: false })

beforeEach(() => {
  // The shortest of all jittered delays.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe('judgeFailure', () => {
  it.each<[what: string, error: AnyWhatsAppMediaError, failed: Partial<FailedAttempt>, decision: object]>([
    ['a passing fault is tried again', passing, {}, retry(3)],
    ['a fourth one later', passing, { attempt: 4 }, retry(20)],
    ['a hundredth one after half an hour at least', passing, { attempt: 100 }, retry(1_800)],
    ['not sooner than the server asks', asking(4_000_000), {}, retry(4_000)],
    ['a rate limit without a time after a minute', rateLimit, {}, retry(60)],
    ['a lasting fault is given up', denied, {}, GIVE_UP],
    ['a wrong option, too', new InvalidOptionError({ option: 'size', problem: 'is odd' }), {}, GIVE_UP],
    ['unless it is one of few', denied, { isAlone: true }, retry(3)],
    ['until the media dies', denied, { isAlone: true, secondsLeft: -1 }, GIVE_UP],
    ['dead media is given up', passing, { secondsLeft: -1 }, GIVE_UP],
    ['dying media, too', asking(600_000), { secondsLeft: 19 }, GIVE_UP],
    ['media is tried a minute before its death', asking(7_200_000), { secondsLeft: 3_600 }, retry(3_540)],
    ['or after half of what is left', asking(7_200_000), { secondsLeft: 60 }, retry(30)],
    ['gone media has a late try', gone, {}, retry(150, { faults: { 'media-gone': 1 } })],
    ['and no second one', gone, { faults: { 'media-gone': 1 } }, GIVE_UP],
    ['none where others found it gone', gone, { isKnownGone: true }, GIVE_UP],
    ['none where it dies before', gone, { secondsLeft: 10 }, GIVE_UP],
    [
      'other faults are kept beside it',
      gone,
      { faults: { 'integrity-mismatch': 2 } },
      retry(150, { faults: { 'integrity-mismatch': 2, 'media-gone': 1 } }),
    ],
    ['a dead token pauses the job', token, { pauseSeconds: 120 }, retry(120, { isAttempt: false })],
    ['until the media dies', token, { pauseSeconds: 900, secondsLeft: 200 }, retry(140, { isAttempt: false })],
    ['or half of its last seconds', token, { pauseSeconds: 900, secondsLeft: 15 }, retry(7, { isAttempt: false })],
    ['and gives dead media up', token, { pauseSeconds: 900, secondsLeft: -1 }, GIVE_UP],
  ])('%s', (_what, error, failed, decision) => {
    const times = { attempt: 1, faults: undefined, secondsLeft: 7 * DAY, pauseSeconds: undefined }
    const first = { ...times, isAlone: false, isKnownGone: false }
    expect(judgeFailure(error, { ...first, ...failed })).toEqual(decision)
  })
})

describe('judgeCallbackFailure', () => {
  it.each([
    ['is called again', { attempt: 1, secondsLeft: 7 * DAY }, retry(3)],
    ['for a day after the media died', { attempt: 500, secondsLeft: -DAY + 1 }, retry(1_800)],
    ['ten times at least', { attempt: 9, secondsLeft: -7 * DAY }, retry(640)],
    ['and then no more', { attempt: 10, secondsLeft: -DAY }, GIVE_UP],
  ])('a callback %s', (_what, failed, decision) => {
    expect(judgeCallbackFailure(failed)).toEqual(decision)
  })
})
