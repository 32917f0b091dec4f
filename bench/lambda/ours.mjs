// A Lambda function that archives what webhooks announce and can sign URLs: with this library.
import { archiveMedia, getSignedUrl } from '../../dist/index.js'
import { createS3Storage } from '../../dist/storage/s3.js'
import { createWebhookHandler, toLambdaHandler } from '../../dist/webhook.js'

const storage = createS3Storage({ bucket: process.env.S3_BUCKET_NAME ?? 'bench' })
const options = { storage, accountId: 'bench', accessToken: process.env.WHATSAPP_ACCESS_TOKEN ?? 'bench' }

export const handler = toLambdaHandler(
  createWebhookHandler({
    appSecret: process.env.WHATSAPP_APP_SECRET ?? 'bench-app-secret',
    verifyToken: process.env.WHATSAPP_VERIFY_TOKEN ?? 'bench',
    onMedia: ({ media }) => Promise.all(media.map((reference) => archiveMedia(reference, options))),
  }),
)

export const sign = (key) => getSignedUrl(key, { storage, accountId: 'bench' })
