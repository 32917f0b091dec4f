import { describe, expect, it } from 'vitest'
import { countAllCode, countExports, findMediaDescriptions, findMediaQuestions, findVerbless } from './counts.js'
import { countCodeLines, measureFunctions } from './declarations.js'

const sources = (files: Record<string, string>): Map<string, string> => new Map(Object.entries(files))

describe('countCodeLines', () => {
  it('counts lines with code, not blanks and not comments', () => {
    expect(countCodeLines('// a\n\n/** b\n * c */\nconst a = 1 // d\n/* e */ const b = 2\n')).toBe(2)
    expect(countCodeLines('const a = `one\n\nthree`\n')).toBe(3)
    expect(countCodeLines('interface A {\n  /** b */\n  b: string\n}\n')).toBe(3)
  })

  it('leaves generated tables out of the whole', () => {
    expect(countAllCode(sources({ 'key.ts': 'a\nb\n', 'file-type/mime/table.ts': 'a\nb\nc' }))).toBe(2)
  })
})

describe('measureFunctions', () => {
  it('measures from the first word to the closing brace, without the comment before it', () => {
    const text =
      '/**\n * A.\n */\nexport function a(\n  b: string,\n): void {\n  b.map((c) => c)\n}\nabstract class D { abstract e(): void }'
    expect(measureFunctions(sources({ 'a.ts': text }))).toEqual([
      { name: 'a', path: 'a.ts', lines: 5 },
      { name: '(no name)', path: 'a.ts', lines: 1 },
    ])
  })
})

describe('findVerbless', () => {
  it('finds functions whose first word is no verb, but for names of the design', () => {
    const text = 'const limit = 1\nfunction readName() {}\nconst nameList = () => []\nfunction configFromEnv() {}'
    expect(findVerbless(sources({ 'a.ts': text }))).toEqual(['a.ts: nameList'])
  })
})

describe('findMediaDescriptions', () => {
  it('finds what has three facts of one media item, on the way, but for its two ends', () => {
    const facts = '{ mediaId: string; size: number; sha256?: string }'
    expect(
      findMediaDescriptions(
        sources({
          'upload/put-once.ts': `interface Target ${facts}\ntype Found = ${facts}\ninterface Few { size: number; key: string }`,
          'media-reference.ts': `interface MediaReference ${facts}`,
          'testing.ts': `interface Sample ${facts}`,
        }),
      ),
    ).toEqual([
      'upload/put-once.ts: Target (mediaId, size, sha256)',
      'upload/put-once.ts: Found (mediaId, size, sha256)',
    ])
  })
})

describe('findMediaQuestions', () => {
  it('finds where a media item is asked whether it is an id', () => {
    const text =
      "if (typeof media === 'string') a()\nif (typeof name === 'string') b()\nif (typeof given !== 'string') c()"
    expect(findMediaQuestions(sources({ 'a.ts': text }))).toEqual(['a.ts:1', 'a.ts:3'])
  })
})

describe('countExports', () => {
  it('counts names one by one, and refuses to guess', () => {
    expect(countExports("export { a, type B } from './a.js'\nexport type { C } from './c.js'")).toBe(3)
    expect(() => countExports("export * from './a.js'")).toThrow('uncounted')
  })
})
