import { types } from 'node:util'
import { readEssence } from '../../file-type/mime.js'
import type { HeldMedia } from './media.js'
import type { FakeApiState } from './state.js'

const MEGABYTE = 1_048_576
const KILOBYTE = 1_024

/** What may be sent as each type (Meta: Media, "Supported media types"): MIME types, extensions of uploads, bytes. */
const SENDABLE: Readonly<Record<string, { types: RegExp; names: RegExp; most: number }>> = {
  image: { types: /^image\/(?:jpeg|png)$/, names: /\.(?:jpe?g|png)$/i, most: 5 * MEGABYTE },
  video: { types: /^video\/(?:mp4|3gpp)$/, names: /\.(?:mp4|3gpp?)$/i, most: 16 * MEGABYTE },
  audio: {
    types: /^audio\/(?:aac|amr|mpeg|mp4|ogg|opus)$/,
    names: /\.(?:aac|amr|mp3|m4a|ogg)$/i,
    most: 16 * MEGABYTE,
  },
  document: { types: /./, names: /\.\w+$/, most: 100 * MEGABYTE },
  sticker: { types: /^image\/webp$/, names: /\.webp$/i, most: 500 * KILOBYTE },
}

const MEDIA_UPLOAD_ERROR = 131053

/**
 * Why Meta would not send this media: another type than the message's, the name of an upload that says so, or too many
 * bytes.
 *
 * @returns Meta's code, undefined where it would.
 */
export function findMediaFault(
  { type, mediaId }: { type: string; mediaId: string | undefined },
  { media, uploads }: FakeApiState,
): number | undefined {
  const held = mediaId === undefined ? undefined : media.get(mediaId)
  const rule = SENDABLE[type]
  if (held === undefined || rule === undefined) return undefined
  const upload = uploads.find((each) => each.mediaId === mediaId)
  const isNamed = upload === undefined || rule.names.test(upload.filename)
  const most = type === 'sticker' && !isAnimatedSticker(held) ? 100 * KILOBYTE : rule.most
  const isFit = rule.types.test(readEssence(held.mimeType)) && isNamed && held.size <= most
  return isFit ? undefined : MEDIA_UPLOAD_ERROR
}

/** WebP Container Specification: the second bit of the flags of the extended format. */
function isAnimatedSticker({ bytes }: HeldMedia): boolean {
  if (!types.isUint8Array(bytes)) return false
  const head = Buffer.from(bytes.subarray(0, 21))
  return head.subarray(8, 16).toString('latin1') === 'WEBPVP8X' && (head.at(20) ?? 0) % 4 > 1
}
