import { expect, it } from 'vitest'
import { asTyped, countOf, dashed, markStdin, neededText, STDIN, textOf, textsGiven } from '../../src/cli/flags.js'

it('asTyped gives back what the parser took for a number', () => {
  const argv = [
    'node',
    'cli',
    'archive',
    '1',
    '--account',
    '007',
    '--public-endpoint=0x10',
    '--media-host',
    '1',
    '--json',
  ]
  const parsed = { '--': [], account: 7, publicEndpoint: 16, json: true, other: 'text', mediaHost: 1 }
  expect(asTyped(parsed, argv)).toMatchObject({
    account: '007',
    publicEndpoint: '0x10',
    mediaHost: '1',
    json: true,
    other: 'text',
  })
})

it('asTyped keeps all texts of an option that was repeated, and an empty one', () => {
  expect(asTyped({ host: ['a', 1] }, ['--host', 'a', '--host=01', '--account'])).toEqual({ host: ['a', '01'] })
  expect(asTyped({ account: 0 }, ['--account', ''])).toEqual({ account: '' })
  expect(asTyped({ account: 0 }, ['--account'])).toEqual({ account: 0 })
})

it('textOf takes one text, and refuses an empty or repeated one', () => {
  expect(textOf({}, 'account')).toBeUndefined()
  expect(textOf({ account: 'a' }, 'account')).toBe('a')
  for (const value of ['', true, 7, ['a', 'b']]) {
    expect(() => textOf({ publicEndpoint: value }, 'publicEndpoint')).toThrow('--public-endpoint must have one value')
  }
})

it('neededText names the option that is missing', () => {
  expect(neededText({ account: 'a' }, 'account')).toBe('a')
  expect(() => neededText({}, 'account')).toThrow('--account is needed')
})

it('textsGiven takes none, one or many', () => {
  expect(textsGiven({}, 'mediaHost')).toEqual([])
  expect(textsGiven({ mediaHost: 'a' }, 'mediaHost')).toEqual(['a'])
  expect(textsGiven({ mediaHost: ['a', 'b'] }, 'mediaHost')).toEqual(['a', 'b'])
})

it('countOf takes whole numbers within the limit only', () => {
  expect(countOf({}, 'concurrency', { most: 5 })).toBeUndefined()
  expect(countOf({ concurrency: '5' }, 'concurrency', { most: 5 })).toBe(5)
  for (const concurrency of ['0', '6', '1.5', '-1', '1e1', 'x']) {
    expect(() => countOf({ concurrency }, 'concurrency', { most: 5 })).toThrow('a whole number from 1 to 5')
  }
})

it('markStdin makes a lone dash an argument, and dashed an option of a name', () => {
  expect(markStdin(['backfill', '-', '--account', 'a-b'])).toEqual(['backfill', STDIN, '--account', 'a-b'])
  expect(dashed('maxGonePerHour')).toBe('--max-gone-per-hour')
})
