/**
 * Mongoose: one document for each media item of a message, saved before its media is archived, signed when it is read.
 *
 *   MONGODB_URL=mongodb://127.0.0.1:27017/chat … the variables of express.ts … npx tsx examples/mongoose.ts
 */
import { pathToFileURL } from 'node:url'
import express from 'express'
import mongoose, { connect, disconnect, type Model, model, Schema } from 'mongoose'
import {
  createMediaArchive,
  type MediaArchive,
  type MediaContent,
  type MediaReference,
  toContent,
} from 'whatsapp-media-archive'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import { createWebhookHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'
import { type App, type AppOptions, appOptionsFromEnv, MOST_RESUMED, required, run } from './express.js'
import { listMessages } from './messages.js'

// --- the schema -----------------------------------------------------------------------------------------------------

export interface MessageFields {
  messageId: string
  phoneNumberId: string
  from?: string
  timestamp?: Date
  content?: Partial<MediaContent> & { text?: string }
  /** Absent without media. */
  mediaStatus?: 'pending' | 'archived' | 'failed'
  /** Why there is no media: an error code of whatsapp-media-archive. */
  mediaError?: string
  /** Until the media is archived: what `archive.enqueue` takes again. */
  reference?: MediaReference
}

interface MessageMethods {
  /**
   * A URL that reads the media for an hour; undefined while there is none. Signed at each call, never stored.
   *
   * @throws WrongAccountError when the media is not that account's.
   */
  signedMediaUrl(archive: Pick<MediaArchive, 'signUrl'>, accountId: string): Promise<string | undefined>
}

export type MessageModel = Model<MessageFields, object, MessageMethods>

export const messageSchema: Schema<MessageFields, MessageModel, MessageMethods> = new Schema<
  MessageFields,
  MessageModel,
  MessageMethods
>({
  messageId: { type: String, required: true },
  phoneNumberId: String,
  from: String,
  timestamp: Date,
  content: {
    text: String,
    /** The object's permanent, private address. */
    mediaUrl: String,
    mediaType: String,
    mediaId: String,
    s3Key: String,
    filename: String,
    mimeType: String,
    fileSize: Number,
    sha256: String,
    caption: String,
    contact: { phone: String, userId: String, parentUserId: String },
    group: String,
  },
  mediaStatus: { type: String, enum: ['pending', 'archived', 'failed'] },
  mediaError: String,
  reference: Schema.Types.Mixed,
})

// A message may carry several files (a Flow's answer), and a text none: without a media id it is unique, too, so that
// two deliveries at once save it once. Partial, so that older documents without a message id stay out of it.
messageSchema.index(
  { messageId: 1, 'content.mediaId': 1 },
  { unique: true, partialFilterExpression: { messageId: { $exists: true } } },
)
messageSchema.index({ 'content.mediaId': 1 })

messageSchema.method('signedMediaUrl', async function signedMediaUrl(archive: MediaArchive, accountId: string) {
  const { s3Key, filename } = this.content ?? {}
  if (s3Key === undefined) return undefined
  return (await archive.signUrl(s3Key, { accountId, ...(filename === undefined ? {} : { filename }) })).url
})

export const Message: MessageModel = model<MessageFields, MessageModel>('Message', messageSchema)

// --- save first -----------------------------------------------------------------------------------------------------

/** For `onPayload`: saves new messages. A redelivery changes nothing, least of all `archived` back into `pending`. */
export async function saveMessages(payload: unknown): Promise<void> {
  const writes = listMessages(payload).map(({ messageId, content: { mediaId, ...content }, ...message }) => ({
    updateOne: {
      filter: { messageId, 'content.mediaId': mediaId ?? { $exists: false } },
      update: { $setOnInsert: { ...message, ...prefixed(content) } },
      upsert: true,
    },
  }))
  if (writes.length === 0) return
  await Message.bulkWrite(writes, { ordered: false }).catch((error: unknown) => {
    if (!isOnlyDuplicates(error)) throw error
  })
}

/** A message that was delivered twice at once is inserted by one of the two; to the other it is a duplicate, and saved. */
function isOnlyDuplicates(error: unknown): boolean {
  if (!(error instanceof mongoose.mongo.MongoBulkWriteError)) return false
  const failed = [error.writeErrors].flat()
  return failed.length > 0 && failed.every(({ code }) => code === 11000)
}

/** The media whose jobs ended with an earlier process, oldest first. */
async function listPending(): Promise<MediaReference[]> {
  const pending = await Message.find({ mediaStatus: 'pending', reference: { $exists: true } })
    .sort({ _id: 1 })
    .limit(MOST_RESUMED)
    .lean()
  return pending.flatMap(({ reference }) => reference ?? [])
}

function prefixed(content: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(content).map(([name, value]) => [`content.${name}`, value]))
}

// --- the app --------------------------------------------------------------------------------------------------------

export function createApp({ appSecret, verifyToken, mediaHandler, ...options }: Omit<AppOptions, 'store'>): App {
  const archive = createMediaArchive({
    ...options,
    queue: createInProcessQueue({ concurrency: 8 }),
    onArchived: (media) =>
      Message.updateOne(
        { messageId: media.messageId, 'content.mediaId': media.mediaId },
        { $set: { ...toContent(media, 'content.'), mediaStatus: 'archived' }, $unset: { mediaError: 1, reference: 1 } },
      ),
    onFailed: ({ media, error }) =>
      Message.updateOne(
        { messageId: media.messageId, 'content.mediaId': media.mediaId, mediaStatus: { $ne: 'archived' } },
        { $set: { mediaStatus: 'failed', mediaError: error.code } },
      ),
  })
  const handler = createWebhookHandler({
    appSecret,
    verifyToken,
    onPayload: saveMessages,
    onMedia: archive.enqueue,
    onRejected: ({ reason, status, error }) => console.warn(reason, status, error?.message),
  })

  const app = express()
  app.all('/webhook', toNodeHandler(handler)) // before express.json()
  if (mediaHandler !== undefined) app.use('/media', toNodeHandler(mediaHandler))
  app.use(express.json())
  // Your own log-in belongs before this one, and lists only the account of who asks.
  app.get('/messages', async (_request, response) => {
    const messages = await Message.find().select('-reference').sort({ _id: -1 }).limit(100)
    const listed = messages.map(async (message) => {
      const account = await options.accounts(message.phoneNumberId)
      const signedUrl = account && (await message.signedMediaUrl(archive, account.accountId))
      return { ...message.toObject(), signedUrl }
    })
    response.set('cache-control', 'no-store').json(await Promise.all(listed))
  })
  return { app, resume: async () => archive.enqueue(await listPending()), handler, archive }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const app = createApp(appOptionsFromEnv(process.env))
  await connect(required('MONGODB_URL', process.env['MONGODB_URL']))
  // The unique index must be there before the first webhook.
  await Message.init()
  await run(app, process.env)
  await disconnect()
}
