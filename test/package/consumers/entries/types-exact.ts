// Compiled under the strictest flags. What the environment may lack fits every option that may be left out.
import {
  archiveMedia,
  configFromEnv,
  createMediaArchive,
  type MediaArchive,
  type MediaReference,
  signUrls,
  uploadToS3,
} from 'whatsapp-media-archive'
import { createNodeHttpClient } from 'whatsapp-media-archive/http'
import { createBullMqQueue } from 'whatsapp-media-archive/queues/bullmq'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import { createSqsConsumer, createSqsQueue } from 'whatsapp-media-archive/queues/sqs'
import { createCloudFrontSigner } from 'whatsapp-media-archive/signers/cloudfront'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { type ChatMessage, createWebhookHandler, readMessages } from 'whatsapp-media-archive/webhook'

const { env } = process
const { bucket, region, endpoint, prefix, accessToken, appSecret, verifyToken } = configFromEnv(env)

/** Numbers and switches, as an app reads them. */
declare const setting: number | undefined
declare const isOn: boolean | undefined
declare const signal: AbortSignal | undefined
declare const onEvent: (() => void) | undefined

function required(value: string | undefined): string {
  if (value === undefined) throw new Error('a variable is missing')
  return value
}

const signer = createCloudFrontSigner({
  domain: required(env['DOMAIN']),
  keyPairId: required(env['KEY_PAIR_ID']),
  privateKey: () => required(env['PRIVATE_KEY']),
  originPath: env['ORIGIN_PATH'],
})
const storage = createS3Storage({
  bucket: required(bucket),
  client: undefined,
  region,
  endpoint,
  publicEndpoint: env['PUBLIC_ENDPOINT'],
  cacheControl: env['CACHE_CONTROL'],
  conditionalWrites: isOn,
  encryption: { type: 'SSE-KMS', keyId: env['KMS_KEY'], bucketKey: isOn },
  signer: region === undefined ? undefined : signer,
})
const http = createNodeHttpClient({ maxSockets: setting })
const queueUrl = required(env['QUEUE_URL'])
export const queues = [
  createInProcessQueue({ concurrency: setting }),
  createSqsQueue({ queueUrl, region, endpoint, maxBatchBytes: setting, timeoutMs: setting }),
  createBullMqQueue({ connection: required(env['REDIS_URL']), name: env['QUEUE_NAME'], timeoutMs: setting }),
]
export const archive: MediaArchive = createMediaArchive({
  storage,
  prefix,
  accounts: (phoneNumberId) => ({ accountId: phoneNumberId, accessToken, appSecret, mediaLifetimeMs: setting }),
  queue: isOn === true ? queues[0] : undefined,
  http: isOn === true ? http : undefined,
  timeouts: { idleMs: setting },
  attempts: setting,
  maxBytes: { document: setting },
  onEvent,
})
export const consumer = createSqsConsumer({
  queueUrl,
  region,
  endpoint,
  processJob: archive.processJob,
  deadLetterQueueUrl: env['DEAD_LETTER_QUEUE_URL'],
  concurrency: setting,
})
const saved: ChatMessage[] = []
export const handler = createWebhookHandler({
  appSecret: required(appSecret),
  verifyToken: required(verifyToken),
  maxBytes: setting,
  onPayload: (payload, delivery) => saved.push(...readMessages(payload, delivery)),
  onMedia: isOn === true ? archive.enqueue : undefined,
})

export async function useEverything(media: MediaReference): Promise<string[]> {
  const memory = createMemoryStorage({ baseUrl: env['BASE_URL'], secret: env['SECRET'] })
  const archived = await archiveMedia(media, { storage, accountId: 'a', accessToken, prefix, signal, onEvent })
  const uploaded = await uploadToS3(Buffer.from(''), { storage: memory, accountId: 'a', filename: env['NAME'], signal })
  const signed = await signUrls([archived.key, uploaded.key], { storage, accountId: 'a', prefix, expiresIn: setting })
  return [archived.messageId, ...signed.map(({ url }) => url)]
}
