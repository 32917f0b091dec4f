import { describeValue } from '../errors/describe.js'
import { IntegrityMismatchError } from '../errors.js'
import { readEssence } from '../file-type/mime.js'
import { sniff } from '../file-type/sniff.js'
import type { KnownMedia } from '../media-reference.js'
import type { Attempt } from './attempt.js'

/** The types that error pages are served as. */
const PAGE_TYPES: readonly string[] = [
  'text/html',
  'application/xhtml+xml',
  'application/json',
  'application/problem+json',
]

/**
 * Refuses an answer whose Content-Type is that of an error page, where nothing can prove that it is the media. Hosts send
 * such pages with status 200, and people send pages and JSON: an announced hash decides, and for documents an announced
 * size. A page of another length is refused before it is read, unless the announced size may be wrong; in place of a
 * photo, also one without a length.
 *
 * @param answer.length the Content-Length.
 * @returns whether the hash or the size will prove it; if not, its first bytes should be looked at.
 * @throws IntegrityMismatchError
 */
export function refusePageType(
  headers: Readonly<Record<string, string>>,
  answer: { media: KnownMedia; length: number | undefined; integrity: Attempt['integrity'] },
): boolean {
  const { media, length, integrity } = answer
  const { size, sha256, mediaType, mimeType } = media
  const isDocument = mediaType === 'document'
  const isProvable = sha256 !== undefined || (size !== undefined && isDocument)
  const { size: expected = length } = media
  const isOtherLength = (isDocument ? (length ?? expected) : length) !== expected && integrity !== 'report'
  if (isProvable && !isOtherLength) return true
  const served = readEssence(headers['content-type'] ?? '')
  if (PAGE_TYPES.includes(served) && served !== readEssence(mimeType)) throw createPageError(mimeType, served)
  return isProvable
}

/** Types whose files may well begin as an error page does. */
const MAY_BE_A_PAGE = /^(?:text\/|application\/(?:.*\+)?(?:json|xml)$|application\/octet-stream$|$)/

/**
 * Refuses a body whose first bytes are those of an error page. Without a hash nothing else shows that it is no media.
 *
 * @throws IntegrityMismatchError
 */
export function refusePageBytes(opening: Uint8Array, declared: string): void {
  if (MAY_BE_A_PAGE.test(readEssence(declared))) return
  const found = sniff(opening) ?? (isLikelyJson(opening) ? 'application/json' : '')
  if (PAGE_TYPES.includes(found)) throw createPageError(declared, found)
}

function isLikelyJson(opening: Uint8Array): boolean {
  return /^\s*(?:\{\s*["}]|\[\s*[{"\]])/.test(Buffer.from(opening.subarray(0, 64)).toString('latin1'))
}

function createPageError(declared: string, found: string): IntegrityMismatchError {
  return new IntegrityMismatchError({
    problem: `The media host sent ${found} in place of ${describeValue(readEssence(declared))}`,
  })
}
