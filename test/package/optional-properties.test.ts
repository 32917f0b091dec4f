import { describe, expect, it } from 'vitest'
import { findNarrowOptionals } from './optional-properties.js'
import { readSources } from './sources.js'

describe('findNarrowOptionals', () => {
  it('finds nothing in src/', () => {
    expect(findNarrowOptionals(readSources())).toEqual([])
  })

  it.each([
    ['interface A { b?: string }', 'a: A.b'],
    ['interface A { readonly b?: string | null }', 'a: A.b'],
    ['interface A { b: { c?: number } | undefined }', 'a: b.c'],
    ['export type A = { b?: () => void }', 'a: A.b'],
    ['class A { declare readonly b?: number }', 'a: A.b'],
    ['class A { b? = 1 }', 'a: A.b'],
    ['function a(options: { b?: string } = {}) {}', 'a: options.b'],
    ['const a = ({ b }: { b?: string }) => b', 'a: a.b'],
    ['type A = { [B in "c"]?: number }', 'a: A[…]'],
    ['interface A { b?: Partial<string> }', 'a: A.b'],
  ])('finds the one in %s', (text, property) => {
    expect(findNarrowOptionals(new Map([['a.ts', text]]))).toEqual([property])
  })

  it.each([
    'interface A { b?: string | undefined }',
    'interface A { b?: undefined | (() => void) }',
    'interface A { b?: unknown }',
    'interface A { b?: never }',
    'interface A { b: string }',
    'interface A { b?(): void }',
    'function a(b?: string) {}',
    'type A = { [B in "c"]?: number | undefined }',
    'type A = { [B in "c"]-?: number }',
  ])('takes %s', (text) => {
    expect(findNarrowOptionals(new Map([['a.ts', text]]))).toEqual([])
  })
})
