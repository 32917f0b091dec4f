import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { createMediaArchive } from '../../src/media-archive.js'
import type { MediaQueue } from '../../src/queues.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { toNodeHandler } from '../../src/webhook/node.js'
import { createWebhookHandler } from '../../src/webhook.js'

export const appSecret = 'example-app-secret'

/** The way in: a webhook is answered once its jobs are in the queue. */
export async function startWebhooks(
  queue: MediaQueue,
  findAccountId: (phoneNumberId: string) => string,
): Promise<{ url: string; archive: ReturnType<typeof createMediaArchive> }> {
  const archive = createMediaArchive({
    storage: createMemoryStorage(),
    accounts: (phoneNumberId) => ({ accountId: findAccountId(phoneNumberId), accessToken: undefined }),
    queue,
  })
  const handler = createWebhookHandler({
    ...{ appSecret, verifyToken: 'example-verify-token', onMedia: archive.enqueue },
    // Whoever delivers sees the status.
    onRejected: () => {},
  })
  const server = createServer(toNodeHandler(handler)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/webhook`, archive }
}
