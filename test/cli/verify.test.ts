import { createHash } from 'node:crypto'
import { appendFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, it, vi } from 'vitest'
import { runVerify, type VerifyProblem, verifyObjects } from '../../src/cli/verify.js'
import { StorageFailedError } from '../../src/errors.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { createContext, temporaryFolder } from './command-context.js'

const sha256Of = (text: string) => createHash('sha256').update(text).digest('hex')

async function put(storage: ObjectStorage, key: string, text: string): Promise<void> {
  await storage.put(key, Readable.from([Buffer.from(text)]), {
    ...{ size: Buffer.byteLength(text), sha256: sha256Of(text), ifAbsent: true },
    ...{ contentType: 'text/plain', contentDisposition: 'attachment' },
  })
}

/** A folder with three objects. */
async function createArchive(): Promise<{ directory: string; pathOf(key: string): string }> {
  const directory = temporaryFolder()
  const storage = createFileSystemStorage({ directory, durable: false })
  for (const key of ['a/1.txt', 'a/2.txt', 'b/3.txt']) await put(storage, key, `bytes of ${key}`)
  return { directory, pathOf: (key) => join(directory, key) }
}

const noCounts = () => ({ objects: 0, proven: 0, damaged: 0, unrecorded: 0, unreadable: 0, bytes: 0, complete: false })

async function verifyAll(storage: ObjectStorage, more: { signal?: AbortSignal } = {}) {
  const problems: VerifyProblem[] = []
  const counts = noCounts()
  const { signal = new AbortController().signal } = more
  const onProblem = (problem: VerifyProblem) => problems.push(problem)
  await verifyObjects(storage, '', { concurrency: 2, signal, onProblem, counts })
  return { problems, counts }
}

it('runVerify proves every object under the prefix', async () => {
  const { directory } = await createArchive()
  const context = createContext()
  expect(await runVerify('a/', { directory }, context)).toBe(0)
  expect(context.out()).toBe('2 objects (32 B): 2 proven, 0 damaged, 0 unrecorded, 0 unreadable\n')
  expect(context.err()).toBe('')
})

it('runVerify does not call a mistyped prefix proven', async () => {
  const { directory } = await createArchive()
  const context = createContext()
  expect(await runVerify('A/', { directory }, context)).toBe(1)
  expect(context.out()).toBe('0 objects (0 B): 0 proven, 0 damaged, 0 unrecorded, 0 unreadable\n')
  expect(context.err()).toBe('No key starts with A/\n')
})

it('runVerify finds bytes that rotted, and files that were changed', async () => {
  const { directory, pathOf } = await createArchive()
  const { atime, mtime } = statSync(pathOf('a/1.txt'))
  writeFileSync(pathOf('a/1.txt'), 'bytes of a/1.tx?')
  utimesSync(pathOf('a/1.txt'), atime, mtime)
  appendFileSync(pathOf('a/2.txt'), 'more')
  const context = createContext()
  expect(await runVerify('', { directory, concurrency: '1' }, context)).toBe(1)
  const lines = context.out().trim().split('\n').sort()
  expect(lines).toEqual([
    '3 objects (52 B): 1 proven, 1 damaged, 1 unrecorded, 0 unreadable',
    'damaged  a/1.txt',
    'unrecorded  a/2.txt',
  ])
})

it('runVerify prints JSON lines, and shows its progress on a terminal', async () => {
  const { directory, pathOf } = await createArchive()
  appendFileSync(pathOf('b/3.txt'), 'more')
  const context = createContext({ isTTY: true, columns: 80 })
  expect(await runVerify('', { directory, json: true }, context)).toBe(1)
  const objects = context
    .out()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(objects).toEqual([
    { key: 'b/3.txt', problem: 'unrecorded', observedSha256: sha256Of('bytes of b/3.txtmore') },
    { ...noCounts(), objects: 3, proven: 2, unrecorded: 1, bytes: 52, complete: true },
  ])
  expect(context.err()).toContain('0 proven  0 not  0 B  0/s  0 B/s')
})

it('runVerify says why an object is unreadable', async () => {
  const { directory, pathOf } = await createArchive()
  const name = createHash('sha256').update('b/3.txt').digest('hex')
  const sidecar = pathOf(
    `.meta/${name.slice(0, 2)}/${name}-${statSync(pathOf('b/3.txt'), { bigint: true }).mtimeNs}.json`,
  )
  rmSync(sidecar)
  symlinkSync(pathOf('b/3.txt'), sidecar)
  const context = createContext()
  expect(await runVerify('b/', { directory }, context)).toBe(1)
  expect(context.out()).toContain('unreadable  b/3.txt  The storage failed to get b/3.txt: not-a-plain-file')
})

