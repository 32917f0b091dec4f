import { getMediaTypeFromMime } from '../file-type/mime.js'
import { put } from '../json.js'
import type { MediaReference, MediaType } from '../media-reference.js'
import {
  parseDownloadUrlExpiry,
  parseWebhook,
  type WebhookError,
  type WebhookMedia,
  type WebhookMessage,
} from './payload.js'

/** What a webhook says about media. Plain JSON. */
export interface ExtractedMedia {
  /** What can be downloaded. */
  media: MediaReference[]
  /** What can't, and why. */
  unavailable: UnavailableMedia[]
  /** Messages that their sender deleted. Nothing is deleted here: that is the archive owner's decision. */
  revoked: RevokedMessage[]
}

/**
 * Why something can't be downloaded, now or later:
 *
 * - `media-error`: Meta could not take the media from the sender (a message with `errors`; code 131052 without the
 *   media). Its media id, if there is one, leads nowhere.
 * - `unsupported`: a message that the Cloud API can't carry (codes 131051, 131060): a poll, an edit, a message seen on
 *   an unsupported companion device. It may have had media.
 * - `placeholder`: history's stand-in for media. Media of the last 14 days comes later, in a webhook of its own with
 *   the same message id; older media never.
 * - `retention-expired`: messages of a No-Storage number that Meta could not deliver in time (code 131035) and has
 *   dropped. It does not say which: there is no message id. This is data loss.
 * - `no-media-id`: a media message without a usable media id, such as a business's own message sent by link.
 * - `too-many-files`: a Flow answer with more files than Meta allows; the ones beyond are left out.
 * - `referral`: the image or video of the advertisement that led to the message. It is no media of the account and is
 *   never fetched with its token; the links are in the payload.
 */
export type UnavailableReason =
  | 'media-error'
  | 'unsupported'
  | 'placeholder'
  | 'retention-expired'
  | 'no-media-id'
  | 'too-many-files'
  | 'referral'

/** Something that a webhook announced and that can't be downloaded. Trying again changes nothing. */
export interface UnavailableMedia {
  reason: UnavailableReason
  /** Absent for `retention-expired`. */
  messageId?: string
  mediaId?: string
  mediaType?: MediaType
  /** Meta's error code and its title (Meta: Cloud API error codes). */
  errorCode?: number
  title?: string
  /** What Meta says is unsupported: `edit`, `poll`, ... */
  unsupportedType?: string
  /** ISO 8601; absent when the wire had none. */
  timestamp?: string
  receivedAt: string
  from?: string
  fromUserId?: string
  phoneNumberId: string
  businessAccountId: string
  direction?: MediaReference['direction']
  origin?: MediaReference['origin']
}

/** A message that its sender deleted (Meta: "revoke" messages; users can within 2 days). */
export interface RevokedMessage {
  /** The deleted message: the id its media was archived under. */
  messageId: string
  /** The message that says so. */
  revokedBy: string
  timestamp: string
  receivedAt: string
  from?: string
  fromUserId?: string
  phoneNumberId: string
  businessAccountId: string
  direction: MediaReference['direction']
}

/** Meta: Cloud API error codes. */
const MEDIA_DOWNLOAD_ERROR = 131052
const NOT_DELIVERED_IN_TIME = 131035
const UNSUPPORTED_CODES: ReadonlySet<number | undefined> = new Set([131051, 131060])

/**
 * Meta allows 10 files in a Flow's answer. Its text is made on the sender's phone, where a changed app could name
 * thousands of media ids, each of which would cost a look-up.
 */
const MAX_FILES = 30

/** What a reference says when the wire has no MIME type, as in the copies of other apps' messages. */
const UNKNOWN_MIME_TYPE = 'application/octet-stream'

/**
 * Finds everything that a webhook says about media: in all entries, changes and messages; edits, echoes, history,
 * standby, Flow answers, recordings and transcripts of calls. What it does not know, it skips.
 *
 * The payload must have been verified (`verifySignature`): references lead to look-ups with the account's token.
 *
 * @param payload the parsed body: anything that JSON can hold.
 * @param options `receivedAt`: when the webhook came, ISO 8601 or Date, default now (also for an unreadable one). It
 * stands in for a message's missing time.
 * @returns the findings, in the payload's order. The same media id in the same message and origin comes once. A
 * message, number or business account without id has the empty string.
 */
export function extractMedia(payload: unknown, options: { receivedAt?: Date | string } = {}): ExtractedMedia {
  const receivedAt = toIsoTime(options.receivedAt)
  const found: ExtractedMedia = { media: [], unavailable: [], revoked: [] }
  for (const change of parseWebhook(payload)) {
    const { phoneNumberId, businessAccountId } = change
    const context = { receivedAt, phoneNumberId, businessAccountId }
    for (const message of change.messages) readMessage(message, context, found)
    for (const error of change.errors) readChangeError(error, context, found)
  }
  found.media = withoutDuplicates(found.media)
  return found
}

type Context = Pick<MediaReference, 'receivedAt' | 'phoneNumberId' | 'businessAccountId'>

