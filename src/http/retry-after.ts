/** Statuses that may be different next time, from any sender: a proxy, a BSP, a media host or a store. */
export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500
}

/** The longest wait that a server may ask of us in one answer: a day. Beyond that the header is a mistake or an attack. */
export const MAX_RETRY_AFTER_MS = 86_400_000

/** RFC 9110, section 5.6.7: the two forms that name their time zone. */
const HTTP_DATE = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * The milliseconds that a `Retry-After` header asks for, in seconds or as a date (RFC 9110, section 10.2.3): none for
 * nonsense, at most a day.
 */
export function readRetryAfter(header: unknown): number | undefined {
  const ms = typeof header === 'string' ? parseRetryAfter(header.trim()) : Number.NaN
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS)
}

function parseRetryAfter(header: string): number {
  if (/^\d+$/.test(header)) return Number(header) * 1_000
  // Date.parse alone finds a date in almost anything: it takes "in 5" for a day in May 2001.
  return HTTP_DATE.test(header) ? Date.parse(header) - Date.now() : Number.NaN
}