it('runVerify stops at Ctrl-C, and says that it did not see all', async () => {
  const { directory } = await createArchive()
  const context = createContext()
  context.interrupt()
  expect(await runVerify('', { directory }, context)).toBe(130)
  expect(context.out()).toContain('0 objects looked at, not all there are')
})

it('runVerify throws what the storage says when it can not be listed', async () => {
  const { directory, pathOf } = await createArchive()
  await expect(runVerify('../', { directory }, createContext())).rejects.toMatchObject({ code: 'invalid-option' })
  await expect(runVerify('a/', { directory: pathOf('a/1.txt') }, createContext())).rejects.toThrow(
    '--directory can not be read, a part of the path is a file and no folder (ENOTDIR)',
  )
})

it('verifyObjects reports both hashes, and leaves out what is deleted meanwhile', async () => {
  const storage = createMemoryStorage()
  for (const key of ['1', '2', '3']) await put(storage, key, key)
  const get: ObjectStorage['get'] = async (key, options) => {
    const found = await storage.get(key, options)
    if (key === '1') found?.body.destroy()
    return found === null || key === '2' ? null : { ...found, body: Readable.from([Buffer.from('other')]) }
  }
  const { problems, counts } = await verifyAll({ ...storage, get })
  const damaged = { problem: 'damaged', observedSha256: sha256Of('other') }
  expect(problems).toEqual([
    { key: '1', recordedSha256: sha256Of('1'), ...damaged },
    { key: '3', recordedSha256: sha256Of('3'), ...damaged },
  ])
  expect(counts).toEqual({ ...noCounts(), objects: 2, damaged: 2, bytes: 10, complete: true })
})

it('verifyObjects reads again what broke off, and reports what stays unreadable', async () => {
  const storage = createMemoryStorage()
  for (const key of ['1', '2', '3']) await put(storage, key, key)
  const reads: string[] = []
  const get: ObjectStorage['get'] = async (key, options) => {
    reads.push(key)
    const found = await storage.get(key, options)
    if (key === '3') throw new StorageFailedError({ operation: 'get', key, reason: 'AccessDenied', retryable: false })
    const breaksOff = key === '2' || reads.filter((read) => read === key).length === 1
    if (found === null || !breaksOff) return found
    found.body.destroy()
    const body = new Readable({ read: () => void body.destroy(Object.assign(new Error(), { code: 'ECONNRESET' })) })
    return { ...found, body }
  }
  const { problems, counts } = await verifyAll({ ...storage, get })
  expect(problems).toHaveLength(2)
  expect(problems).toContainEqual({ key: '2', problem: 'unreadable', reason: expect.stringContaining('ECONNRESET') })
  expect(problems).toContainEqual({ key: '3', problem: 'unreadable', reason: expect.stringContaining('AccessDenied') })
  expect(counts).toMatchObject({ objects: 3, proven: 1, unreadable: 2 })
  expect(reads.sort().join('')).toBe('112223')
})

it('verifyObjects waits a minute for bytes that do not come, and asks again', async () => {
  const storage = createMemoryStorage()
  await put(storage, '1', '1')
  vi.useFakeTimers()
  const get = vi.fn(storage.get)
  const asked = new Promise<void>((resolve) => {
    get.mockImplementationOnce(async (key) => {
      resolve()
      const hanging = { key, size: 1, contentType: '', metadata: {}, body: new Readable({ read() {} }) }
      return hanging
    })
  })
  const verified = verifyAll({ ...storage, get })
  await asked
  await vi.advanceTimersByTimeAsync(60_000)
  vi.useRealTimers()
  expect((await verified).counts).toMatchObject({ objects: 1, proven: 1 })
  expect(get).toHaveBeenCalledTimes(2)
})

it('verifyObjects throws what is no fault of an object', async () => {
  const storage = createMemoryStorage()
  await put(storage, '1', '1')
  const { list, ...unlisted } = storage
  await expect(verifyAll(unlisted)).rejects.toThrow('storage must be able to list its objects, and memory is not')
  const get = () => Promise.reject(new TypeError('a bug'))
  await expect(verifyAll({ ...storage, get })).rejects.toThrow('a bug')
})
