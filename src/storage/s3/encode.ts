/** The path of a key below `base`, as it is sent and signed: encoded once, slashes kept (AWS: Create a signed request). */
export function buildPath(base: string, key: string): string {
  // The characters of this library's own keys.
  const isPlain = /^[\w./~-]+$/.test(key)
  return `${base}/${isPlain ? key : encodeText(key).replaceAll('%2F', '/')}`
}

/** RFC 3986, as AWS's signer encodes. */
export function encodeText(text: string): string {
  if (/^[\w.~-]*$/.test(text)) return text
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
