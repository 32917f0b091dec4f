import { getEventListeners } from 'node:events'
import { afterEach, expect, it, vi } from 'vitest'
import { stopSignal } from '../../src/timing/abort.js'

afterEach(() => vi.useRealTimers())

it('stopSignal aborts with the reason of the first signal that does', () => {
  const [one, other] = [new AbortController(), new AbortController()]
  const { signal, clear } = stopSignal([undefined, one.signal, other.signal])
  expect(signal.aborted).toBe(false)
  const reason = new Error('enough')
  other.abort(reason)
  one.abort(new Error('too late'))
  expect(signal.reason).toBe(reason)
  clear()
})

it('stopSignal is aborted from the start by one that is', () => {
  const reason = new Error('gone')
  expect(stopSignal([AbortSignal.abort(reason)]).signal.reason).toBe(reason)
})

it('stopSignal aborts at its deadline, and at once when that has passed', () => {
  vi.useFakeTimers()
  const later = stopSignal([], new Date(Date.now() + 5_000))
  const past = stopSignal([], new Date(Date.now() - 5_000))
  const far = stopSignal([], new Date(Date.now() + 1e12))
  vi.advanceTimersByTime(4_999)
  expect([later, past, far].map(({ signal }) => signal.aborted)).toEqual([false, true, false])
  vi.advanceTimersByTime(1)
  expect(later.signal.reason).toMatchObject({ code: 'timeout', waitedFor: 'total', limitMs: 5_000 })
  far.clear()
  expect(vi.getTimerCount()).toBe(0)
})

it('stopSignal leaves nothing behind when cleared', () => {
  vi.useFakeTimers()
  const caller = new AbortController()
  stopSignal([caller.signal], new Date(Date.now() + 5_000)).clear()
  expect(getEventListeners(caller.signal, 'abort')).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})
