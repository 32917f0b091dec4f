/** The validators of an object, as an answer carries them. */
export interface Validators {
  /** A strong tag, in its quotes; null where the object's hash is unknown. */
  etag: string | null
  /** When the object was written. HTTP's dates have whole seconds. */
  modified: Date
}

/**
 * The status with which the conditions of a GET or HEAD end it; undefined when it goes on. In the order of RFC 9110
 * (section 13.2.2): a tag counts before a date, and a date that is no HTTP date not at all.
 */
export function findUnmetCondition(headers: Headers, { etag, modified }: Validators): 304 | 412 | undefined {
  const wasModifiedAfter = (seconds: number): boolean => toSeconds(modified) > seconds
  const ifMatch = headers.get('if-match')
  const unmodifiedSince = readDate(headers, 'if-unmodified-since')
  if (ifMatch !== null ? !hasTag(ifMatch, etag, { isStrong: true }) : wasModifiedAfter(unmodifiedSince)) return 412
  const ifNoneMatch = headers.get('if-none-match')
  if (ifNoneMatch !== null) return hasTag(ifNoneMatch, etag, { isStrong: false }) ? 304 : undefined
  return toSeconds(modified) <= readDate(headers, 'if-modified-since') ? 304 : undefined
}

/** Whether an If-Range names this very object: by its strong tag, or by its date (RFC 9110, section 13.1.5). */
export function isRangeCurrent(headers: Headers, { etag, modified }: Validators): boolean {
  const ifRange = headers.get('if-range')
  return ifRange === null || ifRange === etag || toSeconds(modified) === readDate(headers, 'if-range')
}

/** Whether a list has the tag. Caches mark tags as weak when they compress: only a strong comparison minds. */
function hasTag(list: string, etag: string | null, { isStrong }: { isStrong: boolean }): boolean {
  if (list === '*') return true
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? []
  return tags.some((tag) => tag === etag || (!isStrong && tag === `W/${etag}`))
}

const DATE = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  // The obsolete forms, of RFC 850 and of C's asctime (RFC 9110, section 5.6.7).
  /^[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
]

/** The HTTP date of a header in seconds since 1970; NaN, with which no comparison holds, where there is none. */
function readDate(headers: Headers, name: string): number {
  const text = headers.get(name) ?? ''
  if (!DATE.some((form) => form.test(text))) return Number.NaN
  return toSeconds(new Date(text.endsWith('GMT') ? text : `${text} GMT`))
}

function toSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1_000)
}
