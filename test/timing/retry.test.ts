import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { DownloadFailedError, GraphApiError, HostRefusedError } from '../../src/errors.js'
import { checkRetry, type RetryClock, type RetryPlan, retryAttempts } from '../../src/timing/retry.js'

const passing = (retryAfterMs?: number) =>
  new DownloadFailedError({
    host: 'media.example',
    problem: 'reset',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })

type Report = [code: string, attempt: number, retryInMs: number | undefined]

/** Pauses that end at once, and are kept. */
function createClock({ random = 1, now = Date.now() } = {}) {
  const pauses: number[] = []
  const clock: RetryClock = {
    now: () => now,
    random: () => random,
    async wait(ms) {
      pauses.push(ms)
    },
  }
  return { pauses, ...clock }
}

/** Runs attempts that fail in turn with `failures`, then succeed. */
function scenario(failures: readonly unknown[], overrides: Partial<RetryPlan> = {}) {
  const reports: Report[] = []
  const tries: number[] = []
  const result = retryAttempts(
    async (attempt) => {
      tries.push(attempt)
      if (attempt <= failures.length) throw failures[attempt - 1]
      return `done at ${attempt}`
    },
    {
      attempts: 3,
      deadlineAt: Infinity,
      signal: undefined,
      clock: createClock(),
      mayRetry: () => true,
      onFailedAttempt: (error, attempt, retryInMs) => reports.push([error.code, attempt, retryInMs]),
      ...overrides,
    },
  )
  return { result, reports, tries }
}

describe('checkRetry', () => {
  it('tries three times by default', () => {
    expect(checkRetry({})).toEqual({ attempts: 3, waitScale: 1 })
    expect(checkRetry({ attempts: 1, waitScale: 0.5 })).toEqual({ attempts: 1, waitScale: 0.5 })
  })

  it('refuses what is no positive whole number', () => {
    for (const attempts of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 53]) {
      expect(() => checkRetry({ attempts })).toThrow(
        expect.objectContaining({ code: 'invalid-option', option: 'attempts' }),
      )
    }
  })
})

