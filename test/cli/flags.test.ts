import { expect, it } from 'vitest'
import {
  getNeededText,
  getText,
  getTexts,
  parseCount,
  parseUrlFlag,
  toCamelCase,
  toDashed,
} from '../../src/cli/flags.js'

it('getText takes one text, and refuses an empty or repeated one', () => {
  expect(getText({}, 'account')).toBeUndefined()
  expect(getText({ account: 'a' }, 'account')).toBe('a')
  for (const value of ['', true, 7, ['a', 'b']]) {
    expect(() => getText({ publicEndpoint: value }, 'publicEndpoint')).toThrow('--public-endpoint must have one value')
  }
})

it('getNeededText names the option that is missing', () => {
  expect(getNeededText({ account: 'a' }, 'account')).toBe('a')
  expect(() => getNeededText({}, 'account')).toThrow('--account is needed')
})

it('getTexts takes none, one or many', () => {
  expect(getTexts({}, 'mediaHost')).toEqual([])
  expect(getTexts({ mediaHost: 'a' }, 'mediaHost')).toEqual(['a'])
  expect(getTexts({ mediaHost: ['a', 'b'] }, 'mediaHost')).toEqual(['a', 'b'])
})

it('parseCount takes whole numbers within the limit only', () => {
  expect(parseCount({}, 'concurrency', { most: 5 })).toBeUndefined()
  expect(parseCount({ concurrency: '5' }, 'concurrency', { most: 5 })).toBe(5)
  for (const concurrency of ['0', '6', '1.5', '-1', '1e1', 'x']) {
    expect(() => parseCount({ concurrency }, 'concurrency', { most: 5 })).toThrow('a whole number from 1 to 5')
  }
})

it('parseUrlFlag takes http and https, and repeats nothing else', () => {
  expect(parseUrlFlag({}, 'endpoint')).toBeUndefined()
  expect(parseUrlFlag({ endpoint: 'http://m.test:1/a' }, 'endpoint')).toBe('http://m.test:1/a')
  expect(() => parseUrlFlag({ endpoint: 'ftp://canary@m.test' }, 'endpoint')).toThrow(
    '--endpoint must be an http(s) URL',
  )
  expect(() => parseUrlFlag({ endpoint: 'ftp://canary@m.test' }, 'endpoint')).not.toThrow(/canary/)
})

it('toDashed makes an option of a name, and toCamelCase a name of an option', () => {
  expect(toDashed('maxGonePerHour')).toBe('--max-gone-per-hour')
  expect(toCamelCase('max-gone-per-hour')).toBe('maxGonePerHour')
})
