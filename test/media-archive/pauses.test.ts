import { beforeEach, describe, expect, it } from 'vitest'
import { AccessTokenError, GraphApiError, StorageFailedError } from '../../src/errors.js'
import { createPauses, type Pause, type PausedJob, type Pauses } from '../../src/media-archive/pauses.js'

let at: number
let paused: Pause[]
let pauses: Pauses
beforeEach(() => {
  at = Date.UTC(2026, 10, 22)
  paused = []
  pauses = open({ sharesStorage: true })
})

const open = (options: { sharesStorage: boolean }): Pauses =>
  createPauses((pause) => paused.push(pause), { now: () => at, ...options })

const token = new AccessTokenError({ reason: 'rejected' })
const limit = new GraphApiError({ status: 429, retryable: true })
const denied = new StorageFailedError({ operation: 'put', key: 'k', reason: 'AccessDenied', retryable: false })
const refused = new GraphApiError({ status: 403, graphCode: 10, retryable: false })
const pass = (seconds: number): void => {
  at += seconds * 1_000
}
const job = (mediaId: string, accountId = 'a', phoneNumberId = '1'): PausedJob => ({
  ...{ mediaId, accountId, phoneNumberId },
})
const first = job('m1')
const failToken = (each: PausedJob): number | undefined => pauses.fail(each, { whole: 'token', error: token })
const failStorage = (each: PausedJob): number | undefined => pauses.fail(each, { whole: 'storage', error: denied })
const waits = (each: PausedJob): number => pauses.findWait(each)?.secondsLeft ?? 0

describe('pauses of a number', () => {
  it('grow with each one in a row, to a limit, and start anew after a success', () => {
    expect(pauses.findWait(first)).toBeUndefined()
    for (const seconds of [60, 120, 240, 480, 900, 900]) {
      expect(failToken(first)).toBe(seconds)
      expect(pauses.findWait(job('m2'))).toEqual({ secondsLeft: seconds, error: token })
      pass(seconds)
      expect(pauses.findWait(first)).toBeUndefined()
    }
    pauses.noteLookUp(first)
    expect(failToken(first)).toBe(60)
    expect(paused.map(({ forSeconds }) => forSeconds)).toEqual([60, 120, 240, 480, 900, 900, 60])
    expect(paused[0]).toEqual({ accountId: 'a', phoneNumberId: '1', forSeconds: 60, reason: 'access-token' })
  })

  it('are one for jobs that fail together, for the first one’s reason', () => {
    failToken(first)
    pass(10)
    const other = new AccessTokenError({ reason: 'missing' })
    expect(pauses.fail(job('m2'), { whole: 'token', error: other })).toBe(50)
    expect(pauses.findWait(first)?.error).toBe(token)
    expect(paused).toHaveLength(1)
  })

  it('hold back neither another number nor the number of another account', () => {
    failToken(first)
    expect([waits(job('m2', 'a', '2')), waits(job('m2', 'b', '1'))]).toEqual([0, 0])
    pauses.noteLookUp(job('m3', 'a', '2'))
    expect(waits(job('m2'))).toBe(60)
  })

  it('begin at once for a token, though others succeed, and after four in a row for a permission', () => {
    pauses.noteLookUp(job('m0'))
    for (const mediaId of ['m1', 'm2', 'm3']) {
      expect(pauses.fail(job(mediaId), { whole: 'number', error: refused })).toBeUndefined()
    }
    expect(pauses.fail(job('m4'), { whole: 'number', error: refused })).toBe(60)
    expect(paused).toEqual([{ accountId: 'a', phoneNumberId: '1', forSeconds: 60, reason: 'permission' }])
    pauses.noteLookUp(job('m0'))
    expect(failToken(job('m1'))).toBe(60)
  })

  it('let one job at a time try at their end', () => {
    failToken(first)
    pass(60)
    const leave = pauses.enter(first)
    expect(pauses.findWait(job('m2'))).toEqual({ secondsLeft: 6, error: token })
    leave()
    expect(pauses.findWait(job('m2'))).toBeUndefined()
  })

  it('let media that dies during them be tried once a minute', () => {
    failToken(first)
    const dies = (): boolean => pauses.findWait(job('m2'), { isDying: true }) === undefined
    pass(60)
    failToken(first)
    expect(dies()).toBe(false)
    pass(59)
    expect(dies()).toBe(false)
    pass(1)
    expect(dies()).toBe(true)
    pauses.enter(job('m2'))()
    expect([dies(), waits(job('m3'))]).toEqual([false, 60])
  })

  it('do not last until a clock has caught up that was set back', () => {
    failToken(first)
    pauses.pauseAccount('a', 60, limit)
    pass(-86_400)
    expect(pauses.findWait(first)).toBeUndefined()
    expect(pauses.findWait(first, { isDying: true })).toBeUndefined()
    expect(failToken(first)).toBe(120)
    pauses.pauseAccount('a', 60, limit)
    expect(waits(first)).toBe(120)
    expect(pauses.findWait(job('m2', 'a', '2'))).toEqual({ secondsLeft: 60, error: limit })
  })
})

