import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { getMediaTypeFromMime } from '../file-type/mime.js'
import { defined, isObject } from '../json.js'
import type { MediaContact } from '../media-reference/contact.js'
import type { MediaReference, MediaType } from '../media-reference.js'
import {
  findUnsupportedKind,
  parseDownloadUrlExpiry,
  parseWebhook,
  type WebhookError,
  type WebhookMedia,
  type WebhookMessage,
} from './payload.js'

/** The media of a webhook. Plain JSON. */
export interface ExtractedMedia {
  /** Media that can be downloaded. */
  media: MediaReference[]
  /** Media that can't, and why. */
  unavailable: UnavailableMedia[]
  /** Messages that their sender deleted. Nothing is deleted here: your app decides. */
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
  /** Why. */
  reason: UnavailableReason
  /** Meta's id of the message. Absent for `retention-expired`. */
  messageId?: string | undefined
  /** Meta's id of the media, which leads nowhere. */
  mediaId?: string | undefined
  /** The announced type. */
  mediaType?: MediaType | undefined
  /** Meta's error code (Meta: Cloud API error codes). */
  errorCode?: number | undefined
  /** Meta's title of the error. */
  title?: string | undefined
  /** The type that Meta reports as unsupported: `edit`, `poll`, ... */
  unsupportedType?: string | undefined
  /** When the message was sent, ISO 8601; absent when the wire had none. */
  timestamp?: string | undefined
  /** When the webhook came, ISO 8601. */
  receivedAt: string
  /** The sender's phone number; absent for users who hide it behind a username. */
  from?: string | undefined
  /** The sender's business-scoped user id. */
  fromUserId?: string | undefined
  /** The customer: the sender of an inbound message, the recipient of an outbound one. */
  contact?: MediaContact | undefined
  /** The id of the group that the message was sent to. */
  group?: string | undefined
  /** Meta's id of the business phone number; empty when the wire had none. */
  phoneNumberId: string
  /** The WhatsApp Business Account; empty when the wire had none. */
  businessAccountId: string
  /** The sender: a customer or the business. */
  direction?: MediaReference['direction'] | undefined
  /** Where in the webhook it stood. */
  origin?: MediaReference['origin'] | undefined
}

