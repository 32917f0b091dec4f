import { isTelling } from '../file-type/mime.js'
import type { WantedMedia } from '../media-reference.js'

/**
 * Leaves out a declared MIME type that says nothing, as relays and other apps' messages have it: the look-up, which every
 * attempt then makes before it names the object, tells the true one.
 */
export function keepDeclaredType(media: WantedMedia): WantedMedia {
  const { mimeType, mediaType, reference, encryption } = media
  // No look-up tells the type of an encrypted file.
  if (encryption !== undefined) return { ...media, mimeType: mimeType ?? 'application/octet-stream' }
  // Of an unknown type, the webhook's media type is only a guess from the MIME type.
  const known = reference?.unknownType === undefined ? mediaType : undefined
  if (mimeType !== undefined && isTelling(mimeType, known)) return media
  return { ...media, mimeType: undefined, mediaType: known }
}
