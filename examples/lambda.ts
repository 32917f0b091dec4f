/**
 * Lambda: one function takes the webhooks and puts their media into an SQS queue, another archives it. The infrastructure
 * for both is in examples/infra/. Bundle this file with esbuild, and name `webhook` and `worker` as the handlers.
 *
 *   both:    QUEUE_URL, S3_BUCKET_NAME, WHATSAPP_PHONE_NUMBER_ID
 *   webhook: WHATSAPP_APP_SECRET, WHATSAPP_VERIFY_TOKEN
 *   worker:  WHATSAPP_ACCESS_TOKEN, DEAD_LETTER_QUEUE_URL
 *
 * HTTPS_PROXY is for the Graph API and S3; SQS is reached directly (docs/proxies.md).
 */
import { configFromEnv, createMediaArchive, type MediaArchiveOptions, toContent } from 'whatsapp-media-archive'
import { createNodeHttpClient } from 'whatsapp-media-archive/http'
import {
  createSqsConsumer,
  createSqsQueue,
  type SqsBatchResult,
  type SqsConnectionOptions,
  type SqsConsumerOptions,
  type SqsLambdaContext,
  type SqsLambdaEvent,
  type SqsQueueOptions,
} from 'whatsapp-media-archive/queues/sqs'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import {
  createWebhookHandler,
  type LambdaWebhookEvent,
  type LambdaWebhookResult,
  toLambdaHandler,
} from 'whatsapp-media-archive/webhook'

// --- the two functions ----------------------------------------------------------------------------------------------

export interface WebhookOptions {
  appSecret: string
  verifyToken: string
  archive: Omit<MediaArchiveOptions, 'queue'>
  queue: SqsQueueOptions
}

/** Answers 200 once the media of a webhook is in the queue, and 500 when it is not: then Meta delivers again. */
export function createWebhookFunction(
  options: WebhookOptions,
): (event: LambdaWebhookEvent) => Promise<LambdaWebhookResult> {
  const { appSecret, verifyToken } = options
  const archive = createMediaArchive({ ...options.archive, queue: createSqsQueue(options.queue) })
  const handler = createWebhookHandler({
    appSecret,
    verifyToken,
    // Your database belongs here: `onPayload` gets every webhook first, to save its messages (see examples/messages.ts).
    onMedia: archive.enqueue,
    onRejected: ({ reason, status, error }) => log({ type: 'webhook-refused', reason, status, error }),
  })
  return toLambdaHandler(handler)
}

export interface WorkerOptions {
  archive: Omit<MediaArchiveOptions, 'queue'>
  consumer: SqsConnectionOptions & Pick<SqsConsumerOptions, 'deadLetterQueueUrl' | 'marginMs'>
}

/** Archives a batch of jobs and reports those that have to come again. */
export function createWorkerFunction(
  options: WorkerOptions,
): (event: SqsLambdaEvent, context: SqsLambdaContext) => Promise<SqsBatchResult> {
  const archive = createMediaArchive({
    // Here, too: mark the message as archived, or as failed. Both are called at least once.
    onArchived: (media) => log({ type: 'content', accountId: media.accountId, s3Key: toContent(media).s3Key }),
    onFailed: (failure) => log({ type: 'failed', failure }),
    ...options.archive,
  })
  const onError = (error: unknown): void => log({ type: 'queue-error', error })
  const consumer = createSqsConsumer({
    onError,
    ...options.consumer,
    processJob: archive.processJob,
  })
  return consumer.handler
}

/** One line of JSON in CloudWatch. The library's events, failures and errors hold nothing that a log may not. */
function log(entry: object): void {
  console.log(JSON.stringify(entry))
}

// --- settings -------------------------------------------------------------------------------------------------------

/** @throws Error that names a variable that is missing. */
export function webhookOptionsFromEnv(env: NodeJS.ProcessEnv): WebhookOptions {
  const { appSecret, verifyToken } = configFromEnv(env)
  return {
    appSecret: required('WHATSAPP_APP_SECRET', appSecret),
    verifyToken: required('WHATSAPP_VERIFY_TOKEN', verifyToken),
    archive: archiveOptionsFromEnv(env),
    queue: { queueUrl: required('QUEUE_URL', env['QUEUE_URL']) },
  }
}

/** @throws Error that names a variable that is missing. */
export function workerOptionsFromEnv(env: NodeJS.ProcessEnv): WorkerOptions {
  required('WHATSAPP_ACCESS_TOKEN', env['WHATSAPP_ACCESS_TOKEN'])
  return {
    archive: archiveOptionsFromEnv(env),
    consumer: {
      queueUrl: required('QUEUE_URL', env['QUEUE_URL']),
      deadLetterQueueUrl: required('DEAD_LETTER_QUEUE_URL', env['DEAD_LETTER_QUEUE_URL']),
    },
  }
}

function archiveOptionsFromEnv(env: NodeJS.ProcessEnv): WorkerOptions['archive'] {
  const { bucket, region, endpoint, prefix, accessToken, agent } = configFromEnv(env)
  const ownNumber = required('WHATSAPP_PHONE_NUMBER_ID', env['WHATSAPP_PHONE_NUMBER_ID'])
  return {
    // The function for webhooks never touches it: the SDK loads at the first call.
    storage: createS3Storage({ bucket: required('S3_BUCKET_NAME', bucket), region, endpoint, agent }),
    ...(agent === undefined ? {} : { http: createNodeHttpClient({ agent }) }),
    // Other numbers are nobody's: their media is never archived for someone else.
    accounts: (phoneNumberId) =>
      phoneNumberId === ownNumber ? { accountId: 'pixels_internal', accessToken } : undefined,
    prefix,
    onEvent: log,
  }
}

function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

// --- what Lambda calls ----------------------------------------------------------------------------------------------

/** Made at an instance's first event, for each function has settings of its own, and kept for the next. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

const webhookFunction = once(() => createWebhookFunction(webhookOptionsFromEnv(process.env)))
const workerFunction = once(() => createWorkerFunction(workerOptionsFromEnv(process.env)))

export async function webhook(event: LambdaWebhookEvent): Promise<LambdaWebhookResult> {
  return webhookFunction()(event)
}

export async function worker(event: SqsLambdaEvent, context: SqsLambdaContext): Promise<SqsBatchResult> {
  return workerFunction()(event, context)
}
