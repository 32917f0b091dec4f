import { create } from 'content-disposition'
import type { MediaType } from '../media-reference.js'
import { findContentType } from './mime.js'

/** Long enough for people, short enough for every file system and for a header in a signed URL. */
const MAX_NAME_BYTES = 150

/**
 * Normalising n combining marks takes time in n squared (200,000 of them: half a minute), so a longer name loses its
 * middle first. WhatsApp itself cuts names far below this.
 */
const MAX_HEAD_LENGTH = 768
const MAX_TAIL_LENGTH = 64

/** Half of a surrogate pair. With the `u` flag, whole pairs do not match. */
const LONE_SURROGATE = /\p{Surrogate}/gu
/** Here, for the build turns it into a constructor's call, which would compile it at each use. */
const MARKS = /\p{M}+/gu
/** Controls, direction marks and overrides, zero-width characters, line and paragraph separators. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
/** Every blank, also the letters that show as one: many of them push the true extension out of sight. */
const BLANKS = /[\p{Zs}\u115f\u1160\u2800\u3164\uffa0]+/gu
/** Characters that some file system or URL reads as structure. */
const SEPARATORS = /[/\\:*?"<>|]/g
/** Windows strips them at the end; at the start they hide a file. */
const OUTER_DOTS = /^[\s.]+|[\s.]+$/g
/** Windows: Naming Files, Paths, and Namespaces. Reserved with any extension. */
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)/i
const EXTENSION = /^[a-z0-9]{1,10}$/

/**
 * A sender's file name, made safe to show and to save: Unicode NFC without invisible characters, separators as `_`, no
 * outer dots or spaces, no reserved Windows name, at most 150 bytes of UTF-8 with the extension kept, never empty
 * (`file`). The same again when applied twice.
 *
 * @param options.extension what the result must end in, without dot. Unless the name's own extension stands for the
 *   same type (`jpeg` for `jpg`), it is appended: `invoice.pdf.exe` for `pdf` becomes `invoice.pdf.exe.pdf`. Ignored
 *   when it is not `/^[a-z0-9]{1,10}$/`.
 */
export function cleanFilename(name: string, options: { extension?: string | undefined } = {}): string {
  const { extension } = options
  const cleaned = shorten(name)
    .replace(LONE_SURROGATE, '\ufffd')
    .replace(INVISIBLE, '')
    .replace(BLANKS, ' ')
    .replace(SEPARATORS, '_')
    .replace(OUTER_DOTS, '')
    .normalize('NFC')
  const named = cleaned === '' ? 'file' : RESERVED.test(cleaned) ? `_${cleaned}` : cleaned
  const own = findSafeExtension(named)
  const kept = own === undefined ? '' : named.slice(-own.length - 1)
  if (extension === undefined || !EXTENSION.test(extension) || isSameType(own, extension)) {
    return cut(named.slice(0, named.length - kept.length), kept)
  }
  return cut(named, `.${extension}`)
}

/** The last extension of a file name, lower case and without dot, when it matches `/^[a-z0-9]{1,10}$/`. */
export function findSafeExtension(filename: string): string | undefined {
  const [, extension] = /.\.([a-z0-9]{1,10})$/is.exec(filename) ?? []
  return extension?.toLowerCase()
}

/**
 * A Content-Disposition header (RFC 6266, RFC 8187), pure ASCII. The file name is made safe first; when it is not plain
 * ASCII, the header carries an ASCII form for old readers beside the true one.
 */
export function buildContentDisposition(disposition: 'inline' | 'attachment', filename?: string): string {
  if (filename === undefined) return create(undefined, { type: disposition })
  const name = cleanFilename(filename)
  return create(name, { type: disposition, fallback: toAsciiForm(name) })
}

/**
 * A name for media that came without one, as all photos and voice notes do: `image-2026-11-22-1a2b3c4d.jpg`.
 *
 * @param parts.timestamp when the message was sent, ISO 8601 or Date; its UTC date is in the name when it is a time
 * @param parts.id the UUID in the object's key; its first eight letters and digits are in the name
 * @param parts.extension without dot
 */
export function buildFilename(parts: {
  mediaType: MediaType
  timestamp?: string | Date | undefined
  id: string
  extension: string
}): string {
  const { mediaType, timestamp, id, extension } = parts
  const date = new Date(timestamp ?? Number.NaN)
  const day = Number.isNaN(date.getTime()) ? '' : date.toISOString().slice(0, 10)
  const shortId = id.replace(/[^A-Za-z0-9]+/g, '').slice(0, 8)
  return cleanFilename([mediaType, day, shortId].filter((part) => part !== '').join('-'), { extension })
}

/**
 * Text as pure ASCII for S3's user metadata (AWS: Working with object metadata), percent-encoded so that
 * `decodeURIComponent` gives it back. Blanks are encoded too: signers and stores collapse runs of them differently. A
 * longer text is cut between characters to at most `maxBytes`, default 512. Lone surrogates become U+FFFD.
 */
export function encodeMetadata(value: string, maxBytes = 512): string {
  let encoded = ''
  for (const character of value) {
    const next = encodeURIComponent(character.replace(LONE_SURROGATE, '\ufffd'))
    if (encoded.length + next.length > maxBytes) break
    encoded += next
  }
  return encoded
}

function shorten(name: string): string {
  if (name.length <= MAX_HEAD_LENGTH + MAX_TAIL_LENGTH) return name
  return name.slice(0, MAX_HEAD_LENGTH) + name.slice(-MAX_TAIL_LENGTH)
}

/** `stem` + `ending` in at most MAX_NAME_BYTES; the stem gives way, between characters. */
function cut(stem: string, ending: string): string {
  // encodeInto writes whole characters only.
  const { read } = new TextEncoder().encodeInto(stem, new Uint8Array(MAX_NAME_BYTES - ending.length))
  return (stem.slice(0, read) + ending).replace(OUTER_DOTS, '')
}

function isSameType(own: string | undefined, extension: string): boolean {
  if (own === undefined || own === extension) return own === extension
  const type = findContentType(extension)
  return type !== undefined && findContentType(own) === type
}

/**
 * Accents dropped, other foreign characters as `_`. Percent signs and semicolons too: some readers decode the first
 * (RFC 6266, appendix D), and some split the header at the second even within quotes.
 */
function toAsciiForm(name: string): string {
  const plain = name.normalize('NFD').replace(MARKS, '')
  return cleanFilename(plain.replace(/[^\x20-\x7e]+|[%;]/g, '_'))
}
