import { describeValue } from '../errors/describe.js'
import { IntegrityMismatchError } from '../errors.js'
import { readEssence } from '../file-type/mime.js'
import { sniff } from '../file-type/sniff.js'

/** The types that error pages are served as. */
const PAGE_TYPES: readonly string[] = [
  'text/html',
  'application/xhtml+xml',
  'application/json',
  'application/problem+json',
]

/**
 * Refuses an answer whose Content-Type is that of an error page. Hosts send such pages with status 200; the hash would
 * find out, but only after the whole page.
 *
 * @throws IntegrityMismatchError
 */
export function refusePageType(headers: Readonly<Record<string, string>>, declared: string): void {
  const served = readEssence(headers['content-type'] ?? '')
  if (PAGE_TYPES.includes(served) && served !== readEssence(declared)) throw createPageError(declared, served)
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
