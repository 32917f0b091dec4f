import { describe, expect, it } from 'vitest'
import {
  checkFunction,
  checkHeader,
  checkMilliseconds,
  checkOneOf,
  checkText,
  checkWhole,
  isWhole,
} from '../../src/errors/checks.js'
import { InvalidOptionError } from '../../src/errors.js'

const problem = (check: () => void): string => {
  try {
    check()
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError)
    return String(error)
  }
  return ''
}

describe('checkWhole', () => {
  it('passes whole numbers within the limits', () => {
    checkWhole('attempts', 1)
    checkWhole('size', 0, { least: 0 })
    checkWhole('expiresIn', 604_800, { most: 604_800 })
  })

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '3', 3n, null, undefined, [3]])(
    'refuses %s',
    (value) => {
      expect(problem(() => checkWhole('attempts', value))).toMatch(
        /^InvalidOptionError: attempts (?:is missing; it )?must be a whole number, 1 or more, got ./,
      )
    },
  )

  it('names both limits, and the unit', () => {
    expect(problem(() => checkWhole('expiresIn', 9, { most: 8, unit: 'of seconds' }))).toBe(
      'InvalidOptionError: expiresIn must be a whole number of seconds from 1 to 8, got 9',
    )
  })
})

it('isWhole counts from 0 to the largest safe integer', () => {
  expect([0, 7, Number.MAX_SAFE_INTEGER].every((value) => isWhole(value))).toBe(true)
  expect([-1, 0.5, 2 ** 53, '7', null].some((value) => isWhole(value))).toBe(false)
  expect([isWhole(0, { least: 1 }), isWhole(9, { most: 8 })]).toEqual([false, false])
})

it.each([0, -1, Number.NaN, '5', null, 5n])('checkMilliseconds refuses %s', (value) => {
  expect(problem(() => checkMilliseconds('totalMs', value))).toMatch(/^InvalidOptionError: totalMs must be a positive/)
})

it('checkMilliseconds passes fractions and Infinity', () => {
  checkMilliseconds('totalMs', 0.5)
  checkMilliseconds('totalMs', Number.POSITIVE_INFINITY)
})

it('checkOneOf lists the values', () => {
  checkOneOf('sniff', 'safe', ['safe', 'trust'])
  expect(problem(() => checkOneOf('sniff', 'sane', ['safe', 'trust']))).toBe(
    "InvalidOptionError: sniff must be safe or trust, got 'sane'; did you mean safe?",
  )
  expect(problem(() => checkOneOf('sniff', false, ['safe', 'trust']))).toBe(
    'InvalidOptionError: sniff must be safe or trust, got false',
  )
  expect(problem(() => checkOneOf('sniff', 'never', ['safe', 'trust']))).toBe(
    "InvalidOptionError: sniff must be safe or trust, got 'never'",
  )
  expect(problem(() => checkOneOf('type', 1, ['a', 'b', 'c']))).toBe(
    'InvalidOptionError: type must be a, b or c, got 1',
  )
  expect(problem(() => checkOneOf('type', ['a'], ['a']))).toBe('InvalidOptionError: type must be a, got an array of 1')
})

it('checkFunction refuses all else', () => {
  checkFunction('onEvent', () => {})
  expect(problem(() => checkFunction('onEvent', {}))).toBe(
    'InvalidOptionError: onEvent must be a function, got a value of type object',
  )
})

it('checkText shows type and length alone', () => {
  checkText('filename', '')
  expect(problem(() => checkText('filename', 7))).toBe(
    'InvalidOptionError: filename must be a string, got a value of type number',
  )
})

it.each(['a\r\nb: c', 'a\nb', 'a\0', 'Ł', 7])('checkHeader refuses %j, and does not show it', (value) => {
  expect(problem(() => checkHeader('cacheControl', value))).toMatch(
    /^InvalidOptionError: cacheControl must (?:fit into a header|be a string), got a (?:string of \d+ characters|value of type number)$/,
  )
})

it('checkHeader passes what a header can hold', () => {
  checkHeader('cacheControl', 'private, max-age=0')
  checkHeader('cacheControl', 'caf\u00e9\t')
})
