/**
 * Express: webhooks in, messages saved, media archived after the answer, messages listed with fresh signed URLs.
 *
 *   S3_BUCKET_NAME=… AWS_REGION=… WHATSAPP_PHONE_NUMBER_ID=… WHATSAPP_ACCESS_TOKEN=… WHATSAPP_APP_SECRET=… \
 *     WHATSAPP_VERIFY_TOKEN=… PORT=3000 npx tsx examples/express.ts
 *
 * Without a bucket, into files: MEDIA_DIRECTORY=media WHATSAPP_MEDIA_URL_SECRET=… (16 characters or more), and
 * PUBLIC_URL=https://app.example.com where signed URLs are not for http://localhost:3000.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { pathToFileURL } from 'node:url'
import express, { type Express } from 'express'
import {
  configFromEnv,
  createMediaArchive,
  type MediaArchive,
  type MediaArchiveOptions,
  type MediaContent,
  type MediaReference,
  toContent,
} from 'whatsapp-media-archive'
import { createNodeHttpClient } from 'whatsapp-media-archive/http'
import type { MediaJob } from 'whatsapp-media-archive/queues'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { createWebhookHandler, toNodeHandler, type WebhookHandler } from 'whatsapp-media-archive/webhook'
import { type IncomingMessage, listMessages } from './messages.js'

// --- messages -------------------------------------------------------------------------------------------------------

export interface SavedMessage extends Omit<IncomingMessage, 'mediaStatus'> {
  mediaStatus?: 'pending' | 'archived' | 'failed'
  /** Why there is no media: an error code. */
  mediaError?: string
  /** Whose media it is. */
  accountId?: string
}

/** Where messages are kept: put a database here; examples/mongoose.ts has one. */
export interface MessageStore {
  /** Saves new messages. Webhooks come more than once: a message that is there stays as it is. */
  save(messages: readonly IncomingMessage[]): Promise<void>
  markArchived(id: MediaId, archived: { accountId: string; content: MediaContent }): Promise<void>
  /** Archived media stays archived. */
  markFailed(id: MediaId, mediaError: string): Promise<void>
  /** In the order of their arrival. */
  list(): Promise<SavedMessage[]>
  /** The media that waits to be archived, oldest first. */
  listPending(options: { limit: number }): Promise<MediaReference[]>
}

interface MediaId {
  messageId?: string
  mediaId?: string
}

/** Forgets everything when the process ends. */
export function createMemoryStore(): MessageStore {
  const messages = new Map<string, SavedMessage>()
  const keyOf = ({ messageId, mediaId }: MediaId): string => JSON.stringify([messageId, mediaId])
  return {
    async save(incoming) {
      for (const message of incoming) {
        const key = keyOf({ ...message.content, ...message })
        if (!messages.has(key)) messages.set(key, { ...message })
      }
    },
    async markArchived(id, archived) {
      const message = messages.get(keyOf(id))
      if (message === undefined) return
      Object.assign(message, { ...archived, mediaStatus: 'archived' })
      // Of an earlier try.
      delete message.mediaError
      delete message.reference
    },
    async markFailed(id, mediaError) {
      const message = messages.get(keyOf(id))
      if (message === undefined || message.mediaStatus === 'archived') return
      Object.assign(message, { mediaError, mediaStatus: 'failed' })
    },
    list: async () => [...messages.values()],
    async listPending({ limit }) {
      const pending = [...messages.values()].filter(({ mediaStatus }) => mediaStatus === 'pending')
      return pending.flatMap(({ reference }) => reference ?? []).slice(0, limit)
    },
  }
}

// --- the app --------------------------------------------------------------------------------------------------------

export interface AppOptions extends Omit<MediaArchiveOptions, 'queue' | 'onArchived' | 'onFailed'> {
  appSecret: string
  verifyToken: string
  /** Default: in memory. */
  store?: MessageStore
  /** What signed URLs lead to, at `/media`: the `handler` of a storage that no server of its own serves. */
  mediaHandler?: (request: Request) => Promise<Response>
}

