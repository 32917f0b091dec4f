/**
 * What both examples save of a webhook: one entry for each media item, and one for each message without media.
 */
import type { MediaContent } from 'whatsapp-media-archive'
import { extractMedia } from 'whatsapp-media-archive/webhook'

export interface IncomingMessage {
  messageId: string
  phoneNumberId: string
  /** Absent for senders who hide their number. */
  from?: string
  /** ISO 8601. */
  timestamp?: string
  /** The fields known before the media is archived; `toContent` completes them. Only media has a `mediaId`. */
  content: Partial<MediaContent> & { text?: string }
  /** Only media is awaited. */
  mediaStatus?: 'pending'
}

/** Takes any JSON and skips unknown shapes, because a webhook that throws would come again for days. */
export function readMessages(payload: unknown): IncomingMessage[] {
  const { media, unavailable } = extractMedia(payload)
  const messages = new Map<string, IncomingMessage>()
  const add = (message: IncomingMessage): void => {
    const id = JSON.stringify([message.messageId, message.content.mediaId])
    if (message.messageId !== '' && !messages.has(id)) messages.set(id, message)
  }
  for (const { messageId, phoneNumberId, from, timestamp, ...item } of media) {
    const { mediaId, mediaType, mimeType, filename, caption } = item
    const content = withoutUndefined({ mediaId, mediaType, mimeType, filename, caption })
    add({ messageId, phoneNumberId, timestamp, ...withoutUndefined({ from }), content, mediaStatus: 'pending' })
  }
  // `onFailed` will say why, and names them as here: without a media id by the empty string.
  for (const { messageId = '', phoneNumberId, from, timestamp, mediaId = '', mediaType, reason } of unavailable) {
    if (reason === 'referral' || reason === 'placeholder') continue
    const content = { mediaId, ...withoutUndefined({ mediaType }) }
    add({ messageId, phoneNumberId, ...withoutUndefined({ from, timestamp }), content })
  }
  const withMedia = new Set([...messages.values()].map(({ messageId }) => messageId))
  for (const message of plainMessages(payload)) if (!withMedia.has(message.messageId)) add(message)
  return [...messages.values()]
}

/** Texts, locations, contacts, ...: of these only the text is read here. */
function plainMessages(payload: unknown): IncomingMessage[] {
  const values = list(payload, 'entry')
    .flatMap((entry) => list(entry, 'changes'))
    .map((change) => field(change, 'value'))
  return values.flatMap((value) =>
    [...list(value, 'messages'), ...list(value, 'message_echoes')].map((message) => {
      const seconds = Number(text(message, 'timestamp'))
      return {
        messageId: text(message, 'id') ?? '',
        phoneNumberId: text(field(value, 'metadata'), 'phone_number_id') ?? '',
        ...withoutUndefined({ from: text(message, 'from') }),
        ...(seconds > 0 && seconds < 1e11 ? { timestamp: new Date(seconds * 1_000).toISOString() } : {}),
        content: withoutUndefined({ text: text(field(message, 'text'), 'body') }),
      }
    }),
  )
}

function field(json: unknown, name: string): unknown {
  return typeof json === 'object' && json !== null ? Reflect.get(json, name) : undefined
}

function list(json: unknown, name: string): unknown[] {
  const found = field(json, name)
  return Array.isArray(found) ? found : []
}

function text(json: unknown, name: string): string | undefined {
  const found = field(json, name)
  return typeof found === 'string' ? found : undefined
}

/** Databases would keep an undefined field as null. */
function withoutUndefined<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const defined = Object.entries(fields).filter(([, value]) => value !== undefined)
  // Valid because only undefined fields were removed.
  return Object.fromEntries(defined) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
