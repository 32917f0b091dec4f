import { createHash, randomUUID } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import type { ObjectStorage, PutOptions, PutResult, StoredObject } from '../storage.js'
import { readCheckedBody } from './checked-body.js'
import { hasCode, nullIfAbsent, systemCalls } from './file-system/errors.js'
import { listFiles } from './file-system/list.js'
import type { Sidecar } from './file-system/sidecar.js'
import { readSidecar, sidecarPath, stampWithSidecar } from './file-system/sidecar.js'
import type { OpenFile } from './file-system/signed-files.js'
import { checkBaseUrl, createFileSigner, objectUrl, refusal } from './file-system/signed-files.js'

export interface FileSystemStorageOptions {
  /** Where the objects lie. Made when absent, for its owner only. */
  directory: string
  /** The http(s) URL under which `handler` is served, such as `https://example.com/media`. Needed for signed URLs. */
  baseUrl?: string | undefined
  /** Signs URLs: at least 16 characters, the same in all processes, another one for each directory. Needed for signed URLs. */
  secret?: string | undefined
  /** Whether `put` waits until the disk has the object (fsync), so that it survives a power cut. Default true. */
  durable?: boolean | undefined
}

/** An `ObjectStorage` in a directory. */
export interface FileSystemStorage extends ObjectStorage {
  /**
   * Answers the signed URLs: GET and HEAD, single ranges, nosniff and a CSP sandbox. What is unsigned, expired or
   * signed with another secret gets 403; without `secret` everything does. Never rejects; may be passed on by itself.
   */
  handler: (request: Request) => Promise<Response>
}

/** AWS: S3 object key naming. The same here, so that objects can move to S3. */
const MAX_KEY_BYTES = 1_024
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1_000
const PIECE_BYTES = 65_536

interface OpenObject extends OpenFile {
  recorded: Sidecar | undefined
}

/**
 * Keeps objects as plain files below `directory`: key `a/b.jpg` is the file `a/b.jpg`. The bytes go to `.incoming/` and
 * appear under their key by `link` (create if absent; the file system must have hard links) or `rename`.
 *
 * Content type, disposition, hash and metadata lie in `.meta/`, in a file named by the key's hash and the object's
 * modification time, which its writer reserved by exclusive creation before the object appears. One link or rename
 * publishes bytes and time together, so nobody reads one writer's metadata with another's bytes; and a file that was
 * edited, or copied without its time, reads as `application/octet-stream` with its hash counted anew.
 *
 * Keys of which one is a folder of the other (`a` and `a/b`) exclude each other. Tags are ignored. What a killed process
 * leaves in `.incoming/` is removed after a day, at a first `put`.
 *
 * @throws InvalidOptionError for a directory, base URL or secret of the wrong form. Every method: for a key that is
 * empty, absolute or over 1,024 bytes, or has control characters, backslashes, or segments that are empty or start with a dot.
 * @throws StorageFailedError Every method: `reason` is the system's code, such as `ENOSPC`. `put` also throws what
 * `readCheckedBody` says: `IntegrityMismatchError` for wrong bytes, the body's own error, the signal's reason.
 */
