import { essence, getMediaTypeFromMime } from './mime.js'

/** How many leading bytes `sniff` looks at. */
export const SNIFF_BYTES = 4_096

type Guess = string | undefined
type Signature = string | ((bytes: Uint8Array) => Guess)

const OOXML = 'application/vnd.openxmlformats-officedocument.'
const ODF = 'application/vnd.oasis.opendocument.'

/** By the first four bytes, as one number. A string is the answer; a function looks further. */
const SIGNATURES: ReadonlyMap<number, Signature> = new Map<number, Signature>([
  [code('\x89PNG'), 'image/png'],
  [code('GIF8'), (bytes) => (has(bytes, 4, '7a') || has(bytes, 4, '9a') ? 'image/gif' : undefined)],
  [code('II*\0'), 'image/tiff'],
  [code('MM\0*'), 'image/tiff'],
  [code('RIFF'), riff],
  [code('OggS'), ogg],
  [code('fLaC'), 'audio/flac'],
  [code('#!AM'), amr],
  [code('\x1aE\xdf\xa3'), matroska],
  [code('\0\0\x01\xba'), 'video/mpeg'],
  [code('\0\0\x01\xb3'), 'video/mpeg'],
  [code('%PDF'), 'application/pdf'],
  [code('PK\x03\x04'), zip],
  [code('PK\x05\x06'), 'application/zip'],
  [code('PK\x07\x08'), 'application/zip'],
  [code('\xd0\xcf\x11\xe0'), 'application/x-cfb'],
  [code('Rar!'), (bytes) => (has(bytes, 4, '\x1a\x07') ? 'application/vnd.rar' : undefined)],
  [code('7z\xbc\xaf'), 'application/x-7z-compressed'],
  [code('{\\rt'), 'application/rtf'],
])

/**
 * Guesses the MIME type from a file's first bytes, by a table of signatures: the types WhatsApp documents, their
 * relatives, and what a reader's browser or desktop could run (HTML, SVG, XML, scripts, Windows programs). Old Office
 * files are `application/x-cfb`, their container. `undefined` when nothing matches, as for plain text.
 *
 * It is a hint, not a proof: one file can be valid as two types. What a browser gets is for `servedAs` to decide.
 *
 * @param head the first bytes; what comes after `SNIFF_BYTES` is ignored
 */
export function sniff(head: Uint8Array): string | undefined {
  const bytes = head.length > SNIFF_BYTES ? head.subarray(0, SNIFF_BYTES) : head
  const signature = SIGNATURES.get(codeAt(bytes, 0))
  const guess = typeof signature === 'function' ? signature(bytes) : signature
  if (guess !== undefined) return guess
  if (codeAt(bytes, 4) === FTYP) return isoMedia(bytes)
  return byFirstByte(bytes) ?? bySomeText(bytes)
}

/** Signatures shorter than four bytes, each with a second check: two letters can begin a text as well. */
function byFirstByte(bytes: Uint8Array): Guess {
  switch (bytes[0]) {
    case 0xff:
      return has(bytes, 1, '\xd8\xff') ? 'image/jpeg' : mpegAudio(bytes)
    case 0x1f:
      return has(bytes, 1, '\x8b\x08') ? 'application/gzip' : undefined
    case 0x49: // ID3v2, versions 2 to 4
      return has(bytes, 1, 'D3') && byte(bytes, 3) >= 2 && byte(bytes, 3) <= 4 ? 'audio/mpeg' : undefined
    case 0x42: // The size of the header tells a bitmap from a text about a BMW.
      return has(bytes, 1, 'M') && BITMAP_HEADERS.some((size) => has(bytes, 14, size)) ? 'image/bmp' : undefined
    case 0x4d:
      return has(bytes, 1, 'Z') && has(bytes, byte(bytes, 0x3c) + byte(bytes, 0x3d) * 256, 'PE\0\0')
        ? 'application/vnd.microsoft.portable-executable'
        : undefined
    default:
      return undefined
  }
}

