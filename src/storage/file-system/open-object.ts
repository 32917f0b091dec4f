import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { defined } from '../../json.js'
import type { StoredObject } from '../../storage.js'
import { nullIfAbsent } from './errors.js'
import { inspectPath, READ_PLAIN, readModified } from './inspect-path.js'
import { buildFilePath } from './paths.js'
import { findRoundedSidecar, readSidecar, type Sidecar } from './sidecar.js'

/** An open file and its recorded metadata, as they were at one moment. Close `file`. */
export interface OpenObject {
  file: FileHandle
  /** Bytes. */
  size: number
  modified: Date
  /** Absent for a file that something else wrote, or changed. */
  recorded: Sidecar | undefined
}

/** Opens the object; null when there is none. @throws DirectoryFault for a link or a special file. */
export async function openObject(directory: string, key: string): Promise<OpenObject | null> {
  const path = buildFilePath(directory, key)
  if ((await inspectPath(directory, path))?.isFile() !== true) return null
  const file = await open(path, READ_PLAIN).catch(nullIfAbsent)
  if (file === null) return null
  const opened = await closeOnError(file, async () => {
    const stats = await file.stat({ bigint: true })
    const size = Number(stats.size)
    const described = { key, size, modified: stats.mtimeNs }
    let recorded = await readSidecar(directory, described)
    if (recorded === undefined) {
      if ((await readModified(directory, path)) !== stats.mtimeNs) return undefined
      recorded = await findRoundedSidecar(directory, described)
    }
    return { file, size, modified: new Date(Number(stats.mtimeNs / 1_000_000n)), recorded }
  })
  if (opened !== undefined) return opened
  await file.close()
  // Replaced or deleted since it was opened, and its sidecar too; or a folder.
  return (await readModified(directory, path)) === null ? null : openObject(directory, key)
}

/** Opens the object and describes it. A file without a sidecar is read as a whole, for its hash. */
export async function openDescribed(
  directory: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<{ file: FileHandle; object: StoredObject } | null> {
  const opened = await openObject(directory, key)
  if (opened === null) return null
  const { file, size, recorded } = opened
  return closeOnError(file, async () => {
    const sha256 = recorded?.sha256 ?? (await hashFile(file, signal))
    const { contentType = 'application/octet-stream', contentDisposition, metadata = {} } = recorded ?? {}
    const object = defined({ key, size, sha256, etag: `"${sha256}"`, contentType, contentDisposition, metadata })
    return { file, object }
  })
}

async function closeOnError<T>(file: FileHandle, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await file.close()
    throw error
  }
}

const HASHED_BYTES = 65_536

async function hashFile(file: FileHandle, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(HASHED_BYTES)
  for (let position = 0; ; ) {
    signal?.throwIfAborted()
    const { bytesRead } = await file.read(piece, 0, HASHED_BYTES, position)
    if (bytesRead === 0) return hash.digest('hex')
    hash.update(piece.subarray(0, bytesRead))
    position += bytesRead
  }
}
