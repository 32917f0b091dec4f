import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { widenReads } from '../../src/sending/widen-reads.js'

const bytes = Buffer.alloc(1_200_000, 'abcdefg')
let folder = ''
let path = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'widen-'))
  path = join(folder, 'file')
  await writeFile(path, bytes)
})
afterAll(() => rm(folder, { recursive: true }))

async function readAll(body: Readable): Promise<{ bytes: Buffer; largest: number }> {
  let largest = 0
  body.on('data', (piece: Uint8Array) => {
    largest = Math.max(largest, piece.byteLength)
  })
  return { bytes: await buffer(body), largest }
}

describe('widenReads', () => {
  it.each<[string, () => Readable | Promise<Readable>, number]>([
    ['a file', () => createReadStream(path), 524_288],
    ['a part of a file', () => createReadStream(path, { start: 0, end: bytes.length }), 524_288],
    ['an open file', async () => (await open(path)).createReadStream(), 524_288],
    ['a file of small reads, as asked', () => createReadStream(path, { highWaterMark: 10_000 }), 10_000],
    ['a file of large reads, as asked', () => createReadStream(path, { highWaterMark: 1_048_576 }), 1_048_576],
    ['another stream', () => Readable.from([bytes.subarray(0, 9), bytes.subarray(9)]), bytes.length - 9],
  ])('reads %s whole', async (_what, create, most) => {
    const read = await readAll(widenReads(await create()))
    expect(read.bytes.equals(bytes)).toBe(true)
    expect(read.largest).toBe(most)
  })

  it.each([0, 1, 65_536, 524_288])('reads a file of %i bytes', async (size) => {
    const small = join(folder, String(size))
    await writeFile(small, bytes.subarray(0, size))
    expect((await readAll(widenReads(createReadStream(small)))).bytes.equals(bytes.subarray(0, size))).toBe(true)
  })

  it('leaves one that was begun as it is, and loses nothing', async () => {
    const body = createReadStream(path)
    await once(body, 'readable')
    expect(widenReads(body).readableHighWaterMark).toBe(65_536)
    body.removeAllListeners('readable')
    expect((await buffer(body)).equals(bytes)).toBe(true)
  })

  it('leaves one that failed as it is', async () => {
    const body = createReadStream(join(folder, 'absent'))
    await new Promise<void>((resolve) => body.on('error', () => resolve()))
    expect(widenReads(body).readableHighWaterMark).toBe(65_536)
  })
})