const BITMAP_HEADERS: readonly string[] = ['\x0c', '\x28', '\x34', '\x38', '\x40', '\x6c', '\x7c'].map(
  (size) => `${size}\0\0\0`,
)

/** ISO 11172-3 and 13818-7: the header of a frame. Layer 3 bits (Layer I) are left out: FF FE begins UTF-16. */
function mpegAudio(bytes: Uint8Array): Guess {
  const second = byte(bytes, 1)
  const third = byte(bytes, 2)
  if ((second & 0xf6) === 0xf0) return ((third >> 2) & 0x0f) < 13 ? 'audio/aac' : undefined
  const layer = (second >> 1) & 3
  const sound =
    (second & 0xe0) === 0xe0 &&
    (second & 0x18) !== 0x08 &&
    (layer === 1 || layer === 2) &&
    third >> 4 !== 15 &&
    (third & 0x0c) !== 0x0c
  return sound ? 'audio/mpeg' : undefined
}

function riff(bytes: Uint8Array): Guess {
  if (has(bytes, 8, 'WEBP')) return 'image/webp'
  if (has(bytes, 8, 'WAVE')) return 'audio/wav'
  return has(bytes, 8, 'AVI ') ? 'video/x-msvideo' : undefined
}

function ogg(bytes: Uint8Array): Guess {
  const packet = 27 + byte(bytes, 26)
  return has(bytes, packet, '\x80theora') || has(bytes, packet, 'fishead') ? 'video/ogg' : 'audio/ogg'
}

function amr(bytes: Uint8Array): Guess {
  if (has(bytes, 4, 'R-WB')) return 'audio/amr-wb'
  return has(bytes, 4, 'R') ? 'audio/amr' : undefined
}

function matroska(bytes: Uint8Array): Guess {
  return asBuffer(bytes).subarray(0, 64).includes('webm', 0, 'latin1') ? 'video/webm' : 'video/x-matroska'
}

const FTYP = code('ftyp')
const BRANDS: ReadonlyMap<number, string> = new Map(
  Object.entries({
    'image/avif': ['avif', 'avis'],
    'image/heic': ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx'],
    'audio/mp4': ['M4A ', 'M4B ', 'M4P '],
    'video/quicktime': ['qt  '],
  }).flatMap(([type, brands]) => brands.map((brand): [number, string] => [code(brand), type])),
)

/** ISO 14496-12: the major brand, then, for pictures of the general kind, the compatible ones. */
function isoMedia(bytes: Uint8Array): Guess {
  const known = BRANDS.get(codeAt(bytes, 8))
  if (known !== undefined) return known
  if (has(bytes, 8, '3g')) return has(bytes, 10, '2') ? 'video/3gpp2' : 'video/3gpp'
  if (!has(bytes, 8, 'mif1') && !has(bytes, 8, 'msf1')) return 'video/mp4'
  const end = Math.min(codeAt(bytes, 0), bytes.length)
  for (let at = 16; at < end; at += 4) {
    const compatible = BRANDS.get(codeAt(bytes, at))
    if (compatible?.startsWith('image/')) return compatible
  }
  return 'image/heif'
}

/** Office files by the names of their first entries, OpenDocument by the first entry's content (ODF 1.3, part 2, 3.3). */
function zip(bytes: Uint8Array): Guess {
  if (has(bytes, 30, 'mimetype')) {
    const kind = ['text', 'spreadsheet', 'presentation'].find((name) => has(bytes, 38, `${ODF}${name}PK`))
    if (kind !== undefined) return `${ODF}${kind}`
  }
  const buffer = asBuffer(bytes)
  for (let at = 0; at >= 0; at = buffer.indexOf('PK\x03\x04', at + 30, 'latin1')) {
    if (has(bytes, at + 30, 'word/')) return `${OOXML}wordprocessingml.document`
    if (has(bytes, at + 30, 'xl/')) return `${OOXML}spreadsheetml.sheet`
    if (has(bytes, at + 30, 'ppt/')) return `${OOXML}presentationml.presentation`
  }
  return 'application/zip'
}

