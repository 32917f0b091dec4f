import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  actInFolder,
  removeEmptyFolders,
  removeEmptyTree,
  syncFolders,
} from '../../../src/storage/file-system/folders.js'
import { createFileSystemStorage } from '../../../src/storage/file-system.js'
import type { ObjectStorage } from '../../../src/storage.js'
import { put, temporaryDirectory } from './fixture.js'

const DAY_MS = 86_400_000

const directory = temporaryDirectory()
let storage: ObjectStorage

beforeEach(() => {
  storage = createFileSystemStorage({ directory: directory.path, durable: false })
})

afterEach(() => {
  vi.useRealTimers()
})

/** Everything but the storage's own folders. */
async function names(): Promise<string[]> {
  const all = await readdir(directory.path, { recursive: true })
  return all.filter((name) => !name.startsWith('.')).sort()
}

async function sidecars(): Promise<string[]> {
  const all = await readdir(join(directory.path, '.meta'), { recursive: true })
  return all.filter((name) => name.endsWith('.json'))
}

describe('delete()', () => {
  it('removes the folders that it empties, and no others', async () => {
    await put(storage, 'a/b/c/one', { text: 'x' })
    await put(storage, 'a/two', { text: 'x' })
    await storage.delete('a/b/c/one')
    expect(await names()).toEqual(['a', join('a', 'two')])
    await storage.delete('a/two')
    expect(await names()).toEqual([])
    expect((await stat(directory.path)).isDirectory()).toBe(true)
  })

  it('frees the name of a folder for an object', async () => {
    await put(storage, 'a/b/c', { text: 'x' })
    await storage.delete('a/b/c')
    expect(await put(storage, 'a/b', { text: 'y' })).toMatchObject({ outcome: 'stored' })
    expect(await storage.head('a/b')).toMatchObject({ size: 1 })
  })

  it('lets 20 writers and deleters work on the same folders at once', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `shared/${index % 2}/deep/${index}`)
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        keys.map(async (key) => {
          expect(await put(storage, key, { text: key })).toMatchObject({ outcome: 'stored' })
          expect(await storage.head(key)).toMatchObject({ size: key.length })
          await storage.delete(key)
        }),
      )
    }
    expect(await names()).toEqual([])
    expect(await sidecars()).toEqual([])
  })
})

describe('put()', () => {
  it.each([true, false])('takes the name of a folder without files (ifAbsent: %s)', async (ifAbsent) => {
    await mkdir(join(directory.path, 'a/b/empty/deeper'), { recursive: true })
    expect(await put(storage, 'a/b', { text: 'x', ifAbsent })).toMatchObject({ outcome: 'stored' })
    expect(await readFile(join(directory.path, 'a/b'), 'utf8')).toBe('x')
  })

  it.each([true, false])('leaves a folder with a file in it alone (ifAbsent: %s)', async (ifAbsent) => {
    await put(storage, 'a/b/c', { text: 'kept' })
    await expect(put(storage, 'a/b', { text: 'x', ifAbsent })).rejects.toMatchObject({
      code: 'storage-failed',
      reason: 'EISDIR',
    })
    expect(await storage.head('a/b/c')).toMatchObject({ size: 4 })
  })

  it('removes old sidecars without an object, in the folders that it writes into', async () => {
    await put(storage, 'killed', { text: 'x' })
    await put(storage, 'kept', { text: 'x' })
    await unlink(join(directory.path, 'killed'))
    const [folder = ''] = createHash('sha256').update('killed').digest('hex').match(/^../) ?? []
    await writeFile(join(directory.path, '.meta', folder, 'foreign.json'), '{}')
    await mkdir(join(directory.path, '.meta', folder, 'a-folder'))
    expect(await sidecars()).toHaveLength(3)

    await put(createFileSystemStorage({ directory: directory.path }), 'killed', { text: 'young' })
    await storage.delete('killed')
    expect(await sidecars()).toHaveLength(3)

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * DAY_MS })
    const later = createFileSystemStorage({ directory: directory.path })
    await put(later, 'killed', { text: 'again' })
    await put(later, 'kept', { text: 'y', ifAbsent: true })
    // The sweep goes on behind the put.
    await vi.waitUntil(async () => (await sidecars()).length === 3)
    expect(await later.head('killed')).toMatchObject({ size: 5, contentType: 'text/plain' })
    expect(await later.head('kept')).toMatchObject({ size: 1, contentType: 'text/plain' })
  })
})

