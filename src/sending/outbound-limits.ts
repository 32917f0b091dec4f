import { describeValue } from '../errors/describe.js'
import { OutboundLimitError, OutboundTypeError } from '../errors.js'
import { decideServedType, getMediaTypeFromMime, readEssence } from '../file-type/mime.js'
import type { MediaType } from '../media-reference.js'

/** A file as WhatsApp takes it. */
export interface OutboundFormat {
  /** The kind of media or header, as errors name it. */
  kind: MediaType | `${TemplateHeader} header`
  /** The Content-Type that its part has. */
  mimeType: string
  /** The extensions that its name may have, without dot: Meta sorts files by them. The first is the usual one. */
  extensions: readonly [string, ...string[]]
  /** Bytes. */
  limitBytes: number
}

/** The kinds of a template's header with media. */
export type TemplateHeader = 'image' | 'video' | 'document' | 'gif'

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

type Row = readonly [MediaType, mimeType: string, extension: string, ...extensions: string[]]

/** The MIME types that Meta lets in, with the kind each is for (Meta: Media, "Supported media types"). */
const FORMATS: readonly Row[] = [
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

/** Meta: Template components; Resumable Upload. GIFs are videos, of the Marketing Messages API. */
const HEADER_FORMATS: Readonly<Record<TemplateHeader, { types: readonly string[]; limitBytes: number }>> = {
  image: { types: ['image/jpeg', 'image/png'], limitBytes: LIMITS.image },
  video: { types: ['video/mp4'], limitBytes: LIMITS.video },
  document: { types: ['application/pdf'], limitBytes: LIMITS.document },
  gif: { types: ['video/mp4'], limitBytes: 3.5 * MB },
}

export const HEADERS: readonly TemplateHeader[] = ['image', 'video', 'document', 'gif']

/**
 * Finds how WhatsApp takes a file of this type. Other names of a type count as it: `image/jpg`, `audio/opus`.
 *
 * @param mediaType default: by MIME type; WebP is a sticker.
 * @throws OutboundTypeError when it does not.
 */
export function findOutboundFormat(given: string, mediaType?: MediaType): OutboundFormat & { kind: MediaType } {
  const row = findRow(given)
  const usual = row?.[0]
  const kind = mediaType ?? usual ?? getMediaTypeFromMime(given)
  // Whatever Meta lets in may go as a document.
  if (row !== undefined && (kind === usual || kind === 'document')) return toFormat(row, kind, LIMITS[kind])
  throw new OutboundTypeError({ kind, mimeType: describeType(given), wayOut: describeWayOut(kind, usual) })
}

/** As `findOutboundFormat`, for the sample of a template's header. */
export function findHeaderFormat(given: string, header: TemplateHeader): OutboundFormat {
  const { types, limitBytes } = HEADER_FORMATS[header]
  const row = findRow(given)
  const kind = `${header} header` as const
  if (row !== undefined && types.includes(row[1])) return toFormat(row, kind, limitBytes)
  throw new OutboundTypeError({ kind, mimeType: describeType(given), wayOut: `convert it to ${types.join(' or ')}` })
}

function findRow(given: string): Row | undefined {
  const essence = readEssence(given)
  const { contentType } = decideServedType(essence)
  return FORMATS.find(([, mimeType]) => mimeType === readEssence(contentType))
}

function toFormat<Kind extends OutboundFormat['kind']>(
  row: Row,
  kind: Kind,
  limitBytes: number,
): OutboundFormat & { kind: Kind } {
  const [, mimeType, ...extensions] = row
  return { kind, mimeType: SENT_AS[mimeType] ?? mimeType, extensions, limitBytes }
}

function describeType(given: string): string {
  return describeValue(readEssence(given)).replaceAll("'", '') || 'file without a MIME type'
}

function describeWayOut(kind: MediaType, usual: MediaType | undefined): string {
  if (usual !== undefined) return usual === 'document' ? 'send it as a document' : `send it as ${usual} or document`
  const types = FORMATS.filter(([type]) => kind === 'document' || type === kind).map(([, mimeType]) => mimeType)
  return `convert it to ${types.join(', ')}`
}

/** @throws OutboundLimitError for more bytes than WhatsApp takes of this kind; OutboundTypeError for none. */
export function checkOutboundSize({ kind, mimeType, limitBytes }: OutboundFormat, bytes: number): void {
  if (bytes === 0) {
    throw new OutboundTypeError({ kind, mimeType, problem: 'it has 0 bytes', wayOut: 'give the whole file' })
  }
  if (bytes <= limitBytes) return
  const wayOut = kind === 'document' ? 'split it, or send a link to it' : describeSmaller(kind)
  throw new OutboundLimitError({ kind: kind === 'sticker' ? 'animated sticker' : kind, limitBytes, bytes, wayOut })
}

function describeSmaller(kind: OutboundFormat['kind']): string {
  return kind.endsWith('header') ? 'make it smaller' : 'make it smaller, or send it as a document'
}
