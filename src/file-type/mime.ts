import type { MediaType } from '../media-reference.js'
import { MIME_TABLE } from './mime/table.js'

/** One MIME type that we know by hand: its extension, whether a browser may get it, and its other names. */
type KnownType = readonly [type: string, extension: string, shown: 'inline' | 'attachment', ...otherNames: string[]]

/**
 * The types WhatsApp documents (Meta: Media, Flows media upload) and their everyday relatives. It is also the
 * allow-list of what a reader's browser gets under its own type: what is absent here is served as octet-stream.
 *
 * A type's extension is part of every key: changing one would store redelivered media a second time. Of two types with
 * one extension, the first is what the extension means.
 */
const KNOWN_TYPES: readonly KnownType[] = [
  ['image/jpeg', 'jpg', 'inline', 'image/jpg', 'image/pjpeg'],
  ['image/png', 'png', 'inline', 'image/x-png'],
  ['image/gif', 'gif', 'inline'],
  ['image/webp', 'webp', 'inline'],
  ['image/avif', 'avif', 'inline'],
  ['image/heic', 'heic', 'inline'],
  ['image/heif', 'heif', 'inline'],
  ['image/bmp', 'bmp', 'inline', 'image/x-ms-bmp', 'image/x-bmp'],
  ['image/tiff', 'tiff', 'inline'],

  ['video/mp4', 'mp4', 'inline'],
  ['video/3gpp', '3gp', 'inline', 'video/3gp'],
  ['video/3gpp2', '3g2', 'inline'],
  ['video/mpeg', 'mpeg', 'inline'],
  ['video/quicktime', 'mov', 'inline'],
  ['video/webm', 'webm', 'inline'],
  ['video/ogg', 'ogv', 'inline'],
  ['video/x-matroska', 'mkv', 'inline', 'video/matroska'],
  ['video/x-m4v', 'm4v', 'inline'],
  ['video/x-msvideo', 'avi', 'inline', 'video/avi', 'video/msvideo'],

  ['audio/aac', 'aac', 'inline', 'audio/x-aac'],
  ['audio/amr', 'amr', 'inline'],
  ['audio/amr-wb', 'awb', 'inline'],
  // mime-types says mpga and oga; players, and voice notes on iOS, know mp3 and ogg.
  ['audio/mpeg', 'mp3', 'inline', 'audio/mp3', 'audio/x-mp3', 'audio/x-mpeg'],
  ['audio/mp4', 'm4a', 'inline', 'audio/m4a', 'audio/x-m4a'],
  ['audio/ogg', 'ogg', 'inline', 'audio/opus', 'application/ogg'],
  ['audio/3gpp', '3gp', 'inline'],
  ['audio/wav', 'wav', 'inline', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave'],
  ['audio/webm', 'weba', 'inline'],
  ['audio/flac', 'flac', 'inline', 'audio/x-flac'],

  ['application/pdf', 'pdf', 'attachment', 'application/x-pdf'],
  ['application/msword', 'doc', 'attachment'],
  ['application/vnd.ms-excel', 'xls', 'attachment'],
  ['application/vnd.ms-powerpoint', 'ppt', 'attachment'],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'docx', 'attachment'],
  ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'xlsx', 'attachment'],
  ['application/vnd.openxmlformats-officedocument.presentationml.presentation', 'pptx', 'attachment'],
  ['application/vnd.oasis.opendocument.text', 'odt', 'attachment'],
  ['application/vnd.oasis.opendocument.spreadsheet', 'ods', 'attachment'],
  ['application/vnd.oasis.opendocument.presentation', 'odp', 'attachment'],
  ['application/rtf', 'rtf', 'attachment', 'text/rtf'],
  ['application/json', 'json', 'attachment'],
  ['application/zip', 'zip', 'attachment', 'application/x-zip-compressed', 'application/x-zip'],
  ['application/gzip', 'gz', 'attachment', 'application/x-gzip'],
  ['application/x-7z-compressed', '7z', 'attachment'],
  ['application/vnd.rar', 'rar', 'attachment', 'application/x-rar-compressed', 'application/x-rar'],
  ['application/x-tar', 'tar', 'attachment'],
  ['text/plain', 'txt', 'attachment'],
  ['text/csv', 'csv', 'attachment', 'text/comma-separated-values'],
  ['text/vcard', 'vcf', 'attachment', 'text/x-vcard'],
  ['text/calendar', 'ics', 'attachment'],
]

const knownByName = new Map<string, KnownType>()
const knownByExtension = new Map<string, KnownType>()
for (const known of KNOWN_TYPES) {
  const [type, extension, , ...otherNames] = known
  for (const name of [type, ...otherNames]) knownByName.set(name, known)
  if (!knownByExtension.has(extension)) knownByExtension.set(extension, known)
}

