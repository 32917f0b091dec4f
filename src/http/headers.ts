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
