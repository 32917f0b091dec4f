import type { ArchivedMedia } from '../archive.js'
import { defined } from '../json.js'
import type { MediaContact } from '../media-reference/contact.js'

/** The fields of a message document that describe its media. */
export interface MediaContent {
  /** The object's permanent, private address. Sign `s3Key` when somebody reads. */
  mediaUrl: string
  /** `image`, `video`, `audio`, `document` or `sticker`. */
  mediaType: string
  /** Meta's id of the media. */
  mediaId: string
  /** The object's key. */
  s3Key: string
  /** The declared MIME type, parameters included. */
  mimeType: string
  /** Bytes. */
  fileSize: number
  /** Lowercase hex. */
  sha256: string
  /** The sender's name for a document. */
  filename?: string | undefined
  /** The message's text beside the media. */
  caption?: string | undefined
  /** The customer whose message it is, or to whom the business sent it. */
  contact?: MediaContact | undefined
  /** The id of the group that the message was sent to. */
  group?: string | undefined
}

/**
 * The content fields of a message document, each name behind `prefix`: `toContent(media, 'content.')` fits a `$set`.
 * Fields that the media lacks are left out, so that an update leaves theirs alone.
 *
 * @param media the result of `archiveMedia`, or what `onArchived` gets.
 * @param prefix the beginning of each name. Default: none.
 * @example
 * ```ts
 * import { archiveMedia, toContent } from 'whatsapp-media-archive'
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const file = { bytes: Buffer.from('%PDF-1.7'), mimeType: 'application/pdf', mediaType: 'document' } as const
 * const { reference } = await api.addMedia(file)
 * const { accessToken, cloudApi } = api
 * const media = await archiveMedia(reference, { storage: createMemoryStorage(), accountId: 'acme', accessToken, cloudApi })
 * const update = { $set: toContent(media, 'content.') }
 * console.log(update.$set['content.s3Key'], update.$set['content.fileSize'])
 * await api.close()
 * ```
 */
export function toContent<Prefix extends string = ''>(
  media: ArchivedMedia,
  prefix: Prefix = '' as Prefix,
): { [Name in keyof MediaContent as `${Prefix}${Name}`]: MediaContent[Name] } {
  const { filename, caption, contact, group } = media
  const content: MediaContent = {
    mediaUrl: media.url,
    mediaType: media.mediaType,
    mediaId: media.mediaId,
    s3Key: media.key,
    mimeType: media.mimeType,
    fileSize: media.size,
    sha256: media.sha256,
    ...defined({ filename, caption, contact, group }),
  }
  const prefixed = Object.entries(content).map(([name, value]) => [`${prefix}${name}`, value])
  // Every name above gets the prefix, and no other name is there.
  return Object.fromEntries(prefixed) as { [Name in keyof MediaContent as `${Prefix}${Name}`]: MediaContent[Name] }
}