/** A message that its sender deleted (Meta: "revoke" messages; users can within 2 days). */
export interface RevokedMessage {
  /** The deleted message: the id its media was archived under. */
  messageId: string
  /** The message that says so. */
  revokedBy: string
  /** When it was deleted, ISO 8601; `receivedAt` when the wire had no time. */
  timestamp: string
  /** When the webhook came, ISO 8601. */
  receivedAt: string
  /** The sender's phone number; absent for users who hide it behind a username. */
  from?: string | undefined
  /** The sender's business-scoped user id. */
  fromUserId?: string | undefined
  /** The customer: the sender of an inbound message, the recipient of an outbound one. */
  contact?: MediaContact | undefined
  /** The id of the group that the message was sent to. */
  group?: string | undefined
  /** Meta's id of the business phone number; empty when the wire had none. */
  phoneNumberId: string
  /** The WhatsApp Business Account; empty when the wire had none. */
  businessAccountId: string
  /** The side that deleted its message: a customer or the business. */
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

export const EXTRACT_OPTIONS: OptionNames<Parameters<typeof extractMedia>[1] & object> = { receivedAt: true }

/**
 * Finds everything that a webhook says about media: in all entries, changes and messages; edits, echoes, history,
 * standby, Flow answers, recordings and transcripts of calls; headers and cards of sent templates and interactive
 * messages. Media under a type that this version does not know has `unknownType`. It skips other unknown shapes.
 *
 * The payload must have been verified (`verifySignature`): references lead to look-ups with the account's token.
 *
 * @param payload the parsed body: anything that JSON can hold. Text, bytes, a `Request` or a Promise are refused.
 * @param options `receivedAt`: when the webhook came, ISO 8601 or Date, default now (also for an unreadable one). It
 * stands in for a message's missing time.
 * @returns the findings, in the payload's order. The same media id in the same message and origin comes once. A
 * message, number or business account without id has the empty string.
 * @example
 * ```ts
 * import { buildWebhook } from 'whatsapp-media-archive/testing'
 * import { extractMedia } from 'whatsapp-media-archive/webhook'
 *
 * const image = { type: 'image', object: { id: '1234567890', mime_type: 'image/jpeg', caption: 'The roof' } }
 * const payload = buildWebhook([{ media: image }]) // or a verified webhook's body, parsed
 * const { media, unavailable, revoked } = extractMedia(payload)
 * for (const { mediaId, mediaType, caption } of media) console.log(mediaId, mediaType, caption)
 * console.log(unavailable.length, revoked.length) // 0 0
 * ```
 */
export function extractMedia(
  payload: unknown,
  options: {
    /** When the webhook came. Default: now. */
    receivedAt?: Date | string | undefined
  } = {},
): ExtractedMedia {
  // The delivery that a handler gives beside its payload fits.
  checkOptions(options, EXTRACT_OPTIONS, { isOpen: true })
  refuseUnparsed(payload)
  const receivedAt = toIsoTime(options.receivedAt)
  const found: ExtractedMedia = { media: [], unavailable: [], revoked: [] }
  for (const change of parseWebhook(payload)) {
    const { phoneNumberId, businessAccountId } = change
    const arrival = { receivedAt, phoneNumberId, businessAccountId }
    for (const message of change.messages) collectMessage(message, arrival, found)
    for (const error of change.errors) collectChangeError(error, arrival, found)
  }
  found.media = removeDuplicates(found.media)
  return found
}

/** What came before a parser would be searched in vain. @throws InvalidOptionError */
export function refuseUnparsed(payload: unknown): void {
  const isText = types.isUint8Array(payload) || (typeof payload === 'string' && payload.includes('"entry"'))
  const isRequest = isObject(payload) && typeof payload['json'] === 'function'
  if (!isText && !isRequest && !types.isPromise(payload)) return
  const advice = isText ? ': JSON.parse it first' : isRequest ? ': give it what its json() resolves to' : ''
  throw new InvalidOptionError({
    option: 'payload',
    problem: `must be the parsed body of a webhook, got ${describeValue(payload)}${advice}`,
  })
}

/** When a message came, and to whom. */
export type MessageArrival = Pick<MediaReference, 'receivedAt' | 'phoneNumberId' | 'businessAccountId'>

export function collectMessage(message: WebhookMessage, arrival: MessageArrival, found: ExtractedMedia): void {
  const { media, errors, revokedMessageId, referralMediaType } = message
  if (revokedMessageId !== undefined) found.revoked.push(toRevoked(revokedMessageId, message, arrival))
  if (referralMediaType !== undefined) {
    found.unavailable.push({ ...toUnavailable('referral', message, arrival), mediaType: referralMediaType })
  }
  const reason = decideReason(message)
  if (reason !== undefined) {
    found.unavailable.push({ ...toUnavailable(reason, message, arrival), ...describeWebhookError(message) })
  }
  for (const item of media.length > MAX_FILES ? media.slice(0, MAX_FILES) : media) {
    const { mediaId } = item
    if (mediaId !== undefined && errors.length === 0) found.media.push(toReference(mediaId, item, message, arrival))
    else found.unavailable.push(toLost(item, message, arrival))
  }
}

function toLost(item: WebhookMedia, message: WebhookMessage, arrival: MessageArrival): UnavailableMedia {
  const { mediaId, origin } = item
  return {
    ...toUnavailable(message.errors.length === 0 ? 'no-media-id' : 'media-error', message, arrival),
    ...describeWebhookError(message),
    ...defined({ mediaType: decideMediaType(item), mediaId, origin }),
  }
}

function decideMediaType({ mediaType, mimeType = '' }: WebhookMedia): MediaType {
  return mediaType ?? getMediaTypeFromMime(mimeType)
}

/** Why a message has less media than its sender sent; undefined when it says no such thing. */
function decideReason({ media, errors, contentless }: WebhookMessage): UnavailableReason | undefined {
  if (media.length > MAX_FILES) return 'too-many-files'
  if (media.length > 0) return undefined
  if (errors.some(({ code }) => code === MEDIA_DOWNLOAD_ERROR)) return 'media-error'
  return contentless ?? (errors.some(({ code }) => UNSUPPORTED_CODES.has(code)) ? 'unsupported' : undefined)
}

function toReference(
  mediaId: string,
  item: WebhookMedia,
  message: WebhookMessage,
  arrival: MessageArrival,
): MediaReference {
  const { sha256, filename, caption, voice, animated, downloadUrl, unknownType } = item
  const { messageId, timestamp = arrival.receivedAt, direction } = message
  return {
    mediaId,
    mediaType: decideMediaType(item),
    mimeType: item.mimeType ?? '',
    messageId,
    timestamp,
    ...arrival,
    direction,
    origin: item.origin ?? message.origin,
    ...pickPeople(message),
    ...defined({ sha256, filename, caption, voice, animated, unknownType, downloadUrl }),
    ...defined({
      downloadUrlExpiresAt: downloadUrl === undefined ? undefined : parseDownloadUrlExpiry(downloadUrl),
    }),
  }
}

function toRevoked(messageId: string, message: WebhookMessage, arrival: MessageArrival): RevokedMessage {
  const { messageId: revokedBy, timestamp = arrival.receivedAt, direction } = message
  return { messageId, revokedBy, timestamp, ...arrival, direction, ...pickPeople(message) }
}

function toUnavailable(reason: UnavailableReason, message: WebhookMessage, arrival: MessageArrival): UnavailableMedia {
  const { messageId, direction, origin, timestamp } = message
  return { reason, messageId, ...arrival, direction, origin, ...defined({ timestamp }), ...pickPeople(message) }
}

function pickPeople({
  from,
  fromUserId,
  contact,
  group,
}: WebhookMessage): Pick<MediaReference, 'from' | 'fromUserId' | 'contact' | 'group'> {
  return defined({ from, fromUserId, contact, group })
}

function describeWebhookError({
  errors: [error],
  unsupportedType,
}: WebhookMessage): Pick<UnavailableMedia, 'errorCode' | 'title' | 'unsupportedType' | 'mediaType'> {
  const { code: errorCode, title } = error ?? {}
  return defined({ errorCode, title, unsupportedType, mediaType: findUnsupportedKind(unsupportedType) })
}

/** A loss that concerns no message that could be named. */
function collectChangeError({ code, title }: WebhookError, arrival: MessageArrival, found: ExtractedMedia): void {
  if (code !== NOT_DELIVERED_IN_TIME) return
  found.unavailable.push({ reason: 'retention-expired', errorCode: code, ...arrival, ...defined({ title }) })
}

export function removeDuplicates(media: MediaReference[]): MediaReference[] {
  if (media.length < 2) return media
  const seen = new Map<string, MediaReference>()
  for (const reference of media) {
    const identity = JSON.stringify([reference.mediaId, reference.messageId, reference.origin])
    if (!seen.has(identity)) seen.set(identity, reference)
  }
  return [...seen.values()]
}

export function toIsoTime(time: Date | string = new Date()): string {
  const date = new Date(time)
  return (Number.isNaN(date.getTime()) ? new Date() : date).toISOString()
}