export function createFileSystemStorage(options: FileSystemStorageOptions): FileSystemStorage {
  const { baseUrl, secret, durable = true } = options
  const directory = checkDirectory(options.directory)
  const base = baseUrl === undefined ? undefined : checkBaseUrl(baseUrl)
  if (secret !== undefined && base === undefined)
    throw new InvalidOptionError({ option: 'baseUrl', problem: 'is needed with secret' })
  const incoming = join(directory, '.incoming')
  const pathOf = (key: string): string => join(directory, ...checkKey(key).split('/'))
  let swept: Promise<void> | undefined

  async function put(key: string, body: Readable, putOptions: PutOptions): Promise<PutResult> {
    // Before anything is awaited: the body may fail while directories are made.
    body.on('error', () => {})
    const draft = join(incoming, randomUUID())
    const unneeded = new Set([draft])
    try {
      const target = pathOf(key)
      const calls = systemCalls('put', key)
      await calls(mkdir(incoming, { recursive: true, mode: 0o700 }))
      swept ??= sweep(incoming)
      await swept
      const sidecar = await write(draft, readCheckedBody(body, { ...putOptions, key }), sidecarOf(key, putOptions))
      unneeded.add(sidecar)
      await calls(mkdir(dirname(target), { recursive: true, mode: 0o700 }))
      putOptions.signal?.throwIfAborted()
      if (putOptions.ifAbsent) {
        if (!(await calls(linkIfAbsent(draft, target)))) return { outcome: 'exists' }
      } else {
        const replaced = await calls(modifiedAt(target))
        await calls(rename(draft, target))
        // Of several who replace at once, some find the same object here: the others' sidecars stay, and nobody reads them.
        if (replaced !== null) unneeded.add(sidecarPath(directory, { key, modified: replaced }))
      }
      unneeded.delete(sidecar)
      if (durable) await calls(syncFolders(directory, [target, sidecar]))
      return { outcome: 'stored', etag: `"${putOptions.sha256}"` }
    } finally {
      body.destroy()
      for (const path of unneeded) await rm(path, { force: true }).catch(() => {})
    }
  }

  /** Writes the bytes, then the sidecar; returns the latter's path. */
  async function write(draft: string, bytes: AsyncIterable<Uint8Array>, sidecar: Sidecar): Promise<string> {
    const calls = systemCalls('put', sidecar.key)
    const file = await calls(open(draft, 'wx', 0o600))
    try {
      for await (const piece of bytes) await calls(file.writeFile(piece))
      return await calls(stampWithSidecar(file, { directory, sidecar, durable }))
    } finally {
      await calls(file.close())
    }
  }

  /** The file and what was recorded of it, as they were at one moment. */
  async function openObject(key: string): Promise<OpenObject | null> {
    const path = pathOf(key)
    const file = await open(path, 'r').catch(nullIfAbsent)
    if (file === null) return null
    const opened = await closingOnError(file, async () => {
      const stats = await file.stat({ bigint: true })
      const size = Number(stats.size)
      const recorded = await readSidecar(sidecarPath(directory, { key, modified: stats.mtimeNs }), size)
      if (recorded === undefined && (await modifiedAt(path)) !== stats.mtimeNs) return undefined
      const modified = new Date(Number(stats.mtimeNs / 1_000_000n))
      return { file, size, modified, sha256: recorded?.sha256, recorded }
    })
    if (opened !== undefined) return opened
    await file.close()
    // Replaced or deleted since we opened it, and its sidecar too; or a folder.
    return (await modifiedAt(path)) === null ? null : openObject(key)
  }

  async function openDescribed(key: string): Promise<{ file: FileHandle; facts: StoredObject } | null> {
    const opened = await openObject(key)
    if (opened === null) return null
    const { file } = opened
    return { file, facts: await closingOnError(file, () => describe(key, opened)) }
  }

  const signer =
    base === undefined || secret === undefined
      ? undefined
      : createFileSigner({ baseUrl: base, secret, open: openObject })

  return {
    name: 'file-system',
    capabilities: { conditionalCreate: true, checksum: true },
    put,

    async head(key, { signal } = {}) {
      signal?.throwIfAborted()
      const calls = systemCalls('head', key)
      const found = await calls(openDescribed(key))
      if (found === null) return null
      await calls(found.file.close())
      return found.facts
    },

    async get(key, { signal } = {}) {
      signal?.throwIfAborted()
      const found = await systemCalls('get', key)(openDescribed(key))
      return found === null ? null : { ...found.facts, body: found.file.createReadStream({ start: 0 }) }
    },

    async delete(key, { signal } = {}) {
      signal?.throwIfAborted()
      const path = pathOf(key)
      const calls = systemCalls('delete', key)
      const modified = await calls(modifiedAt(path))
      if (modified === null) return
      await calls(rm(path, { force: true }))
      await calls(rm(sidecarPath(directory, { key, modified }), { force: true }))
    },

    async *list(prefix, { signal } = {}) {
      const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')))
      if (folder !== '') checkKey(folder)
      yield* listFiles(directory, { prefix, signal })
    },

    async address(key) {
      const path = pathOf(key)
      return base === undefined ? pathToFileURL(path).href : objectUrl(base, key)
    },

    ...(signer === undefined ? {} : { signedUrl: async (key, signing) => signer.sign(checkKey(key), signing) }),
    handler: signer?.serve ?? (async () => refusal(403)),
  }
}

