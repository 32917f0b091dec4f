import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { median, rotated, significant } from '../../bench/statistics.js'

describe('median', () => {
  it('is the middle value, and the mean of two', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([10, 1, 3, 2])).toBe(2.5)
    expect(median([7])).toBe(7)
  })

  it('has as many values below as above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values)
        const below = values.filter((value) => value < middle).length
        const above = values.filter((value) => value > middle).length
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2)
      }),
    )
  })
})

describe('significant', () => {
  it('keeps three digits', () => {
    expect([0.012345, 1.2345, 12_345].map((value) => significant(value))).toEqual([0.0123, 1.23, 12_300])
  })
})

describe('rotated', () => {
  it('begins with another item each round and keeps all', () => {
    expect([0, 1, 2, 3].map((round) => rotated(['a', 'b', 'c'], round).join(''))).toEqual(['abc', 'bca', 'cab', 'abc'])
    expect(rotated([], 2)).toEqual([])
  })
})
