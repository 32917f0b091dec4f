import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFlag } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isCloudflareWorkers } from '../runtime.js'
import type { ObjectStorage } from '../storage.js'
import { breakOffOnAbort } from '../timing/abort.js'
import { changeInTurn } from './file-system/change-in-turn.js'
import { wrapCalls } from './file-system/errors.js'
import { removeEmptyFolders } from './file-system/folders.js'
import { readModified } from './file-system/inspect-path.js'
import { listFiles } from './file-system/list.js'
import { openDescribed } from './file-system/open-object.js'
import { buildFilePath, checkFileKey } from './file-system/paths.js'
import { createPutFile } from './file-system/put-object.js'
import { serveFile } from './file-system/serve-file.js'
import { buildSidecarPath } from './file-system/sidecar.js'
import { createSignedSite } from './signed-site.js'

/** Options of `createFileSystemStorage`. */
export interface FileSystemStorageOptions {
  /** Where the objects lie. Made when absent, readable by this process's user only. */
  directory: string
  /** The http(s) URL under which `handler` is served, such as `https://example.com/media`. Needed for signed URLs. */
  baseUrl?: string | undefined
  /**
   * Signs URLs: at least 16 characters, the same in all processes, another one for each directory. Needed for signed
   * URLs. Of a list, the first one signs and all are accepted: put a new one first, and take the old one out once its
   * URLs have expired, after 7 days at most.
   */
  secret?: string | readonly string[] | undefined
  /** True: `put` waits until the disk has the object (fsync), so that it survives a power cut. Default true. */
  durable?: boolean | undefined
}

const FILE_SYSTEM_OPTIONS: OptionNames<FileSystemStorageOptions> = {
  ...{ directory: true, baseUrl: true, secret: true, durable: true },
}

/** An `ObjectStorage` in a directory. */
export interface FileSystemStorage extends ObjectStorage {
  /**
   * Answers the signed URLs: GET and HEAD, single ranges, RFC 9110's conditions, nosniff and a CSP sandbox. A URL that is
   * unsigned, expired or signed with another secret gets 403; without `secret` every URL does. Never rejects; may be
   * passed on by itself.
   */
  handler: (request: Request) => Promise<Response>
}

/**
 * Keeps objects as plain files below `directory`: key `a/b.jpg` is the file `a/b.jpg`. The bytes go to `.incoming/` and
 * appear under their key by `link` (create if absent; the file system must have hard links) or `rename`.
 *
 * Content type, disposition, hash and metadata lie in `.meta/`, in a file named by the key's hash and the object's
 * modification time, which its writer reserved by exclusive creation before the object appears. One link or rename
 * publishes bytes and time together, so nobody reads one writer's metadata with another's bytes, in one process or many;
 * and a file that was edited reads as `application/octet-stream` with its hash counted anew. A copy keeps its metadata
 * when the copy's time is the same, to the second or the millisecond at least.
 *
 * The directory holds plain files and folders only, though it may be a link itself. No call follows a link or opens a
 * FIFO, socket or device in it: `list` leaves them out, `handler` answers 404, and the others throw.
 *
 * Keys of which one is a folder of the other (`a` and `a/b`) exclude each other; once the objects below a folder are
 * deleted, its name is free. `delete` removes the folders that it empties. Tags are ignored.
 *
 * Files that killed processes leave are removed once they are a day old, at the first `put` of this storage: drafts in
 * `.incoming/`, and sidecars without an object in the one of the 256 folders of `.meta/` that a `put` writes into, each
 * folder once.
 *
 * @example
 * ```ts
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
 *
 * const storage = createFileSystemStorage({
 *   directory: join(tmpdir(), 'whatsapp-media'),
 *   baseUrl: 'https://example.com/media',
 *   secret: 'at least 16 characters',
 * })
 * console.log(await storage.address('acme/photo.jpg')) // https://example.com/media/acme/photo.jpg
 * ```
 *
 * @throws InvalidOptionError for a directory, base URL or secret of the wrong form. Every method: for a key that is
 * empty, absolute or over 1,024 bytes, or has control characters, backslashes, or segments that are empty or start with a dot.
 * @throws StorageFailedError Every method: `reason` is the system's code, such as `ENOSPC` or `EROFS`; `not-a-plain-file`
 * for a link or a special file; `directory-unusable` where no folder can be made in the directory. `put` also throws
 * `IntegrityMismatchError` for wrong bytes, the body's own error, the signal's reason.
 */
export function createFileSystemStorage(options: FileSystemStorageOptions): FileSystemStorage {
  const { directory, durable, baseUrl, secret } = checkFileSystemOptions(options)
  const { findAddress, ...site } = createSignedSite({
    baseUrl,
    secret,
    checkKey: checkFileKey,
    open: (key) => serveFile(directory, key),
  })
  return {
    name: 'file-system',
    capabilities: { conditionalCreate: true, checksum: true },
    put: createPutFile(directory, { durable }),

    async head(key, { signal } = {}) {
      signal?.throwIfAborted()
      const calls = wrapCalls('head', key)
      const found = await calls(openDescribed(directory, key, signal)).catch(preferReason(signal))
      await calls(found?.file.close() ?? Promise.resolve())
      return found?.object ?? null
    },

    async get(key, { signal } = {}) {
      signal?.throwIfAborted()
      const calls = wrapCalls('get', key)
      const found = await calls(openDescribed(directory, key, signal)).catch(preferReason(signal))
      if (found === null) return null
      return { ...found.object, body: breakOffOnAbort(found.file.createReadStream({ start: 0 }), signal) }
    },

    async delete(key, { signal } = {}) {
      signal?.throwIfAborted()
      const path = buildFilePath(directory, key)
      await changeInTurn(path, () => deleteFile(directory, { key, path }))
    },

    async *list(prefix, { signal } = {}) {
      const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')))
      if (folder !== '') checkFileKey(folder)
      yield* listFiles(directory, { prefix, signal })
    },

    async address(key) {
      const path = buildFilePath(directory, key)
      return findAddress(key) ?? pathToFileURL(path).href
    },

    ...site,
  }
}

async function deleteFile(directory: string, { key, path }: { key: string; path: string }): Promise<void> {
  const calls = wrapCalls('delete', key)
  const modified = await calls(readModified(directory, path))
  if (modified === null) return
  await calls(rm(path, { force: true }))
  await calls(rm(buildSidecarPath(directory, { key, modified }), { force: true }))
  await removeEmptyFolders(directory, path)
}

/** A failure after an abort is reported as the abort. */
function preferReason(signal: AbortSignal | undefined): (error: unknown) => never {
  return (error) => {
    throw signal?.aborted === true ? signal.reason : error
  }
}

function checkFileSystemOptions(
  options: FileSystemStorageOptions,
): FileSystemStorageOptions & { directory: string; durable: boolean } {
  checkOptions(options, FILE_SYSTEM_OPTIONS)
  const { durable = true, baseUrl, secret } = options
  checkFlag('durable', durable)
  return { directory: checkDirectory(options.directory), durable, baseUrl, secret }
}

function checkDirectory(directory: string): string {
  if (isCloudflareWorkers()) {
    const problem = 'names no disk on Cloudflare Workers, which have none. Use createR2Storage, or createS3Storage'
    throw new InvalidOptionError({ option: 'directory', problem })
  }
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw new InvalidOptionError({ option: 'directory', problem: `must be a path, got ${describeValue(directory)}` })
  }
  return resolve(directory)
}
