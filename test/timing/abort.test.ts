import { getEventListeners } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { abortable, breakOffOnAbort, callOnAbort, linkSignals, within } from '../../src/timing/abort.js'

afterEach(() => vi.useRealTimers())

describe('breakOffOnAbort', () => {
  it.each([
    [new Error('enough'), 'enough'],
    ['enough', 'aborted'],
  ])('ends a body with the reason %s', async (reason, message) => {
    const controller = new AbortController()
    const body = breakOffOnAbort(new Readable({ read() {} }), controller.signal)
    controller.abort(reason)
    await expect(buffer(body)).rejects.toThrow(message)
  })

  it('takes its listener off once the body is closed', async () => {
    const controller = new AbortController()
    await buffer(breakOffOnAbort(Readable.from([Buffer.from('x')]), controller.signal))
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })
})

describe('callOnAbort', () => {
  it('calls when the signal aborts, and at once if it has', () => {
    const act = vi.fn()
    const controller = new AbortController()
    callOnAbort(controller.signal, act)
    expect(act).not.toHaveBeenCalled()
    controller.abort()
    expect(act).toHaveBeenCalledOnce()
    callOnAbort(controller.signal, act)
    expect(act).toHaveBeenCalledTimes(2)
  })

  it('never calls without a signal, nor once its listener is off', () => {
    const act = vi.fn()
    const controller = new AbortController()
    callOnAbort(undefined, act)()
    callOnAbort(controller.signal, act)()
    controller.abort()
    expect(act).not.toHaveBeenCalled()
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })
})

it('linkSignals aborts with the reason of the first signal that does', () => {
  const [one, other] = [new AbortController(), new AbortController()]
  const { signal, clear } = linkSignals([undefined, one.signal, other.signal])
  expect(signal.aborted).toBe(false)
  const reason = new Error('enough')
  other.abort(reason)
  one.abort(new Error('too late'))
  expect(signal.reason).toBe(reason)
  clear()
})

it('linkSignals is aborted from the start by one that is', () => {
  const reason = new Error('gone')
  expect(linkSignals([AbortSignal.abort(reason)]).signal.reason).toBe(reason)
})

it('linkSignals aborts at its deadline, and at once when that has passed', () => {
  vi.useFakeTimers()
  const later = linkSignals([], { deadline: new Date(Date.now() + 5_000) })
  const past = linkSignals([], { deadline: new Date(Date.now() - 5_000) })
  const far = linkSignals([], { deadline: new Date(Date.now() + 1e12) })
  vi.advanceTimersByTime(4_999)
  expect([later, past, far].map(({ signal }) => signal.aborted)).toEqual([false, true, false])
  vi.advanceTimersByTime(1)
  expect(later.signal.reason).toMatchObject({ code: 'timeout', waitedFor: 'total', limitMs: 5_000 })
  far.clear()
  expect(vi.getTimerCount()).toBe(0)
})

it('linkSignals leaves nothing behind when cleared', () => {
  vi.useFakeTimers()
  const caller = new AbortController()
  linkSignals([caller.signal], { deadline: new Date(Date.now() + 5_000) }).clear()
  expect(getEventListeners(caller.signal, 'abort')).toEqual([])
  expect(vi.getTimerCount()).toBe(0)
})

describe('abortable', () => {
  it.each([undefined, new AbortController().signal])('passes on how the work ends', async (signal) => {
    await expect(abortable(Promise.resolve(7), signal)).resolves.toBe(7)
    await expect(abortable(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
  })

  it('rejects with the reason of a signal that aborts, before or meanwhile, and leaves the work behind', async () => {
    const reason = new Error('enough')
    const never = new Promise(() => {})
    await expect(abortable(never, AbortSignal.abort(reason))).rejects.toBe(reason)
    const controller = new AbortController()
    const left = Promise.reject(new Error('late'))
    const waiting = abortable(never, controller.signal)
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await expect(abortable(left, AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('takes its listener off', async () => {
    const { signal } = new AbortController()
    await Promise.all([abortable(Promise.resolve(1), signal), abortable(Promise.reject(1), signal).catch(() => {})])
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })
})

describe('within', () => {
  it('passes on how the work ends in time, and stops the clock', async () => {
    vi.useFakeTimers()
    await expect(within(50, Promise.resolve(7), { otherwise: () => 8 })).resolves.toBe(7)
    await expect(within(50, Promise.reject(new Error('no')), { otherwise: () => 8 })).rejects.toThrow('no')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ends as otherwise says once the time has passed', async () => {
    vi.useFakeTimers()
    const never = new Promise<number>(() => {})
    const value = within(50, never, { otherwise: () => 'late' })
    const error = within(50, never, {
      otherwise: () => {
        throw new Error('too late')
      },
      keepAlive: false,
    })
    const failed = expect(error).rejects.toThrow('too late')
    await vi.advanceTimersByTimeAsync(50)
    await expect(value).resolves.toBe('late')
    await failed
  })

  it('needs no timer that keeps processes alive: those of the web are numbers', async () => {
    vi.stubGlobal('setTimeout', () => 7)
    const work = within(50, Promise.resolve('done'), { otherwise: () => 'late', keepAlive: false })
    vi.unstubAllGlobals()
    await expect(work).resolves.toBe('done')
  })

  it('takes a time that no timer knows for no limit', async () => {
    vi.useFakeTimers()
    const work = within(Number.POSITIVE_INFINITY, Promise.resolve(7), { otherwise: () => 8 })
    expect(vi.getTimerCount()).toBe(0)
    await expect(work).resolves.toBe(7)
  })
})
