import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createFileMediaIds } from '../../src/media-ids/file.js'
import { CACHE_CASES, entry } from './cache-cases.js'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'media-ids-'))
})
afterEach(async () => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
  await rm(directory, { recursive: true, force: true })
})

/** The one file of the directory. */
async function findFile(): Promise<string> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.json'))
  expect(names).toHaveLength(1)
  return join(directory, names[0] ?? '')
}

describe('createFileMediaIds', () => {
  it.each(CACHE_CASES)('%s', (_name, check) => check(createFileMediaIds({ directory: join(directory, 'a/b') })))

  it('survives the process, in files that only this user reads', async () => {
    await createFileMediaIds({ directory }).set('a', entry('1'))
    const path = await findFile()
    const [file, folder] = await Promise.all([stat(path), stat(dirname(path))])
    expect([file.mode & 0o777, folder.mode & 0o777]).toEqual([0o600, 0o700])
    expect(await createFileMediaIds({ directory }).get('a')).toEqual(entry('1'))
    expect(await readdir(dirname(path))).toHaveLength(1)
  })

  const bad: [string, (text: string) => string | Buffer][] = [
    ['nothing', () => ''],
    ['half of it', (text) => text.slice(0, text.length / 2)],
    ['no JSON', () => 'hello'],
    ['null', () => 'null'],
    ['a list', () => '[]'],
    ['a number', () => '5'],
    ['no id', (text) => text.replace('mediaId', 'other')],
    ['an id that is a number', (text) => text.replace('"1"', '1')],
    ['no end', (text) => text.replace('expiresAt', 'other')],
    ['another key, as a copy has', (text) => text.replace('"a"', '"b"')],
    ['other bytes', () => Buffer.from([0xff, 0xfe, 0, 1])],
    ['much more', (text) => `${' '.repeat(1_000_000)}${text}`],
  ]
  it.each(bad)('counts a file that holds %s as absent, and takes its place', async (_name, change) => {
    const cache = createFileMediaIds({ directory })
    await cache.set('a', entry('1'))
    const path = await findFile()
    await writeFile(path, change(await readFile(path, 'utf8')))
    expect(await cache.get('a')).toBeUndefined()
    await cache.set('a', entry('2'))
    expect(await cache.get('a')).toEqual(entry('2'))
  })

  const places: [string, (path: string) => Promise<unknown>][] = [
    ['a folder', (path) => mkdir(path)],
    ['a link', (path) => symlink('/etc/hostname', path)],
    ['a link that leads nowhere', (path) => symlink('/nowhere', path)],
    ['a FIFO', (path) => promisify(execFile)('mkfifo', [path])],
  ]
  it.each(places)('counts %s in the place of a file as absent', async (_name, make) => {
    const cache = createFileMediaIds({ directory })
    await cache.set('a', entry('1'))
    const path = await findFile()
    await rm(path)
    await make(path)
    expect(await cache.get('a')).toBeUndefined()
  })

  it('counts a file in the place of a folder as absent, and says why it takes no id', async () => {
    const cache = createFileMediaIds({ directory })
    await cache.set('a', entry('1'))
    const folder = dirname(await findFile())
    await rm(folder, { recursive: true })
    await writeFile(folder, '')
    expect(await cache.get('a')).toBeUndefined()
    await expect(cache.set('a', entry('2'))).rejects.toMatchObject({
      ...{ code: 'media-ids-failed', operation: 'set', reason: 'EEXIST', retryable: true },
    })
  })

  it("tells the system's code for what it can't read", async () => {
    const cache = createFileMediaIds({ directory: join(directory, 'a'.repeat(5_000)) })
    await expect(cache.get('a')).rejects.toMatchObject({
      ...{ code: 'media-ids-failed', operation: 'get', reason: 'ENAMETOOLONG' },
    })
  })

  it('passes over what a sweep can not remove', async () => {
    await createFileMediaIds({ directory }).set('a', entry('1'))
    const path = await findFile()
    const folder = dirname(path)
    const old = new Date(Date.now() - 2 * 86_400_000)
    await mkdir(join(folder, 'folder'))
    await utimes(join(folder, 'folder'), old, old)
    await symlink('/nowhere', join(folder, 'link'))
    const cache = createFileMediaIds({ directory })
    await cache.set('a', entry('2'))
    expect(await cache.get('a')).toEqual(entry('2'))
    expect(await readdir(folder)).toHaveLength(3)
  })

  it('leaves no draft when the disk takes none', async () => {
    const cache = createFileMediaIds({ directory })
    await cache.set('a', entry('1'))
    const path = await findFile()
    await rm(path)
    await mkdir(join(path, 'occupied'), { recursive: true })
    await expect(cache.set('a', entry('2'))).rejects.toMatchObject({ code: 'media-ids-failed', reason: 'EISDIR' })
    await expect(cache.delete('a')).rejects.toMatchObject({ code: 'media-ids-failed', operation: 'delete' })
    expect(await readdir(dirname(path))).toHaveLength(1)
  })

  it('removes what has expired, and what killed processes left, once a day', async () => {
    const cache = createFileMediaIds({ directory })
    await cache.set('a', entry('1'))
    const path = await findFile()
    const folder = dirname(path)
    const old = new Date(Date.now() - 2 * 86_400_000)
    const plant = async (): Promise<void> => {
      const expired = { key: 'x', mediaId: '1', expiresAt: old.toISOString() }
      await writeFile(join(folder, 'expired.json'), JSON.stringify(expired))
      for (const name of ['old.draft', 'young.draft']) await writeFile(join(folder, name), '{')
      await utimes(join(folder, 'old.draft'), old, old)
    }
    await plant()
    await cache.set('a', entry('2'))
    expect(await readdir(folder)).toHaveLength(4)
    await createFileMediaIds({ directory }).set('a', entry('3'))
    expect((await readdir(folder)).sort()).toEqual([path.slice(folder.length + 1), 'young.draft'].sort())
    await plant()
    vi.useFakeTimers({ now: Date.now() + 86_400_001, toFake: ['Date'] })
    await cache.set('a', { mediaId: '4', expiresAt: new Date(Date.now() + 1_000).toISOString() })
    expect(await readdir(folder)).toEqual([path.slice(folder.length + 1)])
  })

  const refused: [string, unknown][] = [
    ['no options', undefined],
    ['no directory', {}],
    ['an empty path', { directory: '' }],
    ['a number', { directory: 5 }],
    ['a NUL', { directory: 'a\0b' }],
    ['a slip', { dirctory: 'a' }],
  ]
  it.each(refused)('refuses %s', (_name, options) => {
    expect(() => Reflect.apply(createFileMediaIds, undefined, [options])).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    )
  })

  it('says on Cloudflare Workers that there is no disk', () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
    expect(() => createFileMediaIds({ directory })).toThrow(/no disk on Cloudflare Workers/)
  })
})
