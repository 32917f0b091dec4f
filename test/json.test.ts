import { createHash } from 'node:crypto'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { defined, parseJson, parseSha256, parseTimestamp } from '../src/json.js'

const HEX = createHash('sha256').update('bytes').digest('hex')

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

describe('parseSha256', () => {
  it('gives lowercase hex for hex of any case, base64 and base64url', () => {
    const bytes = Buffer.from(HEX, 'hex')
    const forms = [
      HEX,
      HEX.toUpperCase(),
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('base64').slice(0, 43),
    ]
    expect(forms.map(parseSha256)).toStrictEqual(forms.map(() => HEX))
  })

  it.each([
    'sha256',
    'PHOTO_HASH',
    '',
    HEX.slice(1),
    `${HEX}0`,
    `${HEX.slice(1)}g`,
    Buffer.alloc(31).toString('base64'),
    Buffer.alloc(33).toString('base64'),
    `${Buffer.alloc(32).toString('base64')}=`,
    ` ${Buffer.alloc(32).toString('base64')}`,
    `${Buffer.alloc(32).toString('base64')}\n`,
    undefined,
    null,
    5,
    [HEX],
  ])('takes %j for no hash', (value) => {
    expect(parseSha256(value)).toBeUndefined()
  })
})

describe('parseTimestamp', () => {
  it('distinguishes seconds from milliseconds at the year 5138', () => {
    expect(parseTimestamp('99999999999')).toBe('5138-11-16T09:46:39.000Z')
    expect(parseTimestamp('100000000000')).toBe('1973-03-03T09:46:40.000Z')
    expect(parseTimestamp(1)).toBe('1970-01-01T00:00:01.000Z')
  })

  it('knows no time beyond the year 9999, and none at zero', () => {
    expect(parseTimestamp(253_402_300_799_999)).toBe('9999-12-31T23:59:59.999Z')
    expect(parseTimestamp(253_402_300_800_000)).toBeUndefined()
    expect(parseTimestamp('0')).toBeUndefined()
  })
})
