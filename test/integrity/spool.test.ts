import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { spool } from '../../src/integrity/spool.js'
import { checkTimeouts, startDeadlines, type Timeouts } from '../../src/timing/deadlines.js'

vi.mock('node:crypto', async (importOriginal) => {
  const crypto = await importOriginal<typeof import('node:crypto')>()
  return { ...crypto, randomUUID: vi.fn(crypto.randomUUID) }
})

const MEBIBYTE = 1_048_576
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Bytes that are nowhere alike, so that swapped pieces show. */
function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at)
  return bytes
}

function inPieces(bytes: Uint8Array, size: number): Readable {
  const count = Math.ceil(bytes.byteLength / size)
  return Readable.from(Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size)))
}

describe('spool', () => {
  let directory = ''
  const closing: (() => void)[] = []
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spool-test-'))
    vi.stubEnv('TMPDIR', directory)
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) close()
    vi.unstubAllEnvs()
    await rm(directory, { recursive: true })
  })

  function run(
    source: Readable,
    options: Partial<Parameters<typeof spool>[1]> & { timeouts?: Timeouts; signal?: AbortSignal } = {},
  ) {
    const { timeouts, signal, ...rest } = options
    const deadlines = startDeadlines(checkTimeouts(timeouts), signal)
    closing.push(deadlines.clear)
    return spool(source, {
      ...{ maxBytes: 10 * MEBIBYTE, deadlines, onSourceError: (error) => error ?? new Error('ended early') },
      ...rest,
    })
  }

  /** More than the memory holds, and a piece for the integrity stream to keep back. */
  function fill(source: PassThrough): void {
    for (let times = 0; times < 2; times++) source.write(bytesOf(2 * MEBIBYTE))
  }

  /** Waits until the spool has written to its file. */
  async function spoolFile(): Promise<string> {
    for (;;) {
      const [name] = await readdir(directory)
      if (name !== undefined && (await stat(join(directory, name))).size > 0) return join(directory, name)
      await nextTurn()
    }
  }

  it.each([0, 1, 65_537, MEBIBYTE])('keeps %i bytes in memory', async (length) => {
    const bytes = bytesOf(length)
    const { size, sha256, open, remove } = await run(inPieces(bytes, 10_000))
    expect({ size, sha256 }).toEqual({ size: length, sha256: sha256Of(bytes) })
    expect(await readdir(directory)).toEqual([])
    for (let times = 0; times < 2; times++) expect((await buffer(open())).equals(bytes)).toBe(true)
    await remove()
  })

  it.each([
    [MEBIBYTE + 1, 10_000],
    [3 * MEBIBYTE, 65_536],
    [5_000_001, 5_000_001],
  ])('keeps %i bytes, come in pieces of %i, in a file of its own until it is removed', async (length, pieceSize) => {
    const bytes = bytesOf(length)
    const { size, sha256, open, remove } = await run(inPieces(bytes, pieceSize))
    expect({ size, sha256 }).toEqual({ size: length, sha256: sha256Of(bytes) })
    const [name = '', ...others] = await readdir(directory)
    expect({ name, others }).toEqual({
      name: expect.stringMatching(/^whatsapp-media-archive-[\da-f-]{36}$/),
      others: [],
    })
    const { mode, size: fileSize } = await stat(join(directory, name))
    expect({ mode: mode & 0o777, fileSize }).toEqual({ mode: 0o600, fileSize: length })
    for (let times = 0; times < 2; times++) expect((await buffer(open())).equals(bytes)).toBe(true)
    await remove()
    expect(await readdir(directory)).toEqual([])
    await expect(remove()).resolves.toBeUndefined()
  })

  it('gives each body a file of its own', async () => {
    const bodies = [bytesOf(MEBIBYTE + 4), bytesOf(MEBIBYTE + 8)]
    const spooled = await Promise.all(bodies.map((bytes) => run(Readable.from([bytes]))))
    expect(await readdir(directory)).toHaveLength(2)
    for (const [i, { open, remove }] of spooled.entries()) {
      expect((await buffer(open())).equals(bodies[i] ?? Buffer.alloc(0))).toBe(true)
      await remove()
    }
    expect(await readdir(directory)).toEqual([])
  })

  it('lets nobody else read the file while it grows', async () => {
    const source = new PassThrough()
    const result = run(source)
    fill(source)
    expect((await stat(await spoolFile())).mode & 0o777).toBe(0o600)
    source.end()
    await (await result).remove()
  })

  it.each<[string, (source: PassThrough) => void, object]>([
    ['fails', (source) => source.destroy(new Error('the disk is gone')), { message: 'the disk is gone' }],
    ['ends early', (source) => source.destroy(), { message: 'ended early' }],
  ])('removes the file when the source %s', async (_name, breakOff, error) => {
    const source = new PassThrough()
    const result = run(source)
    fill(source)
    await spoolFile()
    breakOff(source)
    await expect(result).rejects.toMatchObject(error)
    expect(await readdir(directory)).toEqual([])
  })

  it("removes the file, and ends the source, with the caller's reason", async () => {
    const source = new PassThrough()
    const caller = new AbortController()
    const reason = new Error('the caller left')
    const result = run(source, { signal: caller.signal })
    fill(source)
    await spoolFile()
    caller.abort(reason)
    await expect(result).rejects.toBe(reason)
    expect(await readdir(directory)).toEqual([])
    expect(source.destroyed).toBe(true)
  })

  it('removes the file when the source stalls', async () => {
    const source = new PassThrough()
    const result = run(source, { timeouts: { idleMs: 50 } })
    fill(source)
    await expect(result).rejects.toMatchObject({ code: 'timeout', waitedFor: 'source', limitMs: 50 })
    expect(await readdir(directory)).toEqual([])
    expect(source.destroyed).toBe(true)
  })

  it.each([1_000, 2 * MEBIBYTE])('removes the file when there are more than maxBytes, %i', async (maxBytes) => {
    const source = inPieces(bytesOf(4 * MEBIBYTE), 100_000)
    await expect(run(source, { maxBytes })).rejects.toMatchObject({ code: 'size-limit', limitBytes: maxBytes })
    expect(await readdir(directory)).toEqual([])
    expect(source.destroyed).toBe(true)
  })

  it('takes as many as maxBytes', async () => {
    const { size, remove } = await run(Readable.from([bytesOf(2 * MEBIBYTE)]), { maxBytes: 2 * MEBIBYTE })
    expect(size).toBe(2 * MEBIBYTE)
    await remove()
  })

  it.each([1_000, 2 * MEBIBYTE])('refuses %i bytes that are not the announced ones', async (length) => {
    const bytes = bytesOf(length)
    for (const announced of [{ size: length + 1 }, { size: length - 1 }, { sha256: 'a'.repeat(64) }]) {
      await expect(run(inPieces(bytes, 50_000), announced)).rejects.toMatchObject({ code: 'integrity-mismatch' })
      expect(await readdir(directory)).toEqual([])
    }
  })

  it('writes through no link that somebody put in its way', async () => {
    const uuid = '5ef5e495-9ea6-59d7-91c6-d39ba4699239'
    vi.mocked(randomUUID).mockReturnValueOnce(uuid)
    const victim = join(directory, 'victim')
    await writeFile(victim, 'untouched')
    await symlink(victim, join(directory, `whatsapp-media-archive-${uuid}`))
    await expect(run(Readable.from([bytesOf(2 * MEBIBYTE)]))).rejects.toMatchObject({
      code: 'storage-failed',
      reason: 'EEXIST',
    })
    expect(await readFile(victim, 'utf8')).toBe('untouched')
  })

  it('ends the source when no file can be made', async () => {
    vi.stubEnv('TMPDIR', join(directory, 'absent'))
    const source = inPieces(bytesOf(4 * MEBIBYTE), 100_000)
    await expect(run(source)).rejects.toMatchObject({ code: 'storage-failed', reason: 'ENOENT', retryable: true })
    expect(source.destroyed).toBe(true)
  })
})
