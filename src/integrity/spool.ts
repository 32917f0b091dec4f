import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { StorageFailedError } from '../errors.js'
import { type ProveOptions, proveBytes } from './prove.js'

/** A body whose size and hash are known, because it was read to its end. */
export interface Spooled {
  /** Bytes. */
  size: number
  /** Lowercase hex. */
  sha256: string
  /** The bytes, from the start. */
  open(): Readable
  /** Removes the temporary file. Always call it. */
  remove(): Promise<void>
}

/** Bodies up to this size stay in memory, and larger ones are written in pieces of about this size. */
const MEMORY_BYTES = 1_048_576

/**
 * Reads a body whose size or hash was not announced, for the store needs both beforehand: a small one into memory,
 * another into a temporary file that only this user may read.
 */
export async function spool(
  source: Readable,
  options: Omit<ProveOptions, 'reader' | 'openingBytes'>,
): Promise<Spooled> {
  const proven = proveBytes(source, { ...options, reader: 'reader' })
  const path = join(tmpdir(), `whatsapp-media-archive-${randomUUID()}`)
  let parts: Uint8Array[] = []
  let partBytes = 0
  let file: FileHandle | undefined
  try {
    for await (const part of proven.body) {
      parts.push(part)
      partBytes += part.byteLength
      if (partBytes <= MEMORY_BYTES) continue
      file ??= await runOnDisk(open(path, 'wx', 0o600))
      await runOnDisk(file.appendFile(Buffer.concat(parts)))
      parts = []
      partBytes = 0
    }
    if (file !== undefined) await runOnDisk(file.appendFile(Buffer.concat(parts)))
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file?.close()
  }
  const observed = proven.observed()
  /* v8 ignore next -- @preserve a body that ended has a hash */
  const { size, sha256 = '' } = observed
  return {
    size,
    sha256,
    open: file === undefined ? () => Readable.from(parts) : () => createReadStream(path),
    remove: () => rm(path, { force: true }),
  }
}

/** A full or missing temporary folder is a fault of this machine, and may pass. */
async function runOnDisk<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: NodeJS.ErrnoException) => {
    const reason = String(error.code)
    throw new StorageFailedError({ operation: 'put', key: '(temporary file)', reason, retryable: true, cause: error })
  })
}
