/**
 * What the examples save of a webhook: one entry for each media item, and one for each message without media.
 */
import type { MediaContent, MediaReference } from 'whatsapp-media-archive'
import { readMessages } from 'whatsapp-media-archive/webhook'

export interface IncomingMessage {
  messageId: string
  phoneNumberId: string
  /** Absent for senders who hide their number. */
  from?: string
  /** ISO 8601. */
  timestamp: string
  /** The fields known before the media is archived; `toContent` completes them. Only media has a `mediaId`. */
  content: Partial<MediaContent> & { text?: string }
  /** Only media is awaited. */
  mediaStatus?: 'pending'
  /** What `archive.enqueue` takes again when the process ended before this media was archived. */
  reference?: MediaReference
}

/** Takes any JSON and skips unknown shapes, because a webhook that throws would come again for days. */
export function listMessages(payload: unknown): IncomingMessage[] {
  const messages = new Map<string, IncomingMessage>()
  const add = (message: IncomingMessage): void => {
    const id = JSON.stringify([message.messageId, message.content.mediaId])
    if (!messages.has(id)) messages.set(id, message)
  }
  for (const { messageId, phoneNumberId, from, timestamp, text, media, unavailable, ...where } of readMessages(
    payload,
  )) {
    const message = { messageId, phoneNumberId, timestamp, ...withoutUndefined({ from }) }
    const customer = withoutUndefined({ contact: where.contact, group: where.group })
    for (const reference of media) {
      const { mediaId, mediaType, mimeType, filename, caption } = reference
      const content = { ...withoutUndefined({ mediaId, mediaType, mimeType, filename, caption }), ...customer }
      add({ ...message, content, mediaStatus: 'pending', reference })
    }
    const lost = unavailable.filter(({ reason }) => reason !== 'referral' && reason !== 'placeholder')
    // `onFailed` will say why, and names them as here: without a media id by the empty string.
    for (const { mediaId = '', mediaType } of lost) {
      add({ ...message, content: { mediaId, ...withoutUndefined({ mediaType }), ...customer } })
    }
    if (media.length + lost.length === 0) add({ ...message, content: { ...withoutUndefined({ text }), ...customer } })
  }
  return [...messages.values()]
}

/** Databases would keep an undefined field as null. */
function withoutUndefined<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const defined = Object.entries(fields).filter(([, value]) => value !== undefined)
  // Valid because only undefined fields were removed.
  return Object.fromEntries(defined) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
