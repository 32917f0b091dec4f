import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { createMediaArchive } from '../../src/media-archive.js'
import { createBullMqQueue } from '../../src/queues/bullmq.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { type BuiltWebhook, buildWebhook, deliver } from '../../src/testing/build-webhook.js'
import { createWebhookHandler } from '../../src/webhook.js'
import { toNodeHandler } from '../../src/webhook-node.js'
import type { MediaOrder, MediaSource } from './media-process.js'
import { redisUrl, usePrefix } from './redis.js'
import { seededRandom } from './seeded-random.js'
import type { WorkerTask } from './worker-process.js'

const MEDIA: MediaOrder = {
  count: 2_000,
  smallestBytes: 4_096,
  largestBytes: 5_000_000,
  faultShare: 0.05,
  // With it, runs last long enough to be killed in their midst.
  thinksMs: 250,
}
const DELIVERIES = 3
const KILL_EVERY_MS = 5_000
const KILLS = 12
/** All media are announced by then, and the last redelivery comes so much later at most. */
const ANNOUNCED_MS = 45_000
const REDELIVERED_MS = 12_000
const LIMIT_MS = 240_000

const appSecret = 'example-app-secret'
const prefix = usePrefix()

it(
  'BullMQ workers that are killed every 5 s archive 2,000 media, each once, and lose none',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'killed-workers-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const log = join(directory, 'runs.log')
    const source = await startSource()
    const { url, archive } = await startWebhooks()
    const task: WorkerTask = {
      ...{ cloudApi: source.cloudApi, accessToken: source.accessToken, log, prefix, concurrency: 8 },
      ...{ connection: redisUrl(), directory: join(directory, 'objects') },
    }

    const workers = [startWorker(task), startWorker(task)]
    const delivered = deliverAll(url, source.media)
    for (let kill = 0; kill < KILLS; kill++) {
      await wait(KILL_EVERY_MS)
      const victim = workers[kill % workers.length]
      workers[kill % workers.length] = startWorker(task)
      await end(victim, 'SIGKILL')
    }
    expect((await delivered).filter((status) => status !== 200)).toEqual([])
    await drained()

    for (const worker of workers) {
      worker.send('end')
      await once(worker, 'exit')
      expect(worker.exitCode).toBe(0)
    }
    await archive.close()
    expect((await hashesOf(join(directory, 'objects', 'whatsapp-media'))).sort()).toEqual(
      source.media.map(({ sha256 }) => sha256).sort(),
    )
    const lines = (await readFile(log, 'utf8')).trimEnd().split('\n')
    const count = (what: string): number => lines.filter((line) => line.startsWith(`${what} `)).length
    expect(new Set(lines.filter((line) => line.startsWith('archived'))).size).toBe(MEDIA.count)
    // Otherwise nothing was proven.
    expect(count('start') - count('end')).toBeGreaterThanOrEqual(KILLS)
  },
  LIMIT_MS,
)

async function startSource(): Promise<MediaSource> {
  const child = forkHere('./media-process.ts')
  child.send(MEDIA)
  const [source]: MediaSource[] = await once(child, 'message')
  if (source === undefined) throw new Error('the source said nothing')
  return source
}

function startWorker(task: WorkerTask): ChildProcess {
  const child = forkHere('./worker-process.ts')
  child.send(task)
  return child
}

function forkHere(script: string): ChildProcess {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), { execArgv: ['--import', 'tsx'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined) return
  const exited = once(child, 'exit')
  child.kill(signal)
  expect(await exited).toEqual([null, signal])
}

/** The way in: a webhook is answered once its jobs are in Redis. */
async function startWebhooks(): Promise<{ url: string; archive: ReturnType<typeof createMediaArchive> }> {
  const archive = createMediaArchive({
    storage: createMemoryStorage(),
    accounts: () => ({ accountId: 'pixels', accessToken: undefined }),
    queue: createBullMqQueue({ connection: redisUrl(), prefix }),
  })
  const handler = createWebhookHandler({ appSecret, verifyToken: 'example-verify-token', onMedia: archive.enqueue })
  const server = createServer(toNodeHandler(handler)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/webhook`, archive }
}

/** Each webhook three times: at once, beside itself, and again when its media may be archived. Resolves with the answers. */
async function deliverAll(url: string, media: MediaSource['media']): Promise<number[]> {
  const random = seededRandom(2)
  const webhooks: { at: number; payload: BuiltWebhook }[] = []
  // Old enough for a look at the store before a download.
  const timestamp = new Date(Date.now() - 600_000)
  for (let index = 0; index < media.length; ) {
    const size = 1 + Math.floor(random() * 4)
    const items = media.slice(index, index + size).map(({ mediaId, object }) => ({
      media: { type: 'image', object },
      ...{ timestamp, messageId: `wamid.${mediaId}` },
    }))
    const payload = buildWebhook(items)
    const at = (index / media.length) * ANNOUNCED_MS
    webhooks.push({ at, payload }, { at, payload }, { at: at + random() * REDELIVERED_MS, payload })
    index += size
  }
  expect(webhooks.length % DELIVERIES).toBe(0)
  const startedAt = performance.now()
  const answers: Promise<{ status: number }>[] = []
  for (const { at, payload } of webhooks.sort((one, other) => one.at - other.at)) {
    await wait(Math.max(0, startedAt + at - performance.now()))
    answers.push(deliver(url, payload, { appSecret }))
  }
  return (await Promise.all(answers)).map(({ status }) => status)
}

/** Waits until no job is left in any state, and no dead letter came. */
async function drained(): Promise<void> {
  const connection = new Redis(redisUrl())
  const queues = ['media', 'media-dead'].map((name) => new Queue(name, { connection, prefix }))
  for (;;) {
    const counts = await Promise.all(queues.map((queue) => queue.getJobCounts()))
    const [jobs = 0, dead = 0] = counts.map((states) => Object.values(states).reduce((sum, count) => sum + count, 0))
    expect(dead).toBe(0)
    expect(counts.map(({ failed }) => failed)).toEqual([0, 0])
    if (jobs === 0) break
    await wait(250)
  }
  for (const queue of queues) await queue.close()
  connection.disconnect()
}

async function hashesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const hashes: string[] = []
  for (const entry of entries.filter((each) => each.isFile())) {
    const bytes = await readFile(join(entry.parentPath, entry.name))
    hashes.push(createHash('sha256').update(bytes).digest('hex'))
  }
  return hashes
}
