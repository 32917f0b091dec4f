/**
 * The headers that a client gives, with lower-case names. Other clients pass on the form of their library: lists of
 * values, numbers, names in capitals, a `Headers`.
 */
export function readHeaders(source: unknown): Record<string, string> {
  const given: object = Object(source)
  const headers: Record<string, string> = {}
  for (const entry of isIterable(given) ? given : Object.entries(given)) {
    const [name, value]: unknown[] = Array.isArray(entry) ? entry : []
    const isPresent = typeof value === 'string' || typeof value === 'number' || Array.isArray(value)
    if (isPresent) headers[String(name).toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value)
  }
  return headers
}

/** In place of `instanceof Headers`: its mere name loads all of Node's fetch, which costs as much as this library. */
function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value
}

/** The body is encoded, so neither Content-Length nor hash speak of the bytes that arrive. */
export function isEncoded({ 'content-encoding': encoding = '' }: Readonly<Record<string, string>>): boolean {
  return !['', 'identity'].includes(encoding.trim().toLowerCase())
}

/**
 * Whether an answer promises the whole of what was asked for. Caches and proxies answer 203, and 206 with a range that is
 * the whole (RFC 9110, sections 15.3.4 and 15.3.7).
 */
export function isWholeAnswer(
  status: number,
  { 'content-range': range = '' }: Readonly<Record<string, string>>,
): boolean {
  if (status !== 206) return status >= 200 && status < 300 && status !== 204 && status !== 205
  const [, last, size] = /^bytes 0-(\d{1,15})\/(\d{1,15})$/i.exec(range.trim()) ?? []
  return last !== undefined && Number(last) + 1 === Number(size)
}
