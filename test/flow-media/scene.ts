import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { Readable } from 'node:stream'
import type { HttpClient } from '../../src/http/client.js'
import type { MediaReference } from '../../src/media-reference.js'
import { CDN_FILE, WIRE_KEYS } from './vector.js'

const toHex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex')

/** The vector's file as a reference. */
export const reference: MediaReference = {
  mediaId: '790aba14-5f4a-4dbd-aa9e-0d75401da14b',
  mediaType: 'image',
  mimeType: 'image/jpeg',
  sha256: toHex(WIRE_KEYS.plaintext_hash),
  filename: 'IMG_5237.jpg',
  downloadUrl: 'https://mmg.whatsapp.net/v/redacted?oe=1',
  encryption: {
    encryptedSha256: toHex(WIRE_KEYS.encrypted_hash),
    encryptionKey: WIRE_KEYS.encryption_key,
    iv: WIRE_KEYS.iv,
    hmacKey: WIRE_KEYS.hmac_key,
  },
  messageId: '',
  timestamp: '2026-11-22T10:00:00.000Z',
  receivedAt: '2026-11-22T10:00:00.000Z',
  phoneNumberId: '106540352242922',
  businessAccountId: '',
  direction: 'inbound',
  origin: 'flow-endpoint',
}

/** The reference with other keys. */
export const withKeys = (keys: Partial<NonNullable<MediaReference['encryption']>>): MediaReference => {
  const { encryption } = reference
  if (encryption === undefined) throw new Error('the vector has keys')
  return { ...reference, encryption: { ...encryption, ...keys } }
}

export const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A CDN that answers everything with these bytes; `asked` gets the requests. */
export const answerWith = (
  bytes: Uint8Array = CDN_FILE,
  { headers = {}, status = 200 }: { headers?: Record<string, string>; status?: number } = {},
): { http: HttpClient; asked: { url: string; headers: Record<string, string> }[] } => {
  const asked: { url: string; headers: Record<string, string> }[] = []
  const http: HttpClient = async ({ url, headers: sent }) => {
    asked.push({ url, headers: { ...sent } })
    return { status, headers: { 'content-length': String(bytes.length), ...headers }, body: Readable.from([bytes]) }
  }
  return { http, asked }
}

/** Encrypts, and says how: each part can be made wrong. */
export const encrypt = (
  plaintext: Uint8Array,
  wrong: { macOver?: (iv: Buffer, ciphertext: Buffer) => Buffer; padding?: Buffer } = {},
): { file: Buffer; media: MediaReference } => {
  const [key, hmacKey, iv] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(16, 3)]
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  if (wrong.padding !== undefined) cipher.setAutoPadding(false)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.update(wrong.padding ?? ''), cipher.final()])
  const { macOver = (start, rest) => Buffer.concat([start, rest]) } = wrong
  const mac = createHmac('sha256', hmacKey).update(macOver(iv, ciphertext)).digest().subarray(0, 10)
  const file = Buffer.concat([ciphertext, mac])
  const [encryptionKey, hmac] = [key.toString('base64'), hmacKey.toString('base64')]
  const keys = { encryptedSha256: hash(file), encryptionKey, iv: iv.toString('base64'), hmacKey: hmac }
  return { file, media: { ...withKeys(keys), sha256: hash(plaintext) } }
}
