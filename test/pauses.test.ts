import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { AccessTokenError, GraphApiError } from '../src/errors.js'
import { createPauses } from '../src/pauses.js'

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => vi.useRealTimers())

const rejected = new AccessTokenError({ reason: 'rejected' })
const missing = new AccessTokenError({ reason: 'missing' })
const after = (seconds: number): void => void vi.setSystemTime(Date.now() + seconds * 1_000)

it('createPauses pauses longer each time in a row, to a limit, and starts anew after a success', () => {
  const told: [string, number][] = []
  const pauses = createPauses((account, seconds) => void told.push([account, seconds]))
  expect(pauses.of('a')).toBeUndefined()
  for (const seconds of [60, 120, 240, 480, 900, 900]) {
    expect(pauses.begin('a', rejected)).toBe(seconds)
    expect(pauses.of('a')).toEqual({ secondsLeft: seconds, error: rejected })
    after(seconds)
    expect(pauses.of('a')).toBeUndefined()
  }
  pauses.end('a')
  expect(pauses.begin('a', rejected)).toBe(60)
  expect(told.map(([, seconds]) => seconds)).toEqual([60, 120, 240, 480, 900, 900, 60])
})

it('createPauses counts jobs that fail together as one pause, for the first one’s reason', () => {
  let told = 0
  const pauses = createPauses(() => told++)
  pauses.begin('a', missing)
  after(10)
  expect(pauses.begin('a', rejected)).toBe(50)
  expect(pauses.of('a')?.error).toBe(missing)
  expect(told).toBe(1)
  expect(pauses.of('b')).toBeUndefined()
})

it('createPauses rests an account at a limit, as long as the longest asked for, whatever its token does', () => {
  const told: unknown[] = []
  const pauses = createPauses((...pause) => void told.push(pause))
  const limit = new GraphApiError({ status: 429, retryable: true })
  pauses.rest('a', 60, limit)
  pauses.rest('a', 30, rejected)
  expect(pauses.of('a')).toEqual({ secondsLeft: 60, error: limit })
  pauses.end('a')
  expect(pauses.of('a')).toEqual({ secondsLeft: 60, error: limit })
  pauses.rest('a', 90, limit)
  expect(pauses.of('a')).toEqual({ secondsLeft: 90, error: limit })
  pauses.begin('a', rejected)
  expect(pauses.of('a')?.error).toBe(limit)
  after(90)
  expect(pauses.of('a')).toBeUndefined()
  pauses.rest('a', 10, limit)
  expect(told).toEqual([
    ['a', 60, 'rate-limit'],
    ['a', 60, 'access-token'],
    ['a', 10, 'rate-limit'],
  ])
})
