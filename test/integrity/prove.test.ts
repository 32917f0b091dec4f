import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { proveBytes } from '../../src/integrity/prove.js'
import { checkTimeouts, type Deadlines, startDeadlines, type Timeouts } from '../../src/timing/deadlines.js'

const bytes = Buffer.from('voice note '.repeat(20_000))
const sha256 = createHash('sha256').update(bytes).digest('hex')

function chunksOf(data: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(data.length / size) }, (_, i) => data.subarray(i * size, (i + 1) * size))
}

/** Runs a body into a sink; tells what arrived and how it ended. */
async function drain(body: Readable): Promise<{ received: Buffer; error?: unknown }> {
  const parts: Buffer[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      parts.push(chunk)
      setImmediate(done)
    },
  })
  try {
    await pipeline(body, sink)
    return { received: Buffer.concat(parts) }
  } catch (error) {
    return { received: Buffer.concat(parts), error }
  }
}

async function withDeadlines<T>(timeouts: Timeouts, run: (deadlines: Deadlines) => Promise<T>): Promise<T> {
  const deadlines = startDeadlines(checkTimeouts(timeouts))
  try {
    return await run(deadlines)
  } finally {
    deadlines.clear()
  }
}

const prove = (source: Readable, options: Partial<Parameters<typeof proveBytes>[1]> & { deadlines: Deadlines }) =>
  proveBytes(source, {
    size: bytes.length,
    sha256,
    maxBytes: 10_000_000,
    reader: 'store',
    onSourceError: (error) => error ?? new Error('cut'),
    ...options,
  })

