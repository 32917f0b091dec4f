import { createHash, randomInt } from 'node:crypto'
import type { Readable } from 'node:stream'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../../errors/check-options.js'
import { checkFlag, checkText, isWhole } from '../../errors/checks.js'
import { describeValue } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import { isObject } from '../../json.js'
import { checkMediaType, type MediaReference, type MediaType } from '../../media-reference.js'
import type { IntendedAnswer } from './faults.js'

/** A file that the fake API holds. */
export interface FakeMedia {
  /** The file: all at once, or made as it is read. */
  bytes:
    | Uint8Array
    | {
        /** Bytes. */
        size: number
        /** Lowercase hex. */
        sha256: string
        /** The bytes, from the first one on at each call. */
        stream(): Readable
      }
  /** As declared by the sender. */
  mimeType: string
  /** WhatsApp's kind of it. */
  mediaType: MediaType
  /** Of documents. */
  filename?: string | undefined
  /** The text below it. */
  caption?: string | undefined
  /** A voice note. */
  voice?: boolean | undefined
  /** An animated sticker. */
  animated?: boolean | undefined
  /** Default: a made-up one. */
  mediaId?: string | undefined
  /** Default `106540352242922`. */
  phoneNumberId?: string | undefined
  /** The hash that look-up and webhook announce, in hex, or `false` for none. Default: the right one. */
  announceSha256?: string | false | undefined
}

/** The media that the fake API holds, and how a webhook announces it. */
export interface AddedMedia {
  /** For look-ups. */
  mediaId: string
  /** The result of `extractMedia` for the webhook. */
  reference: MediaReference
  /** The media object inside a webhook message, as on the wire: base64 hash, short-lived URL. */
  mediaObject: Record<string, unknown>
  /** Lowercase hex. */
  sha256: string
  /** Bytes. */
  size: number
}

/** Media as the fake API holds it. */
export interface HeldMedia extends FakeMedia {
  mediaId: string
  phoneNumberId: string
  size: number
  sha256: string
  /** Absent: none is announced. */
  announced: string | undefined
  checksum: Record<string, string>
  addedAt: number
  /** Milliseconds. Default: the API's. */
  lifetimeMs?: number | undefined
}

const FAKE_MEDIA_FIELDS: OptionNames<FakeMedia> = {
  ...{ bytes: true, mimeType: true, mediaType: true, filename: true, caption: true, voice: true, animated: true },
  ...{ mediaId: true, phoneNumberId: true, announceSha256: true },
}

function checkFakeMedia(media: FakeMedia): void {
  checkOptions(media, FAKE_MEDIA_FIELDS, { option: 'media' })
  checkFile(media.bytes)
  checkText('media.mimeType', media.mimeType)
  checkMediaType(media.mediaType, 'media.mediaType')
  for (const name of ['filename', 'caption', 'mediaId', 'phoneNumberId'] as const) {
    if (media[name] !== undefined) checkText(`media.${name}`, media[name])
  }
  for (const name of ['voice', 'animated'] as const) {
    if (media[name] !== undefined) checkFlag(`media.${name}`, media[name])
  }
  const { announceSha256: announced = false } = media
  if (announced !== false) checkText('media.announceSha256', announced)
}

function checkFile(bytes: unknown): void {
  if (types.isUint8Array(bytes)) return
  const isMade = isObject(bytes) && isWhole(bytes['size']) && typeof bytes['sha256'] === 'string'
  if (isMade && typeof bytes['stream'] === 'function') return
  const hint = typeof bytes === 'string' ? ': give it Buffer.from(text)' : ''
  const problem = `must be bytes, or { size, sha256, stream() }, got ${describeValue(bytes)}${hint}`
  throw new InvalidOptionError({ option: 'media.bytes', problem })
}

