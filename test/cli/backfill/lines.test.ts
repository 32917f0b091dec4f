import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Line, readLines } from '../../../src/cli/backfill/lines.js'

async function linesOf(pieces: readonly Uint8Array[], maxBytes = 1_000): Promise<Line[]> {
  const source = async function* (): AsyncGenerator<Uint8Array> {
    yield* pieces
  }
  const lines: Line[] = []
  for await (const line of readLines(source(), { maxBytes })) lines.push(line)
  return lines
}

it('readLines gives the same lines however the bytes come in pieces', async () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll(/[\n\uFEFF]/g, ' '))
  const input = fc.record({ lines: fc.array(line), isWhole: fc.boolean(), cuts: fc.array(fc.nat(200)) })
  await fc.assert(
    fc.asyncProperty(input, async ({ lines, isWhole, cuts }) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join('') + (isWhole ? '' : 'rest'))
      const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
      const pieces = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
      const read = await linesOf(pieces)
      expect(read.map(({ text }) => text)).toEqual([...lines, ...(isWhole ? [] : ['rest'])])
      expect(read.map(({ number }) => number)).toEqual(read.map((_, index) => index + 1))
      expect(read.map((each) => each.isWhole)).toEqual(read.map((_, index) => index < lines.length))
      expect(read.at(-1)?.end ?? 0).toBe(bytes.length)
    }),
  )
})

it('readLines passes over a line that is too long, and keeps count of its bytes', async () => {
  const pieces = ['abc\n', '0123', '4567', '89\nd', '\n01234567890'].map((text) => Buffer.from(text))
  expect(await linesOf(pieces, 9)).toEqual([
    { number: 1, text: 'abc', end: 4, isWhole: true },
    { number: 2, text: undefined, end: 15, isWhole: true },
    { number: 3, text: 'd', end: 17, isWhole: true },
    { number: 4, text: undefined, end: 28, isWhole: false },
  ])
})

it("readLines takes away a byte order mark at the file's start only", async () => {
  const lines = await linesOf([Buffer.from('\uFEFFa\n\uFEFFb\n')])
  expect(lines.map(({ text }) => text)).toEqual(['a', '\uFEFFb'])
})
