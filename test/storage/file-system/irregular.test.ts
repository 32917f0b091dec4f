import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { inspectPath } from '../../../src/storage/file-system/inspect-path.js'
import { createFileSystemStorage, type FileSystemStorage } from '../../../src/storage/file-system.js'
import { BASE_URL, filesBelow, openFilesBelow, put, read, SECRET, temporaryDirectory } from './fixture.js'

const directory = temporaryDirectory()
/** Outside of the storage's directory. */
const outside = temporaryDirectory()
let storage: FileSystemStorage

beforeEach(async () => {
  storage = createFileSystemStorage({ directory: directory.path, baseUrl: BASE_URL, secret: SECRET, durable: false })
  await fs.writeFile(join(outside.path, 'secret'), 'secret')
  await fs.mkdir(join(outside.path, 'folder'))
})
afterEach(async () => {
  vi.useRealTimers()
  expect(await openFilesBelow(directory)).toEqual([])
  expect(await fs.readdir(outside.path)).toEqual(['folder', 'secret'])
  expect(await fs.readFile(join(outside.path, 'secret'), 'utf8')).toBe('secret')
})

async function listKeys(prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list?.(prefix) ?? []) keys.push(key)
  return keys.sort()
}

async function listenAt(path: string): Promise<void> {
  const server = createServer().listen(path)
  await once(server, 'listening')
  // The file stays when the server closes without having made it known.
  server.unref()
}

/** All calls about the key, and what the storage says. */
async function expectRefused(key: string, kind: string): Promise<void> {
  const before = await fs.lstat(join(directory.path, key)).catch(() => null)
  const calls = {
    head: () => storage.head(key),
    get: () => storage.get(key),
    delete: () => storage.delete(key),
    put: () => put(storage, key, { text: 'x', ifAbsent: false }),
  }
  for (const [operation, call] of Object.entries({ ...calls, putIfAbsent: () => put(storage, key, { text: 'x' }) })) {
    await expect(call(), operation).rejects.toMatchObject({
      ...{ code: 'storage-failed', reason: 'not-a-plain-file', retryable: false },
      message: expect.stringContaining(`A ${kind} lies at `),
    })
  }
  const signing = { expiresIn: 60, contentType: 'image/png', contentDisposition: 'inline' }
  const { url } = (await storage.signedUrl?.(key, signing)) ?? expect.fail('no signed URLs')
  const response = await storage.handler(new Request(url))
  expect([response.status, await response.text()]).toEqual([404, 'Not Found'])
  expect(await fs.lstat(join(directory.path, key)).catch(() => null)).toEqual(before)
}

