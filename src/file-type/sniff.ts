import { hasText, readByte, readCode, toBuffer, toCode } from './sniff/bytes.js'
import { guessMarkup } from './sniff/markup.js'

/** How many leading bytes `sniff` looks at. */
export const SNIFF_BYTES = 4_096

type Guess = string | undefined
type Signature = string | ((bytes: Uint8Array) => Guess)

export const OOXML = 'application/vnd.openxmlformats-officedocument.'
export const ODF = 'application/vnd.oasis.opendocument.'

/** By the first four bytes, as one number. A string is the answer; a function looks further. */
const SIGNATURES: ReadonlyMap<number, Signature> = new Map<number, Signature>([
  [toCode('\x89PNG'), 'image/png'],
  [toCode('GIF8'), (bytes) => (hasText(bytes, 4, '7a') || hasText(bytes, 4, '9a') ? 'image/gif' : undefined)],
  [toCode('II*\0'), 'image/tiff'],
  [toCode('MM\0*'), 'image/tiff'],
  [toCode('RIFF'), guessRiff],
  [toCode('OggS'), guessOgg],
  [toCode('fLaC'), 'audio/flac'],
  [toCode('#!AM'), guessAmr],
  [toCode('\x1aE\xdf\xa3'), guessMatroska],
  [toCode('\0\0\x01\xba'), 'video/mpeg'],
  [toCode('\0\0\x01\xb3'), 'video/mpeg'],
  [toCode('%PDF'), 'application/pdf'],
  [toCode('PK\x03\x04'), guessZip],
  [toCode('PK\x05\x06'), 'application/zip'],
  [toCode('PK\x07\x08'), 'application/zip'],
  [toCode('\xd0\xcf\x11\xe0'), 'application/x-cfb'],
  [toCode('Rar!'), (bytes) => (hasText(bytes, 4, '\x1a\x07') ? 'application/vnd.rar' : undefined)],
  [toCode('7z\xbc\xaf'), 'application/x-7z-compressed'],
  [toCode('{\\rt'), 'application/rtf'],
])

/**
 * Guesses the MIME type from a file's first bytes, by a table of signatures: the types WhatsApp documents, their
 * relatives, and what a reader's browser or desktop could run (HTML, SVG, XML, scripts, Windows programs). Old Office
 * files are `application/x-cfb`, their container. `undefined` when nothing matches, as for plain text.
 *
 * It is a hint, not a proof: one file can be valid as two types. `decideServedType` decides the type that a browser gets.
 *
 * @param head the first bytes; what comes after `SNIFF_BYTES` is ignored
 */
export function sniff(head: Uint8Array): string | undefined {
  const bytes = head.length > SNIFF_BYTES ? head.subarray(0, SNIFF_BYTES) : head
  const signature = SIGNATURES.get(readCode(bytes, 0))
  const guess = typeof signature === 'function' ? signature(bytes) : signature
  if (guess !== undefined) return guess
  if (readCode(bytes, 4) === FTYP) return guessIsoMedia(bytes)
  return guessByFirstByte(bytes) ?? guessByText(bytes)
}

