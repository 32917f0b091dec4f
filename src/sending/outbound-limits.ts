import { describeValue } from '../errors/describe.js'
import { OutboundLimitError, OutboundTypeError } from '../errors.js'
import { decideServedType, getMediaTypeFromMime, readEssence } from '../file-type/mime.js'
import type { MediaType } from '../media-reference.js'

/** A file as WhatsApp takes it. */
export interface OutboundFormat {
  mediaType: MediaType
  /** The Content-Type that its part has. */
  mimeType: string
  /** The extensions that its name may have, without dot: Meta sorts files by them. The first is the usual one. */
  extensions: readonly string[]
  /** Bytes. */
  limitBytes: number
}

const MB = 1_048_576

/** Meta: Media, "Supported media types". Of stickers, the limit of animated ones: the first bytes tell which one it is. */
const LIMITS: Readonly<Record<MediaType, number>> = {
  image: 5 * MB,
  video: 16 * MB,
  audio: 16 * MB,
  document: 100 * MB,
  sticker: 512_000,
}

/** Meta: Media. Of a sticker that is not animated. */
export const STATIC_STICKER_BYTES = 102_400

const OFFICE = 'application/vnd.openxmlformats-officedocument.'

/** The MIME types that Meta lets in, with the kind each is for (Meta: Media, "Supported media types"). */
const FORMATS: readonly (readonly [MediaType, mimeType: string, ...extensions: string[]])[] = [
  ['image', 'image/jpeg', 'jpg', 'jpeg'],
  ['image', 'image/png', 'png'],
  ['sticker', 'image/webp', 'webp'],
  ['video', 'video/mp4', 'mp4'],
  ['video', 'video/3gpp', '3gp'],
  ['audio', 'audio/aac', 'aac'],
  ['audio', 'audio/amr', 'amr'],
  ['audio', 'audio/mpeg', 'mp3'],
  ['audio', 'audio/mp4', 'm4a'],
  ['audio', 'audio/ogg', 'ogg'],
  ['document', 'text/plain', 'txt'],
  ['document', 'application/pdf', 'pdf'],
  ['document', 'application/msword', 'doc'],
  ['document', 'application/vnd.ms-excel', 'xls'],
  ['document', 'application/vnd.ms-powerpoint', 'ppt'],
  ['document', `${OFFICE}wordprocessingml.document`, 'docx'],
  ['document', `${OFFICE}spreadsheetml.sheet`, 'xlsx'],
  ['document', `${OFFICE}presentationml.presentation`, 'pptx'],
]

/** Meta takes Ogg with Opus alone, and only under this name. */
const SENT_AS: Readonly<Record<string, string>> = { 'audio/ogg': 'audio/ogg; codecs=opus' }

/**
 * Finds how WhatsApp takes a file of this type. Other names of a type count as it: `image/jpg`, `audio/opus`.
 *
 * @param mediaType default: by MIME type; WebP is a sticker.
 * @throws OutboundTypeError when it does not.
 */
export function findOutboundFormat(given: string, mediaType?: MediaType): OutboundFormat {
  const mimeType = readUsualType(given)
  const [usual, , ...extensions] = FORMATS.find(([, type]) => type === mimeType) ?? [undefined, '']
  const kind = mediaType ?? usual ?? getMediaTypeFromMime(given)
  // Whatever Meta lets in may go as a document.
  if (usual !== undefined && (kind === usual || kind === 'document')) {
    return { mediaType: kind, mimeType: SENT_AS[mimeType] ?? mimeType, extensions, limitBytes: LIMITS[kind] }
  }
  throw new OutboundTypeError({ kind, mimeType: describeType(given), wayOut: describeWayOut(kind, usual) })
}

function readUsualType(given: string): string {
  const essence = readEssence(given)
  const { contentType } = decideServedType(essence)
  return contentType === 'application/octet-stream' ? essence : readEssence(contentType)
}

function describeType(given: string): string {
  return describeValue(readEssence(given)).replaceAll("'", '')
}

function describeWayOut(kind: MediaType, usual: MediaType | undefined): string {
  if (usual !== undefined) return usual === 'document' ? 'send it as a document' : `send it as ${usual} or document`
  const types = FORMATS.filter(([type]) => kind === 'document' || type === kind).map(([, mimeType]) => mimeType)
  return `convert it to ${types.join(', ')}`
}

/** @throws OutboundLimitError for more bytes than WhatsApp takes of this kind; OutboundTypeError for none. */
export function checkOutboundSize({ mediaType, mimeType, limitBytes }: OutboundFormat, bytes: number): void {
  if (bytes === 0) {
    throw new OutboundTypeError({ kind: mediaType, mimeType, problem: 'it has 0 bytes', wayOut: 'give the whole file' })
  }
  if (bytes <= limitBytes) return
  throw new OutboundLimitError({
    kind: mediaType === 'sticker' ? 'animated sticker' : mediaType,
    limitBytes,
    bytes,
    wayOut: mediaType === 'document' ? 'split it, or send a link to it' : 'make it smaller, or send it as a document',
  })
}
