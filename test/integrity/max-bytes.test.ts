import { describe, expect, it } from 'vitest'
import { checkMaxBytes, getMaxBytes, type MaxBytes } from '../../src/integrity/max-bytes.js'

describe('getMaxBytes', () => {
  it('takes one cap for all, one for each type, and the default for the rest', () => {
    expect(getMaxBytes(5, 'video')).toBe(5)
    expect(getMaxBytes({ video: 7 }, 'video')).toBe(7)
    expect(getMaxBytes({ video: 7 }, 'image')).toBe(104_857_600)
    expect(getMaxBytes(undefined, 'image')).toBe(104_857_600)
  })
})

describe('checkMaxBytes', () => {
  it('takes sound caps', () => {
    for (const caps of [undefined, 1, {}, { audio: 1, sticker: 500_000 }, 5_368_709_120])
      expect(() => checkMaxBytes(caps)).not.toThrow()
  })

  it.each([5_368_709_121, { video: 5_368_709_121 }])('refuses %j, more than one put takes', (caps) => {
    expect(() => checkMaxBytes(caps)).toThrow('maxBytes must be at most 5368709120')
  })

  it.each([0, -1, 1.5, Number.NaN, '5', null, { audio: 0 }, { podcast: 5 }])('refuses %j', (caps) => {
    expect(() => checkMaxBytes(caps as MaxBytes)).toThrow(expect.objectContaining({ option: 'maxBytes' }))
  })
})