/** At the start: half of what the queue holds, so that new webhooks find room. */
export const MOST_RESUMED = 5_000

/** What every framework's app is made of. */
export interface Archiving {
  archive: MediaArchive
  handler: WebhookHandler
  store: MessageStore
}

export function createArchiving(options: AppOptions): Archiving {
  const { appSecret, verifyToken, store = createMemoryStore(), mediaHandler: _, ...archiveOptions } = options
  const archive = createMediaArchive({
    ...archiveOptions,
    queue: createInProcessQueue({ concurrency: 8 }),
    onArchived: (media) => store.markArchived(media, { accountId: media.accountId, content: toContent(media) }),
    onFailed: ({ media, error }) => store.markFailed(media, error.code),
  })
  const handler = createWebhookHandler({
    appSecret,
    verifyToken,
    // Messages first: whatever becomes of a file, its message is there.
    onPayload: (payload) => store.save(listMessages(payload)),
    onMedia: archive.enqueue,
    onRejected: ({ reason, status, error }) => console.warn(reason, status, error?.message),
  })
  return { archive, handler, store }
}

/** The app, and the webhook handler and the archive to close when it ends. */
export interface App {
  app: Express
  /** Enqueues the media whose jobs ended with an earlier process, `MOST_RESUMED` at most. */
  resume(): Promise<void>
  handler: WebhookHandler
  archive: MediaArchive
}

export function createApp(options: AppOptions): App {
  const { mediaHandler } = options
  const { archive, handler, store } = createArchiving(options)
  const app = express()
  // Before express.json(): the signature is over the raw bytes.
  app.all('/webhook', toNodeHandler(handler))
  if (mediaHandler !== undefined) app.use('/media', toNodeHandler(mediaHandler))
  app.use(express.json())
  // Your own log-in belongs before this one, and lists only the account of who asks.
  app.get('/messages', async (_request, response) => {
    const messages = await store.list()
    response.set('cache-control', 'no-store').json(await Promise.all(messages.map(withSignedUrl)))
  })

  /** Signed when somebody reads: a stored signed URL would have expired by then. */
  async function withSignedUrl({ reference: _reference, ...message }: SavedMessage): Promise<object> {
    const { accountId, content } = message
    if (accountId === undefined || content.s3Key === undefined) return message
    const { url, expiresAt } = await archive.signUrl(content.s3Key, { accountId })
    return { ...message, signedUrl: url, expiresAt }
  }
  const resume = async (): Promise<void> => archive.enqueue(await store.listPending({ limit: MOST_RESUMED }))
  return { app, resume, handler, archive }
}

// --- the process ----------------------------------------------------------------------------------------------------

export interface RunningApp {
  origin: string
  /**
   * Takes no more webhooks (Meta delivers those again), works off jobs for up to `drainMs`, and returns the jobs left.
   */
  stop(): Promise<MediaJob[]>
}

export async function start(
  { app, resume, handler, archive }: App,
  options: { port?: number; host?: string; drainMs?: number } = {},
): Promise<RunningApp> {
  const { port = 3000, host = '0.0.0.0', drainMs = 20_000 } = options
  await resume()
  const { origin, close } = await listen(createServer(app), { port, host })
  return {
    origin,
    async stop() {
      const deadline = Date.now() + drainMs
      // Answers under way are finished before the archive closes, for their media belongs in the queue. Readers on slow
      // lines get half of the time, so that the jobs have the rest.
      await close(drainMs / 2)
      await handler.close({ timeoutMs: Math.max(0, deadline - Date.now()) })
      return archive.close({ timeoutMs: Math.max(0, deadline - Date.now()) })
    },
  }
}

