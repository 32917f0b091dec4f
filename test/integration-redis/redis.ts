import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, onTestFinished } from 'vitest'
import {
  type BullMqQueue,
  type BullMqQueueOptions,
  type BullMqWorkerOptions,
  createBullMqQueue,
  createBullMqWorker,
} from '../../src/queues/bullmq.js'
import type { MediaJob } from '../../src/queues.js'

/** What the environment names. Without it the file fails. */
export function readEnvironment(name: `REDIS_${string}`): string {
  const { [name]: value } = process.env
  if (!value) throw new Error(`${name} is not set: start scripts/servers/start-redis.sh and export what it prints`)
  return value
}

/** The server that the environment names. */
export function redisUrl(name: 'REDIS_URL' | 'REDIS_CLUSTER_URL' = 'REDIS_URL'): string {
  return readEnvironment(name)
}

/** A prefix of the calling file's own; its keys are removed at the end. */
export function usePrefix(): string {
  const prefix = `{test-${randomUUID()}}`
  afterAll(async () => {
    const redis = new Redis(redisUrl())
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1_000 })) {
      if (keys.length > 0) await redis.unlink(keys)
    }
    redis.disconnect()
  })
  return prefix
}

export interface OpenedQueue {
  queue: BullMqQueue
  /** What BullMQ itself shows of the queue, and of its dead letters. */
  main: Queue
  dead: Queue
  redis: Redis
  /** A worker, closed after the test. */
  work(options: Omit<BullMqWorkerOptions, 'connection' | 'name' | 'prefix'>): ReturnType<typeof createBullMqWorker>
}

/** A queue of the test's own, and a look behind it. All is closed after the test. */
export function openQueue(prefix: string, options: Partial<BullMqQueueOptions> = {}): OpenedQueue {
  const naming = { connection: redisUrl(), prefix, name: randomUUID() }
  const queue = createBullMqQueue({ ...naming, ...options })
  const redis = new Redis(redisUrl())
  const [main, dead] = ['', '-dead'].map((end) => new Queue(`${naming.name}${end}`, { connection: redis, prefix }))
  if (main === undefined || dead === undefined) throw new Error('there are two queues')
  onTestFinished(async () => {
    await queue.close()
    await Promise.all([main.close(), dead.close()])
    redis.disconnect()
  })
  return {
    ...{ queue, main, dead, redis },
    work(workerOptions) {
      const worker = createBullMqWorker({ ...naming, ...workerOptions })
      onTestFinished(() => worker.close({ timeoutMs: 0 }))
      return worker
    },
  }
}

/** How many jobs are in which state, without those states that hold none. */
export async function statesOf(queue: Queue): Promise<Record<string, number>> {
  const counts = Object.entries(await queue.getJobCounts())
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

/** A job of nobody's. */
export function jobOf(mediaId: string, media: Partial<MediaJob['media']> = {}): MediaJob {
  return {
    version: 1,
    accountId: 'pixels',
    media: {
      mediaId,
      mediaType: 'image',
      mimeType: 'image/jpeg',
      messageId: `wamid.${mediaId}`,
      timestamp: '2026-11-22T10:00:00.000Z',
      receivedAt: '2026-11-22T10:00:01.000Z',
      phoneNumberId: '106540352242922',
      businessAccountId: '102290129340398',
      direction: 'inbound',
      origin: 'message',
      ...media,
    },
  }
}
