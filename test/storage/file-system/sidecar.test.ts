import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createFileSystemStorage } from '../../../src/storage/file-system.js'
import { factsOf, filesBelow, put, temporaryDirectory } from './fixture.js'

const directory = temporaryDirectory()
afterEach(() => {
  vi.useRealTimers()
})

describe('createFileSystemStorage() sidecars', () => {
  it('put() takes another modification time when the first is taken', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 })
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'first' })
    await put(storage, 'key', { text: 'other', contentType: 'text/html', ifAbsent: false })
    expect((await fs.stat(join(directory.path, 'key'))).mtimeMs).toBe(1_700_000_000_000 - 1 + 0.5)
    expect(await storage.head('key')).toMatchObject({ contentType: 'text/html', sha256: factsOf('other').sha256 })
  })

  it('put() over a foreign file that has the very same modification time keeps its own sidecar', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 })
    vi.spyOn(Math, 'random').mockReturnValue(0)
    await fs.writeFile(join(directory.path, 'key'), 'foreign')
    await fs.utimes(join(directory.path, 'key'), 1_700_000_000.0001, 1_700_000_000.0001)
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'ours', ifAbsent: false })
    expect(await storage.head('key')).toMatchObject({ contentType: 'text/plain' })
  })

  it.each([
    ['the millisecond, as Node has them', (ms: number) => Math.round(ms) / 1_000],
    ['the second, cut', (ms: number) => Math.floor(ms / 1_000)],
    ['the second, rounded', (ms: number) => Math.round(ms / 1_000)],
    ['the microsecond', (ms: number) => ms / 1_000],
  ])('a copy that keeps times to %s keeps what was recorded', async (_, round) => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_700 })
    const [original, copy] = [join(directory.path, 'original'), join(directory.path, 'copy')]
    await put(createFileSystemStorage({ directory: original }), 'key', { text: 'bytes' })
    await fs.cp(original, copy, { recursive: true })
    const time = round((await fs.stat(join(original, 'key'))).mtimeMs)
    await fs.utimes(join(copy, 'key'), time, time)
    const head = await createFileSystemStorage({ directory: copy }).head('key')
    expect(head).toMatchObject({ contentType: 'text/plain', metadata: { text: 'yes' } })
  })

  it('a copy with a rounded time keeps nothing where two sidecars fit, or none', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_700 })
    const storage = createFileSystemStorage({ directory: directory.path })
    const path = join(directory.path, 'key')
    await fs.writeFile(path, 'bytes')
    await fs.utimes(path, 1_700_000_000, 1_700_000_000)
    expect(await storage.head('key')).toMatchObject({ contentType: 'application/octet-stream' })
    await fs.rm(path)
    await put(storage, 'key', { text: 'bytes' })
    const [sidecar = ''] = (await filesBelow(directory)).filter((file) => file.startsWith('.meta'))
    await fs.utimes(path, 1_700_000_000, 1_700_000_000)
    expect(await storage.head('key')).toMatchObject({ contentType: 'text/plain' })
    const other = sidecar.replace(/\d{9}\.json$/, '000000001.json')
    await fs.copyFile(join(directory.path, sidecar), join(directory.path, other))
    await fs.writeFile(join(directory.path, sidecar.replace(/\d+\.json$/, 'no-time.json')), '{}')
    expect(await storage.head('key')).toMatchObject({ contentType: 'application/octet-stream' })
  })

  it.each([
    ['was put there by hand', async (path: string) => fs.rename(path, join(directory.path, 'foreign'))],
    ['was edited', async () => fs.writeFile(join(directory.path, 'foreign'), 'edited')],
    ['lost its time', async () => fs.utimes(join(directory.path, 'foreign'), 1, 1)],
  ])('a file that %s reads as octet-stream, with its hash counted anew', async (_, change) => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'foreign', { text: 'foreign' })
    await put(storage, 'key', { text: 'x'.repeat(100_000) })
    await change(join(directory.path, 'key'))
    const text = await fs.readFile(join(directory.path, 'foreign'), 'utf8')
    const facts = { key: 'foreign', size: text.length, sha256: factsOf(text).sha256, metadata: {} }
    const expected = { ...facts, etag: `"${facts.sha256}"`, contentType: 'application/octet-stream' }
    expect(await storage.head('foreign')).toEqual(expected)
    const { body, ...described } = (await storage.get('foreign')) ?? { body: Readable.from([]) }
    expect(described).toEqual(expected)
    expect((await buffer(body)).toString()).toBe(text)
  })

  it.each([
    '',
    '{ half',
    'null',
    '7',
    '{}',
    JSON.stringify({ size: 5, sha256: 1, contentType: '', contentDisposition: '', metadata: {} }),
    JSON.stringify({ size: 5, sha256: '', contentType: '', contentDisposition: '', metadata: null }),
    JSON.stringify({ size: 5, sha256: '', contentType: '', contentDisposition: '', metadata: { a: 1 } }),
    JSON.stringify({ size: 4, sha256: '', contentType: '', contentDisposition: '', metadata: {} }),
  ])('a broken sidecar is ignored: %s', async (text) => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await put(storage, 'key', { text: 'bytes' })
    const [sidecar = ''] = (await filesBelow(directory)).filter((file) => file.startsWith('.meta'))
    await fs.writeFile(join(directory.path, sidecar), text)
    const expected = { contentType: 'application/octet-stream', sha256: factsOf('bytes').sha256 }
    expect(await storage.head('key')).toMatchObject(expected)
  })
})
