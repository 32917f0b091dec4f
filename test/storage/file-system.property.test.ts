import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { factsOf, filesBelow, temporaryDirectory } from './file-system/fixture.js'

const directory = temporaryDirectory()

/** Strings with much of what leads out of directories. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '',
        '/',
        '\\',
        '\0',
        '%2e%2e',
        '%00',
        '~',
        ':',
        '.meta',
        '.incoming',
        '\u202e',
        '\ud800',
        '\n',
      ),
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 8 }),
    ),
    { maxLength: 6 },
  )
  .chain((parts) => fc.constantFrom('/', '').map((separator) => parts.join(separator)))

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'invalid-option'
}

describe('keys of the file system', () => {
  it('lead to a place of their own below the directory, or are refused (property)', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    await fc.assert(
      fc.asyncProperty(fc.oneof(hostile, fc.string({ unit: 'binary' })), async (key) => {
        const address = await storage.address(key).catch((error: unknown) => {
          if (isRefusal(error)) return undefined
          throw error
        })
        if (address === undefined) return
        const inside = relative(directory.path, fileURLToPath(address))
        expect(inside.split(sep).join('/')).toBe(key)
        expect(inside.split(sep).some((segment) => segment === '' || segment.startsWith('.'))).toBe(false)
      }),
      { numRuns: 2_000 },
    )
  })

  it('are written nowhere else, and read back (property)', async () => {
    const root = join(directory.path, 'a/b/c')
    await fs.mkdir(root, { recursive: true })
    const storage = createFileSystemStorage({ directory: root, durable: false })
    await fc.assert(
      fc.asyncProperty(hostile, async (key) => {
        const stored = await storage
          .put(key, Readable.from([key]), { ...factsOf(key), ifAbsent: false })
          .catch(() => undefined)
        const found = stored === undefined ? undefined : await storage.get(key)
        if (found) expect((await buffer(found.body)).toString()).toBe(key)
        const outside = (await filesBelow(directory)).filter((file) => !file.startsWith('a/b/c/'))
        expect(outside).toEqual([])
        if (stored !== undefined) await storage.delete(key)
      }),
      { numRuns: 150 },
    )
  })

  it.each([
    '',
    '/absolute',
    'trailing/',
    'a//b',
    '.',
    '..',
    'a/../b',
    '.hidden',
    'a/.hidden',
    '.meta/key',
    'a\\b',
    'a\0b',
    'a\nb',
    'a\u0085b',
    'lone \ud800',
    `${'a/'.repeat(512)}b`,
    'ü'.repeat(513),
  ])('are refused by every method: %j', async (key) => {
    const storage = createFileSystemStorage({ directory: directory.path })
    const body = Readable.from(['x'])
    await expect(storage.put(key, body, factsOf('x'))).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
    expect(body.destroyed).toBe(true)
    for (const method of ['head', 'get', 'delete', 'address'] as const) {
      await expect(storage[method](key)).rejects.toMatchObject({ code: 'invalid-option', option: 'key' })
    }
    expect(await filesBelow(directory)).toEqual([])
  })

  it('that are no strings are refused', async () => {
    // @ts-expect-error: what JavaScript callers can pass
    await expect(createFileSystemStorage({ directory: directory.path }).head(7)).rejects.toMatchObject({
      option: 'key',
    })
  })

  it('may have 1,024 bytes', async () => {
    const storage = createFileSystemStorage({ directory: directory.path })
    const key = `${'a'.repeat(200)}/`.repeat(5) + 'b'.repeat(19)
    expect(Buffer.byteLength(key)).toBe(1_024)
    await storage.put(key, Readable.from(['x']), factsOf('x'))
    expect(await storage.head(key)).toMatchObject({ key, sha256: createHash('sha256').update('x').digest('hex') })
  })
})
