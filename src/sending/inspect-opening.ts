import { OutboundLimitError, OutboundTypeError } from '../errors.js'
import { type OutboundFormat, STATIC_STICKER_BYTES } from './outbound-limits.js'

/**
 * Checks the first bytes of a file for what its MIME type does not tell: whether a sticker is animated, the depth of a
 * PNG, the codec of an Ogg. A document may be anything.
 *
 * @throws OutboundLimitError, OutboundTypeError
 */
export function inspectOpening(opening: Uint8Array, { kind, mimeType }: OutboundFormat, size: number): void {
  if (kind === 'document') return
  if (mimeType === 'image/webp') checkSticker(opening, size)
  if (mimeType === 'image/png') checkPng(opening, kind)
  if (mimeType.startsWith('audio/ogg')) checkOgg(opening)
}

function readText(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.subarray(start, start + length)).toString('latin1')
}

/** WebP Container Specification: in the extended format the second bit of the flags says that it is animated. */
function isAnimated(webp: Uint8Array): boolean {
  const isExtended = readText(webp, 0, 4) === 'RIFF' && readText(webp, 8, 8) === 'WEBPVP8X'
  return isExtended && ((webp[20] ?? 0) & 0x02) !== 0
}

function checkSticker(opening: Uint8Array, bytes: number): void {
  if (bytes <= STATIC_STICKER_BYTES || isAnimated(opening)) return
  const wayOut = 'make it smaller, or send it as a document'
  throw new OutboundLimitError({ kind: 'static sticker', limitBytes: STATIC_STICKER_BYTES, bytes, wayOut })
}

/** PNG specification, 11.2.2: the bit depth stands in the header, which is the first chunk. */
function checkPng(opening: Uint8Array, kind: OutboundFormat['kind']): void {
  const depth = opening[24]
  if (readText(opening, 1, 3) !== 'PNG' || readText(opening, 12, 4) !== 'IHDR' || depth === 8) return
  throw new OutboundTypeError({
    kind,
    mimeType: 'image/png',
    problem: `it has ${depth} bits per sample, not 8`,
    wayOut: kind === 'image' ? 'convert it to 8 bits, or send it as a document' : 'convert it to 8 bits',
  })
}

/** RFC 3533, RFC 7845: a logical stream begins with a page of its own, whose data begins with the codec's name. */
function checkOgg(opening: Uint8Array): void {
  if (readText(opening, 0, 4) !== 'OggS') return
  const data = 27 + (opening[26] ?? 0)
  if (readText(opening, data, 8) === 'OpusHead') return
  throw new OutboundTypeError({
    kind: 'audio',
    mimeType: 'audio/ogg',
    problem: 'it holds no Opus',
    wayOut: 'convert it to Opus, or send it as a document',
  })
}
