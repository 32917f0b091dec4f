import type { MediaReference } from '../../src/media-reference.js'
import { extractMedia, type UnavailableMedia } from '../../src/webhook/extract.js'

export const RECEIVED_AT = '2025-10-15T15:00:00.000Z'
export const SENT_AT = '2025-10-15T14:59:55.000Z'
export const USER = '15550002222'
export const BUSINESS = '15550001111'
/** The customer of nearly all fixtures. */
export const CUSTOMER = { phone: USER } as const

/** Where and when every message came in, in the form that references have. */
export const CONTEXT = {
  receivedAt: RECEIVED_AT,
  phoneNumberId: '200000000000002',
  businessAccountId: '100000000000001',
}

export function reference(
  facts: Partial<MediaReference> & Pick<MediaReference, 'mediaId' | 'mediaType' | 'mimeType' | 'messageId'>,
): MediaReference {
  const plain = { timestamp: SENT_AT, from: USER, contact: CUSTOMER, direction: 'inbound', origin: 'message' } as const
  return { ...CONTEXT, ...plain, ...facts }
}

export function without<T extends object, K extends keyof T>(value: T, ...keys: K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.some((one) => one === key))) as Omit<T, K>
}

/** A webhook with these messages and nothing else. */
export function webhook(...messages: unknown[]): unknown {
  return { entry: [{ id: 'waba', changes: [{ field: 'messages', value: { messages } }] }] }
}

export function onlyMedia(...messages: unknown[]): MediaReference[] {
  return extractMedia(webhook(...messages), { receivedAt: RECEIVED_AT }).media
}

export function onlyUnavailable(...messages: unknown[]): UnavailableMedia[] {
  return extractMedia(webhook(...messages), { receivedAt: RECEIVED_AT }).unavailable
}

export const PHOTO = {
  id: 'wamid.1',
  timestamp: '1760540395',
  type: 'image',
  image: { id: 'm1', mime_type: 'image/jpeg' },
}

export function flowAnswer(json: string): unknown {
  return {
    id: 'wamid.flow',
    type: 'interactive',
    interactive: { type: 'nfm_reply', nfm_reply: { response_json: json } },
  }
}
