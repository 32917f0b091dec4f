import type { ClientRequest } from 'node:http'
import { PassThrough, Readable, Writable } from 'node:stream'
import { expect, it, vi } from 'vitest'
import { createS3Feed } from '../../../../src/storage/s3/direct/feed.js'

/** Stands for a request: what goes to its connection at once. */
function createRequest(): { request: ClientRequest; writes: number[] } {
  const writes: number[] = []
  const stream = new Writable({
    highWaterMark: 16_384,
    write(chunk: Uint8Array, _encoding, done) {
      writes.push(chunk.byteLength)
      done()
    },
    writev(chunks, done) {
      writes.push(chunks.reduce((sum, { chunk }) => sum + chunk.byteLength, 0))
      done()
    },
  })
  return { request: stream as unknown as ClientRequest, writes }
}

it('createS3Feed joins small chunks into writes of 128 KB', async () => {
  const { request, writes } = createRequest()
  const chunks = Array.from({ length: 20 }, () => Buffer.alloc(16_384))
  createS3Feed(Readable.from(chunks), { key: 'a', size: 20 * 16_384, signal: undefined }).into(request)
  await vi.waitFor(() => expect(request.writableFinished).toBe(true))
  expect(writes).toEqual([131_072, 131_072, 65_536])
})

it('createS3Feed holds the last chunk back until the body has ended', async () => {
  const { request, writes } = createRequest()
  const body = new PassThrough()
  createS3Feed(body, { key: 'a', size: 200_000, signal: undefined }).into(request)
  body.write(Buffer.alloc(150_000))
  body.write(Buffer.alloc(50_000))
  await vi.waitFor(() => expect(body.readableLength).toBe(0))
  expect(writes).toEqual([150_000])
  body.end()
  await vi.waitFor(() => expect(request.writableFinished).toBe(true))
  expect(writes).toEqual([150_000, 50_000])
})
