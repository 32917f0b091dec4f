import { Readable } from 'node:stream'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkText, checkWhole } from '../errors/checks.js'
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
import { checkObjectKey, type ObjectStorage } from '../storage.js'
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
  open(deadlines: Deadlines, findFormat: (mimeType: string) => OutboundFormat): Promise<OpenedSource>
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
  return {
    mimeType,
    filename,
    isRepeatable: () => true,
    async open(deadlines) {
      deadlines.waitFor('store')
      const found = await wrapped.get(key, { signal: deadlines.signal })
      if (found === null) {
        throw new StorageFailedError({ operation: 'get', key, reason: 'there is no such object', retryable: false })
      }
      const { body, size, sha256, contentType } = found
      const onSourceError = (cause: Error | undefined): StorageFailedError => {
        const reason = 'the body broke off'
        return new StorageFailedError({ operation: 'get', key, reason, retryable: true, cause })
      }
      return { body, size, sha256, mimeType: mimeType ?? decideStoredType(contentType, key), onSourceError }
    },
    close: async () => {},
  }
}

/** Objects of types that browsers must not run are served as octet-stream: the key still has their extension. */
function decideStoredType(contentType: string, key: string): string {
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
  const begin = (): Readable => {
    // Only a rejected token asks for a body twice within one attempt.
    if (isBegun && !isHeld) throw new StreamSpentError({ cause: new AccessTokenError({ reason: 'rejected' }) })
    isBegun = true
    return types.isUint8Array(body) ? readSlices(body) : openBody(body)
  }
  return {
    mimeType,
    filename,
    isRepeatable: () => isHeld || !isBegun || spooled !== undefined,
    async open(deadlines, findFormat) {
      const opening = { mimeType, onSourceError: toEarlyEnd }
      if (size !== undefined && (isHeld || !spoolsStreams)) return { ...opening, size, body: begin() }
      spooled ??= await spoolOutbound(begin(), { size, format: findFormat(mimeType), deadlines })
      return { ...opening, size: spooled.size, body: spooled.open() }
    },
    async close() {
      if (body instanceof Readable) body.destroy()
      await spooled?.remove()
    },
  }
}

async function spoolOutbound(
  body: Readable,
  { size, format, deadlines }: { size: number | undefined; format: OutboundFormat; deadlines: Deadlines },
): Promise<Spooled> {
  const { limitBytes: maxBytes } = format
  if (size !== undefined) checkOutboundSize(format, size)
  return spool(body, { size, maxBytes, deadlines, onSourceError: toEarlyEnd }).catch((error: unknown) => {
    if (error instanceof SizeLimitError) checkOutboundSize(format, error.bytes)
    throw error
  })
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
