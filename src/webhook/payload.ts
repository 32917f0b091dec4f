import {
  defined,
  isObject,
  parseJson,
  parseSha256,
  parseTimestamp,
  parseWhole,
  readFlag,
  readId,
  readObjects,
  readOwn,
  readString,
  toObject,
} from '../json.js'
import type { MediaReference, MediaType } from '../media-reference.js'

export { type MessageLocation, readContactNames, readContent } from './payload/content.js'

/**
 * The webhooks' wire forms: this file knows their snake_case. Everything here takes unknown JSON and tolerates it: a
 * field that is missing or of another type reads as absent, and nothing throws.
 */

/**
 * When a download URL expires: its `ext` parameter, unix seconds.
 *
 * @returns an ISO 8601 string; undefined when the URL does not say.
 */
export function parseDownloadUrlExpiry(url: string): string | undefined {
  const [, expiry] = /^[^?#]*\?(?:[^#]*&)?ext=(\d{9,11})(?:[&#]|$)/.exec(url) ?? []
  return expiry === undefined ? undefined : new Date(Number(expiry) * 1_000).toISOString()
}

/**
 * One of a webhook's `entry[].changes[]`, with any `field`: the position of the media decides, not the field's name.
 */
export interface WebhookChange {
  /** Empty when the wire had none, as is `phoneNumberId`. */
  businessAccountId: string
  phoneNumberId: string
  messages: WebhookMessage[]
  /** `value.errors`: about the whole change, not about one of its messages. */
  errors: WebhookError[]
  /** `value.contacts`, as they came. */
  contacts: readonly unknown[]
}

/** A message, an echo of one, or a call with a recording. */
export interface WebhookMessage {
  /** Empty when the wire had none. */
  messageId: string
  /** ISO 8601. */
  timestamp?: string | undefined
  from?: string | undefined
  fromUserId?: string | undefined
  direction: MediaReference['direction']
  origin: MediaReference['origin']
  media: WebhookMedia[]
  errors: WebhookError[]
  /** A message without content: history's stand-in for media, or something the Cloud API can't carry. */
  contentless?: 'placeholder' | 'unsupported' | undefined
  /** The type that Meta reports as unsupported: `edit`, `poll`, ... */
  unsupportedType?: string | undefined
  /** The advertisement that led to the message shows an image or a video. */
  referralMediaType?: 'image' | 'video' | undefined
  /** The message that its sender deleted with this one. */
  revokedMessageId?: string | undefined
  /** As it came, for `readContent`. */
  wire: unknown
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
  mediaType?: MediaType | undefined
  /** Overrides the message's, where it says more. */
  origin?: 'edit' | 'flow' | undefined
}

/** One of a webhook's `errors`. */
export interface WebhookError {
  code?: number | undefined
  title?: string | undefined
}

type MessagePath = Pick<WebhookMessage, 'direction' | 'origin'>

/** The names of media types on the wire; on-premises senders called a voice note `voice`. */
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
  return readObjects(payload, 'entry').flatMap((entry) => {
    const businessAccountId = readId(entry, 'id')
    return readObjects(entry, 'changes').map((change) => readChange(change, businessAccountId))
  })
}

function readChange(change: unknown, businessAccountId: string): WebhookChange {
  const value = readOwn(change, 'value')
  const metadata = readOwn(value, 'metadata')
  const standby = readOwn(value, 'standby')
  const isHistory = readOwn(change, 'field') === 'history'
  const messages: WebhookMessage[] = []
  const read = (wire: readonly unknown[], direction: MessagePath['direction'], origin: MessagePath['origin']): void => {
    for (const message of wire) messages.push(readMessage(message, { direction, origin }))
  }
  read(readObjects(value, 'messages'), 'inbound', isHistory ? 'history' : 'message')
  read(readObjects(value, 'message_echoes'), 'outbound', isHistory ? 'history' : 'echo')
  read(readObjects(standby, 'messages'), 'inbound', 'standby')
  read(readObjects(standby, 'message_echoes').map(toSentMessage), 'outbound', 'standby')
  const ownNumber = readString(metadata, 'display_phone_number')?.replace(/\D/g, '') ?? ''
  for (const message of readThreadMessages(value)) {
    // A thread holds both sides; only the sender's number distinguishes them.
    const isOwn = readOwn(message, 'to') !== undefined || readString(message, 'from') === ownNumber
    read([message], isOwn ? 'outbound' : 'inbound', 'history')
  }
  for (const call of readObjects(value, 'calls')) messages.push(readCall(call))
  const phoneNumberId = readId(metadata, 'phone_number_id')
  return {
    businessAccountId,
    phoneNumberId,
    messages,
    errors: readErrors(value),
    contacts: readObjects(value, 'contacts'),
  }
}

function readThreadMessages(value: unknown): unknown[] {
  return readObjects(value, 'history')
    .flatMap((chunk) => readObjects(chunk, 'threads'))
    .flatMap((thread) => readObjects(thread, 'messages'))
}

