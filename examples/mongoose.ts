/**
 * Mongoose: one document for each media item of a message, saved before its media is archived, signed when read.
 */
import { type Model, model, Schema } from 'mongoose'
import { extractMedia, type MediaArchive, type MediaContent } from 'whatsapp-media-archive'

export interface MessageFields {
  messageId: string
  content?: Partial<MediaContent> & { text?: string }
  mediaStatus?: 'pending' | 'archived' | 'failed'
  mediaError?: string
}

interface MessageMethods {
  /** A URL that reads the media for an hour; undefined while there is none. */
  signedMediaUrl(archive: MediaArchive, accountId: string): Promise<string | undefined>
}

type MessageModel = Model<MessageFields, object, MessageMethods>

const messageSchema = new Schema<MessageFields, MessageModel, MessageMethods>({
  messageId: { type: String, required: true },
  content: {
    text: String,
    mediaUrl: String,
    mediaType: String,
    mediaId: String,
    s3Key: String,
    filename: String,
    mimeType: String,
    fileSize: Number,
    sha256: String,
    caption: String,
  },
  mediaStatus: { type: String, enum: ['pending', 'archived', 'failed'] },
  mediaError: String,
})

// A message may carry several files (a Flow's answer), and a text none.
messageSchema.index(
  { messageId: 1, 'content.mediaId': 1 },
  { unique: true, partialFilterExpression: { 'content.mediaId': { $exists: true } } },
)
messageSchema.index({ 'content.mediaId': 1 })

messageSchema.method('signedMediaUrl', async function signedMediaUrl(archive: MediaArchive, accountId: string) {
  const { mediaStatus, content } = this
  if (mediaStatus !== 'archived' || content?.s3Key === undefined) return undefined
  const { filename } = content
  return (await archive.signUrl(content.s3Key, { accountId, ...(filename === undefined ? {} : { filename }) })).url
})

export const Message: MessageModel = model<MessageFields, MessageModel>('Message', messageSchema)

/** For `onPayload`: saves what is new. A redelivery changes nothing, least of all `archived` back into `pending`. */
export async function saveMessages(payload: unknown): Promise<void> {
  const media = extractMedia(payload).media.map(({ messageId, mediaId, mediaType, mimeType, filename, caption }) => ({
    updateOne: {
      filter: { messageId, 'content.mediaId': mediaId },
      update: {
        $setOnInsert: {
          'content.mediaType': mediaType,
          'content.mimeType': mimeType,
          ...(filename === undefined ? {} : { 'content.filename': filename }),
          ...(caption === undefined ? {} : { 'content.caption': caption }),
          mediaStatus: 'pending' as const,
        },
      },
      upsert: true,
    },
  }))
  const texts = textsOf(payload).map(({ messageId, text }) => ({
    updateOne: { filter: { messageId }, update: { $setOnInsert: { 'content.text': text } }, upsert: true },
  }))
  const writes = [...media, ...texts]
  if (writes.length > 0) await Message.bulkWrite(writes, { ordered: false })
}

/** The texts of a payload; a verified one, so its shape is Meta's where it has one at all. */
function textsOf(payload: unknown): { messageId: string; text: string }[] {
  const { entry = [] } = payload as {
    entry?: { changes?: { value?: { messages?: { id?: string; text?: { body?: string } }[] } }[] }[]
  }
  const messages = entry.flatMap(({ changes = [] }) => changes.flatMap(({ value }) => value?.messages ?? []))
  return messages.flatMap(({ id, text }) => (id && text?.body ? [{ messageId: id, text: text.body }] : []))
}
