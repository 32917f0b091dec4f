import { buildContentDisposition, cleanFilename } from './filename.js'
import { decideServedType, findContentType, mayShowInline } from './mime.js'

/** The two headers that a reader's browser goes by. */
export interface Serving {
  contentType: string
  contentDisposition: string
}

/**
 * Decides the content type and disposition that a reader's browser gets: from the allow-list of `decideServedType`, never
 * from the sender. A picture that a reader saves must not become the program that its name says.
 *
 * @param file.extension of the object's key, without dot: what the name must end in, and the type where `mimeType` is
 * absent.
 * @param file.isSound where `mimeType` is absent: `3gp` is then a sound's extension.
 * @param file.disposition wish of the reader; `inline` is obeyed for types that `mayShowInline` allows.
 */
export function decideServing(file: {
  mimeType?: string | undefined
  extension: string | undefined
  filename: string | undefined
  disposition?: 'inline' | 'attachment' | undefined
  isSound?: boolean | undefined
}): Serving {
  const { extension, filename, disposition, isSound = false } = file
  const mimeType = file.mimeType ?? findContentType(extension ?? 'bin', { isSound }) ?? 'application/octet-stream'
  const { contentType, inline } = decideServedType(mimeType)
  const isShown = disposition === undefined ? inline : disposition === 'inline' && mayShowInline(contentType)
  const name = filename === undefined ? undefined : cleanFilename(filename, { extension })
  return { contentType, contentDisposition: buildContentDisposition(isShown ? 'inline' : 'attachment', name) }
}
