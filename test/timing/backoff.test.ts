import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { decideBackoffSeconds } from '../../src/timing/backoff.js'

describe('decideBackoffSeconds', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const attempts = fc.integer({ min: 1, max: 5_000 })

  it('waits half to all of 5 seconds, doubled with each attempt, to an hour', () => {
    fc.assert(
      fc.property(attempts, (attempt) => {
        const cap = attempt > 10 ? 3_600 : 5 * 2 ** (attempt - 1)
        const seconds = decideBackoffSeconds(attempt)
        expect(Number.isSafeInteger(seconds)).toBe(true)
        expect(seconds).toBeGreaterThanOrEqual(Math.floor(cap / 2))
        expect(seconds).toBeLessThanOrEqual(cap)
      }),
    )
  })

  it('never comes before the time that a server asked for', () => {
    fc.assert(
      fc.property(attempts, fc.integer({ min: 0, max: 86_400_000 }), (attempt, askedMs) => {
        const seconds = decideBackoffSeconds(attempt, askedMs)
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
    expect(decideBackoffSeconds(attempt)).toBe(seconds)
    expect(decideBackoffSeconds(attempt, 4_000_001)).toBe(asked)
  })
})
