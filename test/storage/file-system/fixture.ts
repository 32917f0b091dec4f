import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach } from 'vitest'
import type { ObjectStorage, PutOptions, PutResult } from '../../../src/storage.js'
import { factsOf as buildFacts } from '../facts.js'

export const SECRET = 'a secret of enough characters'
export const BASE_URL = 'https://media.example/files'

/** A directory of its own for each test of the calling file. */
export function temporaryDirectory(): { readonly path: string } {
  const directory = { path: '' }
  beforeEach(async () => {
    directory.path = await fs.mkdtemp(join(tmpdir(), 'file-system-storage-'))
  })
  afterEach(() => fs.rm(directory.path, { recursive: true, force: true }))
  return directory
}

export function factsOf(text: string): PutOptions {
  return { ...buildFacts(text), metadata: { text: 'yes' } }
}

export function put(
  storage: ObjectStorage,
  key: string,
  options: { text: string } & Partial<PutOptions>,
): Promise<PutResult> {
  const { text, ...facts } = options
  return storage.put(key, Readable.from([text]), { ...factsOf(text), ...facts })
}

export async function read(storage: ObjectStorage, key: string): Promise<string | undefined> {
  const found = await storage.get(key)
  return found === null ? undefined : (await buffer(found.body)).toString()
}

/** All files below the directory, as relative paths. */
export async function filesBelow(directory: { path: string }): Promise<string[]> {
  const entries = await fs.readdir(directory.path, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.path.length + 1))
    .sort()
}

/** Files below the directory that this process has open. Only Linux tells; elsewhere none. */
export async function openFilesBelow(directory: { path: string }): Promise<string[]> {
  if (process.platform !== 'linux') return []
  const links = await Promise.all(
    (await fs.readdir('/proc/self/fd')).map((fd) => fs.readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return links.filter((link) => link.startsWith(directory.path))
}