describe('retryAttempts', () => {
  it('returns the first success, without a pause', async () => {
    const clock = createClock()
    const { result, reports, tries } = scenario([], { clock })
    expect(await result).toBe('done at 1')
    expect({ reports, tries, pauses: clock.pauses }).toEqual({ reports: [], tries: [1], pauses: [] })
  })

  it('runs whole attempts until one succeeds', async () => {
    const clock = createClock({ random: 0.7 })
    const { result, reports, tries } = scenario([passing(), passing()], { clock })
    expect(await result).toBe('done at 3')
    expect(tries).toEqual([1, 2, 3])
    expect(reports.map(([code, attempt]) => [code, attempt])).toEqual([
      ['download-failed', 1],
      ['download-failed', 2],
    ])
    expect(reports.map(([, , retryInMs]) => retryInMs)).toEqual(clock.pauses)
  })

  it('waits as much shorter as it is told, and reports the whole wait', async () => {
    const clock = createClock({ random: 0.5 })
    const { result, reports } = scenario([passing(), passing()], { clock, waitScale: 0.001 })
    expect(await result).toBe('done at 3')
    expect(clock.pauses).toEqual([0.25, 0.5])
    expect(reports.map(([, , retryInMs]) => retryInMs)).toEqual([250, 500])
  })

  it('throws the last error after the last attempt', async () => {
    const last = passing()
    const { result, reports, tries } = scenario([passing(), passing(), last])
    await expect(result).rejects.toBe(last)
    expect(tries).toEqual([1, 2, 3])
    expect(reports.at(-1)).toEqual(['download-failed', 3, undefined])
  })

  it('doubles the longest pause from 0.5 s up to 8 s, with full jitter', async () => {
    const failures = Array.from({ length: 7 }, () => passing())
    const pausesAt = async (random: number): Promise<number[]> => {
      const clock = createClock({ random })
      await scenario(failures, { attempts: 8, clock }).result
      return clock.pauses
    }
    expect(await pausesAt(1)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000])
    expect(await pausesAt(0.5)).toEqual([250, 500, 1_000, 2_000, 4_000, 4_000, 4_000])
    expect(await pausesAt(0)).toEqual([0, 0, 0, 0, 0, 0, 0])
  })

  it('waits at least as long as the server asked', async () => {
    const clock = createClock({ random: 1 })
    await scenario([passing(15_000), passing(20)], { clock }).result
    expect(clock.pauses).toEqual([15_500, 1_000])
  })

  it('hands a longer asked wait to the caller', async () => {
    const limited = new GraphApiError({ status: 400, graphCode: 80_007, retryable: true, retryAfterMs: 15_001 })
    const { result, reports, tries } = scenario([limited])
    await expect(result).rejects.toBe(limited)
    expect({ reports, tries }).toEqual({ reports: [['graph-api', 1, undefined]], tries: [1] })
  })

  it('throws a permanent error at once', async () => {
    const refused = new HostRefusedError({ host: 'evil.example', problem: 'not configured' })
    const mayRetry = vi.fn(() => true)
    const { result, reports, tries } = scenario([refused], { mayRetry })
    await expect(result).rejects.toBe(refused)
    expect({ reports, tries }).toEqual({ reports: [['host-refused', 1, undefined]], tries: [1] })
    expect(mayRetry).not.toHaveBeenCalled()
  })

  it('asks mayRetry about errors that another attempt could follow', async () => {
    const error = passing()
    const mayRetry = vi.fn(() => false)
    const { result, reports } = scenario([error], { mayRetry })
    await expect(result).rejects.toBe(error)
    expect(mayRetry).toHaveBeenCalledExactlyOnceWith(error)
    expect(reports).toEqual([['download-failed', 1, undefined]])
    const unasked = vi.fn(() => true)
    await expect(scenario([error], { mayRetry: unasked, attempts: 1 }).result).rejects.toBe(error)
    expect(unasked).not.toHaveBeenCalled()
  })

  it('makes the first attempt even after the deadline, and no other', async () => {
    const error = passing()
    const { result, tries } = scenario([error], { deadlineAt: 0 })
    await expect(result).rejects.toBe(error)
    expect(tries).toEqual([1])
    expect(await scenario([], { deadlineAt: 0 }).result).toBe('done at 1')
  })

  it('starts no attempt after the deadline', async () => {
    const clock = createClock({ random: 1, now: 10_000 })
    const error = passing()
    await expect(scenario([error], { clock, deadlineAt: 10_499 }).result).rejects.toBe(error)
    expect(await scenario([error], { clock, deadlineAt: 10_500 }).result).toBe('done at 2')
  })

  it("passes on at once what is no error of this library's", async () => {
    for (const thrown of [new TypeError('a bug'), 'text', undefined]) {
      const { result, reports, tries } = scenario([thrown])
      await expect(result).rejects.toBe(thrown)
      expect({ reports, tries }).toEqual({ reports: [], tries: [1] })
    }
  })

  it("throws the caller's reason when the signal aborted during an attempt", async () => {
    const reason = { why: 'shutdown' }
    const { result, reports } = scenario([passing()], { signal: AbortSignal.abort(reason) })
    await expect(result).rejects.toBe(reason)
    expect(reports).toEqual([])
  })

  it('keeps a success that came in spite of the abort', async () => {
    expect(await scenario([], { signal: AbortSignal.abort() }).result).toBe('done at 1')
  })

  it("ends its pause with the caller's reason", async () => {
    const caller = new AbortController()
    const reason = new Error('shutdown')
    // The system's own clock, which then waits for 15 seconds.
    const { result, tries } = scenario([passing(15_000)], {
      ...{ signal: caller.signal, clock: undefined },
      // Called just before the pause begins.
      onFailedAttempt: () => void setImmediate(() => caller.abort(reason)),
    })
    await expect(result).rejects.toBe(reason)
    expect(tries).toEqual([1])
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0)
  })

  it('pauses under a signal that stays quiet', async () => {
    const caller = new AbortController()
    expect(await scenario([passing()], { signal: caller.signal }).result).toBe('done at 2')
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0)
  })
})
