import { checkOptions } from '../errors/check-options.js'
import { defined } from '../json.js'
import type { MediaContact } from '../media-reference/contact.js'
import type { MediaReference } from '../media-reference.js'
import {
  collectMessage,
  EXTRACT_OPTIONS,
  type ExtractedMedia,
  type MessageArrival,
  refuseUnparsed,
  removeDuplicates,
  toIsoTime,
  type UnavailableMedia,
} from './extract.js'
import { type ContactList, type MessageLocation, parseWebhook, readContent, type WebhookMessage } from './payload.js'

/** A message of a webhook, for your database. Plain JSON. */
export interface ChatMessage {
  /** Meta's id of the message; the same in each delivery. It contains the sender's phone number. */
  messageId: string
  /** Meta's type: `text`, `image`, `interactive`, `reaction`, ...; `call` for a recorded call, `unknown` without one. */
  type: string
  /**
   * The words: of a text or its edit, of the button or list entry that was chosen, of a system message, a reaction's emoji.
   * A file's caption is in `media`.
   */
  text?: string | undefined
  /** Its files, as `extractMedia` finds them. Most messages have none; a Flow's answer and a template's cards may have several. */
  media: MediaReference[]
  /** Files that it announced and that can't be downloaded, and why. */
  unavailable: UnavailableMedia[]
  /** When it was sent, ISO 8601; `receivedAt` when the wire had no time. */
  timestamp: string
  /** When the webhook came, ISO 8601. */
  receivedAt: string
  /** The sender's phone number; absent for users who hide it behind a username. */
  from?: string | undefined
  /** The sender's business-scoped user id. */
  fromUserId?: string | undefined
  /** The recipient's phone number, of a message that the business sent. */
  to?: string | undefined
  /** The customer: the sender, or the recipient of a message that the business sent. */
  contact?: MediaContact | undefined
  /** The id of the group that it was sent to. Its customer is the sender; of the business's own messages there is none. */
  group?: string | undefined
  /** The customer's profile name. */
  contactName?: string | undefined
  /** Meta's id of the business phone number; empty when the wire had none. */
  phoneNumberId: string
  /** The WhatsApp Business Account; empty when the wire had none. */
  businessAccountId: string
  /** `inbound`: from a user. `outbound`: from the business. */
  direction: MediaReference['direction']
  /** The part of the webhook that it stood in. */
  origin: MediaReference['origin']
  /** The id or payload, set by your app, of the button or list entry that was chosen. */
  buttonId?: string | undefined
  /** The place that it points at. */
  location?: MessageLocation | undefined
  /** The message that it answers. */
  repliesTo?: string | undefined
  /** The message that it reacts to. Without `text`, it takes the reaction back. */
  reactsTo?: string | undefined
  /** The message that it edits: `text` and `media` are the new ones. */
  edits?: string | undefined
  /** The message that its sender deleted. */
  revokes?: string | undefined
  /** The customer's new ids: a system message says that `contact` has changed its number or user id. */
  changedTo?: MediaContact | undefined
}

/**
 * Reads the messages of a webhook: all entries and changes; echoes, history, standby and recorded calls, too. Messages
 * without an id, statuses and unknown shapes are skipped; nothing of a parsed body throws.
 *
 * @param payload the parsed body: anything that JSON can hold. `onPayload` of `createWebhookHandler` gets it.
 * @param options `receivedAt`: when the webhook came, ISO 8601 or Date, default now. `onPayload`'s second argument fits.
 * @returns the messages, in the payload's order. Meta delivers more than once: save by `messageId`, and leave what is
 * there. History's placeholder and its media have the same one.
 * @throws InvalidOptionError for bytes, text or a request in place of the parsed body.
 * @example
 * ```ts
 * import { buildWebhook } from 'whatsapp-media-archive/testing'
 * import { readMessages } from 'whatsapp-media-archive/webhook'
 *
 * const payload = buildWebhook([{ text: 'Is the roof done?', from: '15550001111' }]) // or what onPayload gets
 * for (const { messageId, from, type, text, media } of readMessages(payload)) {
 *   console.log(messageId, from, type, text, media.length) // wamid.… 15550001111 text Is the roof done? 0
 * }
 * ```
 */
export function readMessages(
  payload: unknown,
  options: {
    /** When the webhook came. Default: now. */
    receivedAt?: Date | string | undefined
  } = {},
): ChatMessage[] {
  checkOptions(options, EXTRACT_OPTIONS, { isOpen: true })
  refuseUnparsed(payload)
  const receivedAt = toIsoTime(options.receivedAt)
  return parseWebhook(payload).flatMap(({ messages, contacts, phoneNumberId, businessAccountId }) => {
    const arrival = { receivedAt, phoneNumberId, businessAccountId }
    return messages.filter(isMessage).map((message) => toChatMessage(message, arrival, contacts))
  })
}

/** A call without a recording is no message. */
function isMessage({ messageId, origin, media }: WebhookMessage): boolean {
  return messageId !== '' && (origin !== 'call-recording' || media.length > 0)
}

function toChatMessage(message: WebhookMessage, arrival: MessageArrival, contacts: ContactList): ChatMessage {
  const found: ExtractedMedia = { media: [], unavailable: [], revoked: [] }
  collectMessage(message, arrival, found)
  const { messageId, timestamp = arrival.receivedAt, direction, origin, from, fromUserId, contact, group } = message
  const { type = origin === 'call-recording' ? 'call' : 'unknown', ...content } = readContent(message.wire)
  const contactName = contact === undefined ? undefined : contacts.findName(contact)
  return {
    messageId,
    type,
    media: removeDuplicates(found.media),
    unavailable: found.unavailable,
    timestamp,
    ...arrival,
    direction,
    origin,
    ...content,
    ...defined({ from, fromUserId, contact, group, contactName }),
  }
}