describe('pauses of an account', () => {
  it('last as long as the longest limit asks for, whatever its token does', () => {
    pauses.pauseAccount('a', 60, limit)
    pauses.pauseAccount('a', 30, limit)
    pauses.noteLookUp(first)
    expect(pauses.findWait(first)).toEqual({ secondsLeft: 60, error: limit })
    pauses.pauseAccount('a', 90, limit)
    failToken(first)
    expect(pauses.findWait(first)).toEqual({ secondsLeft: 90, error: limit })
    expect(pauses.findWait(job('m1', 'a', '2'), { isDying: true })).toBeUndefined()
    expect(waits(job('m1', 'b'))).toBe(0)
    pass(90)
    pauses.pauseAccount('a', 10, limit)
    expect(paused.map(({ forSeconds, reason }) => [forSeconds, reason])).toEqual([
      [60, 'rate-limit'],
      [60, 'access-token'],
      [10, 'rate-limit'],
    ])
  })

  it('hold back all its numbers, and no other account', () => {
    expect(pauses.fail(first, { whole: 'account', error: refused })).toBe(60)
    pass(60)
    expect(pauses.fail(first, { whole: 'account', error: refused })).toBe(120)
    expect([waits(first), waits(job('m1', 'b'))]).toEqual([120, 0])
    expect(paused[1]).toEqual({ accountId: 'a', forSeconds: 120, reason: 'account' })
    pauses.noteLookUp(job('m9', 'a', '2'))
    expect(waits(first)).toBe(0)
  })
})

