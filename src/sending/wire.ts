import { defined, findId, parseWhole, readFlag, readId, readObjects, readOwn, readString } from '../json.js'
import type { MediaType } from '../media-reference.js'

/** The Graph API's wire forms of the way out: this file knows their snake_case. */

/** The fields of an upload, beside its file (Meta: Media, "Upload media"). The file comes last. */
export function buildUploadFields(upload: {
  mimeType: string
  ttlMinutes?: number | undefined
}): Readonly<Record<string, string>> {
  const { mimeType, ttlMinutes } = upload
  return {
    messaging_product: 'whatsapp',
    type: mimeType,
    ...(ttlMinutes === undefined ? {} : { ttl_minutes: String(ttlMinutes) }),
  }
}

/** The id in the answer to an upload, or to the beginning of one. @returns undefined when there is none. */
export function parseUploadAnswer(json: unknown): string | undefined {
  return readId(json, 'id') || undefined
}

/** Whether the answer to a deletion says that it was done (Meta: Media, "Delete media"). */
export function isDeleted(json: unknown): boolean {
  return readFlag(json, 'success') === true
}

/** The query that begins a resumable upload (Graph API: Resumable Upload). */
export function buildSessionQuery(file: { filename: string; size: number; mimeType: string }): Record<string, string> {
  return { file_name: file.filename, file_length: String(file.size), file_type: file.mimeType }
}

/** The headers of the bytes of a resumable upload: where they begin, and how many they are. */
export function buildResumableHeaders(offset: number, bytes: number): Readonly<Record<string, string>> {
  return { file_offset: String(offset), 'content-length': String(bytes), 'content-type': 'application/octet-stream' }
}

/** Meta's resumable uploads want the token in another scheme. Headers of a provider's own stay. */
export function toOAuth(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.replace(/^Bearer /, 'OAuth ')]))
}

/** Where a resumable upload goes on. @returns undefined when the answer does not tell. */
export function parseOffset(json: unknown): number | undefined {
  return parseWhole(readOwn(json, 'file_offset'))
}

/** The handle of a file that Meta has whole. @returns undefined when there is none. */
export function parseHandle(json: unknown): string | undefined {
  return readString(json, 'h')
}

/** A message as it goes out. */
export interface MediaMessage {
  to?: string | undefined
  recipient?: string | undefined
  group?: string | undefined
  mediaType: MediaType
  /** One of the two. */
  mediaId?: string | undefined
  link?: string | undefined
  caption?: string | undefined
  filename?: string | undefined
  voice?: boolean | undefined
  replyTo?: string | undefined
  callbackData?: string | undefined
}

/**
 * The body of a message with media (Meta: Messages API, "Media object"; Groups API, "Send messages"; business-scoped user
 * ids: `recipient` in place of `to`).
 */
export function buildMessageBody(message: MediaMessage): Uint8Array {
  const { to, recipient, group, mediaType, mediaId, link, caption, filename, voice, replyTo, callbackData } = message
  const body = {
    messaging_product: 'whatsapp',
    recipient_type: group === undefined ? 'individual' : 'group',
    ...defined({ to: group ?? to, recipient }),
    type: mediaType,
    [mediaType]: defined({ id: mediaId, link, caption, filename, voice }),
    ...defined({
      context: replyTo === undefined ? undefined : { message_id: replyTo },
      biz_opaque_callback_data: callbackData,
    }),
  }
  return Buffer.from(JSON.stringify(body))
}

/** The answer to a message. @returns undefined when it names no message. */
export function parseSendAnswer(
  json: unknown,
): { messageId: string; phone?: string | undefined; userId?: string | undefined } | undefined {
  const [messageId] = readObjects(json, 'messages').map((message) => readId(message, 'id'))
  if (messageId === undefined || messageId === '') return undefined
  const [contact] = readObjects(json, 'contacts')
  return { messageId, ...defined({ phone: findId(contact, 'wa_id'), userId: findId(contact, 'user_id') }) }
}
