import { expect, expectTypeOf, it } from 'vitest'
import { defined, parseJson } from '../src/json.js'

it('defined leaves out what is undefined, and keeps all else', () => {
  const given = { a: undefined, b: null, c: 0, d: '', e: false as boolean | undefined }
  const kept = defined(given)

  expect(Object.keys(kept)).toEqual(['b', 'c', 'd', 'e'])
  expectTypeOf(kept).toExtend<{ b: null; c: number; d: string; e?: boolean }>()
})

it.each([
  ['{"a":1}', { a: 1 }],
  ['null', null],
  ['', undefined],
  ['{', undefined],
])('parseJson reads %j', (text, json) => {
  expect(parseJson(text)).toEqual(json)
})
