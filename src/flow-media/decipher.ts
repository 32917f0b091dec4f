import { createDecipheriv, createHash, createHmac, type Decipher, timingSafeEqual } from 'node:crypto'
import { checkChunk } from '../errors/checks.js'
import { DecryptionFailedError } from '../errors.js'
import type { Spooled } from '../integrity/spool.js'
import type { MediaEncryption } from '../media-reference/encryption.js'
import type { EncryptedMedia } from '../media-reference.js'

/*
 * The file on WhatsApp's CDN (Meta: Flows, Media upload): AES-256-CBC with PKCS #7 padding, and behind it the first 10
 * bytes of the HMAC-SHA-256 over initialization vector and ciphertext.
 */

/** The bytes of the HMAC at the end of the file. */
export const MAC_BYTES = 10

const BLOCK_BYTES = 16

/**
 * Reads an encrypted file from beginning to end, and checks its HMAC and its plaintext's SHA-256. The plaintext goes
 * nowhere.
 *
 * @returns the plaintext's size in bytes. @throws DecryptionFailedError; the signal's reason.
 */
export async function measurePlaintext(
  file: Pick<Spooled, 'size' | 'open'>,
  { media, signal }: { media: Pick<EncryptedMedia, 'mediaId' | 'sha256' | 'encryption'>; signal: AbortSignal },
): Promise<number> {
  const { mediaId, sha256, encryption } = media
  const fail = (problem: string): DecryptionFailedError => new DecryptionFailedError({ mediaId, problem })
  const cipherBytes = file.size - MAC_BYTES
  if (cipherBytes < BLOCK_BYTES || cipherBytes % BLOCK_BYTES !== 0) {
    throw fail(`the encrypted file has ${file.size} bytes, which are no whole blocks and ${MAC_BYTES} bytes of HMAC`)
  }
  const decipher = openDecipher(encryption)
  const hmac = createHmac('sha256', decodeKey(encryption.hmacKey)).update(decodeKey(encryption.iv))
  const hash = createHash('sha256')
  const macParts: Uint8Array[] = []
  let size = 0
  for await (const { ciphertext, mac } of readParts(file)) {
    signal.throwIfAborted()
    hmac.update(ciphertext)
    const plaintext = decipher.update(ciphertext)
    hash.update(plaintext)
    size += plaintext.byteLength
    macParts.push(mac)
  }
  if (!timingSafeEqual(Buffer.concat(macParts), hmac.digest().subarray(0, MAC_BYTES))) {
    throw fail('its HMAC is another than its keys make')
  }
  const rest = finishDecipher(decipher)
  if (rest === undefined) throw fail('its padding is none')
  if (hash.update(rest).digest('hex') !== sha256) throw fail('its plaintext has another SHA-256 than announced')
  return size + rest.byteLength
}

/** The plaintext of a file that `measurePlaintext` has checked. */
export async function* decipherFile(
  file: Pick<Spooled, 'size' | 'open'>,
  encryption: MediaEncryption,
): AsyncGenerator<Uint8Array> {
  const decipher = openDecipher(encryption)
  for await (const { ciphertext } of readParts(file)) yield decipher.update(ciphertext)
  yield decipher.final()
}

/** The file as it is read, each piece cut where the HMAC begins. */
async function* readParts({
  size,
  open,
}: Pick<Spooled, 'size' | 'open'>): AsyncGenerator<{ ciphertext: Uint8Array; mac: Uint8Array }> {
  let left = size - MAC_BYTES
  for await (const piece of open()) {
    const bytes = checkChunk(piece)
    yield { ciphertext: bytes.subarray(0, left), mac: bytes.subarray(left) }
    left = Math.max(0, left - bytes.byteLength)
  }
}

function openDecipher({ encryptionKey, iv }: MediaEncryption): Decipher {
  return createDecipheriv('aes-256-cbc', decodeKey(encryptionKey), decodeKey(iv))
}

/** The last bytes, without the padding; undefined where no padding is. */
function finishDecipher(decipher: Decipher): Uint8Array | undefined {
  try {
    return decipher.final()
  } catch {
    return undefined
  }
}

function decodeKey(base64: string): Buffer {
  return Buffer.from(base64, 'base64')
}
