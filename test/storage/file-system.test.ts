import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { FileSystemStorage } from '../../src/storage/file-system.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { storageConformance } from '../../src/testing/storage-conformance.js'
import { toRows } from '../conformance-rows.js'
import { BASE_URL, filesBelow, openFilesBelow, put, read, SECRET, temporaryDirectory } from './file-system/fixture.js'

const directory = temporaryDirectory()

describe.each([true, false])('createFileSystemStorage({ durable: %s }) meets the conformance suite', (durable) => {
  let storage: FileSystemStorage
  const cases = storageConformance({
    storage() {
      storage = createFileSystemStorage({ directory: directory.path, baseUrl: BASE_URL, secret: SECRET, durable })
      return storage
    },
    fetch: (url, init) => storage.handler(new Request(url, init)),
  })
  it.each(toRows(cases))('%s', async (_, run) => {
    await run()
    expect(await openFilesBelow(directory)).toEqual([])
    expect(await filesBelow(directory)).toEqual([])
  })
})

describe('createFileSystemStorage() options', () => {
  it.each([[''], ['a\0b'], [undefined], [7]])('refuses the directory %j', (value) => {
    // @ts-expect-error: what JavaScript callers can pass
    expect(() => createFileSystemStorage({ directory: value })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'directory' }),
    )
  })

  it.each([
    'no url',
    'ftp://media.example/',
    'https://media.example/?query',
    'https://media.example/#fragment',
    'https://user:pass@media.example/',
    'mailto:someone@media.example',
  ])('refuses the base URL %s', (baseUrl) => {
    expect(() => createFileSystemStorage({ directory: directory.path, baseUrl })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'baseUrl' }),
    )
  })

  it('refuses a secret of fewer than 16 characters, without showing it', () => {
    const secret = 'fifteen letters'
    expect(() => createFileSystemStorage({ directory: directory.path, baseUrl: BASE_URL, secret })).toThrow(
      'secret must be a string of at least 16 characters, or a list of them, got a string of 15 characters',
    )
    // @ts-expect-error: what JavaScript callers can pass
    expect(() => createFileSystemStorage({ directory: directory.path, baseUrl: BASE_URL, secret: null })).toThrow(
      /secret/,
    )
    expect(() =>
      createFileSystemStorage({ directory: directory.path, baseUrl: BASE_URL, secret: `${secret}!` }),
    ).not.toThrow()
  })

  it('refuses a secret without a base URL', () => {
    expect(() => createFileSystemStorage({ directory: directory.path, secret: SECRET })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option: 'baseUrl' }),
    )
  })

  it.each([[{}], [{ baseUrl: undefined, secret: undefined }]])(
    'without secret has no signed URLs, and its handler refuses: %j',
    async (options) => {
      const storage = createFileSystemStorage({ directory: directory.path, ...options })
      expect(storage.capabilities).toEqual({ conditionalCreate: true, checksum: true })
      expect(storage.signedUrl).toBeUndefined()
      expect('signedUrl' in storage).toBe(false)
      await put(storage, 'key', { text: 'x' })
      expect((await storage.handler(new Request(`${BASE_URL}/key`))).status).toBe(403)
    },
  )

  it('address() is below the base URL, or a file URL without one', async () => {
    const key = 'a b/ü#?.jpg'
    const withBase = createFileSystemStorage({
      directory: directory.path,
      baseUrl: 'https://media.example/',
      secret: SECRET,
    })
    expect(await withBase.address(key)).toBe('https://media.example/a%20b/%C3%BC%23%3F.jpg')
    const withoutBase = createFileSystemStorage({ directory: directory.path })
    expect(fileURLToPath(await withoutBase.address(key))).toBe(join(directory.path, key))
  })
})