describe('what is no plain file', () => {
  it.each([
    ['a file outside', () => join(outside.path, 'secret')],
    ['a folder outside', () => outside.path],
    ['nothing', () => '/nowhere/at/all'],
    ['itself', () => join(directory.path, 'a/key')],
    ['another object', () => join(directory.path, 'a/other')],
    ['a device', () => '/dev/zero'],
  ])('a link to %s is refused by every call, and stays', async (_, target) => {
    await put(storage, 'a/other', { text: 'other' })
    await fs.symlink(target(), join(directory.path, 'a/key'))
    await expectRefused('a/key', 'symbolic link')
    expect(await listKeys('')).toEqual(['a/other'])
    expect(await read(storage, 'a/other')).toBe('other')
  })

  it('a FIFO is refused by every call, and nobody waits for its writer', async () => {
    await put(storage, 'a/other', { text: 'other' })
    execFileSync('mkfifo', [join(directory.path, 'a/key')])
    await expectRefused('a/key', 'FIFO')
    expect(await listKeys('')).toEqual(['a/other'])
  })

  it('a socket is refused by every call', async () => {
    await put(storage, 'a/other', { text: 'other' })
    await listenAt(join(directory.path, 'a/key'))
    await expectRefused('a/key', 'socket')
    expect(await listKeys('')).toEqual(['a/other'])
  })

  it('a device is refused', async () => {
    await expect(inspectPath('/dev', '/dev/null')).rejects.toThrow('A device lies at null')
  })

  it.each(['secret', 'folder', 'folder/new', 'new/folder/key'])(
    'a link in place of a folder is refused: key link/%s',
    async (rest) => {
      await fs.symlink(outside.path, join(directory.path, 'link'))
      await expectRefused(`link/${rest}`, 'symbolic link')
      await expect(listKeys('link/')).rejects.toMatchObject({ reason: 'not-a-plain-file', operation: 'list' })
      expect(await listKeys('')).toEqual([])
      expect(await listKeys('li')).toEqual([])
    },
  )

  it('a link at a prefix further down is not listed, and not climbed through', async () => {
    await put(storage, 'a/b/key', { text: 'x' })
    await fs.symlink(outside.path, join(directory.path, 'a/link'))
    expect(await listKeys('a/')).toEqual(['a/b/key'])
    await expect(listKeys('a/link/folder')).rejects.toMatchObject({ reason: 'not-a-plain-file' })
  })

  it.each(['.incoming', '.meta'])('a link at %s, which is the storage’s own, is refused', async (own) => {
    await fs.symlink(outside.path, join(directory.path, own))
    await expect(put(storage, 'a/key', { text: 'x' })).rejects.toMatchObject({ reason: 'not-a-plain-file' })
    await fs.unlink(join(directory.path, own))
    await put(storage, 'a/key', { text: 'x' })
    await fs.rm(join(directory.path, own), { recursive: true })
    await fs.symlink(outside.path, join(directory.path, own))
    const head = storage.head('a/key')
    if (own === '.meta') await expect(head).rejects.toMatchObject({ reason: 'not-a-plain-file' })
    else await expect(head).resolves.toMatchObject({ contentType: 'text/plain' })
  })

  it('a FIFO in place of a sidecar or a draft holds nobody', async () => {
    await put(storage, 'key', { text: 'bytes' })
    const [sidecar = ''] = (await filesBelow(directory)).filter((file) => file.startsWith('.meta'))
    await fs.unlink(join(directory.path, sidecar))
    execFileSync('mkfifo', [join(directory.path, sidecar), join(directory.path, '.incoming', 'draft')])
    await expect(storage.head('key')).rejects.toMatchObject({ reason: 'not-a-plain-file' })
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 172_800_000 })
    const later = createFileSystemStorage({ directory: directory.path })
    await put(later, 'other', { text: 'x' })
    expect(await fs.readdir(join(directory.path, '.incoming'))).toEqual([])
  })

  it('the directory itself may be a link', async () => {
    const link = join(directory.path, 'link')
    await fs.mkdir(join(directory.path, 'real'))
    await fs.symlink(join(directory.path, 'real'), link)
    const linked = createFileSystemStorage({ directory: link })
    await put(linked, 'a/key', { text: 'x' })
    expect(await linked.head('a/key')).toMatchObject({ contentType: 'text/plain' })
    expect(await fs.readFile(join(directory.path, 'real/a/key'), 'utf8')).toBe('x')
  })
})

describe('a directory that is none', () => {
  it.each([
    ['is a file', async (path: string) => fs.writeFile(path, 'x')],
    ['is a link to nothing', async (path: string) => fs.symlink('/nowhere/at/all', path)],
    ['is a link to itself', async (path: string) => fs.symlink(path, path)],
    ['has a file at .incoming', async (path: string) => spoil(path, '.incoming')],
    ['has a file at .meta', async (path: string) => spoil(path, '.meta')],
  ])('is told as such when it %s', async (_, make) => {
    const path = join(directory.path, 'store')
    await make(path)
    const store = createFileSystemStorage({ directory: path })
    await expect(put(store, 'a/key', { text: 'x' })).rejects.toMatchObject({
      ...{ code: 'storage-failed', reason: 'directory-unusable', retryable: false },
      message: expect.stringMatching(/No folder can be made at \.(incoming|meta)/),
    })
  })

  async function spoil(path: string, name: string): Promise<void> {
    await fs.mkdir(path)
    await fs.writeFile(join(path, name), 'x')
  }
})
