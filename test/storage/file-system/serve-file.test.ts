import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileSystemStorage, type FileSystemStorage } from '../../../src/storage/file-system.js'
import { BASE_URL, openFilesBelow, put, SECRET, temporaryDirectory } from './fixture.js'

const directory = temporaryDirectory()
let storage: FileSystemStorage

beforeEach(async () => {
  storage = createFileSystemStorage({ directory: directory.path, baseUrl: BASE_URL, secret: SECRET })
  await put(storage, 'a/key.txt', { text: 'text' })
})
afterEach(async () => {
  expect(await openFilesBelow(directory)).toEqual([])
})

async function ask(headers: Record<string, string> = {}): Promise<Response> {
  const signing = { expiresIn: 60, contentType: 'image/png', contentDisposition: 'inline' }
  const { url } = (await storage.signedUrl?.('a/key.txt', signing)) ?? expect.fail('no signed URLs')
  return storage.handler(new Request(url, { headers }))
}

describe('handler() of the file system', () => {
  it('answers for a file without recorded hash, which has no ETag', async () => {
    await fs.writeFile(join(directory.path, 'a/key.txt'), 'edited')
    const response = await ask({ 'if-none-match': '"tag"' })
    expect(await response.text()).toBe('edited')
    expect(response.headers.has('etag')).toBe(false)
    expect((await ask({ 'if-match': '"null"' })).status).toBe(412)
    expect((await ask({ 'if-none-match': '*' })).status).toBe(304)
    const range = await ask({ range: 'bytes=0-1', 'if-range': 'null' })
    expect([range.status, await range.text()]).toEqual([200, 'edited'])
  })
})

describe('handler() of the file system, with a client that goes away', () => {
  beforeEach(async () => {
    await put(storage, 'a/key.txt', { text: 'x'.repeat(300_000), ifAbsent: false })
  })

  // Open files are found in /proc.
  it.runIf(process.platform === 'linux')('closes the file, whether or not a byte was read', async () => {
    await (await ask()).body?.cancel()
    expect(await openFilesBelow(directory)).toEqual([])
    const reader = (await ask()).body?.getReader()
    await reader?.read()
    expect(await openFilesBelow(directory)).toHaveLength(1)
    await reader?.cancel()
    expect(await openFilesBelow(directory)).toEqual([])
  })

  it('errors and closes the file when it became shorter', async () => {
    const reader = (await ask()).body?.getReader()
    await reader?.read()
    await fs.truncate(join(directory.path, 'a/key.txt'), 70_000)
    await reader?.read()
    await expect(reader?.read()).rejects.toThrow('became shorter')
    expect(await openFilesBelow(directory)).toEqual([])
  })
})
