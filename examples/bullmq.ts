/**
 * BullMQ: one process takes webhooks, any number of others archive, and dead letters are re-driven by hand.
 *
 *   export REDIS_URL=redis://… S3_BUCKET_NAME=… AWS_REGION=… WHATSAPP_PHONE_NUMBER_ID=… WHATSAPP_ACCESS_TOKEN=… \
 *     WHATSAPP_APP_SECRET=… WHATSAPP_VERIFY_TOKEN=…
 *   PORT=3000 npx tsx examples/bullmq.ts web
 *   npx tsx examples/bullmq.ts worker
 *   npx tsx examples/bullmq.ts redrive
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'
import { createMediaArchive, type MediaArchiveOptions, type MediaContent, toContent } from 'whatsapp-media-archive'
import { type BullMqNaming, createBullMqQueue, createBullMqWorker } from 'whatsapp-media-archive/queues/bullmq'
import { createWebhookHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'
import { appOptionsFromEnv, listen, required } from './express.js'

/** The settings that the processes share. */
export interface Shared {
  redis: BullMqNaming
  archive: Pick<MediaArchiveOptions, 'storage' | 'accounts' | 'prefix' | 'http' | 'cloudApi' | 'maxBytes'>
}

export interface Running {
  stop(): Promise<void>
}

// --- the web process ------------------------------------------------------------------------------------------------

export interface WebOptions extends Shared {
  appSecret: string
  verifyToken: string
  port?: number
  host?: string
}

/** Takes webhooks: answers 200 once the media is in Redis, and 500 when Redis does not answer, so that Meta comes again. */
export async function startWeb(options: WebOptions): Promise<Running & { origin: string }> {
  const { appSecret, verifyToken, port = 3000, host = '0.0.0.0', redis } = options
  const archive = createMediaArchive({ ...options.archive, queue: createBullMqQueue({ ...redis, onError: warn }) })
  const handler = createWebhookHandler({
    appSecret,
    verifyToken,
    onMedia: archive.enqueue,
    onRejected: ({ reason, status, error }) => console.warn(reason, status, error?.message),
  })
  const { origin, close } = await listen(createServer(toNodeHandler(handler)), { port, host })
  return {
    origin,
    async stop() {
      await close(10_000)
      await handler.close({ timeoutMs: 10_000 })
      await archive.close()
    },
  }
}

// --- a worker process -----------------------------------------------------------------------------------------------

export interface WorkerOptions extends Shared {
  /** Yours: saves what became of a message's media. Called at least once. */
  onArchived?: (messageId: string, content: MediaContent) => unknown
  onFailed?: (messageId: string, errorCode: string) => unknown
}

export function startWorker(options: WorkerOptions): Running {
  const { onArchived, onFailed, redis } = options
  const archive = createMediaArchive({
    ...options.archive,
    onArchived: (media) => onArchived?.(media.messageId, toContent(media)),
    onFailed: ({ media, error }) => onFailed?.(media.messageId, error.code),
  })
  const worker = createBullMqWorker({
    ...redis,
    processJob: archive.processJob,
    concurrency: 8,
    onError: warn,
  })
  return {
    /** Finishes the jobs under way, for 20 s at most; unfinished ones go back into the queue. */
    async stop() {
      await worker.close({ timeoutMs: 20_000 })
      await archive.close()
    },
  }
}

// --- dead letters ---------------------------------------------------------------------------------------------------

/** Enqueues the dead letters that failed for these reasons (default: all) anew: after a bad token was replaced, say. */
export async function redrive({ redis }: Pick<Shared, 'redis'>, codes?: readonly string[]): Promise<string[]> {
  const queue = createBullMqQueue(redis)
  try {
    const letters = await queue.deadLetters({ limit: 10_000 })
    const wanted = letters.filter(({ error }) => codes?.includes(error.code) ?? true)
    return await queue.redrive(wanted.map(({ id }) => id))
  } finally {
    await queue.close()
  }
}

// --- the command line -----------------------------------------------------------------------------------------------

function warn(error: Error): void {
  console.warn(error.message)
}

async function untilTold(running: Running): Promise<void> {
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  await running.stop()
  console.log('stopped')
}

/** Options of each process from the environment. @throws Error that names variables that are missing. */
export function webOptionsFromEnv(env: NodeJS.ProcessEnv): WebOptions {
  const { appSecret, verifyToken, storage, accounts, prefix, http } = appOptionsFromEnv(env)
  return {
    redis: { connection: required('REDIS_URL', env['REDIS_URL']) },
    archive: { storage, accounts, prefix, http },
    appSecret,
    verifyToken,
    port: Number(env['PORT'] ?? 3000),
  }
}

async function run(command: string | undefined, env: NodeJS.ProcessEnv): Promise<void> {
  const options = webOptionsFromEnv(env)
  if (command === 'web') {
    const web = await startWeb(options)
    console.log(`listening at ${web.origin}`)
    await untilTold(web)
  } else if (command === 'worker') {
    const worker = startWorker({
      ...options,
      onArchived: (_messageId, { s3Key }) => console.log(`archived ${s3Key}`),
      onFailed: (_messageId, errorCode) => console.warn(`failed: ${errorCode}`),
    })
    console.log('working')
    await untilTold(worker)
  } else if (command === 'redrive') {
    console.log(`${(await redrive(options)).length} dead letters go back into the queue`)
  } else throw new Error('say web, worker or redrive')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run(process.argv[2], process.env)