describe('proveBytes', () => {
  it('hands on the right bytes whole', () =>
    withDeadlines({}, async (deadlines) => {
      const proven = prove(Readable.from(chunksOf(bytes, 8_000)), { deadlines })
      const { received, error } = await drain(proven.body)
      expect(error).toBeUndefined()
      expect(received.equals(bytes)).toBe(true)
      expect(proven.observed()).toEqual({ size: bytes.length, sha256 })
      expect(proven.isProven()).toBe(true)
    }))

  it.each([
    ['a flipped bit', Buffer.from(bytes).fill(0, 100, 101), 'another SHA-256'],
    ['a missing byte', bytes.subarray(1), 'shorter'],
    ['a byte too many', Buffer.concat([bytes, Buffer.from('!')]), 'longer'],
    ['nothing', Buffer.alloc(0), 'shorter'],
  ])('keeps the end back for %s', (_name, wrong, problem) =>
    withDeadlines({}, async (deadlines) => {
      for (const size of [1_000, 50_000, 1_000_000]) {
        const proven = prove(Readable.from(chunksOf(wrong, size)), { deadlines })
        const { received, error } = await drain(proven.body)
        expect(error).toMatchObject({ code: 'integrity-mismatch', message: expect.stringContaining(problem) })
        expect(received.length).toBeLessThan(Math.max(1, wrong.length))
        expect(proven.isProven()).toBe(false)
      }
    }),
  )

  it('joins small chunks to 128 KB, unless its reader does', () =>
    withDeadlines({}, async (deadlines) => {
      const sizesOf = async (joinChunks: boolean): Promise<number[]> => {
        const { body } = prove(Readable.from(chunksOf(bytes, 50_000)), { deadlines, joinChunks })
        const sizes: number[] = []
        await once(
          body.on('data', (chunk: Buffer) => sizes.push(chunk.length)),
          'end',
        )
        return sizes
      }
      expect(await sizesOf(true)).toEqual([131_072, 88_928])
      expect(await sizesOf(false)).toEqual([50_000, 50_000, 50_000, 50_000, 20_000])
    }))

  it.each([true, false])('hands on none of the last chunk of wrong bytes, with chunks joined: %s', (joinChunks) =>
    withDeadlines({}, async (deadlines) => {
      const wrong = Buffer.concat([bytes.subarray(0, -1), Buffer.from('!')])
      const { body } = prove(Readable.from(chunksOf(wrong, 50_000)), { deadlines, joinChunks })
      const { received, error } = await drain(body)
      expect(error).toMatchObject({ code: 'integrity-mismatch' })
      expect(received.length).toBeLessThanOrEqual(joinChunks ? 131_072 : 200_000)
    }),
  )

  it('proves an empty body', () =>
    withDeadlines({}, async (deadlines) => {
      const empty = createHash('sha256').digest('hex')
      const { received, error } = await drain(prove(Readable.from([]), { deadlines, size: 0, sha256: empty }).body)
      expect({ received: received.length, error }).toEqual({ received: 0, error: undefined })
    }))

  it('counts and hashes what nobody announced', () =>
    withDeadlines({}, async (deadlines) => {
      const proven = prove(Readable.from(['some ', 'text']), { deadlines, size: undefined, sha256: undefined })
      await drain(proven.body)
      expect(proven.observed()).toEqual({ size: 9, sha256: createHash('sha256').update('some text').digest('hex') })
    }))

  it('stops at maxBytes', () =>
    withDeadlines({}, async (deadlines) => {
      const endless = Readable.from(
        (function* () {
          for (;;) yield Buffer.alloc(1_000)
        })(),
      )
      const { error } = await drain(prove(endless, { deadlines, size: undefined, maxBytes: 5_500 }).body)
      expect(error).toMatchObject({ code: 'size-limit', limitBytes: 5_500, bytes: 6_000 })
      expect(endless.destroyed).toBe(true)
    }))

  it('refuses chunks that are no bytes', () =>
    withDeadlines({}, async (deadlines) => {
      const { error } = await drain(prove(Readable.from([{}]), { deadlines }).body)
      expect(error).toMatchObject({ code: 'invalid-option', option: 'body' })
    }))

  it('shows the opening without consuming it', () =>
    withDeadlines({}, async (deadlines) => {
      const proven = prove(Readable.from(chunksOf(bytes, 7)), { deadlines, openingBytes: 20 })
      expect(Buffer.from(await proven.opening).toString()).toBe('voice note voice not')
      const { received } = await drain(proven.body)
      expect(received.equals(bytes)).toBe(true)
    }))

  it('shows a short body as the opening, and fails it with the body', () =>
    withDeadlines({}, async (deadlines) => {
      const source = Readable.from(['short'])
      const proven = prove(source, { deadlines, size: undefined, sha256: undefined, openingBytes: 4_096 })
      expect(Buffer.from(await proven.opening).toString()).toBe('short')
      const failing = prove(Readable.from(['short']), { deadlines, openingBytes: 4_096 })
      await expect(failing.opening).rejects.toMatchObject({ code: 'integrity-mismatch' })
      const closed = prove(new PassThrough(), { deadlines, openingBytes: 4_096 })
      closed.body.destroy()
      await expect(closed.opening).rejects.toThrow('closed before its end')
    }))

  it('reports the source’s own error, and a source cut short', () =>
    withDeadlines({}, async (deadlines) => {
      const failing = new PassThrough()
      failing.write(bytes.subarray(0, 100_000))
      setImmediate(() => failing.destroy(new Error('the source broke')))
      expect((await drain(prove(failing, { deadlines }).body)).error).toMatchObject({ message: 'the source broke' })
      const cut = new PassThrough()
      setImmediate(() => cut.destroy())
      expect((await drain(prove(cut, { deadlines }).body)).error).toMatchObject({ message: 'cut' })
      const failingOddly = prove(new PassThrough().destroy(new Error('x')), {
        deadlines,
        onSourceError: () => 'no error',
      })
      expect((await drain(failingOddly.body)).error).toMatchObject({ message: 'aborted' })
    }))

  it('ends a stalled source at the idle deadline, and destroys it', () =>
    withDeadlines({ idleMs: 30 }, async (deadlines) => {
      const source = new PassThrough()
      source.write('first')
      const { error } = await drain(prove(source, { deadlines }).body)
      expect(error).toMatchObject({ code: 'timeout', waitedFor: 'source', limitMs: 30 })
      expect(source.destroyed).toBe(true)
    }))

  it('does not take a slow store for a stalled source', () =>
    withDeadlines({ idleMs: 100, storageMs: 60_000 }, async (deadlines) => {
      const source = Readable.from(chunksOf(bytes, 8_000))
      const { body } = prove(source, { deadlines })
      const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void setTimeout(done, 150) })
      await pipeline(body, slow)
    }))

  it('ends a stalled store at the storage deadline', () =>
    withDeadlines({ storageMs: 30 }, async (deadlines) => {
      const { body } = prove(Readable.from(chunksOf(bytes, 8_000)), { deadlines })
      const stuck = new Writable({ write() {} })
      await expect(pipeline(body, stuck)).rejects.toMatchObject({ code: 'timeout', waitedFor: 'store' })
    }))

  it('leaves a reader of the caller’s own its time', () =>
    withDeadlines({ storageMs: 20, idleMs: 20, totalMs: 5_000 }, async (deadlines) => {
      const { body } = prove(Readable.from(chunksOf(bytes, 8_000)), { deadlines, reader: 'reader' })
      body.read(0)
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(deadlines.signal.aborted).toBe(false)
      expect((await drain(body)).received.equals(bytes)).toBe(true)
    }))

  it('is destroyed at once by an aborted signal, and ends no process unread', () =>
    withDeadlines({ totalMs: 10 }, async (deadlines) => {
      const { body } = prove(new PassThrough(), { deadlines })
      await new Promise((resolve) => body.once('close', resolve))
      expect(body.errored).toMatchObject({ code: 'timeout', waitedFor: 'total' })
      const late = prove(new PassThrough(), { deadlines })
      expect(late.body.destroyed).toBe(true)
    }))
})