/**
 * WhatsApp's kind of media for a MIME type: `image`, `video` or `audio` by its first half, else `document`. Case and
 * parameters do not matter. Never `sticker`: only a webhook distinguishes a sticker from an image.
 */
export function getMediaTypeFromMime(mimeType: string): MediaType {
  const [, kind] = /^[ \t]*(image|video|audio)\//i.exec(mimeType) ?? []
  switch (kind?.toLowerCase()) {
    case 'image':
      return 'image'
    case 'video':
      return 'video'
    case 'audio':
      return 'audio'
    default:
      return 'document'
  }
}

/** RFC 6838, section 4.2: restricted names. A line break anywhere, parameters included, is never honest. */
const RESTRICTED_NAMES = /^[ \t]*([a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126})[ \t]*(?:;.*)?$/i

/** Lower-case `type/subtype` without parameters, or `''` when `mimeType` is not of that form. */
export function readEssence(mimeType: string): string {
  const [, name = ''] = RESTRICTED_NAMES.exec(mimeType) ?? []
  return name.toLowerCase()
}

/** Names for "some bytes": RFC 2046's own, and those of programs that know no better. */
const GENERIC_TYPE =
  /^(?:application|binary|content|unknown)\/(?:x-)?(?:octet-stream|binary|unknown|(?:force-)?download)$/

/**
 * Whether a declared MIME type says what the file is. A malformed one never does. For a document `octet-stream` is an
 * answer; for a photo, a sound, a video, a sticker, or a file of unknown kind it is none.
 */
export function isTelling(mimeType: string, mediaType: MediaType | undefined): boolean {
  const name = readEssence(mimeType)
  return name !== '' && (mediaType === 'document' || !GENERIC_TYPE.test(name))
}

/**
 * The extension, without dot, that files of this MIME type get; it matches `/^[a-z0-9]{1,10}$/`. Types that WhatsApp
 * documents come first, then the long tail of mime-types. `undefined` for `application/octet-stream` and unknown types.
 */
export function findExtension(mimeType: string): string | undefined {
  const name = readEssence(mimeType)
  const [, extension] = knownByName.get(name) ?? []
  return extension ?? readLongTail().extensions.get(name)
}

/**
 * The MIME type, without parameters, that an extension (without dot, lower case) stands for, or `undefined`. It is what
 * signing goes by: pass it through `decideServedType` before a browser gets it.
 */
export function findContentType(extension: string): string | undefined {
  const [type] = knownByExtension.get(extension) ?? []
  if (type !== undefined) return type
  const listed = readLongTail().types.get(extension)
  if (listed === undefined) return undefined
  const [usual = listed] = knownByName.get(listed) ?? []
  return usual
}

/**
 * Decides the type that a reader's browser gets for a declared MIME type: pictures, sound and video as they are; other
 * harmless types as attachments under their own type; anything else (HTML, SVG, XML, scripts, unknown) as an
 * octet-stream attachment.
 * `contentType` always is one of our own strings, never the sender's.
 */
export function decideServedType(mimeType: string): { contentType: string; inline: boolean } {
  const known = knownByName.get(readEssence(mimeType))
  if (known === undefined) return { contentType: 'application/octet-stream', inline: false }
  const [type, , shown] = known
  // Without a charset browsers guess one, from bytes that a stranger chose.
  return { contentType: type === 'text/plain' ? 'text/plain; charset=utf-8' : type, inline: shown === 'inline' }
}

/** True for the content types that a reader may ask for inline: those that `decideServedType` shows inline, and PDF. */
export function mayShowInline(contentType: string): boolean {
  const served = decideServedType(contentType)
  return served.inline || served.contentType === 'application/pdf'
}

interface LongTail {
  /** MIME type -> extension. */
  extensions: Map<string, string>
  /** Extension -> MIME type. */
  types: Map<string, string>
}

let parsedTable: LongTail | undefined

/** The generated table, read when a type outside the hand-written one first asks for it. */
function readLongTail(): LongTail {
  parsedTable ??= parseTable()
  return parsedTable
}

function parseTable(): LongTail {
  const extensions = new Map<string, string>()
  const types = new Map<string, string>()
  let top = ''
  for (const word of MIME_TABLE.split(/\s+/)) {
    if (word.endsWith('/')) {
      top = word
      continue
    }
    const colon = word.indexOf(':')
    const type = top + word.slice(0, colon)
    for (const listed of word.slice(colon + 1).split(',')) {
      const borrowed = listed.startsWith('~')
      const extension = borrowed ? listed.slice(1) : listed
      if (!extensions.has(type)) extensions.set(type, extension)
      if (!borrowed) types.set(extension, type)
    }
  }
  return { extensions, types }
}
