import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from './errors/check-options.js'
import { checkFunction, checkSignal, checkText, checkWhole } from './errors/checks.js'
import { describeValue } from './errors/describe.js'
import { InvalidOptionError } from './errors.js'
import type { OnEvent } from './events.js'
import { getMediaTypeFromMime } from './file-type/mime.js'
import { checkMaxBytes, getMaxBytes } from './integrity/max-bytes.js'
import { defined } from './json.js'
import { type KeyLayout, resolveKeyLayout } from './key.js'
import { checkSha256 } from './media-reference/check-sha256.js'
import { checkMediaId, checkMediaType, type MediaType } from './media-reference.js'
import { checkObjectKey, type ObjectStorage } from './storage.js'
import { checkTimeouts, runUnder, startDeadlines, type Timeouts } from './timing/deadlines.js'
import type { BodyIdentity } from './upload/compare-stored.js'
import { getKnownSize, muteErrors, openBody, type UploadBody } from './upload/open-body.js'
import { type BodyToStore, checkStoring, putOnce } from './upload/put-once.js'
import type { StorableMedia, StoredMedia } from './upload/result.js'
import { wrapStorage } from './upload/storage-errors.js'

export type { UploadBody } from './upload/open-body.js'

/** Options of `uploadToS3`. Either `key` or `accountId` is needed. */
export interface UploadOptions {
  /** Where the object goes. */
  storage: ObjectStorage
  /** Where to store. Without it the key is built from the fields below, as `buildMediaKey` does. */
  key?: string | undefined
  /** The tenant: `/^[A-Za-z0-9_-]{1,128}$/`. */
  accountId?: string | undefined
  /** Default `application/octet-stream`. */
  mimeType?: string | undefined
  /** Default: by MIME type. */
  mediaType?: MediaType | undefined
  /** Meta's id, or one of your own: the same id, type and date give the same key. Default: a random key. */
  mediaId?: string | undefined
  /** The name for people who download the object. Never in the key. */
  filename?: string | undefined
  /** When the message was sent, ISO 8601 string or Date. */
  timestamp?: string | Date | undefined
  /** Bytes, if known. */
  size?: number | undefined
  /** Lowercase hex, if known. Without size and hash a stream is spooled first: to memory up to 1 MiB, then to a temporary file. */
  sha256?: string | undefined
  /** The part of keys before the account id. Default `whatsapp-media/`; empty is allowed. */
  prefix?: string | undefined
  /** Builds keys of another form. Default: as `buildMediaKey`. */
  keyLayout?: KeyLayout | undefined
  /**
   * A cap in bytes, at most 5,368,709,120: one for all media, or one for each type. Default
   * 104,857,600 (100 MiB), also for types left out. Larger media is a `SizeLimitError`.
   */
  maxBytes?: number | { readonly [Type in MediaType]?: number | undefined } | undefined
  /**
   * Default `safe`: a body whose first bytes contradict its declared type is kept as octet-stream, to be downloaded.
   * `trust`: the first bytes are not looked at.
   */
  sniff?: 'safe' | 'trust' | undefined
  /** How long the upload may wait, in milliseconds. */
  timeouts?: Timeouts | undefined
  /** Aborts the call; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Gets events: `type-mismatch`, `condition-unsupported`. */
  onEvent?: OnEvent | undefined
}

const UPLOAD_OPTIONS: OptionNames<UploadOptions> = {
  ...{ storage: true, key: true, accountId: true, mimeType: true, mediaType: true, mediaId: true, filename: true },
  ...{ timestamp: true, size: true, sha256: true, prefix: true, keyLayout: true, maxBytes: true, sniff: true },
  ...{ timeouts: true, signal: true, onEvent: true },
}

/**
 * Stores a body once: a body given again under the same key finds its object and succeeds; other bytes under that key
 * are never overwritten. The storage gets the body's size and SHA-256, and never wrong or short bytes.
 *
 * @param body Buffer, Uint8Array, Blob, Node `Readable`, web `ReadableStream` or async iterable of bytes.
 * @throws InvalidOptionError, SizeLimitError, IntegrityMismatchError, KeyConflictError, StorageFailedError,
 * TimeoutError; the body's own error when it fails; the signal's reason when aborted.
 * @example
 * ```ts
 * import { uploadToS3 } from 'whatsapp-media-archive'
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 *
 * const storage = createMemoryStorage()
 * const invoice = Buffer.from('%PDF-1.7 example')
 * const options = { storage, key: 'invoices/2026/0815.pdf', mimeType: 'application/pdf' }
 * const first = await uploadToS3(invoice, options)
 * const again = await uploadToS3(invoice, options)
 * console.log(first.alreadyStored, again.alreadyStored) // false true
 * ```
 */
