import { createHash } from 'node:crypto'
import { getEventListeners, once } from 'node:events'
import { Readable } from 'node:stream'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCheckedBody } from '../../src/storage/checked-body.js'
import type { PutOptions } from '../../src/storage.js'

const BYTES = Buffer.from('some bytes')
const sha256Of = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
const ANNOUNCED: PutOptions = {
  size: BYTES.byteLength,
  sha256: sha256Of(BYTES),
  contentType: 'text/plain',
  contentDisposition: 'attachment',
  ifAbsent: true,
}

async function read(body: Readable, options: Partial<PutOptions> = {}): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of readCheckedBody(body, { ...ANNOUNCED, ...options, key: 'key' }))
    pieces.push(Uint8Array.from(piece))
  return Buffer.concat(pieces)
}

describe('readCheckedBody()', () => {
  it('yields the announced bytes, however they are split', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), async (chunks) => {
        const bytes = Buffer.concat(chunks)
        const announced = { size: bytes.byteLength, sha256: sha256Of(bytes) }
        expect(await read(Readable.from(chunks), announced)).toEqual(bytes)
      }),
      { numRuns: 50 },
    )
  })

  it('takes strings as UTF-8', async () => {
    const text = 'grüße'
    const announced = { size: Buffer.byteLength(text), sha256: sha256Of(text) }
    expect((await read(Readable.from([text]), announced)).toString()).toBe(text)
  })

  it('refuses a body of other things than bytes', async () => {
    await expect(read(Readable.from([{ not: 'bytes' }]))).rejects.toMatchObject({
      code: 'invalid-option',
      option: 'body',
    })
  })

  it('refuses more bytes than announced without reading on', async () => {
    let sent = 0
    const endless = new Readable({
      highWaterMark: 1,
      read() {
        sent += 1
        this.push('0123456789')
      },
    })
    await expect(read(endless)).rejects.toMatchObject({
      code: 'integrity-mismatch',
      expectedSize: 10,
      observedSize: 20,
    })
    expect(sent).toBeLessThan(5)
    expect(endless.destroyed).toBe(true)
  })

  it('refuses fewer bytes, and other bytes, and says what it saw', async () => {
    await expect(read(Readable.from(['some']))).rejects.toMatchObject({ code: 'integrity-mismatch', observedSize: 4 })
    await expect(read(Readable.from(['SOME BYTES']))).rejects.toMatchObject({
      code: 'integrity-mismatch',
      expectedSha256: ANNOUNCED.sha256,
      observedSha256: sha256Of('SOME BYTES'),
    })
  })

  it('rejects with an error that the body had before it was handed over', async () => {
    const body = new Readable({ read() {} })
    const failure = new Error('early')
    body.once('error', () => {})
    body.destroy(failure)
    await new Promise((resolve) => setImmediate(resolve))
    await expect(read(body)).rejects.toBe(failure)
  })

  it('reports a body that closes without end or error as a retryable storage failure', async () => {
    const body = new Readable({
      read() {
        this.destroy()
      },
    })
    await expect(read(body)).rejects.toMatchObject({
      code: 'storage-failed',
      operation: 'put',
      key: 'key',
      reason: 'ERR_STREAM_PREMATURE_CLOSE',
      retryable: true,
    })
  })

  it("keeps a body's own error of a premature close", async () => {
    const failure = Object.assign(new Error('theirs'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    const body = new Readable({
      read() {
        this.destroy(failure)
      },
    })
    await expect(read(body)).rejects.toBe(failure)
  })

  it.each([['a string'], [undefined], [0]])('rejects with an abort reason that is no Error: %s', async (reason) => {
    const controller = new AbortController()
    const stalled = new Readable({
      read() {
        setImmediate(() => controller.abort(reason))
      },
    })
    const rejection = await read(stalled, { signal: controller.signal }).then(
      () => 'resolved',
      (error: unknown) => error,
    )
    expect(rejection).toBe(controller.signal.reason)
    expect(stalled.destroyed).toBe(true)
  })

  it('keeps the error of a body that failed before the signal aborted', async () => {
    const controller = new AbortController()
    const failure = new Error('first')
    const body = new Readable({
      read() {
        this.destroy(failure)
        controller.abort(new Error('second'))
      },
    })
    await expect(read(body, { signal: controller.signal })).rejects.toBe(failure)
  })

  it('rejects with the reason of a signal that aborts after the last byte', async () => {
    const controller = new AbortController()
    const reason = new Error('late')
    const pieces = readCheckedBody(Readable.from([BYTES]), { key: 'key', ...ANNOUNCED, signal: controller.signal })
    expect((await pieces.next()).value).toEqual(BYTES)
    controller.abort(reason)
    await expect(pieces.next()).rejects.toBe(reason)
  })

  it('rejects with the reason of a signal that aborts after the end, before the bytes were checked', async () => {
    const controller = new AbortController()
    const reason = new Error('later still')
    const body = new Readable({ read() {} })
    body.push(BYTES)
    body.push(null)
    const pieces = readCheckedBody(body, { key: 'key', ...ANNOUNCED, signal: controller.signal })
    const closed = once(body, 'close')
    await pieces.next()
    await closed
    controller.abort(reason)
    await expect(pieces.next()).rejects.toBe(reason)
  })

  it('destroys the body, and forgets the signal, when its reader stops', async () => {
    const controller = new AbortController()
    const body = Readable.from([BYTES, BYTES])
    for await (const piece of readCheckedBody(body, {
      ...ANNOUNCED,
      key: 'key',
      size: 20,
      signal: controller.signal,
    })) {
      expect(piece).toEqual(BYTES)
      break
    }
    expect(body.destroyed).toBe(true)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('survives a body that fails after it was read', async () => {
    const body = new Readable({ autoDestroy: false, read() {} })
    body.push(BYTES)
    body.push(null)
    await read(body)
    body.emit('error', new Error('afterthought'))
    expect(body.destroyed).toBe(true)
  })

  it('holds the last bytes back until they are proven', async () => {
    const wrong = Buffer.from('some BYTES')
    const passed: Uint8Array[] = []
    const reading = async () => {
      const body = Readable.from([wrong.subarray(0, 4), wrong.subarray(4), Buffer.alloc(0)])
      for await (const piece of readCheckedBody(body, { ...ANNOUNCED, key: 'key' })) passed.push(piece)
    }
    await expect(reading()).rejects.toMatchObject({ code: 'integrity-mismatch' })
    expect(passed).toEqual([Buffer.from('some')])
  })
})
