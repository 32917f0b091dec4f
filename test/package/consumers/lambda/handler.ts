// Two functions in one bundle: the webhook behind API Gateway, and the worker of the queue.
import { createMediaArchive, type MediaArchiveOptions } from 'whatsapp-media-archive'
import { createSqsConsumer, createSqsQueue } from 'whatsapp-media-archive/queues/sqs'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { createWebhookHandler, toLambdaHandler } from 'whatsapp-media-archive/webhook'

const { QUEUE_URL = '', DEAD_LETTER_QUEUE_URL = '', WHATSAPP_APP_SECRET = '', WHATSAPP_ACCESS_TOKEN } = process.env

const options: MediaArchiveOptions = {
  storage: createS3Storage({ bucket: 'media', endpoint: process.env['S3_ENDPOINT'] }),
  accounts: () => ({ accountId: 'acme', accessToken: WHATSAPP_ACCESS_TOKEN }),
  // The fake Cloud API, in place of Meta's.
  cloudApi: JSON.parse(process.env['CLOUD_API'] ?? '{}'),
}
const queue = createSqsQueue({ queueUrl: QUEUE_URL, endpoint: process.env['SQS_ENDPOINT'] })
const archive = createMediaArchive({ ...options, queue })

export const webhook = toLambdaHandler(
  createWebhookHandler({ appSecret: WHATSAPP_APP_SECRET, verifyToken: 'token', onMedia: archive.enqueue }),
)
export const worker = createSqsConsumer({
  queueUrl: QUEUE_URL,
  deadLetterQueueUrl: DEAD_LETTER_QUEUE_URL,
  endpoint: process.env['SQS_ENDPOINT'],
  processJob: archive.processJob,
}).handler
export const sign = (key: string) => archive.signUrl(key, { accountId: 'acme' })
