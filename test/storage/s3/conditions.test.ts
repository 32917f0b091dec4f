import { describe, expect, it } from 'vitest'
import { createConditions } from '../../../src/storage/s3/conditions.js'

const SENT = { isSent: true, looksFirst: false }
const LOOKED = { isSent: false, looksFirst: true }
const BOTH = { isSent: true, looksFirst: true }
const NEITHER = { isSent: false, looksFirst: false }

describe('createConditions', () => {
  it('sends the condition and nothing else, and none for a put that may overwrite', () => {
    const conditions = createConditions(true)
    expect(conditions.plan(true)).toEqual(SENT)
    expect(conditions.plan(false)).toEqual(NEITHER)
  })

  it('looks first once the condition was refused', () => {
    const conditions = createConditions(true)
    expect(conditions.refuse(true)).toBe(true)
    expect(conditions.plan(true)).toEqual(LOOKED)
    expect(conditions.plan(false)).toEqual(NEITHER)
  })

  it('acquits the condition when a put without it is refused as well', () => {
    const conditions = createConditions(true)
    conditions.refuse(true)
    expect(conditions.refuse(false)).toBe(false)
    expect(conditions.plan(true)).toEqual(SENT)
  })

  it('never sends it where the owner says that it is ignored', () => {
    const conditions = createConditions(false)
    expect(conditions.plan(true)).toEqual(LOOKED)
    conditions.refuse(false)
    expect(conditions.plan(true)).toEqual(LOOKED)
  })

  it('does both, and says so once, when an object was created twice', () => {
    const conditions = createConditions(true)
    expect(conditions.stored('a')).toBe(false)
    expect(conditions.stored('b')).toBe(false)
    expect(conditions.plan(true)).toEqual(SENT)
    expect(conditions.stored('a')).toBe(true)
    expect(conditions.plan(true)).toEqual(BOTH)
    expect(conditions.stored('a')).toBe(false)
    expect(conditions.stored('b')).toBe(false)
  })

  it('knows that a deleted object may be created again', () => {
    const conditions = createConditions(true)
    conditions.stored('a')
    conditions.deleted('a')
    expect(conditions.stored('a')).toBe(false)
    expect(conditions.plan(true)).toEqual(SENT)
  })

  it('remembers the last thousand', () => {
    const conditions = createConditions(true)
    for (let index = 0; index <= 1_000; index++) conditions.stored(String(index))
    expect(conditions.stored('0')).toBe(false)
    expect(conditions.stored('1000')).toBe(true)
  })
})
