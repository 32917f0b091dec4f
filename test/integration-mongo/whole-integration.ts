// biome-ignore-all format: a user's whole integration, in the design's own words; only the imports are this test's.
import { toContent } from 'whatsapp-media-archive'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import { createWebhookHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'
import { Message, saveMessages } from '../../examples/mongoose.js'
import { app, appSecret, createMediaArchive, createS3Storage, verifyToken } from './stand-ins.js'

declare global {
  namespace NodeJS {
    interface ProcessEnv {
      WHATSAPP_TOKEN?: string
    }
  }
}

const archive = createMediaArchive({
  storage: createS3Storage({ bucket: 'pixels-official', region: 'ap-south-1' }),
  accounts: (phoneNumberId) => phoneNumberId === '123' ? { accountId: 'pixels_internal', accessToken: process.env.WHATSAPP_TOKEN } : undefined,
  queue: createInProcessQueue({ concurrency: 8 }),            // or createBullMqQueue(…), createSqsQueue(…)
  onArchived: (media) => Message.updateOne(
    { messageId: media.messageId, 'content.mediaId': media.mediaId },
    { $set: { ...toContent(media, 'content.'), mediaStatus: 'archived' } }),
  onFailed: ({ media, error }) => Message.updateOne(
    { messageId: media.messageId, 'content.mediaId': media.mediaId, mediaStatus: { $ne: 'archived' } },
    { $set: { mediaStatus: 'failed', mediaError: error.code } }),
})
const handler = createWebhookHandler({
  appSecret, verifyToken,
  onPayload: saveMessages,       // every verified webhook, texts and statuses too; awaited first; a throw answers 500
  onMedia: archive.enqueue,      // then the media; resolved = durable; a throw answers 500 and Meta delivers again
})
app.all('/webhook', toNodeHandler(handler))   // before express.json()

export { archive }
