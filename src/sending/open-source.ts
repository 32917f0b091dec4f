import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkChunk, checkText, checkWhole } from '../errors/checks.js'
import {
  AccessTokenError,
  InvalidOptionError,
  SizeLimitError,
  StorageFailedError,
  StreamSpentError,
} from '../errors.js'
import { findSafeExtension } from '../file-type/filename.js'
import { findContentType } from '../file-type/mime.js'
import { type Spooled, spool } from '../integrity/spool.js'
import { parseSha256 } from '../json.js'
import { checkObjectKey, type ObjectStorage, type StoredObject } from '../storage.js'
import type { Deadlines } from '../timing/deadlines.js'
import { getKnownSize, muteErrors, openBody, type UploadBody } from '../upload/open-body.js'
import { checkStorage } from '../upload/put-once.js'
import { wrapStorage } from '../upload/storage-errors.js'
import { checkOutboundSize, type OutboundFormat } from './outbound-limits.js'

/** An object in a storage, to be sent. */
export interface StoredSource {
  /** Where it is. */
  storage: ObjectStorage
  /** Its key. */
  key: string
  /** Default: the object's own Content-Type; of an octet-stream, by the key's extension. */
  mimeType?: string | undefined
  /** Its name at Meta, which readers do not see. It gets the extension of its MIME type. Default `file`. */
  filename?: string | undefined
}

/** Bytes to be sent. */
export interface BodySource {
  /** Buffer, Uint8Array, Blob, Node `Readable`, web `ReadableStream` or async iterable of bytes. */
  body: UploadBody
  /** Bytes. Default: those of a buffer or Blob; a stream is spooled first: to memory up to 1 MiB, then to a temporary file. */
  size?: number | undefined
  /** Parameters do not matter. */
  mimeType: string
  /** As in `StoredSource`. */
  filename?: string | undefined
}

/** A file to be sent to WhatsApp: an object by its key, or bytes. */
export type OutboundSource = StoredSource | BodySource

/** A source with its bytes on their way. */
interface OpenedSource {
  body: Readable
  /** Bytes. */
  size: number
  mimeType: string
  /** Lowercase hex. Absent where no one recorded it. */
  sha256?: string | undefined
  /** The error for a body that failed, or (without argument) ended early. */
  onSourceError(error: Error | undefined): unknown
}

/** What is known of a source before it is sent. */
interface SourceIdentity {
  /** Bytes. */
  readonly size: number
  readonly mimeType: string
  /** Lowercase hex. */
  readonly sha256: string
}

type FindFormat = (mimeType: string) => OutboundFormat

/** A source that each attempt opens for itself. */
export interface SourceReader {
  /** As the caller declared it. Absent: the storage tells. */
  readonly mimeType: string | undefined
  readonly filename: string | undefined
  /** False once a stream was begun, which can't be read again. */
  isRepeatable(): boolean
  /**
   * @param findFormat whose limit is the most bytes that are worth reading.
   * @throws OutboundLimitError for a stream of unknown size that has more.
   */
  open(deadlines: Deadlines, findFormat: FindFormat): Promise<OpenedSource>
  /**
   * Finds size, type and hash. An object whose hash no one recorded is read and spooled for that, a stream is spooled.
   *
   * @throws as `open`.
   */
  identify(deadlines: Deadlines, findFormat: FindFormat): Promise<SourceIdentity>
  /** Removes what it keeps. Always call it. */
  close(): Promise<void>
}

const STORED_FIELDS: OptionNames<StoredSource> = { storage: true, key: true, mimeType: true, filename: true }
const BODY_FIELDS: OptionNames<BodySource> = { body: true, size: true, mimeType: true, filename: true }

/**
 * @param options `spoolsStreams`: streams of known size too, so that all sources can be read again. Default false.
 * @throws InvalidOptionError for what is no source.
 */
export function readSource(
  source: OutboundSource,
  { spoolsStreams = false }: { spoolsStreams?: boolean | undefined } = {},
): SourceReader {
  const isStored = typeof source === 'object' && source !== null && 'key' in source
  checkOptions(source, isStored ? STORED_FIELDS : BODY_FIELDS, { option: 'source' })
  const { mimeType, filename } = source
  if (mimeType !== undefined || !isStored) checkText('source.mimeType', mimeType)
  if (filename !== undefined) checkText('source.filename', filename)
  return 'key' in source ? readStored(source) : readBody(source, spoolsStreams)
}