/** Measures the file, and makes up the ids that are missing. @throws InvalidOptionError */
export function toHeldMedia(media: FakeMedia, addedAt: number): HeldMedia {
  checkFakeMedia(media)
  const { mediaId = makeUpId(), phoneNumberId = '106540352242922', announceSha256, bytes, ...facts } = media
  const isWhole = types.isUint8Array(bytes)
  const { size, sha256 } = isWhole
    ? { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
    : bytes
  return {
    ...facts,
    bytes,
    mediaId,
    phoneNumberId,
    size,
    sha256,
    announced: announceSha256 === false ? undefined : (announceSha256 ?? sha256),
    checksum: isWhole ? { 'content-digest': `adler32=${computeAdler32(bytes)}` } : {},
    addedAt,
  }
}

export function announceMedia(held: HeldMedia, { url, expiresAt }: { url: string; expiresAt: number }): AddedMedia {
  const { mediaId, size, sha256 } = held
  const reference = buildReference(held, url, expiresAt)
  return { mediaId, size, sha256, reference, mediaObject: buildMediaObject(held, url) }
}

/** For faults that answer any request. */
export const NOBODYS: HeldMedia = {
  mediaId: '0',
  phoneNumberId: '0',
  bytes: new Uint8Array(),
  mimeType: 'application/octet-stream',
  mediaType: 'document',
  size: 0,
  sha256: createHash('sha256').digest('hex'),
  announced: undefined,
  checksum: {},
  addedAt: 0,
}

export function buildDownload({ bytes, mimeType, size, checksum }: HeldMedia): IntendedAnswer {
  return {
    headers: {
      'content-type': mimeType,
      // Unquoted, both of them: so says Meta's media host.
      'content-disposition': `inline;filename=whatsapp.${mimeType.split(/[/;]/)[1]}`,
      etag: '2489350178742251424',
      'accept-ranges': 'bytes',
      ...checksum,
      'cache-control': 'private, no-cache, no-store',
    },
    size,
    pieces: () => (types.isUint8Array(bytes) ? cutIntoSlices(bytes) : bytes.stream()),
  }
}

function* cutIntoSlices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384)
}

const SENDER = '15550001111'

function buildReference(held: HeldMedia, downloadUrl: string, expiresAt: number): MediaReference {
  const { bytes, size, addedAt, lifetimeMs, checksum, announced, sha256, ...media } = held
  return {
    ...media,
    ...(announced === undefined ? {} : { sha256: announced }),
    downloadUrl,
    downloadUrlExpiresAt: new Date(expiresAt).toISOString(),
    messageId: `wamid.${Buffer.from(`fake ${held.mediaId}`).toString('base64')}`,
    timestamp: new Date(addedAt).toISOString(),
    receivedAt: new Date(addedAt).toISOString(),
    from: SENDER,
    contact: { phone: SENDER },
    businessAccountId: '102290129340398',
    direction: 'inbound',
    origin: 'message',
  }
}

function buildMediaObject(held: HeldMedia, url: string): Record<string, unknown> {
  const { mediaId, mimeType, announced, caption, filename, voice, animated } = held
  return {
    ...(caption === undefined ? {} : { caption }),
    ...(filename === undefined ? {} : { filename }),
    mime_type: mimeType,
    ...(announced === undefined ? {} : { sha256: Buffer.from(announced, 'hex').toString('base64') }),
    id: mediaId,
    url,
    ...(voice === undefined ? {} : { voice }),
    ...(animated === undefined ? {} : { animated }),
  }
}

export function flipHex(sha256: string): string {
  return `${sha256.startsWith('0') ? '1' : '0'}${sha256.slice(1)}`
}

/** RFC 1950. Between two divisions the sums stay far below 2^53. */
function computeAdler32(bytes: Uint8Array): number {
  let low = 1
  let high = 0
  for (let at = 0; at < bytes.length; at += 2_048) {
    for (const byte of bytes.subarray(at, at + 2_048)) {
      low += byte
      high += low
    }
    low %= 65_521
    high %= 65_521
  }
  return high * 65_536 + low
}

export function makeUpId(): string {
  return `17610${randomInt(1e6, 1e7)}${randomInt(1e5, 1e6)}`
}
