import { createCipheriv, createHash, createHmac, randomBytes, randomUUID } from 'node:crypto'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../../errors/check-options.js'
import { checkText } from '../../errors/checks.js'
import { describeValue } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import type { RoutedExchange } from './exchange.js'
import { type IntendedAnswer, isWholeAnswer, sendSpoilt, takeFault } from './faults.js'
import { makeTraceId } from './refusals.js'
import type { FakeApiState } from './state.js'

/** A file that a customer picks in a Flow. */
export interface FakeFlowMedia {
  /** The file, as it is before WhatsApp encrypts it. */
  bytes: Uint8Array
  /** Its name. Default `IMG_5237.jpg`. */
  filename?: string | undefined
  /** Default: a made-up UUID. */
  mediaId?: string | undefined
}

/** An encrypted file, and how the Flow's endpoint hears of it. */
export interface AddedFlowMedia {
  /** A UUID. */
  mediaId: string
  /** The file as the wire has it: `media_id`, `cdn_url`, `file_name`, `encryption_metadata`. */
  file: Record<string, unknown>
  /** A decrypted request with it, for `extractFlowMedia`. */
  request: Record<string, unknown>
  /** Of the file before it was encrypted, lowercase hex. */
  sha256: string
  /** Bytes, before it was encrypted. */
  size: number
}

const FLOW_MEDIA_FIELDS: OptionNames<FakeFlowMedia> = { bytes: true, filename: true, mediaId: true }

/** The beginning of the CDN's paths. */
export const CDN_PATH = '/v/'

const MAC_LENGTH = 10

/** Encrypts a file as WhatsApp does (Meta: Flows, Media upload), and holds it. @throws InvalidOptionError */
export function holdFlowFile(media: FakeFlowMedia, { flowFiles, flowOrigin, now }: FakeApiState): AddedFlowMedia {
  checkOptions(media, FLOW_MEDIA_FIELDS, { option: 'media' })
  const { bytes, filename = 'IMG_5237.jpg', mediaId = randomUUID() } = media
  if (!types.isUint8Array(bytes)) {
    throw new InvalidOptionError({ option: 'media.bytes', problem: `must be bytes, got ${describeValue(bytes)}` })
  }
  checkText('media.filename', filename)
  checkText('media.mediaId', mediaId)
  const [key, hmacKey, iv] = [randomBytes(32), randomBytes(32), randomBytes(16)]
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()])
  const mac = createHmac('sha256', hmacKey).update(iv).update(ciphertext).digest()
  const encrypted = Buffer.concat([ciphertext, mac.subarray(0, MAC_LENGTH)])
  flowFiles.set(mediaId, { encrypted, addedAt: now() })
  const hash = createHash('sha256').update(bytes)
  const sha256 = hash.copy().digest('hex')
  const file = {
    media_id: mediaId,
    cdn_url: `${flowOrigin}${CDN_PATH}${encodeURIComponent(mediaId)}?ccb=11-4`,
    file_name: filename,
    encryption_metadata: {
      encrypted_hash: createHash('sha256').update(encrypted).digest('base64'),
      iv: iv.toString('base64'),
      encryption_key: key.toString('base64'),
      hmac_key: hmacKey.toString('base64'),
      plaintext_hash: hash.digest('base64'),
    },
  }
  const request = {
    version: '3.0',
    action: 'data_exchange',
    screen: 'PHOTOS',
    data: { photo_picker: [file] },
    flow_token: 'a made-up flow token',
  }
  return { mediaId, file, request, sha256, size: bytes.length }
}

/** Sends an encrypted file. The CDN asks for no token, and has forgotten a file that is too old. */
export async function sendFlowFile({ response, url }: RoutedExchange, state: FakeApiState): Promise<void> {
  const mediaId = decodeURIComponent(url.pathname.slice(CDN_PATH.length))
  const fault = takeFault({ on: 'flow-download', mediaId }, state.faults)
  const held = state.flowFiles.get(mediaId)
  const isOver = held !== undefined && state.now() > held.addedAt + state.mediaLifetimeMs
  if ((held === undefined || isOver) && (fault === undefined || !isWholeAnswer(fault))) {
    response.writeHead(isOver ? 410 : 404, { 'content-length': '0' }).end()
    return
  }
  await sendSpoilt(response, buildEncryptedAnswer(held?.encrypted ?? Buffer.alloc(0)), fault, makeTraceId())
}

function buildEncryptedAnswer(encrypted: Buffer): IntendedAnswer {
  return {
    headers: { 'content-type': 'application/octet-stream', 'cache-control': 'public, max-age=1209600' },
    size: encrypted.length,
    pieces: () => cutIntoPieces(encrypted),
  }
}

function* cutIntoPieces(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384)
}
