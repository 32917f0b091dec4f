/** One part of a form, as it came. */
export interface FormPart {
  name: string
  filename: string | undefined
  /** Empty where the part has none. */
  mimeType: string
  bytes: Buffer
}

const BLANK_LINE = Buffer.from('\r\n\r\n')

/**
 * Reads a form (RFC 7578).
 *
 * @returns undefined for what is no whole form.
 */
export function parseMultipartForm(contentType: string, body: Buffer): FormPart[] | undefined {
  const [, boundary] = /^multipart\/form-data;.*\bboundary="?([^";]+)"?/i.exec(contentType) ?? []
  if (boundary === undefined || !body.toString('latin1').trimEnd().endsWith(`--${boundary}--`)) return undefined
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  // The first delimiter may have no line break before it.
  const text = Buffer.concat([Buffer.from('\r\n'), body])
  const parts: FormPart[] = []
  for (let at = text.indexOf(delimiter); at >= 0; ) {
    const start = at + delimiter.length
    const end = text.indexOf(delimiter, start)
    if (end < 0) break
    const part = parsePart(text.subarray(start, end))
    if (part === undefined) return undefined
    parts.push(part)
    at = end
  }
  return parts
}

function parsePart(part: Buffer): FormPart | undefined {
  const blank = part.indexOf(BLANK_LINE)
  if (blank < 0) return undefined
  const head = part.subarray(0, blank).toString('utf8')
  const [, name] = /^content-disposition: *form-data;.*?\bname="([^"]*)"/im.exec(head) ?? []
  if (name === undefined) return undefined
  const [, filename] = /^content-disposition:.*\bfilename="([^"]*)"/im.exec(head) ?? []
  const [, mimeType = ''] = /^content-type: *(.*)$/im.exec(head) ?? []
  return { name, filename, mimeType: mimeType.trim(), bytes: part.subarray(blank + BLANK_LINE.length) }
}
