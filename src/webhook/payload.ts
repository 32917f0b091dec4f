import {
  asObject,
  field,
  flag,
  idText,
  isObject,
  list,
  parseJson,
  parseSha256,
  parseTimestamp,
  put,
  text,
  wholeNumber,
} from '../json.js'
import type { MediaReference, MediaType } from '../media-reference.js'

/**
 * The webhooks' wire forms: this file knows their snake_case. Everything here takes unknown JSON and tolerates it: what
 * is missing or of another type reads as absent, and nothing throws.
 */

/**
 * When a download URL dies: its `ext` parameter, unix seconds.
 *
 * @returns an ISO 8601 string; undefined when the URL does not say.
 */
export function parseDownloadUrlExpiry(url: string): string | undefined {
  const [, expiry] = /^[^?#]*\?(?:[^#]*&)?ext=(\d{9,11})(?:[&#]|$)/.exec(url) ?? []
  return expiry === undefined ? undefined : new Date(Number(expiry) * 1_000).toISOString()
}

/** One of a webhook's `entry[].changes[]`, whatever its `field` says: where media sits decides, not the field's name. */
export interface WebhookChange {
  /** Empty when the wire had none, as is `phoneNumberId`. */
  businessAccountId: string
  phoneNumberId: string
  messages: WebhookMessage[]
  /** `value.errors`: about the whole change, not about one of its messages. */
  errors: WebhookError[]
}

/** A message, an echo of one, or a call with a recording. */
export interface WebhookMessage {
  /** Empty when the wire had none. */
  messageId: string
  /** ISO 8601. */
  timestamp?: string
  from?: string
  fromUserId?: string
  direction: MediaReference['direction']
  origin: MediaReference['origin']
  media: WebhookMedia[]
  errors: WebhookError[]
  /** A message without content: history's stand-in for media, or something the Cloud API can't carry. */
  contentless?: 'placeholder' | 'unsupported'
  /** What Meta says is not supported: `edit`, `poll`, ... */
  unsupportedType?: string
  /** The advertisement that led to the message shows an image or a video. */
  referralMediaType?: 'image' | 'video'
  /** The message that its sender deleted with this one. */
  revokedMessageId?: string
}

/** A media object as a message carries it. Without `mediaId` there is nothing to look up. */
export interface WebhookMedia
  extends Partial<
    Pick<
      MediaReference,
      'mediaId' | 'mimeType' | 'sha256' | 'filename' | 'caption' | 'voice' | 'animated' | 'downloadUrl'
    >
  > {
  /** Absent for the files of a Flow answer: their MIME type decides. */
  mediaType?: MediaType
  /** Overrides the message's, where it tells more. */
  origin?: 'edit' | 'flow'
}

/** One of a webhook's `errors`. */
export interface WebhookError {
  code?: number
  title?: string
}

type Place = Pick<WebhookMessage, 'direction' | 'origin'>

/** The names of media types on the wire; `voice` is what on-premises senders called a voice note. */
const MEDIA_FIELDS: readonly (readonly [name: string, mediaType: MediaType])[] = [
  ['image', 'image'],
  ['video', 'video'],
  ['audio', 'audio'],
  ['voice', 'audio'],
  ['document', 'document'],
  ['sticker', 'sticker'],
]

/**
 * Reads a webhook's body: all entries, changes and messages (Meta: Webhooks, "messages", "smb_message_echoes",
 * "history", "standby" and "calls" reference). A test from the dashboard may hold next to nothing.
 */
export function parseWebhook(payload: unknown): WebhookChange[] {
  return list(payload, 'entry').flatMap((entry) => {
    const businessAccountId = idText(entry, 'id')
    return list(entry, 'changes').map((change) => readChange(change, businessAccountId))
  })
}

function readChange(change: unknown, businessAccountId: string): WebhookChange {
  const value = field(change, 'value')
  const metadata = field(value, 'metadata')
  const standby = field(value, 'standby')
  const isHistory = field(change, 'field') === 'history'
  const messages: WebhookMessage[] = []
  const read = (wire: readonly unknown[], direction: Place['direction'], origin: Place['origin']): void => {
    for (const message of wire) messages.push(readMessage(message, { direction, origin }))
  }
  read(list(value, 'messages'), 'inbound', isHistory ? 'history' : 'message')
  read(list(value, 'message_echoes'), 'outbound', isHistory ? 'history' : 'echo')
  read(list(standby, 'messages'), 'inbound', 'standby')
  read(list(standby, 'message_echoes').map(sentMessage), 'outbound', 'standby')
  const ownNumber = text(metadata, 'display_phone_number')?.replace(/\D/g, '') ?? ''
  for (const message of threadMessages(value)) {
    // A thread holds both sides; only the sender's number tells them apart.
    const isOwn = field(message, 'to') !== undefined || text(message, 'from') === ownNumber
    read([message], isOwn ? 'outbound' : 'inbound', 'history')
  }
  for (const call of list(value, 'calls')) messages.push(readCall(call))
  return { businessAccountId, phoneNumberId: idText(metadata, 'phone_number_id'), messages, errors: readErrors(value) }
}

function threadMessages(value: unknown): unknown[] {
  return list(value, 'history')
    .flatMap((chunk) => list(chunk, 'threads'))
    .flatMap((thread) => list(thread, 'messages'))
}

/** Of standby's echoes: the body that was given to the Send API lies one level deeper, id and time are beside it. */
function sentMessage(echo: unknown): unknown {
  return { ...asObject(field(echo, 'message')), id: field(echo, 'id'), timestamp: field(echo, 'timestamp') }
}

/** Recordings and transcripts of calls (Meta: Call recording, Call transcription). */
function readCall(call: unknown): WebhookMessage {
  const isOwn = field(call, 'direction') === 'BUSINESS_INITIATED'
  const message = readMessage(call, { direction: isOwn ? 'outbound' : 'inbound', origin: 'call-recording' })
  message.media = [...readMedia(field(call, 'call_recording')), ...readMedia(field(call, 'call_transcript'))]
  return message
}

function readMessage(wire: unknown, { direction, origin }: Place): WebhookMessage {
  const message: WebhookMessage = {
    messageId: text(wire, 'id') ?? '',
    direction,
    origin,
    media: readMedia(wire),
    errors: readErrors(wire),
  }
  // History and standby tell more: old messages, and a thread that belongs to another app.
  const isPlain = origin === 'message' || origin === 'echo'
  for (const media of readMedia(field(field(wire, 'edit'), 'message'))) {
    if (isPlain) media.origin = 'edit'
    message.media.push(media)
  }
  for (const file of flowFiles(wire)) {
    if (isPlain) file.origin = 'flow'
    message.media.push(file)
  }
  put(message, 'timestamp', parseTimestamp(field(wire, 'timestamp')))
  readSender(wire, message)
  const type = field(wire, 'type')
  if (type === 'media_placeholder') message.contentless = 'placeholder'
  if (type === 'unsupported' || type === 'unknown') message.contentless = 'unsupported'
  put(message, 'unsupportedType', text(field(wire, 'unsupported'), 'type'))
  put(message, 'referralMediaType', readReferral(field(wire, 'referral')))
  put(message, 'revokedMessageId', text(field(wire, 'revoke'), 'original_message_id'))
  return message
}

/** Some senders put the business-scoped user id (`IN.2081...`) where the phone number belongs. */
function readSender(wire: unknown, message: WebhookMessage): void {
  const from = text(wire, 'from')
  const isUserId = from !== undefined && /^[A-Z]{2}\.\w/.test(from)
  put(message, 'from', isUserId ? undefined : from)
  put(message, 'fromUserId', text(wire, 'from_user_id') ?? (isUserId ? from : undefined))
}

/** The media objects under their types' names; a declared type without its object is one without media id. */
function readMedia(message: unknown): WebhookMedia[] {
  const found: WebhookMedia[] = []
  if (!isObject(message)) return found
  const type = field(message, 'type')
  for (const [name, mediaType] of MEDIA_FIELDS) {
    const wire = field(message, name)
    if (!isObject(wire) && type !== name) continue
    const media = readFile(wire)
    media.mediaType = mediaType
    put(media, 'caption', text(wire, 'caption'))
    put(media, 'voice', name === 'voice' || flag(wire, 'voice'))
    put(media, 'animated', flag(wire, 'animated'))
    put(media, 'downloadUrl', text(wire, 'url'))
    found.push(media)
  }
  return found
}

function readFile(wire: unknown): WebhookMedia {
  const file: WebhookMedia = {}
  put(file, 'mediaId', text(wire, 'id'))
  put(file, 'mimeType', text(wire, 'mime_type'))
  put(file, 'sha256', parseSha256(field(wire, 'sha256')))
  put(file, 'filename', text(wire, 'filename') ?? text(wire, 'file_name'))
  return file
}

/**
 * The files of a Flow's answer (Meta: Flows, "Media upload"). The pickers' names are the Flow author's, so files are
 * known by their shape: items of an array, with an id and a MIME type or a file name.
 */
function flowFiles(message: unknown): WebhookMedia[] {
  const files: WebhookMedia[] = []
  const answer = text(field(field(message, 'interactive'), 'nfm_reply'), 'response_json')
  // A list, not recursion: the answer may be nested as deep as its sender likes.
  // Address messages and old phones answer with other texts than JSON.
  const pending = answer === undefined ? [] : [parseJson(answer)]
  for (const value of pending) {
    if (typeof value !== 'object' || value === null) continue
    for (const item of Object.values(value)) {
      if (Array.isArray(value) && isFlowFile(item)) files.push(readFile(item))
      else if (typeof item === 'object') pending.push(item)
    }
  }
  return files
}

function isFlowFile(item: unknown): boolean {
  return text(item, 'id') !== undefined && (text(item, 'mime_type') ?? text(item, 'file_name')) !== undefined
}

function readReferral(referral: unknown): 'image' | 'video' | undefined {
  const hasVideo = text(referral, 'video_url') !== undefined
  const hasImage = (text(referral, 'image_url') ?? text(referral, 'thumbnail_url')) !== undefined
  return hasVideo ? 'video' : hasImage ? 'image' : undefined
}

function readErrors(json: unknown): WebhookError[] {
  return list(json, 'errors').map((wire) => {
    const error: WebhookError = {}
    put(error, 'code', wholeNumber(field(wire, 'code')))
    put(error, 'title', text(wire, 'title'))
    return error
  })
}