export async function uploadToS3(body: UploadBody, options: UploadOptions): Promise<StoredMedia> {
  muteErrors(body)
  try {
    checkOptions(options, UPLOAD_OPTIONS, { after: { body } })
    return await upload(body, options)
  } finally {
    if (body instanceof Readable) body.destroy()
  }
}

async function upload(body: UploadBody, options: UploadOptions): Promise<StoredMedia> {
  const { storage, mimeType = 'application/octet-stream', mediaId, filename, timestamp, sniff, onEvent } = options
  checkStoring(options)
  checkText('mimeType', mimeType)
  if (mediaId !== undefined) checkMediaId(mediaId)
  if (options.mediaType !== undefined) checkMediaType(options.mediaType)
  if (options.signal !== undefined) checkSignal('signal', options.signal)
  if (onEvent !== undefined) checkFunction('onEvent', onEvent)
  checkMaxBytes(options.maxBytes)
  const timeouts = checkTimeouts(options.timeouts)
  checkAnnounced(options)
  const mediaType = options.mediaType ?? getMediaTypeFromMime(mimeType)
  const size = options.size ?? getKnownSize(body)
  const media = { mediaId, mediaType, mimeType, size, sha256: options.sha256, filename, timestamp }
  const key = decideKey(options, media)
  const toStore: BodyToStore = {
    media,
    source: openBody(body),
    maxBytes: getMaxBytes(options.maxBytes, mediaType),
    // The stream is the caller's: so is its error.
    onSourceError: (error) => error ?? new InvalidOptionError({ option: 'body', problem: 'was closed before its end' }),
    // Bytes that lie in memory need no spool, and can be read again.
    ...(types.isUint8Array(body) ? { reopen: () => openBody(body), identity: computeIdentity(body, media) } : {}),
  }
  const keyIsStable = options.key !== undefined || (mediaId !== undefined && timestamp !== undefined)
  const deadlines = startDeadlines(timeouts, options.signal)
  const subject = defined({ mediaId, mediaType, accountId: options.accountId })
  const place = { storage: wrapStorage(storage, filename), key, keyIsStable }
  const target = { ...place, subject, sniff, timeouts, deadlines, onEvent }
  return runUnder(deadlines, () => putOnce(toStore, { ...target, callerSignal: options.signal }))
}

/**
 * Hashes bytes that lie in memory. Returns undefined when a hash was announced; the proof then checks it. An announced
 * size stays, for the proof to refuse if it is another.
 */
function computeIdentity(
  bytes: Uint8Array,
  { size = bytes.byteLength, sha256 }: { size: number | undefined; sha256: string | undefined },
): BodyIdentity | undefined {
  return sha256 === undefined ? { size, sha256: createHash('sha256').update(bytes).digest('hex') } : undefined
}

function decideKey(options: UploadOptions, media: StorableMedia & { mediaType: MediaType }): string {
  const { key, accountId } = options
  if (key !== undefined) {
    // A key that can't be signed could never be read by a URL.
    if (typeof key === 'string' && key !== '') return checkObjectKey(key)
    throw new InvalidOptionError({ option: 'key', problem: `must be a non-empty string, got ${describeValue(key)}` })
  }
  if (accountId === undefined) {
    throw new InvalidOptionError({ option: 'accountId', problem: 'or key is needed, got neither' })
  }
  const { mimeType, mediaType, mediaId, filename, timestamp } = media
  return resolveKeyLayout(options).build({ accountId, mimeType, mediaType, mediaId, filename, timestamp })
}

function checkAnnounced({ size, sha256 }: UploadOptions): void {
  if (size !== undefined) checkWhole('size', size, { least: 0, unit: 'of bytes' })
  if (sha256 !== undefined) checkSha256(sha256)
}
