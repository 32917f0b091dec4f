/**
 * Express: webhooks in, media archived, messages listed with fresh signed URLs.
 *
 *   WHATSAPP_ACCESS_TOKEN=… WHATSAPP_APP_SECRET=… WHATSAPP_VERIFY_TOKEN=… S3_BUCKET_NAME=… AWS_REGION=… npx tsx examples/express.ts
 */
import { pathToFileURL } from 'node:url'
import express, { type Express } from 'express'
import {
  configFromEnv,
  createInProcessQueue,
  createMediaArchive,
  createWebhookHandler,
  extractMedia,
  type MediaArchive,
  type MediaArchiveOptions,
  type MediaContent,
  toContent,
  toNodeHandler,
  type UnavailableMedia,
} from 'whatsapp-media-archive'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'

const ACCOUNT_ID = 'pixels_internal'

/** One media item of a message. A database in your app; see mongoose.ts. */
interface MediaMessage {
  messageId: string
  mediaId: string
  mediaStatus: 'pending' | 'archived' | 'failed'
  mediaError?: string
  content?: MediaContent
}

export interface AppOptions extends Omit<MediaArchiveOptions, 'accounts' | 'queue' | 'onArchived' | 'onFailed'> {
  accessToken: string
  appSecret: string
  verifyToken: string
}

/** The app, and the archive to close when it ends. */
export function createApp(options: AppOptions): { app: Express; archive: MediaArchive } {
  const { accessToken, appSecret, verifyToken, ...archiveOptions } = options
  const messages = new Map<string, MediaMessage>()
  const idOf = (messageId = '', mediaId = ''): string => `${messageId} ${mediaId}`

  const archive = createMediaArchive({
    ...archiveOptions,
    accounts: () => ({ accountId: ACCOUNT_ID, accessToken }),
    queue: createInProcessQueue({ concurrency: 8 }),
    onArchived(media) {
      const message = messages.get(idOf(media.messageId, media.mediaId))
      if (message === undefined) return
      delete message.mediaError
      Object.assign(message, { content: toContent(media), mediaStatus: 'archived' })
    },
    onFailed({ media, error }) {
      const message = messages.get(idOf(media.messageId, media.mediaId))
      if (message === undefined || message.mediaStatus === 'archived') return
      Object.assign(message, { mediaStatus: 'failed', mediaError: error.code })
    },
  })

  const handler = createWebhookHandler({
    appSecret,
    verifyToken,
    // Saved first, and only if new: a redelivery must not turn `archived` back into `pending`.
    onPayload(payload) {
      const { media, unavailable } = extractMedia(payload)
      for (const { messageId = '', mediaId = '' } of [...media, ...unavailable.filter(isLost)]) {
        const id = idOf(messageId, mediaId)
        if (!messages.has(id)) messages.set(id, { messageId, mediaId, mediaStatus: 'pending' })
      }
    },
    onMedia: archive.enqueue,
    onRejected: ({ reason, status }) => console.warn(`webhook refused: ${reason} (${status})`),
  })

  const app = express()
  // Before express.json(): the signature is over the raw bytes.
  app.all('/webhook', toNodeHandler(handler))
  app.use(express.json())
  // Signed when somebody reads: a stored signed URL would be dead by then.
  app.get('/messages', async (_request, response) => {
    const listed = [...messages.values()].map(async (message) => {
      if (message.content === undefined) return message
      const { url, expiresAt } = await archive.signUrl(message.content.s3Key, { accountId: ACCOUNT_ID })
      return { ...message, signedUrl: url, expiresAt }
    })
    response.json(await Promise.all(listed))
  })
  return { app, archive }
}

/** Media that its sender meant for us; an advertisement's picture is not, and a placeholder's media may still come. */
function isLost({ reason }: UnavailableMedia): boolean {
  return reason !== 'referral' && reason !== 'placeholder'
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}

function start(): void {
  const { bucket, region, endpoint, prefix, accessToken, appSecret, verifyToken } = configFromEnv(process.env)
  const { app, archive } = createApp({
    storage: createS3Storage({
      bucket: required('S3_BUCKET_NAME', bucket),
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
    }),
    accessToken: required('WHATSAPP_ACCESS_TOKEN', accessToken),
    appSecret: required('WHATSAPP_APP_SECRET', appSecret),
    verifyToken: required('WHATSAPP_VERIFY_TOKEN', verifyToken),
    ...(prefix === undefined ? {} : { prefix }),
  })
  const server = app.listen(Number(process.env['PORT'] ?? 3000), () => console.log('listening', server.address()))
  // No new webhooks, then what is under way; Meta delivers the refused ones again.
  const stop = (): void => {
    server.close(async () => {
      const left = await archive.close({ timeoutMs: 20_000 })
      if (left.length > 0) console.warn(`${left.length} media were not archived in time; their messages stay pending`)
    })
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) start()
