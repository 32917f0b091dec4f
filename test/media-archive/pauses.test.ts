import { beforeEach, expect, it } from 'vitest'
import { AccessTokenError, GraphApiError, StorageFailedError } from '../../src/errors.js'
import { createPauses as createWithClock, type Pause, type Pauses } from '../../src/media-archive/pauses.js'

let at: number
beforeEach(() => {
  at = Date.UTC(2026, 10, 22)
})

const rejected = new AccessTokenError({ reason: 'rejected' })
const missing = new AccessTokenError({ reason: 'missing' })
const limit = new GraphApiError({ status: 429, retryable: true })
const createPauses = (onPause: (pause: Pause) => void): Pauses => createWithClock(onPause, { now: () => at })
const after = (seconds: number): void => {
  at += seconds * 1_000
}
const number = { accountId: 'a', phoneNumberId: '1' }
const sibling = { accountId: 'a', phoneNumberId: '2' }

it('createPauses pauses longer each time in a row, to a limit, and starts anew after a success', () => {
  const paused: number[] = []
  const pauses = createPauses(({ forSeconds }) => void paused.push(forSeconds))
  expect(pauses.find(number)).toBeUndefined()
  for (const seconds of [60, 120, 240, 480, 900, 900]) {
    expect(pauses.pauseNumber(number, rejected)).toBe(seconds)
    expect(pauses.find(number)).toEqual({ secondsLeft: seconds, error: rejected })
    after(seconds)
    expect(pauses.find(number)).toBeUndefined()
  }
  pauses.resumeNumber(number)
  expect(pauses.pauseNumber(number, rejected)).toBe(60)
  expect(paused).toEqual([60, 120, 240, 480, 900, 900, 60])
})

it('createPauses counts jobs that fail together as one pause, for the first one’s reason', () => {
  let paused = 0
  const pauses = createPauses(() => paused++)
  pauses.pauseNumber(number, missing)
  after(10)
  expect(pauses.pauseNumber(number, rejected)).toBe(50)
  expect(pauses.find(number)?.error).toBe(missing)
  expect(paused).toBe(1)
})

it('createPauses pauses a number for its token, and the whole account at a limit', () => {
  const paused: unknown[] = []
  const pauses = createPauses((pause) => void paused.push(pause))
  pauses.pauseNumber(number, rejected)
  expect(pauses.find(sibling)).toBeUndefined()
  expect(pauses.find({ ...number, accountId: 'b' })).toBeUndefined()
  pauses.resumeNumber(sibling)
  expect(pauses.find(number)).toBeDefined()
  pauses.pauseAccount('a', 30, limit)
  expect(pauses.find(sibling)).toEqual({ secondsLeft: 30, error: limit })
  expect(pauses.find({ ...number, accountId: 'b' })).toBeUndefined()
  expect(paused).toEqual([
    { ...number, forSeconds: 60, reason: 'access-token' },
    { accountId: 'a', forSeconds: 30, reason: 'rate-limit' },
  ])
})

it('createPauses rests an account at a limit, as long as the longest asked for, whatever its token does', () => {
  const paused: unknown[] = []
  const pauses = createPauses(({ forSeconds, reason }) => void paused.push([forSeconds, reason]))
  pauses.pauseAccount('a', 60, limit)
  pauses.pauseAccount('a', 30, rejected)
  expect(pauses.find(number)).toEqual({ secondsLeft: 60, error: limit })
  pauses.resumeNumber(number)
  expect(pauses.find(number)).toEqual({ secondsLeft: 60, error: limit })
  pauses.pauseAccount('a', 90, limit)
  expect(pauses.find(number)).toEqual({ secondsLeft: 90, error: limit })
  pauses.pauseNumber(number, rejected)
  expect(pauses.find(number)?.error).toBe(limit)
  after(90)
  expect(pauses.find(number)).toBeUndefined()
  pauses.pauseAccount('a', 10, limit)
  expect(paused).toEqual([
    [60, 'rate-limit'],
    [60, 'access-token'],
    [10, 'rate-limit'],
  ])
})

it('createPauses lets a rejected token be tried once a minute, and one that is not rejected always', () => {
  const pauses = createPauses(() => {})
  expect([pauses.mayTry(number), pauses.mayTry(number)]).toEqual([true, true])
  pauses.pauseNumber(number, rejected)
  expect([pauses.mayTry(number), pauses.mayTry(sibling)]).toEqual([false, true])
  after(60)
  expect([pauses.mayTry(number), pauses.mayTry(number)]).toEqual([true, false])
  after(59)
  expect(pauses.mayTry(number)).toBe(false)
  after(1)
  expect(pauses.mayTry(number)).toBe(true)
})

it('createPauses lets no pause last until a clock has caught up that was set back', () => {
  const paused: string[] = []
  const pauses = createPauses(({ reason }) => paused.push(reason))
  pauses.pauseNumber(number, rejected)
  pauses.pauseAccount('a', 60, limit)
  expect(pauses.mayTry(number)).toBe(false)
  after(-86_400)
  expect(pauses.find(number)).toBeUndefined()
  expect(pauses.mayTry(number)).toBe(true)
  expect(pauses.pauseNumber(number, rejected)).toBe(120)
  pauses.pauseAccount('a', 60, limit)
  expect(pauses.find(number)).toMatchObject({ secondsLeft: 120 })
  expect(pauses.find(sibling)).toMatchObject({ secondsLeft: 60, error: limit })
  expect(paused).toEqual(['access-token', 'rate-limit', 'access-token', 'rate-limit'])
})

it('createPauses pauses an account for its storage, longer each time in a row, until it works', () => {
  const paused: Pause[] = []
  const pauses = createPauses((pause) => void paused.push(pause))
  const fault = new StorageFailedError({ operation: 'put', key: 'k', reason: 'region-missing', retryable: false })
  for (const seconds of [60, 120, 240, 480, 900, 900]) {
    expect(pauses.pauseStorage('a', fault)).toBe(seconds)
    expect(pauses.pauseStorage('a', fault)).toBe(seconds)
    expect([pauses.find(number), pauses.find(sibling)]).toEqual(Array(2).fill({ secondsLeft: seconds, error: fault }))
    expect(pauses.find({ ...number, accountId: 'b' })).toBeUndefined()
    after(seconds)
    expect(pauses.find(number)).toBeUndefined()
  }
  pauses.resumeStorage('a')
  expect(pauses.pauseStorage('a', fault)).toBe(900) // the job alone
  expect(pauses.find({ accountId: 'a', phoneNumberId: '1' })).toBeUndefined()
  expect(pauses.pauseStorage('a', fault)).toBe(60)
  expect(paused).toHaveLength(7)
  expect(paused[0]).toEqual({ accountId: 'a', forSeconds: 60, reason: 'storage' })
})

it('createPauses holds no account back for a fault between two successes', () => {
  const paused: Pause[] = []
  const pauses = createPauses((pause) => paused.push(pause))
  const fault = new StorageFailedError({ operation: 'put', key: 'k', reason: 'AccessDenied', retryable: false })
  for (let turn = 0; turn < 5; turn++) {
    pauses.resumeStorage('a')
    expect(pauses.pauseStorage('a', fault)).toBe(900)
  }
  expect(paused).toEqual([])
  expect(pauses.pauseStorage('b', fault)).toBe(60)
  expect(paused).toEqual([{ accountId: 'b', forSeconds: 60, reason: 'storage' }])
})
