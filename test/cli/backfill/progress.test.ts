import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createProgressDrawer } from '../../../src/cli/backfill/progress.js'

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => void vi.useRealTimers())

function createProgress(inputBytes: number | undefined) {
  const totals = { archived: 0, there: 0, gone: 0, failed: 0, unreadable: 0, bytes: 0, failedByCode: {} }
  const input = { lines: 0, entries: 0, bytes: 0, isAtEnd: false }
  const state = { waiting: 0 }
  const draw = createProgressDrawer({ totals, input, inputBytes, waiting: () => state.waiting })
  return { totals, input, state, draw }
}

it('createProgressDrawer shows share, counts, bytes, rates and time left, with a bar where there is room', () => {
  const { totals, input, draw } = createProgress(5_000)
  Object.assign(input, { entries: 1_000, bytes: 5_000, isAtEnd: true })
  vi.setSystemTime(1_010_000)
  Object.assign(totals, { archived: 300, there: 100, gone: 80, failed: 20, bytes: 4_000_000 })
  const facts = '50 %  done 400  gone 80  failed 20  4.0 MB  50/s 400.0 kB/s  10 s left'
  expect(draw(120)).toBe(`${'█'.repeat(15)}${'░'.repeat(15)} ${facts}`)
  expect(draw(79)).toBe(`${'█'.repeat(4)}${'░'.repeat(4)} ${facts}`)
  expect(draw(75)).toBe(facts)
  expect(draw(60)).toBe('50 %  done 400  gone 80  failed 20  4.0 MB  50/s  10 s left')
  expect(draw()).toBe(facts)
})

it('createProgressDrawer guesses how many entries there are, from the bytes read', () => {
  const { totals, input, state, draw } = createProgress(4_000)
  expect(draw(79)).toBe('done 0  gone 0  failed 0  0 B  0/s 0 B/s')
  Object.assign(input, { entries: 1_000, bytes: 1_000 })
  totals.archived = 400
  state.waiting = 7
  expect(draw()).toContain('10 %  done 400  gone 0  failed 0  waiting 7')
  // A file that grows has more bytes than it had.
  input.bytes = 8_000
  expect(draw()).toContain('40 %')
})

it('createProgressDrawer knows no share of a stream before its end, and is at 100 % of nothing', () => {
  const { input, draw } = createProgress(undefined)
  Object.assign(input, { entries: 10, bytes: 100 })
  expect(draw(79)).toBe('done 0  gone 0  failed 0  0 B  0/s 0 B/s')
  Object.assign(input, { entries: 0, isAtEnd: true })
  expect(draw(79)).toBe('100 %  done 0  gone 0  failed 0  0 B  0/s 0 B/s')
})