/** Signatures shorter than four bytes, each with a second check: two letters can begin a text as well. */
function guessByFirstByte(bytes: Uint8Array): Guess {
  switch (bytes[0]) {
    case 0xff:
      return hasText(bytes, 1, '\xd8\xff') ? 'image/jpeg' : guessMpegAudio(bytes)
    case 0x1f:
      return hasText(bytes, 1, '\x8b\x08') ? 'application/gzip' : undefined
    case 0x49: // ID3v2, versions 2 to 4
      return hasText(bytes, 1, 'D3') && readByte(bytes, 3) >= 2 && readByte(bytes, 3) <= 4 ? 'audio/mpeg' : undefined
    case 0x42: // The size of the header distinguishes a bitmap from a text about a BMW.
      return hasText(bytes, 1, 'M') && BITMAP_HEADERS.some((size) => hasText(bytes, 14, size)) ? 'image/bmp' : undefined
    case 0x4d:
      return hasText(bytes, 1, 'Z') && hasText(bytes, readByte(bytes, 0x3c) + readByte(bytes, 0x3d) * 256, 'PE\0\0')
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
function guessMpegAudio(bytes: Uint8Array): Guess {
  const second = readByte(bytes, 1)
  const third = readByte(bytes, 2)
  if ((second & 0xf6) === 0xf0) return ((third >> 2) & 0x0f) < 13 ? 'audio/aac' : undefined
  const layer = (second >> 1) & 3
  const isMpeg =
    (second & 0xe0) === 0xe0 &&
    (second & 0x18) !== 0x08 &&
    (layer === 1 || layer === 2) &&
    third >> 4 !== 15 &&
    (third & 0x0c) !== 0x0c
  return isMpeg ? 'audio/mpeg' : undefined
}

function guessRiff(bytes: Uint8Array): Guess {
  if (hasText(bytes, 8, 'WEBP')) return 'image/webp'
  if (hasText(bytes, 8, 'WAVE')) return 'audio/wav'
  return hasText(bytes, 8, 'AVI ') ? 'video/x-msvideo' : undefined
}

function guessOgg(bytes: Uint8Array): Guess {
  const packet = 27 + readByte(bytes, 26)
  return hasText(bytes, packet, '\x80theora') || hasText(bytes, packet, 'fishead') ? 'video/ogg' : 'audio/ogg'
}

function guessAmr(bytes: Uint8Array): Guess {
  if (hasText(bytes, 4, 'R-WB')) return 'audio/amr-wb'
  return hasText(bytes, 4, 'R') ? 'audio/amr' : undefined
}

function guessMatroska(bytes: Uint8Array): Guess {
  return toBuffer(bytes).subarray(0, 64).includes('webm', 0, 'latin1') ? 'video/webm' : 'video/x-matroska'
}

const FTYP = toCode('ftyp')
const BRANDS: ReadonlyMap<number, string> = new Map(
  Object.entries({
    'image/avif': ['avif', 'avis'],
    'image/heic': ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx'],
    'audio/mp4': ['M4A ', 'M4B ', 'M4P '],
    'video/quicktime': ['qt  '],
  }).flatMap(([type, brands]) => brands.map((brand): [number, string] => [toCode(brand), type])),
)

/** ISO 14496-12: the major brand, then, for pictures of the general kind, the compatible ones. */
function guessIsoMedia(bytes: Uint8Array): Guess {
  const known = BRANDS.get(readCode(bytes, 8))
  if (known !== undefined) return known
  if (hasText(bytes, 8, '3g')) return hasText(bytes, 10, '2') ? 'video/3gpp2' : 'video/3gpp'
  if (!hasText(bytes, 8, 'mif1') && !hasText(bytes, 8, 'msf1')) return 'video/mp4'
  const end = Math.min(readCode(bytes, 0), bytes.length)
  for (let at = 16; at < end; at += 4) {
    const compatible = BRANDS.get(readCode(bytes, at))
    if (compatible?.startsWith('image/')) return compatible
  }
  return 'image/heif'
}

/** Office files by the names of their first entries, OpenDocument by the first entry's content (ODF 1.3, part 2, 3.3). */
function guessZip(bytes: Uint8Array): Guess {
  if (hasText(bytes, 30, 'mimetype')) {
    const kind = ['text', 'spreadsheet', 'presentation'].find((name) => hasText(bytes, 38, `${ODF}${name}PK`))
    if (kind !== undefined) return `${ODF}${kind}`
  }
  const buffer = toBuffer(bytes)
  for (let at = 0; at >= 0; at = buffer.indexOf('PK\x03\x04', at + 30, 'latin1')) {
    if (hasText(bytes, at + 30, 'word/')) return `${OOXML}wordprocessingml.document`
    if (hasText(bytes, at + 30, 'xl/')) return `${OOXML}spreadsheetml.sheet`
    if (hasText(bytes, at + 30, 'ppt/')) return `${OOXML}presentationml.presentation`
  }
  return 'application/zip'
}

/** Byte order marks, blanks, and the zero bytes of UTF-16 and UTF-32. */
const SKIPPED: readonly number[] = [0x00, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0xef, 0xbb, 0xbf, 0xfe, 0xff]

function guessByText(bytes: Uint8Array): Guess {
  let start = 0
  while (start < bytes.length && SKIPPED.includes(readByte(bytes, start))) start += 1
  return guessMarkupOrScript(bytes, start) ?? findLatePdf(bytes, start)
}

function guessMarkupOrScript(bytes: Uint8Array, start: number): Guess {
  switch (bytes[start]) {
    case 0x3c:
      return guessMarkup(readAsciiText(bytes, start))
    case 0x23:
      return readAsciiText(bytes, start).startsWith('#!') ? 'application/x-sh' : undefined
    default:
      return undefined
  }
}

/** Any encoding's ASCII letters, in lower case: what is left of UTF-16 and UTF-32 without its zero bytes. */
function readAsciiText(bytes: Uint8Array, start: number): string {
  return toBuffer(bytes).toString('latin1', start).replaceAll('\0', '').toLowerCase()
}

/**
 * ISO 32000-1, annex H.3.4.1: readers take a header within the first 1,024 bytes. After marks and blanks alone it begins
 * the file, and in prose it seldom begins a line.
 */
function findLatePdf(bytes: Uint8Array, start: number): Guess {
  const at = toBuffer(bytes).subarray(0, 1_024).indexOf('%PDF-', 0, 'latin1')
  return at > 0 && (at === start || readByte(bytes, at - 1) < 0x20) ? 'application/pdf' : undefined
}
