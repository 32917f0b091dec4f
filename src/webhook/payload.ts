import {
  defined,
  findId,
  parseTimestamp,
  parseWhole,
  readId,
  readObjects,
  readOwn,
  readString,
  toObject,
} from '../json.js'
import type { MediaContact } from '../media-reference/contact.js'
import type { MediaReference } from '../media-reference.js'
import { type ContactList, listContacts, RECIPIENT, readSide, SENDER } from './payload/contacts.js'
import { readFlowFiles, readHeaderMedia, readMediaObjects, type WebhookMedia } from './payload/media.js'

export type { ContactList } from './payload/contacts.js'
export { type MessageLocation, readContent } from './payload/content.js'
export { findUnsupportedKind, type WebhookMedia } from './payload/media.js'
export { parseStatuses, type WireStatus } from './payload/statuses.js'

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
  contacts: ContactList
}

/** A message, an echo of one, or a call with a recording. */
export interface WebhookMessage {
  /** Empty when the wire had none. */
  messageId: string
  /** ISO 8601. */
  timestamp?: string | undefined
  from?: string | undefined
  fromUserId?: string | undefined
  /** The customer: the sender of an inbound message, the recipient of an outbound one. */
  contact?: MediaContact | undefined
  group?: string | undefined
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

/** One of a webhook's `errors`. */
export interface WebhookError {
  code?: number | undefined
  title?: string | undefined
}

/** Where a message stands in the webhook. */
interface MessagePath extends Pick<WebhookMessage, 'direction' | 'origin'> {
  contacts: ContactList
  /** The customer whose thread it is, where the wire has threads. */
  thread?: string | undefined
}

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
  const contacts = listContacts([...readObjects(value, 'contacts'), ...readObjects(standby, 'contacts')])
  const messageOrigin = readOwn(change, 'field') === 'history' ? 'history' : 'message'
  const echoOrigin = messageOrigin === 'history' ? 'history' : 'echo'
  const inbound = { direction: 'inbound', contacts } as const
  const outbound = { direction: 'outbound', contacts } as const
  return {
    businessAccountId,
    phoneNumberId: readId(metadata, 'phone_number_id'),
    messages: [
      ...readObjects(value, 'messages').map((wire) => readMessage(wire, { ...inbound, origin: messageOrigin })),
      ...readObjects(value, 'message_echoes').map((wire) => readMessage(wire, { ...outbound, origin: echoOrigin })),
      ...readObjects(standby, 'messages').map((wire) => readMessage(wire, { ...inbound, origin: 'standby' })),
      ...readObjects(standby, 'message_echoes').map((echo) =>
        readMessage(toSentMessage(echo), { ...outbound, origin: 'standby' }),
      ),
      ...readThreads(value, contacts),
      ...readObjects(value, 'calls').map((call) => readCall(call, contacts)),
    ],
    errors: readErrors(value),
    contacts,
  }
}

function readThreads(value: unknown, contacts: ContactList): WebhookMessage[] {
  const ownNumber = readId(readOwn(value, 'metadata'), 'display_phone_number').replace(/\D/g, '')
  return readObjects(value, 'history')
    .flatMap((chunk) => readObjects(chunk, 'threads'))
    .flatMap((thread) =>
      readObjects(thread, 'messages').map((message) => {
        // A thread holds both sides; only the sender's number distinguishes them.
        const isOwn = readOwn(message, 'to') !== undefined || readId(message, 'from') === ownNumber
        const direction = isOwn ? 'outbound' : 'inbound'
        return readMessage(message, { direction, origin: 'history', contacts, thread: findId(thread, 'id') })
      }),
    )
}

/**
 * Of standby's echoes: the body that was given to the Send API lies one level deeper; id, time, and sometimes the
 * template are beside it.
 */
function toSentMessage(echo: unknown): unknown {
  return {
    template: readOwn(echo, 'template'),
    ...toObject(readOwn(echo, 'message')),
    id: readOwn(echo, 'id'),
    timestamp: readOwn(echo, 'timestamp'),
  }
}

/** Recordings and transcripts of calls (Meta: Call recording, Call transcription). */
function readCall(call: unknown, contacts: ContactList): WebhookMessage {
  const isOwn = readOwn(call, 'direction') === 'BUSINESS_INITIATED'
  const message = readMessage(call, { direction: isOwn ? 'outbound' : 'inbound', origin: 'call-recording', contacts })
  message.media = [
    ...readMediaObjects(readOwn(call, 'call_recording')),
    ...readMediaObjects(readOwn(call, 'call_transcript')),
  ]
  return message
}

function readMessage(wire: unknown, path: MessagePath): WebhookMessage {
  const { direction, origin } = path
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
      ...readHeaderMedia(wire),
      ...(isPlain ? edited.map((media) => ({ ...media, origin: 'edit' as const })) : edited),
      ...(isPlain ? files.map((file) => ({ ...file, origin: 'flow' as const })) : files),
    ],
    errors: readErrors(wire),
    wire,
    ...defined({
      timestamp: parseTimestamp(readOwn(wire, 'timestamp')),
      ...readPeople(wire, path),
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

type People = Pick<WebhookMessage, 'from' | 'fromUserId' | 'contact' | 'group'>

function readPeople(wire: unknown, { direction, contacts, thread }: MessagePath): People {
  const previousUserId = findId(readOwn(wire, 'system'), 'previous_user_id')
  const sender = { ...defined({ userId: previousUserId }), ...readSide(wire, SENDER) }
  // The body of the Send API, which standby repeats, has the group's id in `to` (Meta: Groups, "Send a message").
  const to = findId(wire, 'to')
  const group = findId(wire, 'group_id') ?? (readOwn(wire, 'recipient_type') === 'group' ? to : undefined)
  const isToGroup = group !== undefined && group === to
  const other = direction === 'inbound' ? sender : isToGroup ? {} : readRecipient(wire)
  const contact = contacts.complete({ ...(thread === undefined ? {} : readSide({ from: thread }, SENDER)), ...other })
  return {
    from: sender.phone,
    fromUserId: sender.userId,
    contact: Object.keys(contact).length === 0 ? undefined : contact,
    group,
  }
}

/** The Send API's body names a customer without a phone number in `recipient` (Meta: Business-scoped user IDs). */
function readRecipient(wire: unknown): MediaContact {
  return { ...readSide({ from: readOwn(wire, 'recipient') }, SENDER), ...readSide(wire, RECIPIENT) }
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