function readMessage(message: WebhookMessage, context: Context, found: ExtractedMedia): void {
  const { media, errors, revokedMessageId, referralMediaType } = message
  if (revokedMessageId !== undefined) found.revoked.push(toRevoked(revokedMessageId, message, context))
  if (referralMediaType !== undefined) {
    found.unavailable.push({ ...unavailable('referral', message, context), mediaType: referralMediaType })
  }
  const reason = reasonWithoutMedia(message)
  if (reason !== undefined) found.unavailable.push(withError(unavailable(reason, message, context), message))
  for (const item of media.length > MAX_FILES ? media.slice(0, MAX_FILES) : media) {
    if (item.mediaId !== undefined && errors.length === 0) {
      found.media.push(toReference(item.mediaId, item, message, context))
      continue
    }
    const lost = unavailable(errors.length === 0 ? 'no-media-id' : 'media-error', message, context)
    lost.mediaType = mediaTypeOf(item)
    put(lost, 'mediaId', item.mediaId)
    put(lost, 'origin', item.origin)
    found.unavailable.push(withError(lost, message))
  }
}

function mediaTypeOf({ mediaType, mimeType = UNKNOWN_MIME_TYPE }: WebhookMedia): MediaType {
  return mediaType ?? getMediaTypeFromMime(mimeType)
}

/** Why a message has less media than its sender sent; undefined when it tells no such thing. */
function reasonWithoutMedia({ media, errors, contentless }: WebhookMessage): UnavailableReason | undefined {
  if (media.length > MAX_FILES) return 'too-many-files'
  if (media.length > 0) return undefined
  if (errors.some(({ code }) => code === MEDIA_DOWNLOAD_ERROR)) return 'media-error'
  return contentless ?? (errors.some(({ code }) => UNSUPPORTED_CODES.has(code)) ? 'unsupported' : undefined)
}

function toReference(
  mediaId: string,
  item: WebhookMedia,
  message: WebhookMessage,
  { receivedAt, phoneNumberId, businessAccountId }: Context,
): MediaReference {
  const reference: MediaReference = {
    mediaId,
    mediaType: mediaTypeOf(item),
    mimeType: item.mimeType ?? UNKNOWN_MIME_TYPE,
    messageId: message.messageId,
    timestamp: message.timestamp ?? receivedAt,
    receivedAt,
    phoneNumberId,
    businessAccountId,
    direction: message.direction,
    origin: item.origin ?? message.origin,
  }
  put(reference, 'sha256', item.sha256)
  put(reference, 'filename', item.filename)
  put(reference, 'caption', item.caption)
  put(reference, 'voice', item.voice)
  put(reference, 'animated', item.animated)
  put(reference, 'from', message.from)
  put(reference, 'fromUserId', message.fromUserId)
  if (item.downloadUrl !== undefined) {
    reference.downloadUrl = item.downloadUrl
    put(reference, 'downloadUrlExpiresAt', parseDownloadUrlExpiry(item.downloadUrl))
  }
  return reference
}

function toRevoked(messageId: string, message: WebhookMessage, context: Context): RevokedMessage {
  const { messageId: revokedBy, timestamp = context.receivedAt, direction, from, fromUserId } = message
  const revoked: RevokedMessage = { messageId, revokedBy, timestamp, ...context, direction }
  put(revoked, 'from', from)
  put(revoked, 'fromUserId', fromUserId)
  return revoked
}

function unavailable(reason: UnavailableReason, message: WebhookMessage, context: Context): UnavailableMedia {
  const { messageId, direction, origin, timestamp, from, fromUserId } = message
  const item: UnavailableMedia = { reason, messageId, ...context, direction, origin }
  put(item, 'timestamp', timestamp)
  put(item, 'from', from)
  put(item, 'fromUserId', fromUserId)
  return item
}

function withError(item: UnavailableMedia, { errors: [error], unsupportedType }: WebhookMessage): UnavailableMedia {
  put(item, 'errorCode', error?.code)
  put(item, 'title', error?.title)
  put(item, 'unsupportedType', unsupportedType)
  return item
}

/** A loss that concerns no message that could be named. */
function readChangeError({ code, title }: WebhookError, context: Context, found: ExtractedMedia): void {
  if (code !== NOT_DELIVERED_IN_TIME) return
  const item: UnavailableMedia = { reason: 'retention-expired', errorCode: code, ...context }
  put(item, 'title', title)
  found.unavailable.push(item)
}

function withoutDuplicates(media: MediaReference[]): MediaReference[] {
  if (media.length < 2) return media
  const seen = new Map<string, MediaReference>()
  for (const reference of media) {
    const identity = JSON.stringify([reference.mediaId, reference.messageId, reference.origin])
    if (!seen.has(identity)) seen.set(identity, reference)
  }
  return [...seen.values()]
}

function toIsoTime(time: Date | string = new Date()): string {
  const date = new Date(time)
  return (Number.isNaN(date.getTime()) ? new Date() : date).toISOString()
}