describe('pauses of a storage', () => {
  it('grow from five seconds to fifteen minutes', () => {
    for (const seconds of [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]) {
      expect(failStorage(first)).toBe(seconds)
      pass(seconds)
    }
    expect(paused).toHaveLength(10)
    expect(paused[0]).toEqual({ accountId: 'a', forSeconds: 5, reason: 'storage' })
  })

  it('let other media try at once, one at a time, until four have failed', () => {
    failStorage(first)
    expect(waits(first)).toBe(5)
    for (const mediaId of ['m2', 'm3', 'm4']) {
      expect(waits(job(mediaId))).toBe(0)
      const leave = pauses.enter(job(mediaId))
      expect(waits(job('m9'))).toBe(1)
      failStorage(job(mediaId))
      leave()
    }
    expect(waits(job('m9'))).toBe(5)
    expect(paused).toHaveLength(1)
  })

  it('end with the first success: what had failed is at fault itself, and pauses nothing more', () => {
    failStorage(first)
    pauses.enter(job('m2'))()
    pauses.noteStored(job('m2'))
    expect([waits(first), waits(job('m3'))]).toEqual([0, 0])
    for (let turn = 0; turn < 20; turn++) expect(failStorage(first)).toBeUndefined()
    expect(paused).toHaveLength(1)
    pauses.noteStored(first)
    expect(failStorage(first)).toBeUndefined()
  })

  it('begin after four in a row where others have succeeded', () => {
    pauses.noteStored(job('m0'))
    for (const mediaId of ['m1', 'm2', 'm3', 'm1']) expect(failStorage(job(mediaId))).toBeUndefined()
    expect([waits(job('m9')), paused.length]).toEqual([0, 0])
    expect(failStorage(job('m4'))).toBe(5)
    expect([waits(job('m9')), paused.length]).toEqual([5, 1])
  })

  it('hold back one account alone, while the others succeed', () => {
    for (const mediaId of ['m1', 'm2', 'm3', 'm4']) failStorage(job(mediaId))
    expect([waits(job('m9')), waits(job('m9', 'b'))]).toEqual([5, 0])
    const leave = pauses.enter(job('m9', 'b'))
    expect(waits(job('m9', 'c'))).toBe(1)
    leave()
    pauses.noteStored(job('m9', 'b'))
    expect([waits(job('m9')), waits(job('m9', 'c'))]).toEqual([5, 0])
    pass(5)
    expect(failStorage(job('m9'))).toBe(10)
    expect([waits(job('m8')), waits(job('m8', 'b'))]).toEqual([10, 0])
    expect(paused.map(({ accountId, forSeconds }) => [accountId, forSeconds])).toEqual([
      ['a', 5],
      ['a', 10],
    ])
  })

  it('hold back all accounts once a second one fails, with one event', () => {
    for (const mediaId of ['m1', 'm2', 'm3']) failStorage(job(mediaId))
    expect(failStorage(job('m1', 'b'))).toBe(5)
    expect([waits(job('m9')), waits(job('m9', 'b')), waits(job('m9', 'c'))]).toEqual([5, 5, 5])
    expect(paused).toHaveLength(1)
    pass(5)
    const leave = pauses.enter(job('m9', 'c'))
    expect([waits(job('m8')), waits(job('m8', 'd'))]).toEqual([1, 1])
    expect(failStorage(job('m9', 'c'))).toBe(10)
    leave()
    expect([waits(job('m8', 'd')), paused.length]).toEqual([10, 2])
    pass(10)
    pauses.noteStored(job('m8', 'd'))
    expect(waits(job('m7', 'd'))).toBe(0)
  })

  it('tell of each account that is poisoned while others succeed', () => {
    pauses.noteStored(job('m0', 'z'))
    failStorage(job('m1', 'a'))
    pauses.noteStored(job('m0', 'z'))
    failStorage(job('m1', 'b'))
    expect(paused.map(({ accountId }) => accountId)).toEqual(['a', 'b'])
  })

  it('hold back no other account whose storage is its own', () => {
    pauses = open({ sharesStorage: false })
    expect([failStorage(first), failStorage(job('m1', 'b'))]).toEqual([5, 5])
    expect([waits(job('m2', 'c')), paused.length]).toEqual([0, 2])
  })
})

it('pauses of what all share begin at the second account', () => {
  for (const each of [first, job('m1', 'b'), job('m2', 'b'), job('m3', 'b')]) {
    expect(pauses.fail(each, { whole: 'app', error: refused })).toBe(60)
  }
  expect(waits(job('m9', 'c'))).toBe(60)
  expect(paused).toEqual([{ accountId: 'a', forSeconds: 60, reason: 'app' }])
})

it('pauses remember a limited number of media', () => {
  pauses.noteStored(job('m0'))
  const count = 10_050
  for (let number = 0; number < count; number++) failStorage(job(`${number}`))
  pauses.noteStored(job('m0'))
  for (let number = 0; number < count; number++) failStorage(job(`n${number}`))
  pauses.noteStored(job('m0'))
  // The oldest are forgotten, the youngest are not.
  expect(failStorage(job(`n${count - 100}`))).toBeUndefined()
  expect(paused.length).toBeGreaterThan(0)
})
