import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashLocalFile, type LocalFile, measureLocalFile, nameLocalFile } from '../../src/sending/local-file.js'
import { BYTES } from './start-api.js'

const option = 'message.media'
const { signal } = new AbortController()
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-file-'))
})

afterAll(() => rm(folder, { recursive: true }))

describe('nameLocalFile', () => {
  it.each([
    ['/a/Invoice.PDF', {}, { mimeType: 'application/pdf', filename: 'Invoice.PDF' }],
    ['photo.jpeg', {}, { mimeType: 'image/jpeg', filename: 'photo.jpeg' }],
    ['/a/note.ogg', {}, { mimeType: 'audio/ogg', filename: 'note.ogg' }],
    ['/a/x', { mimeType: 'text/plain' }, { mimeType: 'text/plain', filename: 'x' }],
    ['/a/x.pdf', { filename: 'Offer.pdf' }, { mimeType: 'application/pdf', filename: 'Offer.pdf' }],
  ])('names %s', (path, more, expected) => {
    expect(nameLocalFile({ path, ...more }, option)).toEqual(expected)
  })
})

describe('nameLocalFile refuses', () => {
  it.each([
    ['a path that is no text', { path: 7 }, 'path'],
    ['a type that is no text', { path: '/a/x.pdf', mimeType: 7 }, 'mimeType'],
    ['a name that is no text', { path: '/a/x.pdf', filename: 7 }, 'filename'],
    ['a path that tells no type', { path: '/a/x' }, 'mimeType'],
  ])('%s', (_name, file, field) => {
    const refused = expect.objectContaining({ code: 'invalid-option', option: `${option}.${field}` })
    expect(() => nameLocalFile(file as LocalFile, option)).toThrow(refused)
  })
})

describe('a local file', () => {
  it('is measured, and hashed in pieces', async () => {
    const path = join(folder, 'a.bin')
    await writeFile(path, Buffer.concat([BYTES, BYTES]))
    expect(await measureLocalFile(path, option)).toBe(800_000)
    const { size, sha256, open } = await hashLocalFile(path, { option, signal })
    const bytes = Buffer.concat(await open().toArray())
    expect([size, sha256]).toEqual([800_000, createHash('sha256').update(bytes).digest('hex')])
  })

  it('that can not be read is refused without its name', async () => {
    const path = join(folder, 'Ada Lovelace.pdf')
    for (const work of [measureLocalFile(path, option), hashLocalFile(path, { option, signal })]) {
      const error = await work.catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'invalid-option', option: 'message.media.path' })
      expect(String(error)).toContain('ENOENT')
      expect(String(error)).not.toContain('Ada')
    }
  })

  it('is not read on once the call was left', async () => {
    const path = join(folder, 'b.bin')
    await writeFile(path, BYTES)
    const left = AbortSignal.abort(new Error('enough'))
    await expect(hashLocalFile(path, { option, signal: left })).rejects.toThrow('enough')
  })
})
