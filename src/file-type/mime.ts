import type { MediaType } from '../media-reference.js'
import { MIME_TABLE } from './mime/table.js'

/**
 * How a reader's browser gets a type. `wished`: as a download, for most browsers do not show it, but inline for a reader
 * who asks for that.
 */
type Showing = 'inline' | 'wished' | 'attachment'

/** One MIME type that we know by hand: its extension, how a browser gets it, and its other names. */
type KnownType = readonly [type: string, extension: string, shown: Showing, ...otherNames: string[]]

/**
 * The types WhatsApp documents (Meta: Media, Flows media upload) and their everyday relatives. It is also the
 * allow-list of what a reader's browser gets under its own type: what is absent here is served as octet-stream.
 * Pictures, sound and video are inline where two of Chrome, Firefox and Safari show them (MDN: Image file type and format
 * guide; Media container formats; Chrome has dropped Theora).
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
  ['image/heic', 'heic', 'wished'],
  ['image/heif', 'heif', 'wished'],
  ['image/bmp', 'bmp', 'inline', 'image/x-ms-bmp', 'image/x-bmp'],
  ['image/tiff', 'tiff', 'wished'],

  ['video/mp4', 'mp4', 'inline'],
  ['video/3gpp', '3gp', 'wished', 'video/3gp'],
  ['video/3gpp2', '3g2', 'wished'],
  ['video/mpeg', 'mpeg', 'wished'],
  ['video/quicktime', 'mov', 'inline'],
  ['video/webm', 'webm', 'inline'],
  ['video/ogg', 'ogv', 'wished'],
  ['video/x-matroska', 'mkv', 'wished', 'video/matroska'],
  ['video/x-m4v', 'm4v', 'inline'],
  ['video/x-msvideo', 'avi', 'wished', 'video/avi', 'video/msvideo'],

  ['audio/aac', 'aac', 'inline', 'audio/x-aac'],
  ['audio/amr', 'amr', 'wished'],
  ['audio/amr-wb', 'awb', 'wished'],
  // mime-types says mpga and oga; players, and voice notes on iOS, know mp3 and ogg.
  ['audio/mpeg', 'mp3', 'inline', 'audio/mp3', 'audio/x-mp3', 'audio/x-mpeg'],
  ['audio/mp4', 'm4a', 'inline', 'audio/m4a', 'audio/x-m4a'],
  ['audio/ogg', 'ogg', 'inline', 'audio/opus', 'application/ogg'],
  ['audio/3gpp', '3gp', 'wished'],
  ['audio/3gpp2', '3g2', 'wished'],
  ['audio/wav', 'wav', 'inline', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave'],
  ['audio/webm', 'weba', 'inline'],
  ['audio/flac', 'flac', 'inline', 'audio/x-flac'],

  ['application/pdf', 'pdf', 'wished', 'application/x-pdf'],
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

/** The row of a type, or of the usual type that it is another name of. A sound's name never stands for a video. */
function findKnownType(name: string): KnownType | undefined {
  const known = knownByName.get(name)
  if (known !== undefined) return known
  const usual = readLongTail().usual.get(name)
  const isSameKind = usual?.slice(0, usual.indexOf('/')) === name.slice(0, name.indexOf('/'))
  return usual !== undefined && isSameKind ? knownByName.get(usual) : undefined
}

/** The usual name, lower case and without parameters, of a MIME type; '' for a malformed one. */
export function findUsualName(mimeType: string): string {
  const name = readEssence(mimeType)
  const [usual = name] = name === '' ? [] : (findKnownType(name) ?? [])
  return usual
}

/**
 * The extension, without dot, that files of this MIME type get; it matches `/^[a-z0-9]{1,10}$/`. Types that WhatsApp
 * documents come first, then the generated table. `undefined` for `application/octet-stream` and unknown types.
 */
export function findExtension(mimeType: string): string | undefined {
  const name = readEssence(mimeType)
  const [, extension] = knownByName.get(name) ?? []
  if (extension !== undefined) return extension
  const { extensions, usual } = readLongTail()
  const usualName = usual.get(name)
  return extensions.get(name) ?? (usualName === undefined ? undefined : findExtension(usualName))
}

/**
 * The MIME type, without parameters, that an extension (without dot, lower case) stands for, or `undefined`. It is what
 * signing goes by: pass it through `decideServedType` before a browser gets it.
 *
 * @param options.isSound the file is a sound: where a video has the same extension (`3gp`), the sound's type is meant.
 */
export function findContentType(
  extension: string,
  options: { isSound?: boolean | undefined } = {},
): string | undefined {
  const [type] = knownByExtension.get(extension) ?? []
  if (type !== undefined) return (options.isSound === true && findSoundType(type, extension)) || type
  const listed = readLongTail().types.get(extension)
  return listed === undefined ? undefined : findUsualName(listed)
}

function findSoundType(type: string, extension: string): string | undefined {
  const [sound, soundExtension] = knownByName.get(type.replace('video/', 'audio/')) ?? []
  return soundExtension === extension ? sound : undefined
}

/**
 * Decides the type that a reader's browser gets for a declared MIME type: pictures, sound and video that browsers show as
 * they are; other harmless types as attachments under their own type; anything else (HTML, SVG, XML, scripts, unknown) as an
 * octet-stream attachment.
 * `contentType` always is one of our own strings, never the sender's.
 */
export function decideServedType(mimeType: string): { contentType: string; inline: boolean } {
  const known = findKnownType(readEssence(mimeType))
  if (known === undefined) return { contentType: 'application/octet-stream', inline: false }
  const [type, , shown] = known
  // Without a charset browsers guess one, from bytes that a stranger chose.
  return { contentType: type === 'text/plain' ? 'text/plain; charset=utf-8' : type, inline: shown === 'inline' }
}

/** True for the types that a reader may ask for inline: those that `decideServedType` shows, PDF, and what few browsers show. */
export function mayShowInline(contentType: string): boolean {
  const [, , shown = 'attachment'] = findKnownType(readEssence(contentType)) ?? []
  return shown !== 'attachment'
}

interface LongTail {
  /** MIME type -> extension. */
  extensions: Map<string, string>
  /** Extension -> MIME type. */
  types: Map<string, string>
  /** Another name -> the usual MIME type. */
  usual: Map<string, string>
}

let parsedTable: LongTail | undefined

/** The generated table, read when a type outside the hand-written one first asks for it. */
function readLongTail(): LongTail {
  parsedTable ??= parseTable()
  return parsedTable
}

function parseTable(): LongTail {
  const tail: LongTail = { extensions: new Map(), types: new Map(), usual: new Map() }
  let top = ''
  for (const word of MIME_TABLE.split(/\s+/)) {
    if (word.endsWith('/')) {
      top = word
      continue
    }
    const [names = '', listed = ''] = word.split(':')
    const [name = '', usual] = names.split('>')
    const type = top + name
    if (usual !== undefined) tail.usual.set(type, usual.includes('/') ? usual : top + usual)
    for (const each of listed === '' ? [] : listed.split(',')) {
      const isBorrowed = each.startsWith('~')
      const extension = isBorrowed ? each.slice(1) : each
      if (!tail.extensions.has(type)) tail.extensions.set(type, extension)
      if (!isBorrowed) tail.types.set(extension, type)
    }
  }
  return tail
}
