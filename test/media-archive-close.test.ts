import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startPatience } from '../src/media-archive-close.js'

const never = (): Promise<never> => new Promise(() => {})

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('startPatience', () => {
  it('stops what is under way after its time, and leaves it behind two seconds later', async () => {
    const stop = vi.fn()
    const patience = startPatience(1_000, stop)
    let isOver = false
    const waiting = patience.await(never()).then((value) => {
      isOver = true
      return value
    })
    await vi.advanceTimersByTimeAsync(999)
    expect(stop).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(stop).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1_999)
    expect(isOver).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(await waiting).toBeUndefined()
    expect(await patience.await(never())).toBeUndefined()
  })

  it('hands on what ends in time, and leaves no timer behind', async () => {
    const stop = vi.fn()
    const patience = startPatience(1_000, stop)
    expect(await patience.await(Promise.resolve(7))).toBe(7)
    expect(await patience.await(undefined)).toBeUndefined()
    await expect(patience.await(Promise.reject(new Error('down')))).rejects.toThrow('down')
    patience.end()
    expect(vi.getTimerCount()).toBe(0)
    expect(stop).not.toHaveBeenCalled()
  })

  it.each([undefined, Number.POSITIVE_INFINITY])('waits without end for %s', async (timeoutMs) => {
    const patience = startPatience(timeoutMs, () => {})
    expect(vi.getTimerCount()).toBe(0)
    expect(await patience.await(Promise.resolve(7))).toBe(7)
    patience.end()
  })
})