/** Byte order marks, blanks, and the zero bytes of UTF-16 and UTF-32. */
const SKIPPED: readonly number[] = [0x00, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0xef, 0xbb, 0xbf, 0xfe, 0xff]

function bySomeText(bytes: Uint8Array): Guess {
  let start = 0
  while (start < bytes.length && SKIPPED.includes(byte(bytes, start))) start += 1
  switch (bytes[start]) {
    case 0x3c:
      return markup(textFrom(bytes, start))
    case 0x23:
      return textFrom(bytes, start).startsWith('#!') ? 'application/x-sh' : undefined
    default:
      return latePdf(bytes)
  }
}

/** Any encoding's ASCII letters, in lower case: what is left of UTF-16 and UTF-32 without its zero bytes. */
function textFrom(bytes: Uint8Array, start: number): string {
  return asBuffer(bytes).toString('latin1', start).replaceAll('\0', '').toLowerCase()
}

/** ISO 32000-1, annex H.3.4.1: readers take a header within the first 1,024 bytes. In prose it seldom begins a line. */
function latePdf(bytes: Uint8Array): Guess {
  const at = asBuffer(bytes).subarray(0, 1_024).indexOf('%PDF-', 0, 'latin1')
  return at > 0 && byte(bytes, at - 1) < 0x20 ? 'application/pdf' : undefined
}

/** WHATWG MIME Sniffing, section 7.1, and a few more that can run or load something. */
const HTML_TAGS: ReadonlySet<string> = new Set(
  (
    'html head script iframe h1 div font table a style title b body br p ' +
    'img form meta link object embed base span ul video audio math template'
  ).split(' '),
)

/** @param text begins with `<`, lower case */
function markup(text: string): Guess {
  let root = text
  for (let close = prologEnd(root); close !== undefined; close = prologEnd(root)) {
    const end = root.indexOf(close)
    root = end < 0 ? '' : root.slice(end + close.length).trimStart()
  }
  const [, name = ''] = /^<(?:!doctype\s+)?([a-z][\w:.-]*)/.exec(root) ?? []
  if (name === 'svg' || name.endsWith(':svg')) return 'image/svg+xml'
  if (HTML_TAGS.has(name)) return 'text/html'
  if (text.startsWith('<?xml') || root.startsWith('<!doctype') || /\sxmlns[:=]/.test(root)) return 'text/xml'
  return root !== text || /<(?:script|svg|iframe|img|html|body)\b/.test(root) ? 'text/html' : undefined
}

/** What ends the comment or processing instruction that `text` begins with. */
function prologEnd(text: string): string | undefined {
  if (text.startsWith('<!--')) return '-->'
  return text.startsWith('<?') ? '?>' : undefined
}