describe('createFileSystemStorage() files', () => {
  it('put() makes a plain file under the key, for its owner only', async () => {
    const root = join(directory.path, 'made', 'on demand')
    const storage = createFileSystemStorage({ directory: root })
    await put(storage, 'tenant/photo.jpg', { text: 'bytes' })
    expect(await fs.readFile(join(root, 'tenant/photo.jpg'), 'utf8')).toBe('bytes')
    expect((await fs.stat(join(root, 'tenant/photo.jpg'))).mode & 0o777).toBe(0o600)
    for (const folder of ['', 'tenant', '.incoming', '.meta']) {
      expect((await fs.stat(join(root, folder))).mode & 0o777).toBe(0o700)
    }
    const [sidecar = ''] = (await filesBelow(directory)).filter((file) => file.includes('.meta'))
    expect((await fs.stat(join(directory.path, sidecar))).mode & 0o777).toBe(0o600)
  })

  it('a second storage on the same directory, in another process say, sees the objects', async () => {
    await put(createFileSystemStorage({ directory: directory.path }), 'key', { text: 'bytes' })
    const other = createFileSystemStorage({ directory: directory.path })
    expect(await read(other, 'key')).toBe('bytes')
    expect(await other.head('key')).toMatchObject({ contentType: 'text/plain', metadata: { text: 'yes' } })
    expect(await put(other, 'key', { text: 'other' })).toEqual({ outcome: 'exists' })
  })

  it('put() with ifAbsent that finds an object leaves nothing of its own', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'first' })
    const before = await filesBelow(directory)
    await put(storage, 'key', { text: 'second' })
    expect(await filesBelow(directory)).toEqual(before)
  })

  it('put() that replaces, and delete(), remove the sidecar too', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'first' })
    await put(storage, 'key', { text: 'second', ifAbsent: false })
    expect(await filesBelow(directory)).toHaveLength(2)
    await storage.delete('key')
    expect(await filesBelow(directory)).toEqual([])
  })

  it('a key that is a folder holds no object', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'folder/key', { text: 'bytes' })
    expect(await storage.head('folder')).toBe(null)
    expect(await storage.get('folder/key/below')).toBe(null)
    await storage.delete('folder')
    await storage.delete('folder/key/below')
    expect(await read(storage, 'folder/key')).toBe('bytes')
    for (const ifAbsent of [true, false]) {
      await expect(put(storage, 'folder', { text: 'x', ifAbsent })).rejects.toMatchObject({
        code: 'storage-failed',
        reason: 'EISDIR',
        retryable: false,
        message: expect.stringContaining('can not lie below another'),
      })
    }
    await expect(put(storage, 'folder/key/below', { text: 'x' })).rejects.toMatchObject({ retryable: false })
    expect((await filesBelow(directory)).filter((file) => !file.startsWith('.meta'))).toEqual(['folder/key'])
  })

  it('the first put() removes what killed processes left a day ago, and nothing younger', async () => {
    const incoming = join(directory.path, '.incoming')
    await fs.mkdir(incoming)
    const ages = { old: 25, young: 23 }
    for (const [name, hours] of Object.entries(ages)) {
      await fs.writeFile(join(incoming, name), 'half an obj')
      await fs.utimes(join(incoming, name), new Date(), new Date(Date.now() - hours * 3_600_000))
    }
    const storage = createFileSystemStorage({ directory: directory.path })
    expect(await storage.head('old')).toBe(null)
    await put(storage, 'key', { text: 'bytes' })
    expect(await fs.readdir(incoming)).toEqual(['young'])
    expect(await read(storage, 'key')).toBe('bytes')
  })

  it('get() goes on reading an object that is replaced', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'first' })
    const found = await storage.get('key')
    await put(storage, 'key', { text: 'second', ifAbsent: false })
    expect((await buffer(found?.body ?? Readable.from([]))).toString()).toBe('first')
    expect(await openFilesBelow(directory)).toEqual([])
  })

  it('get() closes the file when its reader leaves', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'x'.repeat(1_000_000) })
    const found = await storage.get('key')
    for await (const _ of found?.body ?? []) break
    expect(await openFilesBelow(directory)).toEqual([])
  })
})

describe('list()', () => {
  const keysBelow = async (prefix: string): Promise<string[]> => {
    const storage = createFileSystemStorage({ directory: directory.path, durable: false })
    const keys: string[] = []
    for await (const { key } of storage.list?.(prefix) ?? []) keys.push(key)
    return keys.sort()
  }

  it('walks folders, and shows nothing of what the storage keeps for itself', async () => {
    const storage = createFileSystemStorage({ directory: directory.path, durable: false })
    for (const key of ['a/b/1.jpg', 'a/b/2.jpg', 'a/bc/3.jpg', 'b/4.jpg', '5.jpg'])
      await put(storage, key, { text: key })
    expect(await keysBelow('')).toEqual(['5.jpg', 'a/b/1.jpg', 'a/b/2.jpg', 'a/bc/3.jpg', 'b/4.jpg'])
    expect(await keysBelow('a/b')).toEqual(['a/b/1.jpg', 'a/b/2.jpg', 'a/bc/3.jpg'])
    expect(await keysBelow('a/b/')).toEqual(['a/b/1.jpg', 'a/b/2.jpg'])
    expect(await keysBelow('.meta')).toEqual([])
  })

  it('leaves out what is no plain file, and what goes meanwhile', async () => {
    const storage = createFileSystemStorage({ directory: directory.path, durable: false })
    for (const key of ['c/1.jpg', 'c/2.jpg']) await put(storage, key, { text: key })
    await fs.symlink(directory.path, join(directory.path, 'c/link'))
    const found: string[] = []
    for await (const { key } of storage.list?.('c/') ?? []) {
      found.push(key)
      await storage.delete('c/1.jpg')
      await storage.delete('c/2.jpg')
    }
    expect(found).toHaveLength(1)
  })

  it.each(['../', '/etc/', 'a/../../b', '.meta/x', 'a//b'])('refuses the prefix %s', async (prefix) => {
    await expect(keysBelow(prefix)).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
  })
})