function sidecarOf(key: string, options: PutOptions): Sidecar {
  const { size, sha256, contentType, contentDisposition, metadata = {} } = options
  return { key, size, sha256, contentType, contentDisposition, metadata: { ...metadata } }
}

async function describe(key: string, opened: OpenObject): Promise<StoredObject> {
  const { file, size, recorded } = opened
  const { contentType, contentDisposition, metadata } = recorded ?? {
    contentType: 'application/octet-stream',
    contentDisposition: undefined,
    metadata: {},
  }
  const sha256 = recorded?.sha256 ?? (await hashOf(file))
  const disposition = contentDisposition === undefined ? {} : { contentDisposition }
  return { key, size, sha256, etag: `"${sha256}"`, contentType, ...disposition, metadata }
}

async function closingOnError<T>(file: FileHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await file.close()
    throw error
  }
}

async function hashOf(file: FileHandle): Promise<string> {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(PIECE_BYTES)
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, position)
    if (bytesRead === 0) return hash.digest('hex')
    hash.update(piece.subarray(0, bytesRead))
    position += bytesRead
  }
}

/** @returns whether the draft is the object now; `false` when there already is one. */
async function linkIfAbsent(draft: string, target: string): Promise<boolean> {
  try {
    await link(draft, target)
    return true
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  }
  // A folder is no object: "exists" would send the caller to look for one.
  if ((await stat(target)).isDirectory()) throw Object.assign(new Error('a folder has this name'), { code: 'EISDIR' })
  return false
}

/** The modification time in nanoseconds; `null` when no file is there. */
async function modifiedAt(path: string): Promise<bigint | null> {
  const stats = await stat(path, { bigint: true }).catch(nullIfAbsent)
  return stats?.isFile() === true ? stats.mtimeNs : null
}

/** Removes what killed processes have left. What can't be removed is no reason to refuse an object. */
async function sweep(incoming: string): Promise<void> {
  const oldest = Date.now() - LEFTOVER_AGE_MS
  for (const name of await readdir(incoming).catch(() => [])) {
    const path = join(incoming, name)
    const stats = await stat(path).catch(() => undefined)
    if (stats !== undefined && stats.mtimeMs < oldest) await rm(path, { force: true }).catch(() => {})
  }
}

/** Makes the names of these files durable: each folder from theirs up to `top`. */
async function syncFolders(top: string, paths: readonly string[]): Promise<void> {
  const folders = new Set([top])
  for (const path of paths) {
    for (let folder = dirname(path); folder !== top; folder = dirname(folder)) folders.add(folder)
  }
  await Promise.all([...folders].map(syncFolder))
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    // Windows and some network file systems can't do this with folders.
    if (!hasCode(error, 'EPERM', 'EINVAL')) throw error
  } finally {
    await folder.close()
  }
}

function checkDirectory(directory: string): string {
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw new InvalidOptionError({ option: 'directory', problem: `must be a path, got ${describeValue(directory)}` })
  }
  return resolve(directory)
}

/** @throws InvalidOptionError for keys that could leave the directory, or hide in it. */
function checkKey(key: string): string {
  // Lone surrogates too: all of them become the same character in a file name.
  if (typeof key !== 'string' || /[\p{Cc}\p{Cs}\\]/u.test(key)) {
    throw new InvalidOptionError({
      option: 'key',
      problem: `must have no control characters and backslashes, got ${describeValue(key)}`,
    })
  }
  if (key.split('/').some((segment) => segment === '' || segment.startsWith('.'))) {
    throw new InvalidOptionError({
      option: 'key',
      problem: `must have no segment that is empty or starts with a dot, got ${describeValue(key)}`,
    })
  }
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new InvalidOptionError({
      option: 'key',
      problem: `must have at most ${MAX_KEY_BYTES} bytes, got ${Buffer.byteLength(key)}`,
    })
  }
  return key
}
