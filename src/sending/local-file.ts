import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkText } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { readTextField } from '../errors/thrown.js'
import { InvalidOptionError } from '../errors.js'
import { findSafeExtension } from '../file-type/filename.js'
import { findContentType } from '../file-type/mime.js'

/** A file of this machine. */
export interface LocalFile {
  /** Where it is. */
  path: string
  /** Default: by its extension. */
  mimeType?: string | undefined
  /** Its name for readers. Default: its own. */
  filename?: string | undefined
}

/** A local file's type and name. Nothing is read yet. */
export interface NamedFile {
  mimeType: string
  filename: string
}

/** A local file that was read once. */
export interface InspectedFile {
  /** Bytes. */
  size: number
  /** Lowercase hex. */
  sha256: string
  /** The bytes, from the start. */
  open(): Readable
}

const LOCAL_FILE_FIELDS: OptionNames<LocalFile> = { path: true, mimeType: true, filename: true }

/** @throws InvalidOptionError for what is no local file, and for an extension that tells no type. */
export function nameLocalFile(file: LocalFile, option: string): NamedFile {
  checkOptions(file, LOCAL_FILE_FIELDS, { option })
  const { path, filename } = file
  checkText(`${option}.path`, path)
  if (filename !== undefined) checkText(`${option}.filename`, filename)
  if (file.mimeType !== undefined) checkText(`${option}.mimeType`, file.mimeType)
  const mimeType = file.mimeType ?? findContentType(findSafeExtension(path) ?? '')
  if (mimeType !== undefined) return { mimeType, filename: filename ?? basename(path) }
  const problem = `is needed: the extension of ${describeSecret(path)} tells no type`
  throw new InvalidOptionError({ option: `${option}.mimeType`, problem })
}

/** The file's bytes. @throws InvalidOptionError when it can't be read. */
export async function measureLocalFile(path: string, option: string): Promise<number> {
  const found = await stat(path).catch((error: unknown) => refuseFile(error, option))
  if (found.isFile()) return found.size
  throw new InvalidOptionError({ option: `${option}.path`, problem: 'must be a file, got a folder or a device' })
}

/** Reads the file for its size and hash, in pieces. @throws InvalidOptionError when it can't be read. */
export async function hashLocalFile(
  path: string,
  { option, signal }: { option: string; signal: AbortSignal },
): Promise<InspectedFile> {
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const chunk of createReadStream(path, { signal, highWaterMark: READ_BYTES })) {
      size += chunk.length
      hash.update(chunk)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    refuseFile(error, option)
  }
  return { size, sha256: hash.digest('hex'), open: () => createReadStream(path, { highWaterMark: READ_BYTES }) }
}

const READ_BYTES = 524_288

/** A path may be a person's name: the error shows its fault alone. */
function refuseFile(error: unknown, option: string): never {
  throw new InvalidOptionError({
    option: `${option}.path`,
    problem: `must be readable, got ${readTextField(error, 'code')}`,
  })
}