function readStored({ storage, key, mimeType, filename }: StoredSource): SourceReader {
  checkStorage(storage)
  checkObjectKey(key, 'source.key')
  const wrapped = wrapStorage(storage, filename)
  const describe = <Found extends StoredObject>(operation: 'get' | 'head', found: Found | null) => {
    if (found !== null) return { ...found, mimeType: mimeType ?? decideStoredType(found.contentType, key) }
    throw new StorageFailedError({ operation, key, reason: 'there is no such object', retryable: false })
  }
  const onSourceError = (cause: Error | undefined): StorageFailedError => {
    const reason = 'the body broke off'
    return new StorageFailedError({ operation: 'get', key, reason, retryable: true, cause })
  }
  let spooled: Spooled | undefined
  let identity: SourceIdentity | undefined
  const open = async (deadlines: Deadlines): Promise<OpenedSource & { mimeType: string }> => {
    if (spooled !== undefined && identity !== undefined) return { ...identity, body: spooled.open(), onSourceError }
    deadlines.waitFor('store')
    const found = describe('get', await wrapped.get(key, { signal: deadlines.signal }))
    // An object that was replaced since it was identified must not be sent as what it was.
    return { ...found, ...identity, onSourceError }
  }
  const find = async (deadlines: Deadlines, findFormat: FindFormat): Promise<SourceIdentity> => {
    deadlines.waitFor('store')
    const found = describe('head', await wrapped.head(key, { signal: deadlines.signal }))
    checkOutboundSize(findFormat(found.mimeType), found.size)
    const { sha256, mimeType: type } = found
    if (sha256 !== undefined && parseSha256(sha256) === sha256) return { size: found.size, sha256, mimeType: type }
    const opened = await open(deadlines)
    spooled = await spoolOutbound(opened, { format: findFormat(opened.mimeType), deadlines })
    return { size: spooled.size, sha256: spooled.sha256, mimeType: opened.mimeType }
  }
  return {
    mimeType,
    filename,
    isRepeatable: () => true,
    open,
    async identify(deadlines, findFormat) {
      identity ??= await find(deadlines, findFormat)
      return identity
    },
    close: async () => spooled?.remove(),
  }
}

/** Objects of types that browsers must not run are served as octet-stream: the key still has their extension. */
export function decideStoredType(contentType: string, key: string): string {
  if (contentType !== 'application/octet-stream') return contentType
  return findContentType(findSafeExtension(key) ?? '') ?? contentType
}

function readBody({ body, size: given, mimeType, filename }: BodySource, spoolsStreams: boolean): SourceReader {
  muteErrors(body)
  if (given !== undefined) checkWhole('source.size', given, { least: 0, unit: 'of bytes' })
  const size = getKnownSize(body) ?? given
  if (given !== undefined && given !== size) {
    throw new InvalidOptionError({ option: 'source.size', problem: `must be that of the body, ${size}, got ${given}` })
  }
  const isHeld = size !== undefined && getKnownSize(body) === size
  let isBegun = false
  let spooled: Spooled | undefined
  let identity: SourceIdentity | undefined
  const begin = (): Readable => {
    // Only a rejected token asks for a body twice within one attempt.
    if (isBegun && !isHeld) throw new StreamSpentError({ cause: new AccessTokenError({ reason: 'rejected' }) })
    isBegun = true
    return types.isUint8Array(body) ? readSlices(body) : openBody(body)
  }
  const spoolBody = async (deadlines: Deadlines, format: OutboundFormat): Promise<Spooled> => {
    const opened = { body: begin(), size, onSourceError: toEarlyEnd }
    spooled ??= await spoolOutbound(opened, { format, deadlines })
    return spooled
  }
  return {
    mimeType,
    filename,
    isRepeatable: () => isHeld || !isBegun || spooled !== undefined,
    async open(deadlines, findFormat) {
      const opening = { mimeType, onSourceError: toEarlyEnd, sha256: identity?.sha256 }
      if (size !== undefined && (isHeld || !spoolsStreams)) return { ...opening, size, body: begin() }
      const kept = spooled ?? (await spoolBody(deadlines, findFormat(mimeType)))
      return { ...opening, size: kept.size, body: kept.open() }
    },
    async identify(deadlines, findFormat) {
      if (identity !== undefined) return identity
      const format = findFormat(mimeType)
      if (size !== undefined) checkOutboundSize(format, size)
      const found = isHeld ? { size, sha256: await hashBody(begin(), deadlines) } : await spoolBody(deadlines, format)
      identity = { size: found.size, sha256: found.sha256, mimeType }
      return identity
    },
    async close() {
      if (body instanceof Readable) body.destroy()
      await spooled?.remove()
    },
  }
}

async function spoolOutbound(
  { body, size, onSourceError }: Pick<OpenedSource, 'body' | 'onSourceError'> & { size: number | undefined },
  { format, deadlines }: { format: OutboundFormat; deadlines: Deadlines },
): Promise<Spooled> {
  const { limitBytes: maxBytes } = format
  try {
    if (size !== undefined) checkOutboundSize(format, size)
    return await spool(body, { size, maxBytes, deadlines, onSourceError })
  } catch (error) {
    body.destroy()
    if (error instanceof SizeLimitError) checkOutboundSize(format, error.bytes)
    throw error
  }
}

/** Lowercase hex. Other work has its turn between the pieces. */
async function hashBody(body: Readable, { signal, waitFor }: Deadlines): Promise<string> {
  waitFor('reader')
  const hash = createHash('sha256')
  for await (const piece of body) {
    signal.throwIfAborted()
    hash.update(checkChunk(piece))
    await setImmediate()
  }
  return hash.digest('hex')
}

/** The stream is the caller's: so is its error. */
function toEarlyEnd(error: Error | undefined): Error {
  return error ?? new InvalidOptionError({ option: 'source.body', problem: 'was closed before its end' })
}

/** Fewer writes take less CPU time; of one large write nothing is seen until its end, and TLS would hold it twice. */
const SLICE_BYTES = 1_048_576

/** In pieces, each of which shows that the connection takes bytes. */
function readSlices(bytes: Uint8Array): Readable {
  let at = 0
  return new Readable({
    highWaterMark: SLICE_BYTES,
    read() {
      const piece = bytes.subarray(at, at + SLICE_BYTES)
      at += piece.byteLength
      this.push(piece.byteLength === 0 ? null : piece)
    },
  })
}
