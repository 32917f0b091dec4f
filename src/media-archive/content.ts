import type { ArchivedMedia } from '../archive.js'

/** The fields of a message document that tell of its media. */
export interface MediaContent {
  /** The object's permanent, private address. Sign `s3Key` when somebody reads. */
  mediaUrl: string
  mediaType: string
  mediaId: string
  s3Key: string
  mimeType: string
  /** Bytes. */
  fileSize: number
  /** Lowercase hex. */
  sha256: string
  filename?: string
  caption?: string
}

/**
 * The content fields of a message document, each name behind `prefix`: `toContent(media, 'content.')` fits a `$set`.
 * Fields that the media lacks are left out, so that an update leaves theirs alone.
 */
export function toContent<Prefix extends string = ''>(
  media: ArchivedMedia,
  prefix: Prefix = '' as Prefix,
): { [Name in keyof MediaContent as `${Prefix}${Name}`]: MediaContent[Name] } {
  const content: MediaContent = {
    mediaUrl: media.url,
    mediaType: media.mediaType,
    mediaId: media.mediaId,
    s3Key: media.key,
    mimeType: media.mimeType,
    fileSize: media.size,
    sha256: media.sha256,
    ...(media.filename === undefined ? {} : { filename: media.filename }),
    ...(media.caption === undefined ? {} : { caption: media.caption }),
  }
  const prefixed = Object.entries(content).map(([name, value]) => [`${prefix}${name}`, value])
  // Sound because every name above gets the prefix, and no other name is there.
  return Object.fromEntries(prefixed) as { [Name in keyof MediaContent as `${Prefix}${Name}`]: MediaContent[Name] }
}
