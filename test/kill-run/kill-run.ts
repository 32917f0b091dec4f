/*
 * The proof that no killed worker loses media: webhooks come in, workers in processes of their own archive what they
 * announce, and one of the two is killed every few seconds.
 */
import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import type { MediaQueue } from '../../src/queues.js'
import { type BuiltWebhook, buildWebhook, deliver } from '../../src/testing/build-webhook.js'
import { forkHere } from './fork-here.js'
import type { MediaOrder, MediaSource } from './media-process.js'
import { seededRandom } from './seeded-random.js'
import { appSecret, startWebhooks } from './start-webhooks.js'
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

/** For the test's own limit, in milliseconds. */
export const KILL_RUN_LIMIT_MS = 240_000

export interface KillRun<Task extends WorkerTask> {
  /** Where webhooks go. */
  queue: MediaQueue
  /** The module that calls `serveWorker`. */
  script: URL
  /** What its workers are told besides. */
  task: Omit<Task, keyof WorkerTask>
  /** Whether no job is left in any state. Rejects when one has become a dead letter. */
  isDrained(): Promise<boolean>
}

/** Runs it, and expects each media to have been stored once, and reported. */
export async function killWorkers<Task extends WorkerTask>(run: KillRun<Task>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'killed-workers-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const log = join(directory, 'runs.log')
  const source = await startSource()
  const { url, archive } = await startWebhooks(run.queue, () => 'pixels')
  const task = {
    ...{ cloudApi: source.cloudApi, accessToken: source.accessToken, log, concurrency: 8 },
    ...{ directory: join(directory, 'objects'), ...run.task },
  }
  const startWorker = (): ChildProcess => {
    const child = forkHere(run.script)
    child.send(task)
    return child
  }

  const workers = [startWorker(), startWorker()]
  const delivered = deliverAll(url, source.media)
  for (let kill = 0; kill < KILLS; kill++) {
    await wait(KILL_EVERY_MS)
    const victim = workers[kill % workers.length]
    workers[kill % workers.length] = startWorker()
    await end(victim, 'SIGKILL')
  }
  expect((await delivered).filter((status) => status !== 200)).toEqual([])
  while (!(await run.isDrained())) await wait(250)

  for (const worker of workers) {
    worker.send('end')
    await once(worker, 'exit')
    expect(worker.exitCode).toBe(0)
  }
  await archive.close()
  const hashes = await hashesOf(join(directory, 'objects', 'whatsapp-media'))
  expect(hashes.sort()).toEqual(source.media.map(({ sha256 }) => sha256).sort())
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n')
  const count = (what: string): number => lines.filter((line) => line.startsWith(`${what} `)).length
  expect(new Set(lines.filter((line) => line.startsWith('archived'))).size).toBe(MEDIA.count)
  // Otherwise nothing was proven.
  expect(count('start') - count('end')).toBeGreaterThanOrEqual(KILLS)
}

async function startSource(): Promise<MediaSource> {
  const child = forkHere(new URL('./media-process.ts', import.meta.url))
  child.send(MEDIA)
  const [source]: MediaSource[] = await once(child, 'message')
  if (source === undefined) throw new Error('the source said nothing')
  return source
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined) return
  const exited = once(child, 'exit')
  child.kill(signal)
  expect(await exited).toEqual([null, signal])
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

async function hashesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const hashes: string[] = []
  for (const entry of entries.filter((each) => each.isFile())) {
    const bytes = await readFile(join(entry.parentPath, entry.name))
    hashes.push(createHash('sha256').update(bytes).digest('hex'))
  }
  return hashes
}