/** Formats a type's honest files may have, its own first; then the type's names. */
const FORMATS: readonly (readonly [formats: string, types: string])[] = [
  ['jpeg', 'image/jpeg image/jpg image/pjpeg'],
  ['png', 'image/png image/apng image/x-png'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['heif', 'image/heic image/heif image/avif image/heic-sequence image/heif-sequence'],
  ['tiff', 'image/tiff'],
  ['bmp', 'image/bmp image/x-ms-bmp image/x-bmp'],
  ['svg xml html gzip', 'image/svg+xml'],
  ['iso', 'video/mp4 audio/mp4 audio/x-m4a audio/m4a video/x-m4v video/quicktime'],
  ['iso', 'video/3gpp audio/3gpp video/3gp video/3gpp2 audio/3gpp2'],
  ['mpeg', 'audio/mpeg audio/mp3 audio/x-mp3 audio/x-mpeg'],
  // Phones call AAC and AMR in an MP4 file by the codec's name.
  ['mpeg iso', 'audio/aac audio/x-aac'],
  ['amr iso', 'audio/amr audio/amr-wb'],
  ['ogg', 'audio/ogg video/ogg application/ogg audio/opus'],
  ['matroska', 'video/webm audio/webm video/x-matroska video/matroska audio/x-matroska'],
  ['wav', 'audio/wav audio/x-wav audio/wave audio/vnd.wave'],
  ['flac', 'audio/flac audio/x-flac'],
  ['avi', 'video/x-msvideo video/avi video/msvideo'],
  ['mpeg-video', 'video/mpeg'],
  ['pdf', 'application/pdf application/x-pdf'],
  ['zip', 'application/zip application/x-zip-compressed application/x-zip'],
  ['zip', `${ODF}text ${ODF}spreadsheet ${ODF}presentation`],
  // With a password, the new Office types are the old container.
  ['zip ole', `${OOXML}wordprocessingml.document ${OOXML}spreadsheetml.sheet ${OOXML}presentationml.presentation`],
  ['ole zip rtf', 'application/x-cfb application/msword application/vnd.ms-excel application/vnd.ms-powerpoint'],
  ['rtf', 'application/rtf text/rtf'],
  ['gzip', 'application/gzip application/x-gzip'],
  ['7z', 'application/x-7z-compressed'],
  ['rar', 'application/vnd.rar application/x-rar-compressed application/x-rar'],
  ['html xml svg', 'text/html application/xhtml+xml'],
  ['xml html svg', 'text/xml application/xml'],
  ['script', 'application/x-sh text/x-sh text/x-shellscript'],
  ['exe', 'application/vnd.microsoft.portable-executable application/x-msdownload application/x-msdos-program'],
]

const FORMATS_OF: ReadonlyMap<string, readonly string[]> = new Map(
  FORMATS.flatMap(([formats, types]) => types.split(' ').map((type) => [type, formats.split(' ')] as const)),
)

/** Every file of these formats begins with a signature that `sniff` knows: another beginning is another format. */
const SURE: readonly string[] = 'jpeg png gif webp heif ogg amr matroska pdf zip gzip 7z rar'.split(' ')
const RUNNABLE: readonly string[] = ['html', 'svg', 'script', 'exe']

/**
 * Whether the bytes belie the declared MIME type. Types in one container agree (ZIP and DOCX, audio and video in MP4,
 * Ogg or Matroska, old Office files), and so do unknown bytes, except for a type whose files all have a signature, such
 * as JPEG or PDF. Nothing contradicts `application/octet-stream` or a malformed type: they declare nothing.
 *
 * @param sniffed what `sniff` said about the file
 */
export function contradicts(declaredMimeType: string, sniffed: string | undefined): boolean {
  const declared = essence(declaredMimeType)
  if (declared === '' || declared === 'application/octet-stream') return false
  const expected = FORMATS_OF.get(declared)
  if (sniffed === undefined) return SURE.includes(expected?.[0] ?? '')
  const [found = sniffed] = FORMATS_OF.get(sniffed) ?? []
  if (expected !== undefined) return !expected.includes(found)
  if (declared.endsWith('+xml')) return !['xml', 'html', 'svg'].includes(found)
  return RUNNABLE.includes(found) || otherKind(declared, sniffed)
}

/** For a declared type without known formats: a picture that is no picture, sound or video that is neither, a text that is binary. */
function otherKind(declared: string, sniffed: string): boolean {
  const kind = getMediaTypeFromMime(declared)
  const found = getMediaTypeFromMime(sniffed)
  if (kind === 'document') return declared.startsWith('text/')
  return kind === 'image' ? found !== 'image' : found !== 'audio' && found !== 'video'
}

/** Four characters as the number that `codeAt` reads. */
function code(four: string): number {
  return codeAt(Buffer.from(four, 'latin1'), 0)
}

/** Four bytes as one signed number: small integers make the fastest keys. */
function codeAt(bytes: Uint8Array, at: number): number {
  return (byte(bytes, at) << 24) | (byte(bytes, at + 1) << 16) | (byte(bytes, at + 2) << 8) | byte(bytes, at + 3)
}

/** The byte, or 0 past the end. */
function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

function has(bytes: Uint8Array, at: number, latin1: string): boolean {
  for (let i = 0; i < latin1.length; i += 1) {
    if (bytes[at + i] !== latin1.charCodeAt(i)) return false
  }
  return true
}

/** The same memory with Buffer's methods. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
