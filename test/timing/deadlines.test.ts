import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type CheckedTimeouts, checkTimeouts, startDeadlines, type Timeouts } from '../../src/timing/deadlines.js'

const limits: CheckedTimeouts = { headers: 10, source: 20, store: 30, total: 1_000 }
const LONGEST_TIMER_MS = 2_147_483_647

describe('checkTimeouts', () => {
  it('fills in the documented defaults', () => {
    const defaults = { headers: 30_000, source: 30_000, store: 60_000, total: 600_000 }
    expect(checkTimeouts()).toEqual(defaults)
    expect(checkTimeouts({})).toEqual(defaults)
  })

  it('takes what is given, Infinity included', () => {
    expect(checkTimeouts({ headersMs: 1, idleMs: 0.5, storageMs: 3, totalMs: Infinity })).toEqual({
      headers: 1,
      source: 0.5,
      store: 3,
      total: Infinity,
    })
  })

  it.each(['headersMs', 'idleMs', 'storageMs', 'totalMs'])('refuses a %s that is no positive number', (name) => {
    for (const value of [0, -1, Number.NaN, '30', null, {}]) {
      expect(() => checkTimeouts({ [name]: value })).toThrow(
        expect.objectContaining({
          code: 'invalid-option',
          option: `timeouts.${name}`,
          message: expect.stringMatching(/must be a positive number of milliseconds, got .+/),
        }),
      )
    }
  })
})

describe('startDeadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    ['headers', 10, 'No answer came within 10 ms'],
    ['source', 20, 'The source sent nothing within 20 ms'],
    ['store', 30, 'The store took nothing within 30 ms'],
  ] as const)('aborts with a TimeoutError when the wait for the %s is over', (party, limitMs, message) => {
    const { signal, waitFor, clear } = startDeadlines(limits)
    waitFor(party)
    vi.advanceTimersByTime(limitMs - 1)
    expect(signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(signal.reason).toMatchObject({ code: 'timeout', waitedFor: party, limitMs, message, retryable: true })
    clear()
  })

  it('gives a party its whole time again with timers that are numbers, as Cloudflare Workers had', () => {
    const timers: ReturnType<typeof setTimeout>[] = []
    const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis
    vi.stubGlobal('setTimeout', (act: () => void, ms: number) => timers.push(startTimer(act, ms)))
    vi.stubGlobal('clearTimeout', (id: number | undefined) => stopTimer(timers[Number(id) - 1]))
    const { signal, waitFor, clear } = startDeadlines(limits)
    for (let sign = 0; sign < 5; sign++) {
      waitFor('source')
      vi.advanceTimersByTime(19)
    }
    expect(signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(signal.reason).toMatchObject({ waitedFor: 'source', limitMs: 20 })
    clear()
    vi.unstubAllGlobals()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('gives a party its whole time again at each sign of life', () => {
    const { signal, waitFor, clear } = startDeadlines(limits)
    for (let chunk = 0; chunk < 10; chunk++) {
      waitFor('source')
      vi.advanceTimersByTime(19)
    }
    expect(signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(signal.reason).toMatchObject({ waitedFor: 'source' })
    clear()
  })

  it('does not count against the source what the store takes', () => {
    const { signal, waitFor, clear } = startDeadlines(limits)
    waitFor('source')
    vi.advanceTimersByTime(10)
    waitFor('store')
    vi.advanceTimersByTime(29)
    expect(signal.aborted).toBe(false)
    // The source's timer has fired meanwhile, unheeded; it starts anew.
    waitFor('source')
    vi.advanceTimersByTime(19)
    expect(signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(signal.reason).toMatchObject({ waitedFor: 'source', limitMs: 20 })
    clear()
  })

  it('lets a reader outside the library take any time but the total', () => {
    const { signal, waitFor, clear } = startDeadlines(limits)
    waitFor('headers')
    waitFor('source')
    waitFor('reader')
    vi.advanceTimersByTime(999)
    expect(signal.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(signal.reason).toMatchObject({
      code: 'timeout',
      waitedFor: 'total',
      limitMs: 1_000,
      message: 'The transfer did not end within 1000 ms',
    })
    clear()
  })

  it('keeps the first reason', () => {
    const { signal, waitFor, clear } = startDeadlines(limits)
    waitFor('store')
    vi.advanceTimersByTime(5_000)
    expect(signal.reason).toMatchObject({ waitedFor: 'store' })
    clear()
  })

  it('sets no timer for what setTimeout can not count: it would fire at once', () => {
    for (const ms of [Infinity, LONGEST_TIMER_MS + 1]) {
      const { signal, waitFor, clear } = startDeadlines({ headers: ms, source: ms, store: ms, total: ms })
      for (const party of ['headers', 'source', 'store'] as const) waitFor(party)
      expect(vi.getTimerCount()).toBe(0)
      expect(signal.aborted).toBe(false)
      clear()
    }
  })

  it('sets a timer for the longest delay that setTimeout knows', () => {
    const ms = LONGEST_TIMER_MS
    const { signal, waitFor, clear } = startDeadlines({ headers: ms, source: ms, store: ms, total: ms })
    waitFor('store')
    expect(vi.getTimerCount()).toBe(2)
    vi.advanceTimersByTime(ms)
    expect(signal.reason).toMatchObject({ code: 'timeout', limitMs: ms })
    clear()
  })

  it("aborts with the caller's own reason", () => {
    const caller = new AbortController()
    const { signal, clear } = startDeadlines(limits, caller.signal)
    const reason = { why: 'the user left' }
    caller.abort(reason)
    expect(signal.reason).toBe(reason)
    clear()
  })

  it("is aborted from the start when the caller's signal is", () => {
    const reason = new Error('too late')
    const { signal, clear } = startDeadlines(limits, AbortSignal.abort(reason))
    expect(signal.reason).toBe(reason)
    clear()
  })

  it("clear stops every clock and leaves nothing on the caller's signal", () => {
    const caller = new AbortController()
    const { signal, waitFor, clear } = startDeadlines(limits, caller.signal)
    for (const party of ['headers', 'source', 'store'] as const) waitFor(party)
    expect(vi.getTimerCount()).toBe(4)
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(1)
    clear()
    expect(vi.getTimerCount()).toBe(0)
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0)
    caller.abort()
    vi.advanceTimersByTime(10_000)
    expect(signal.aborted).toBe(false)
    clear()
  })
})

it('waitFor starts no clock after clear', () => {
  vi.useFakeTimers()
  const deadlines = startDeadlines(checkTimeouts({}))
  deadlines.clear()
  deadlines.waitFor('headers')
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe('graceMs', () => {
  const graceOf = (timeouts: Timeouts, isSent: boolean, caller = new AbortController()): number => {
    const deadlines = startDeadlines(checkTimeouts(timeouts), caller.signal)
    if (isSent) deadlines.noteMayBeStored()
    deadlines.clear()
    return deadlines.graceMs()
  }

  it('is a second, for what hangs before the store could have anything', () => {
    expect(graceOf({ storageMs: Number.POSITIVE_INFINITY }, false)).toBe(1_000)
  })

  it('gives the store the time of one look afterwards, half a minute at most', () => {
    expect(graceOf({ storageMs: 5_000 }, true)).toBe(6_000)
    expect(graceOf({ storageMs: Number.POSITIVE_INFINITY }, true)).toBe(31_000)
  })

  it('is a second for a caller who leaves', () => {
    const caller = new AbortController()
    caller.abort()
    expect(graceOf({}, true, caller)).toBe(1_000)
  })
})
