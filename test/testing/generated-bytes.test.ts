import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createGeneratedBytes } from '../../src/testing/generated-bytes.js'

describe('createGeneratedBytes', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 1_000_000])('streams %i bytes with the hash it reports', async (size) => {
    const bytes = createGeneratedBytes({ size })
    const body = await buffer(bytes.stream())
    expect(bytes.size).toBe(size)
    expect(body).toHaveLength(size)
    expect(createHash('sha256').update(body).digest('hex')).toBe(bytes.sha256)
  })

  it('streams the same bytes each time, also at once', async () => {
    const { stream } = createGeneratedBytes({ size: 200_000 })
    const [first, second] = await Promise.all([buffer(stream()), buffer(stream())])
    expect(first).toEqual(second)
  })

  it('gives the same bytes on every machine', () => {
    expect(createGeneratedBytes({ size: 1_000 }).sha256).toBe(
      '4d6cc8d10bf21110bcb8965db093935bbe442de69c7794503a0994ecdb639beb',
    )
  })

  it('gives other bytes for another seed', () => {
    const hashes = [1, 2, 11].map((seed) => createGeneratedBytes({ size: 1_000, seed }).sha256)
    expect(new Set(hashes).size).toBe(3)
  })

  it('gives bytes that do not compress', async () => {
    const body = await buffer(createGeneratedBytes({ size: 100_000 }).stream())
    expect(gzipSync(body).length).toBeGreaterThan(100_000)
  })

  it('holds one piece at a time', async () => {
    setFlagsFromString('--expose-gc')
    const collect: unknown = runInNewContext('gc')
    const held = (): number => {
      if (typeof collect === 'function') collect()
      return process.memoryUsage().arrayBuffers
    }
    const { stream } = createGeneratedBytes({ size: 50_000_000 })
    const before = held()
    const body = stream()
    const { value } = await body[Symbol.asyncIterator]().next()
    expect(value).toHaveLength(65_536)
    expect(held() - before).toBeLessThan(10_000_000)
    body.destroy()
  })
})