export interface ListeningServer {
  origin: string
  /** Takes no more connections, finishes the answers under way, and cuts off those that last longer than `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

export async function listen(server: Server, { port, host }: { port: number; host: string }): Promise<ListeningServer> {
  endConnectionsAtClose(server)
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  return {
    origin: `http://${host}:${typeof address === 'object' ? address?.port : port}`,
    async close(timeoutMs) {
      const timer = setTimeout(() => server.closeAllConnections(), timeoutMs)
      await new Promise((resolve) => server.close(resolve))
      clearTimeout(timer)
    },
  }
}

/**
 * Call it before the server listens. `server.close()` alone lets a busy kept-alive connection, such as a reverse proxy's,
 * bring requests without end, and waits for one that falls idle after it.
 */
export function endConnectionsAtClose(server: Server): void {
  server.prependListener('request', (_request, response) => {
    // Tells the client that this answer is the last one on its connection.
    if (!server.listening) response.setHeader('connection', 'close')
    response.once('close', () => {
      // The answer has begun before the close: its connection is kept, and idle now.
      if (!server.listening) setImmediate(() => server.closeIdleConnections())
    })
  })
}

/** Options from the environment. @throws Error that names all variables that are missing. */
export function appOptionsFromEnv(env: NodeJS.ProcessEnv): AppOptions {
  const { bucket, region, endpoint, prefix, agent, ...config } = configFromEnv(env)
  const missing: string[] = []
  const need = (name: string, value: string | undefined): string => {
    if (value === undefined || value === '') missing.push(name)
    return value ?? ''
  }
  const ownNumber = need('WHATSAPP_PHONE_NUMBER_ID', env['WHATSAPP_PHONE_NUMBER_ID'])
  const account = { accountId: 'pixels_internal', accessToken: need('WHATSAPP_ACCESS_TOKEN', config.accessToken) }
  const appSecret = need('WHATSAPP_APP_SECRET', config.appSecret)
  const verifyToken = need('WHATSAPP_VERIFY_TOKEN', config.verifyToken)
  const openStorage = bucket === undefined && env['MEDIA_DIRECTORY'] ? useFiles(env['MEDIA_DIRECTORY']) : useBucket()
  if (missing.length > 0) throw new Error(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not set`)
  return {
    ...openStorage(),
    // Through the proxy of HTTPS_PROXY, as the storage.
    ...(agent === undefined ? {} : { http: createNodeHttpClient({ agent }) }),
    // Other numbers are nobody's: their media is never archived for someone else.
    accounts: (phoneNumberId) => (phoneNumberId === ownNumber ? account : undefined),
    appSecret,
    verifyToken,
    prefix,
    onEvent: (event) => console.log(JSON.stringify(event)),
  }

  function useBucket(): () => Pick<AppOptions, 'storage'> {
    const name = need('S3_BUCKET_NAME', bucket)
    return () => ({ storage: createS3Storage({ bucket: name, region, endpoint, agent }) })
  }

  function useFiles(directory: string): () => Pick<AppOptions, 'storage' | 'mediaHandler'> {
    const secret = need('WHATSAPP_MEDIA_URL_SECRET', env['WHATSAPP_MEDIA_URL_SECRET'])
    const { PUBLIC_URL = `http://localhost:${env['PORT'] ?? 3000}` } = env
    return () => {
      const storage = createFileSystemStorage({ directory, baseUrl: `${PUBLIC_URL}/media`, secret })
      return { storage, mediaHandler: storage.handler }
    }
  }
}

export function required(name: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

/** Runs until SIGTERM or SIGINT. */
export async function run(app: App, env: NodeJS.ProcessEnv): Promise<void> {
  const { origin, stop } = await start(app, { port: Number(env['PORT'] ?? 3000) })
  console.log(`listening at ${origin}`)
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  const left = await stop()
  console.log(`stopped; ${left.length} media are left: pending until the next start`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await run(createApp(appOptionsFromEnv(process.env)), process.env)
}
