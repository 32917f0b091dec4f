import type * as FsPromises from 'node:fs/promises'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createFileSystemStorage, type FileSystemStorage } from '../../../src/storage/file-system.js'
import { put, temporaryDirectory } from './fixture.js'

vi.mock('node:fs/promises', async (importOriginal) => {
  const actual = await importOriginal<typeof FsPromises>()
  return { ...actual, rename: vi.fn<typeof FsPromises.rename>(actual.rename) }
})

/*
 * Two storages that know nothing of each other, as those of two processes: the second one reaches the directory by a link.
 */
const directory = temporaryDirectory()
let here: FileSystemStorage
let there: FileSystemStorage

beforeEach(async () => {
  const [folder, link] = [join(directory.path, 'folder'), join(directory.path, 'link')]
  await fs.mkdir(folder)
  await fs.symlink(folder, link)
  here = createFileSystemStorage({ directory: folder, durable: false })
  there = createFileSystemStorage({ directory: link, durable: false })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Makes the next rename wait until `go`. */
async function holdNextRename(): Promise<{ hasBegun: () => boolean; go: () => void }> {
  const { rename } = await vi.importActual<typeof FsPromises>('node:fs/promises')
  let hasBegun = false
  let go = (): void => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  vi.mocked(fs.rename).mockImplementationOnce(async (...args) => {
    hasBegun = true
    await gate
    await rename(...args)
  })
  return { hasBegun: () => hasBegun, go }
}

it('a writer whose predecessor two others have replaced keeps its type and metadata', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 })
  await put(here, 'key', { text: 'first' })
  const second = await holdNextRename()
  const putSecond = put(there, 'key', { text: 'second', ifAbsent: false })
  await vi.waitUntil(second.hasBegun)
  // It removes the sidecar of the first one, and the second one will, too.
  await put(here, 'key', { text: 'third', ifAbsent: false })
  const fourth = await holdNextRename()
  const putFourth = put(here, 'key', { text: 'fourth', contentType: 'text/html', ifAbsent: false })
  await vi.waitUntil(fourth.hasBegun)
  second.go()
  await putSecond
  fourth.go()
  await putFourth
  expect(await here.head('key')).toMatchObject({ size: 6, contentType: 'text/html', metadata: { text: 'yes' } })
})

it('20 writers of two processes leave one object, whole, and readers see whole ones meanwhile', async () => {
  for (let round = 0; round < 5; round++) {
    const key = `folder/${round}`
    const writers = Array.from({ length: 20 }, async (_, writer) => {
      const text = `${writer}`.repeat(1_000)
      const options = { text, contentType: `text/x-${writer}`, metadata: { writer: `${writer}` }, ifAbsent: false }
      await put(writer % 2 === 0 ? here : there, key, options)
    })
    let isWritten = false
    const writing = Promise.all(writers).then(() => {
      isWritten = true
    })
    for (let read = 0; !isWritten || read === 0; read++) {
      const found = await here.head(key)
      if (found === null) continue
      const { writer = 'none' } = found.metadata
      expect([found.contentType, found.size]).toEqual([`text/x-${writer}`, 1_000 * writer.length])
    }
    await writing
    expect((await there.head(key))?.contentType).toMatch(/^text\/x-\d+$/)
  }
})