/** Of standby's echoes: the body that was given to the Send API lies one level deeper, id and time are beside it. */
function toSentMessage(echo: unknown): unknown {
  return { ...toObject(readOwn(echo, 'message')), id: readOwn(echo, 'id'), timestamp: readOwn(echo, 'timestamp') }
}

/** Recordings and transcripts of calls (Meta: Call recording, Call transcription). */
function readCall(call: unknown): WebhookMessage {
  const isOwn = readOwn(call, 'direction') === 'BUSINESS_INITIATED'
  const message = readMessage(call, { direction: isOwn ? 'outbound' : 'inbound', origin: 'call-recording' })
  message.media = [
    ...readMediaObjects(readOwn(call, 'call_recording')),
    ...readMediaObjects(readOwn(call, 'call_transcript')),
  ]
  return message
}

function readMessage(wire: unknown, { direction, origin }: MessagePath): WebhookMessage {
  // History and standby hold more: old messages, and a thread that belongs to another app.
  const isPlain = origin === 'message' || origin === 'echo'
  const edited = readMediaObjects(readOwn(readOwn(wire, 'edit'), 'message'))
  const files = readFlowFiles(wire)
  return {
    messageId: readString(wire, 'id') ?? '',
    direction,
    origin,
    media: [
      ...readMediaObjects(wire),
      ...(isPlain ? edited.map((media) => ({ ...media, origin: 'edit' as const })) : edited),
      ...(isPlain ? files.map((file) => ({ ...file, origin: 'flow' as const })) : files),
    ],
    errors: readErrors(wire),
    wire,
    ...defined({
      timestamp: parseTimestamp(readOwn(wire, 'timestamp')),
      ...readSender(wire),
      contentless: CONTENTLESS.get(readOwn(wire, 'type')),
      unsupportedType: readString(readOwn(wire, 'unsupported'), 'type'),
      referralMediaType: readReferral(readOwn(wire, 'referral')),
      revokedMessageId: readString(readOwn(wire, 'revoke'), 'original_message_id'),
    }),
  }
}

/** The types of messages without content. */
const CONTENTLESS: ReadonlyMap<unknown, 'placeholder' | 'unsupported'> = new Map([
  ['media_placeholder', 'placeholder'],
  ['unsupported', 'unsupported'],
  ['unknown', 'unsupported'],
])

/** Some senders put the business-scoped user id (`IN.2081...`) where the phone number belongs. */
function readSender(wire: unknown): { from: string | undefined; fromUserId: string | undefined } {
  const from = readString(wire, 'from')
  const isUserId = from !== undefined && /^[A-Z]{2}\.\w/.test(from)
  return {
    from: isUserId ? undefined : from,
    fromUserId: readString(wire, 'from_user_id') ?? (isUserId ? from : undefined),
  }
}

/** The media objects under their types' names; a declared type without its object is one without media id. */
function readMediaObjects(message: unknown): WebhookMedia[] {
  const found: WebhookMedia[] = []
  if (!isObject(message)) return found
  const type = readOwn(message, 'type')
  for (const [name, mediaType] of MEDIA_FIELDS) {
    const wire = readOwn(message, name)
    if (!isObject(wire) && type !== name) continue
    const caption = readString(wire, 'caption')
    const voice = name === 'voice' || readFlag(wire, 'voice')
    const animated = readFlag(wire, 'animated')
    const downloadUrl = readString(wire, 'url')
    found.push({ ...readFile(wire), mediaType, ...defined({ caption, voice, animated, downloadUrl }) })
  }
  return found
}

function readFile(wire: unknown): WebhookMedia {
  return defined({
    mediaId: readString(wire, 'id'),
    mimeType: readString(wire, 'mime_type'),
    sha256: parseSha256(readOwn(wire, 'sha256')),
    filename: readString(wire, 'filename') ?? readString(wire, 'file_name'),
  })
}

/**
 * The files of a Flow's answer (Meta: Flows, "Media upload"). The pickers' names are the Flow author's, so files are
 * known by their shape: items of an array, with an id and a MIME type or a file name.
 */
function readFlowFiles(message: unknown): WebhookMedia[] {
  const files: WebhookMedia[] = []
  const answer = readString(readOwn(readOwn(message, 'interactive'), 'nfm_reply'), 'response_json')
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
  return (
    readString(item, 'id') !== undefined &&
    (readString(item, 'mime_type') ?? readString(item, 'file_name')) !== undefined
  )
}

function readReferral(referral: unknown): 'image' | 'video' | undefined {
  const hasVideo = readString(referral, 'video_url') !== undefined
  const hasImage = (readString(referral, 'image_url') ?? readString(referral, 'thumbnail_url')) !== undefined
  return hasVideo ? 'video' : hasImage ? 'image' : undefined
}

function readErrors(json: unknown): WebhookError[] {
  return readObjects(json, 'errors').map((wire) =>
    defined({ code: parseWhole(readOwn(wire, 'code')), title: readString(wire, 'title') }),
  )
}
