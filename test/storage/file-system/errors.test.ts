import type * as FsPromises from 'node:fs/promises'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import { createFileSystemStorage } from '../../../src/storage/file-system.js'
import { BASE_URL, factsOf, filesBelow, openFilesBelow, put, read, SECRET, temporaryDirectory } from './fixture.js'

// A disk that fails can't be had otherwise: root may write everywhere, and full disks are not portable.
vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof FsPromises>()
  const spied = ['link', 'lstat', 'mkdir', 'open', 'readFile', 'readdir', 'rename', 'rm', 'writeFile'] as const
  return {
    ...actual,
    ...Object.fromEntries(spied.map((name) => [name, vi.fn<(typeof actual)[typeof name]>(actual[name])])),
  }
})

const { link, lstat, mkdir, open, readdir, rm, writeFile } = fs
const calls = { link, lstat, mkdir, open, readdir, rm, writeFile }
const directory = temporaryDirectory()

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says no`), { code })
}

describe('createFileSystemStorage() and what else happens meanwhile', () => {
  it('head() between another reader and a writer never pairs old metadata with new bytes', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'first' })
    // After this head() has opened the first object, another takes its place, and its sidecar is removed.
    vi.mocked(fs.readFile).mockImplementationOnce(async () => {
      await put(storage, 'key', { text: 'second', contentType: 'text/html', ifAbsent: false })
      throw systemError('ENOENT')
    })
    const facts = { size: 6, sha256: factsOf('second').sha256, contentType: 'text/html' }
    expect(await storage.head('key')).toMatchObject(facts)
    expect(await openFilesBelow(directory)).toEqual([])
  })

  it('get() of an object that is deleted meanwhile gives null', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'first' })
    vi.mocked(fs.readFile).mockImplementationOnce(async () => {
      await storage.delete('key')
      throw systemError('ENOENT')
    })
    expect(await storage.get('key')).toBe(null)
    expect(await openFilesBelow(directory)).toEqual([])
  })

  it('get() of an object that is deleted between the look at its file and its opening gives null', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'first' })
    vi.mocked(fs.open).mockImplementationOnce(async () => {
      await storage.delete('key')
      throw systemError('ENOENT')
    })
    expect(await storage.get('key')).toBe(null)
    expect(await openFilesBelow(directory)).toEqual([])
  })

  it('put() survives a body that fails before it is read', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    const failure = new Error('early')
    const body = new Readable({ read() {} })
    const { mkdir } = await vi.importActual<typeof FsPromises>('node:fs/promises')
    vi.mocked(fs.mkdir).mockImplementationOnce(async (...args) => {
      body.destroy(failure)
      await new Promise((resolve) => setImmediate(resolve))
      return mkdir(...args)
    })
    await expect(storage.put('key', body, factsOf('x'))).rejects.toBe(failure)
  })

  it('put() whose signal aborts after the last byte leaves nothing', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    const controller = new AbortController()
    const reason = new Error('late')
    vi.mocked(fs.writeFile).mockImplementationOnce(async () => controller.abort(reason))
    await expect(put(storage, 'key', { text: 'x', signal: controller.signal })).rejects.toBe(reason)
    expect(await filesBelow(directory)).toEqual([])
  })
})

describe('createFileSystemStorage() on a disk that fails', () => {
  /** What to break: a function of `fs`, or a method of the open file. */
  async function breakFile(method: 'writeFile' | 'sync' | 'utimes' | 'stat' | 'read', code: string): Promise<void> {
    const { open } = await vi.importActual<typeof FsPromises>('node:fs/promises')
    vi.mocked(fs.open).mockImplementationOnce(async (...args) => {
      const file = await open(...args)
      vi.spyOn(file, method).mockRejectedValue(systemError(code))
      return file
    })
  }

  it.each(['writeFile', 'sync', 'utimes', 'stat'] as const)(
    'put() fails when %s() of the draft does, and leaves nothing',
    async (method) => {
      await breakFile(method, 'ENOSPC')
      const body = Readable.from(['x'])
      await expect(
        createFileSystemStorage({ directory: directory.path }).put('key', body, factsOf('x')),
      ).rejects.toMatchObject({
        code: 'storage-failed',
        operation: 'put',
        key: 'key',
        reason: 'ENOSPC',
        retryable: true,
      })
      expect(body.destroyed).toBe(true)
      expect(await filesBelow(directory)).toEqual([])
      expect(await openFilesBelow(directory)).toEqual([])
    },
  )

  it.each([
    ['mkdir', 'EACCES', false],
    ['open', 'EMFILE', true],
    ['writeFile', 'EDQUOT', true],
    ['link', 'EXDEV', false],
    ['link', 'EIO', true],
    ['mkdir', 'EROFS', false],
    ['open', 'EROFS', false],
    ['writeFile', 'EFBIG', false],
  ] as const)('put() fails when %s() does with %s, and leaves nothing', async (call, code, retryable) => {
    vi.mocked(calls[call]).mockRejectedValueOnce(systemError(code))
    const body = Readable.from(['x'])
    const storage = createFileSystemStorage({ directory: directory.path })
    await expect(storage.put('key', body, factsOf('x'))).rejects.toMatchObject({ reason: code, retryable })
    expect(body.destroyed).toBe(true)
    expect(await filesBelow(directory)).toEqual([])
    expect(await put(storage, 'key', { text: 'x' })).toMatchObject({ outcome: 'stored' })
  })

  it.each([
    ['EROFS', 'is read-only'],
    ['ENOSPC', 'is full'],
    ['EDQUOT', 'quota'],
    ['EACCES', 'permission'],
    ['EPERM', 'permission'],
    ['EIO', 'EIO'],
  ])('put() tells %s as it is when no folder can be made for it, in words', async (code, words) => {
    const { mkdir } = await vi.importActual<typeof FsPromises>('node:fs/promises')
    for (const folder of ['.incoming', '.meta', 'a']) {
      vi.mocked(fs.mkdir).mockImplementation(async (...args) => {
        if (String(args[0]).includes(join(directory.path, code, folder))) throw systemError(code)
        return mkdir(...args)
      })
      const storage = createFileSystemStorage({ directory: join(directory.path, code) })
      await expect(put(storage, 'a/b', { text: 'x' })).rejects.toMatchObject({
        ...{ code: 'storage-failed', reason: code, message: expect.stringContaining(words) },
      })
      vi.mocked(fs.mkdir).mockImplementation(mkdir)
      await fs.rm(join(directory.path, code), { recursive: true, force: true })
    }
  })

  it('put() ends where not even the root of the disk can be made', async () => {
    vi.mocked(fs.mkdir).mockRejectedValue(systemError('ENOENT'))
    const storage = createFileSystemStorage({ directory: directory.path })
    await expect(put(storage, 'a/b', { text: 'x' })).rejects.toMatchObject({ reason: 'directory-unusable' })
    const { mkdir } = await vi.importActual<typeof FsPromises>('node:fs/promises')
    vi.mocked(fs.mkdir).mockImplementation(mkdir)
  })

  it('put() says why it failed, when its sidecar and draft can not be removed either', async () => {
    vi.mocked(fs.writeFile).mockRejectedValueOnce(systemError('ENOSPC'))
    for (let i = 0; i < 2; i += 1) vi.mocked(fs.rm).mockRejectedValueOnce(systemError('EIO'))
    const storage = createFileSystemStorage({ directory: directory.path })
    await expect(put(storage, 'key', { text: 'x' })).rejects.toMatchObject({ reason: 'ENOSPC' })
    expect(await storage.head('key')).toBe(null)
  })

  it('put() that can not replace leaves the object as it was', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'first' })
    const before = await filesBelow(directory)
    vi.mocked(fs.rename).mockRejectedValueOnce(systemError('EBUSY'))
    await expect(put(storage, 'key', { text: 'x', ifAbsent: false })).rejects.toMatchObject({ reason: 'EBUSY' })
    expect(await filesBelow(directory)).toEqual(before)
    expect(await storage.head('key')).toMatchObject({ contentType: 'text/plain' })
  })

  it('put() succeeds when its draft can not be removed', async () => {
    vi.mocked(fs.rm).mockRejectedValueOnce(systemError('EBUSY'))
    const storage = createFileSystemStorage({ directory: directory.path })
    expect(await put(storage, 'key', { text: 'x' })).toMatchObject({ outcome: 'stored' })
    expect(await read(storage, 'key')).toBe('x')
  })

  it('put() succeeds when old drafts can not be listed, looked at or removed', async () => {
    const actual = await vi.importActual<typeof FsPromises>('node:fs/promises')
    for (const call of ['readdir', 'lstat', 'rm'] as const) {
      const left = join(directory.path, call, '.incoming', 'left')
      await fs.mkdir(join(directory.path, call, '.incoming'), { recursive: true })
      await fs.writeFile(left, '')
      await fs.utimes(left, 1, 1)
      const storage = createFileSystemStorage({ directory: join(directory.path, call) })
      // The first look is at the folder itself.
      if (call === 'lstat') vi.mocked(lstat).mockImplementationOnce(actual.lstat)
      vi.mocked(calls[call]).mockRejectedValueOnce(systemError('EACCES'))
      expect(await put(storage, 'key', { text: 'x' })).toMatchObject({ outcome: 'stored' })
    }
  })

  it.each([
    ['EPERM', 'stored'],
    ['EINVAL', 'stored'],
    ['EIO', 'EIO'],
  ])('put() that can not sync a folder (%s) ends as %s', async (code, expected) => {
    const actual = await vi.importActual<typeof FsPromises>('node:fs/promises')
    vi.mocked(fs.open).mockImplementation(async (...args) => {
      const file = await actual.open(...args)
      if (args[1] === 'r') vi.spyOn(file, 'sync').mockRejectedValue(systemError(code))
      return file
    })
    const outcome = await put(createFileSystemStorage({ directory: directory.path }), 'key', { text: 'x' }).then(
      () => 'stored',
      (error: { reason: string }) => error.reason,
    )
    vi.mocked(fs.open).mockImplementation(actual.open)
    expect(outcome).toBe(expected)
    expect(await openFilesBelow(directory)).toEqual([])
  })

  it('head(), get() and delete() name the operation and the system code', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    for (const operation of ['head', 'get'] as const) {
      await put(storage, 'key', { text: 'x', ifAbsent: false })
      vi.mocked(fs.open).mockRejectedValueOnce(systemError('EACCES'))
      await expect(storage[operation]('key')).rejects.toMatchObject({ operation, reason: 'EACCES', retryable: false })
      vi.mocked(fs.readFile).mockRejectedValueOnce(systemError('EIO'))
      await expect(storage[operation]('key')).rejects.toMatchObject({ operation, reason: 'EIO', retryable: true })
      await fs.utimes(join(directory.path, 'key'), 1, 1)
      await breakFile('read', 'EIO')
      await expect(storage[operation]('key')).rejects.toMatchObject({ operation, reason: 'EIO', retryable: true })
    }
    vi.mocked(fs.rm).mockRejectedValueOnce(systemError('EROFS'))
    await expect(storage.delete('key')).rejects.toMatchObject({ operation: 'delete', reason: 'EROFS' })
    expect(await openFilesBelow(directory)).toEqual([])
  })

  it('an error without a code is an unknown, retryable one', async () => {
    vi.mocked(fs.open).mockRejectedValueOnce('not even an Error')
    const storage = createFileSystemStorage({ directory: directory.path })
    await expect(put(storage, 'key', { text: 'x' })).rejects.toMatchObject({ reason: 'unknown', retryable: true })
  })

  it('handler() answers 500 without detail', async () => {
    const storage = createFileSystemStorage({ directory: directory.path, baseUrl: BASE_URL, secret: SECRET })
    await put(storage, 'key', { text: 'x' })
    const signed = await storage.signedUrl?.('key', { expiresIn: 9, contentType: 'a/b', contentDisposition: 'inline' })
    vi.mocked(fs.open).mockRejectedValueOnce(systemError('EIO'))
    const response = await storage.handler(new Request(signed?.url ?? BASE_URL))
    expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error'])
  })

  it('handler() reads no further than its client does', async () => {
    const storage = createFileSystemStorage({ directory: directory.path, baseUrl: BASE_URL, secret: SECRET })
    await put(storage, 'key', { text: 'x'.repeat(1_000_000) })
    const signed = await storage.signedUrl?.('key', { expiresIn: 9, contentType: 'a/b', contentDisposition: 'inline' })
    const actual = await vi.importActual<typeof FsPromises>('node:fs/promises')
    const reads: number[] = []
    vi.mocked(fs.open).mockImplementationOnce(async (...args) => {
      const file = await actual.open(...args)
      const read = file.read.bind(file)
      vi.spyOn(file, 'read').mockImplementation(((buffer: Buffer, ...rest: [number, number, number]) => {
        reads.push(rest[2])
        return read(buffer, ...rest)
      }) as typeof file.read)
      return file
    })
    const response = await storage.handler(new Request(signed?.url ?? BASE_URL))
    const reader = response.body?.getReader()
    expect(reads).toEqual([])
    await reader?.read()
    await reader?.read()
    await new Promise((resolve) => setImmediate(resolve))
    expect(reads).toEqual([0, 65_536])
    await reader?.cancel()
  })
})
