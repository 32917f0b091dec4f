import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createPauses } from '../src/pauses.js'

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => vi.useRealTimers())

const after = (seconds: number): void => void vi.setSystemTime(Date.now() + seconds * 1_000)

it('createPauses pauses longer each time in a row, to a limit, and starts anew after a success', () => {
  const told: [string, number][] = []
  const pauses = createPauses((account, seconds) => told.push([account, seconds]))
  expect(pauses.secondsLeft('a')).toBe(0)
  for (const seconds of [60, 120, 240, 480, 900, 900]) {
    expect(pauses.begin('a')).toBe(seconds)
    expect(pauses.secondsLeft('a')).toBe(seconds)
    after(seconds)
    expect(pauses.secondsLeft('a')).toBe(0)
  }
  pauses.end('a')
  expect(pauses.begin('a')).toBe(60)
  expect(told.map(([, seconds]) => seconds)).toEqual([60, 120, 240, 480, 900, 900, 60])
})

it('createPauses counts jobs that fail together as one pause', () => {
  let told = 0
  const pauses = createPauses(() => told++)
  pauses.begin('a')
  after(10)
  expect(pauses.begin('a')).toBe(50)
  expect(told).toBe(1)
  expect(pauses.secondsLeft('b')).toBe(0)
})
