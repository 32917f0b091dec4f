import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { proveBytes } from '../../src/integrity/prove.js'
import { checkTimeouts, startDeadlines } from '../../src/timing/deadlines.js'

async function outcome(parts: readonly Uint8Array[], announced: { size: number; sha256: string }): Promise<string> {
  const deadlines = startDeadlines(checkTimeouts())
  try {
    const { body } = proveBytes(Readable.from(parts), {
      ...announced,
      maxBytes: 1_000_000,
      deadlines,
      reader: 'store',
      onSourceError: (error) => error,
    })
    const received: Uint8Array[] = []
    for await (const part of body) received.push(part as Uint8Array)
    return createHash('sha256').update(Buffer.concat(received)).digest('hex')
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    deadlines.clear()
  }
}

const split = fc
  .tuple(
    fc.uint8Array({ maxLength: 5_000 }),
    fc.array(fc.nat({ max: 5_000 }), { maxLength: 12 }),
    fc.integer({ min: 1, max: 60 }),
  )
  .map(([seed, cuts, times]) => {
    const data = Buffer.concat(Array.from({ length: times }, () => seed))
    const edges = [0, ...cuts.map((cut) => Math.min(cut * times, data.length)), data.length].sort((a, b) => a - b)
    const parts = edges.slice(1).map((edge, i) => data.subarray(edges[i], edge))
    return { data, parts }
  })

it('proveBytes gives the same hash and outcome for any split of the bytes', async () => {
  await fc.assert(
    fc.asyncProperty(split, async ({ data, parts }) => {
      const sha256 = createHash('sha256').update(data).digest('hex')
      expect(await outcome(parts, { size: data.length, sha256 })).toBe(sha256)
    }),
  )
})

it('proveBytes refuses any change of a bit, a byte less and a byte more, for any split', async () => {
  await fc.assert(
    fc.asyncProperty(split, fc.nat(), fc.constantFrom('flip', 'less', 'more'), async ({ data, parts }, at, change) => {
      fc.pre(data.length > 0)
      const other = Buffer.from(data)
      if (change === 'flip') other[at % data.length] = (other[at % data.length] ?? 0) ^ (1 << (at % 8))
      const announced = {
        size: data.length + (change === 'less' ? 1 : change === 'more' ? -1 : 0),
        sha256: createHash('sha256').update(other).digest('hex'),
      }
      expect(await outcome(parts, announced)).toBe('integrity-mismatch')
    }),
  )
})