describe('folders', () => {
  it('lets a folder go that a delete has removed, and no other trouble', async () => {
    const { path } = directory
    await syncFolders(path, [join(path, 'gone', 'file')])
    await writeFile(join(path, 'file'), 'x')
    await expect(syncFolders(path, [join(path, 'file', 'below', 'it')])).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  it('stops trying when a folder goes each time', async () => {
    const gone = Object.assign(new Error('gone'), { code: 'ENOENT' })
    const act = vi.fn(() => Promise.reject(gone))
    await expect(actInFolder(join(directory.path, 'a', 'b'), { directory: directory.path, act })).rejects.toBe(gone)
    expect(act).toHaveBeenCalledTimes(1_000)
  })

  it('tries no more where a file lies in the way', async () => {
    await writeFile(join(directory.path, 'file'), 'x')
    const act = vi.fn(async () => {})
    await expect(
      actInFolder(join(directory.path, 'file', 'b', 'c'), { directory: directory.path, act }),
    ).rejects.toMatchObject({ code: 'ENOTDIR' })
    await expect(
      actInFolder(join(directory.path, 'file', 'c'), { directory: directory.path, act }),
    ).rejects.toMatchObject({ code: 'ENOTDIR' })
    expect(act).not.toHaveBeenCalled()
  })

  it('fails as the call does at the root of the disk', async () => {
    const failure = Object.assign(new Error('no'), { code: 'EEXIST' })
    const act = vi.fn(() => Promise.reject(failure))
    await expect(actInFolder('/file', { directory: '/', act })).rejects.toBe(failure)
  })

  it('climbs over folders that another delete has removed', async () => {
    await mkdir(join(directory.path, 'a'))
    await removeEmptyFolders(directory.path, join(directory.path, 'a', 'gone', 'file'))
    expect(await names()).toEqual([])
  })

  it('takes a tree that another delete has removed for an empty one', async () => {
    await mkdir(join(directory.path, 'a'))
    await expect(removeEmptyTree(join(directory.path, 'a', 'gone'))).resolves.toBeUndefined()
    expect(await names()).toEqual(['a'])
  })
})

describe('get()', () => {
  it("breaks the body off with the signal's reason", async () => {
    await put(storage, 'large', { text: 'x'.repeat(1_000_000) })
    const controller = new AbortController()
    const found = await storage.get('large', { signal: controller.signal })
    const reason = new Error('enough')
    found?.body.once('data', () => controller.abort(reason))
    await expect(buffer(found?.body ?? Readable.from([]))).rejects.toBe(reason)
  })

  it('breaks the body off when the reason is no error', async () => {
    await put(storage, 'large', { text: 'x'.repeat(1_000_000) })
    const controller = new AbortController()
    const found = await storage.get('large', { signal: controller.signal })
    controller.abort('enough')
    await expect(buffer(found?.body ?? Readable.from([]))).rejects.toThrow('aborted')
  })

  it('ends no process when the signal aborts before anyone reads', async () => {
    await put(storage, 'large', { text: 'x'.repeat(1_000_000) })
    const controller = new AbortController()
    const reason = new Error('enough')
    const { body } = (await storage.get('large', { signal: controller.signal })) ?? { body: Readable.from([]) }
    controller.abort(reason)
    await new Promise((resolve) => body.once('close', resolve))
    expect(body.errored).toBe(reason)
    await expect(buffer(body)).rejects.toThrow()
  })

  it("rejects with the signal's reason while it reads a foreign file for its hash", async () => {
    await writeFile(join(directory.path, 'foreign'), Buffer.alloc(20_000_000))
    const controller = new AbortController()
    const reading = storage.get('foreign', { signal: controller.signal })
    setTimeout(() => controller.abort('enough'), 1)
    await expect(reading).rejects.toBe('enough')
    await expect(storage.head('foreign', { signal: AbortSignal.abort('before') })).rejects.toBe('before')
  })
})
