import { afterEach, describe, expect, it, vi } from 'vitest'
import { MAX_RETRY_AFTER_MS, readRetryAfter } from '../../src/http/retry-after.js'

afterEach(() => {
  vi.useRealTimers()
})

describe('readRetryAfter', () => {
  it.each([
    ['0', 0],
    [' 120 ', 120_000],
    ['86400', MAX_RETRY_AFTER_MS],
    ['31536000', MAX_RETRY_AFTER_MS],
    ['9'.repeat(400), MAX_RETRY_AFTER_MS],
  ])('reads %j seconds, at most a day', (header, ms) => {
    expect(readRetryAfter(header)).toBe(ms)
  })

  it.each([
    ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
    ['Tue, 22 Nov 2033 12:00:00 GMT', MAX_RETRY_AFTER_MS],
  ])('reads the date %s', (header, ms) => {
    vi.useFakeTimers({ now: Date.UTC(2026, 10, 22, 12) })
    expect(readRetryAfter(header)).toBe(ms)
  })

  it.each([
    '',
    'soon',
    'in 5',
    '-1',
    '1.5',
    '0x10',
    '2026-11-22',
    'Sun, 99 Nov 2026 12:00:30 GMT',
    7,
    null,
    undefined,
    ['1'],
  ])('reads nothing from %j', (header) => {
    expect(readRetryAfter(header)).toBeUndefined()
  })
})
