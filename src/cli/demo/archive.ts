import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ArchivedMedia } from '../../archive.js'
import { defined } from '../../json.js'
import { createMediaArchive } from '../../media-archive.js'
import { createInProcessQueue } from '../../queues/in-process.js'
import type { MediaQueue } from '../../queues.js'
import type { ObjectStorage } from '../../storage.js'
import { buildWebhook, deliver } from '../../testing/build-webhook.js'
import type { AddedMedia, FakeCloudApi } from '../../testing/fake-cloud-api.js'
import { toNodeHandler } from '../../webhook/node.js'
import { createWebhookHandler } from '../../webhook.js'
import type { DemoServer } from './server.js'

/** An archive as an app would have it, behind the demo server's `/webhook`. */
export interface DemoArchive {
  /**
   * Delivers one signed webhook with these media and waits until all of them are archived. `onBytes` receives the number
   * of bytes that have passed of the body under way.
   *
   * @throws Error when the webhook is refused or a job fails, even if it would be tried again later.
   */
  deliver(added: readonly AddedMedia[], onBytes?: (bytes: number) => void): Promise<ArchivedMedia[]>
  /** A signed URL for an hour. */
  sign(media: ArchivedMedia): Promise<string>
  close(): Promise<void>
}

const DEMO_ACCOUNT_ID = 'demo'

export function createDemoArchive(options: {
  api: FakeCloudApi
  server: DemoServer
  storage: ObjectStorage
  prefix?: string | undefined
}): DemoArchive {
  const { api, server, storage, prefix } = options
  const appSecret = randomBytes(16).toString('hex')
  const deliveries = createDeliveries()
  let onBytes: ((bytes: number) => void) | undefined
  const archive = createMediaArchive({
    storage: countPutBytes(storage, (bytes) => onBytes?.(bytes)),
    accounts: () => ({ accountId: DEMO_ACCOUNT_ID, accessToken: api.accessToken }),
    queue: reportFailedJobs(createInProcessQueue({ concurrency: 1 }), deliveries.reject),
    cloudApi: api.cloudApi,
    onArchived: deliveries.resolve,
    ...defined({ prefix }),
  })
  const handler = createWebhookHandler({
    appSecret,
    verifyToken: randomBytes(16).toString('hex'),
    onMedia: archive.enqueue,
  })
  server.route('webhook', toNodeHandler(handler))

  return {
    async deliver(added, listener) {
      onBytes = listener
      const archived = Promise.all(added.map(({ mediaId }) => deliveries.wait(mediaId)))
      // A job may fail before its webhook is answered: until then nobody handles the rejection.
      archived.catch(() => {})
      const { status } = await deliver(`${server.origin}/webhook`, buildSampleWebhook(added), { appSecret })
      if (status !== 200) throw new Error(`the webhook was answered with ${status}`)
      return archived
    },
    sign: async ({ key }) => (await archive.signUrl(key, { accountId: DEMO_ACCOUNT_ID })).url,
    async close() {
      await archive.close({ timeoutMs: 0 })
    },
  }
}

interface Deliveries {
  /** Resolves once the media is archived. */
  wait(mediaId: string): Promise<ArchivedMedia>
  resolve(media: ArchivedMedia): void
  reject(mediaId: string, error: unknown): void
}

function createDeliveries(): Deliveries {
  const waiting = new Map<string, { resolve(media: ArchivedMedia): void; reject(error: unknown): void }>()
  return {
    wait: (mediaId) => new Promise((resolve, reject) => waiting.set(mediaId, { resolve, reject })),
    resolve: (media) => waiting.get(media.mediaId)?.resolve(media),
    reject: (mediaId, error) => waiting.get(mediaId)?.reject(error),
  }
}

function buildSampleWebhook(added: readonly AddedMedia[]): ReturnType<typeof buildWebhook> {
  return buildWebhook(
    added.map(({ reference: { mediaType: type, messageId, timestamp }, mediaObject: object }) => ({
      media: { type, object },
      messageId,
      timestamp,
    })),
  )
}

/** The queue, with a report of each job that did not succeed at once: the demo waits for no later attempt. */
function reportFailedJobs(
  queue: Required<MediaQueue>,
  onFailedJob: (mediaId: string, error: unknown) => void,
): Required<MediaQueue> {
  return {
    ...queue,
    start: (processJob) =>
      queue.start(async (job, context) => {
        const outcome = await processJob(job, context)
        if (outcome.outcome !== 'done') onFailedJob(job.media.mediaId, outcome.error)
        return outcome
      }),
  }
}

/** The storage, with a report of how many bytes of a body have passed. */
function countPutBytes(storage: ObjectStorage, onBytes: (bytes: number) => void): ObjectStorage {
  return {
    ...storage,
    put(key, body, putOptions) {
      const counted = async function* (): AsyncGenerator<Uint8Array> {
        let bytes = 0
        for await (const chunk of body) {
          bytes += chunk.length
          onBytes(bytes)
          yield chunk
        }
      }
      return storage.put(key, Readable.from(counted()), putOptions)
    },
  }
}
