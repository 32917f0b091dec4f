/*
 * The proof that nothing that happens around it loses media: webhooks come in, two workers archive what they announce,
 * and meanwhile secrets are rotated, Redis fails over, a disk is full, networks forget connections, and workers are killed.
 *
 * KILL_RUN_MEDIA, KILL_RUN_ROUNDS and KILL_RUN_SEED make it longer, or the order of an earlier one.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { createBullMqQueue } from '../../src/queues/bullmq.js'
import { openPair, type RedisPair } from '../integration-redis/pair.js'
import { findAccountId } from './disasters/accounts.js'
import { openBucket } from './disasters/bucket.js'
import { openCloudApi } from './disasters/cloud-api.js'
import { createDeliveries } from './disasters/deliveries.js'
import { openDisk } from './disasters/disk.js'
import { readCount } from './disasters/environment.js'
import { addMedia, type Medium } from './disasters/media.js'
import { writeSecrets } from './disasters/secrets.js'
import { planStrikes, type Strike, type World } from './disasters/strikes.js'
import { type Note, openWorkLog, type WorkLog } from './disasters/work-log.js'
import { startWorkers } from './disasters/workers.js'
import { seededRandom } from './seeded-random.js'
import { startWebhooks } from './start-webhooks.js'

const MEDIA = readCount('KILL_RUN_MEDIA', 500)
const ROUNDS = readCount('KILL_RUN_ROUNDS', 3)
const SEED = readCount('KILL_RUN_SEED', 1 + Math.floor(Math.random() * 1_000_000))
const LIMIT_MS = 600_000 + ROUNDS * 300_000
/** Of what is announced during a strike, so much is archived before the next. */
const WORKED_OFF_SHARE = 0.7
const prefix = '{kill-run}'
const SMALLEST_DISK_MB = 48

it(
  'through rotated secrets, failovers, a full disk, forgotten connections and killed workers, each medium is archived once',
  async () => {
    tell(`seed ${SEED}, ${MEDIA} media, ${ROUNDS} rounds`)
    const random = seededRandom(SEED)
    const directory = await mkdtemp(join(tmpdir(), 'kill-run-'))
    onTestFinished(async ({ task }) => {
      if (task.result?.state !== 'fail') await rm(directory, { recursive: true })
      else tell(`what the workers said is in ${directory}`)
    })
    const api = await openCloudApi()
    const media = await addMedia(api, MEDIA, random)
    const world = await openWorld(api, { directory, media })
    const { bucket, disk, pair, log, secrets } = world
    await pair.primary().flushall()
    await writeSecrets(secrets, { accessToken: api.token(), ...bucket.keys() })

    const redis = { connection: pair.road.url, prefix }
    const isDrained = watchQueue(pair)
    const queue = createBullMqQueue(redis)
    const { url, archive } = await startWebhooks(queue, findAccountId)
    const deliveries = createDeliveries(url, random)
    const s3 = { bucket: bucket.bucket, endpoint: bucket.network.origin }
    const workers = startWorkers(
      { redis, s3, secrets, cloudApi: api.cloudApi, directory: disk.directory, log: log.path },
      log,
    )

    const strikes = planStrikes(world, ROUNDS, random)
    await workers.areReady()
    for (const [index, strike] of strikes.entries()) {
      const startedAt = performance.now()
      const [from, to] = [index, index + 1].map((part) => Math.round((part * MEDIA) / strikes.length))
      const announced = media.slice(from, to)
      const over = new AbortController()
      const killed = workers.killOne(random, over.signal)
      await deliverThrough(strike, { deliveries, media: announced, isDrained })
      // Some work is left for the next.
      await untilArchived(Math.ceil(announced.length * WORKED_OFF_SHARE), { media: announced, log, isDrained })
      over.abort()
      await killed
      tell(`${index + 1} of ${strikes.length}, ${strike.name}: ${Math.round(performance.now() - startedAt)} ms`)
    }
    await deliveries.deliver([])
    while (!(await isDrained())) await wait(250)
    await workers.end()
    await archive.close()

    const { kills, amidst } = workers.countKills()
    tell(`${kills} workers killed, ${amidst} in the midst of a job; ${deliveries.countRefused()} webhooks refused`)
    tell(`faults: ${countFaults(await log.read())}`)
    expect(amidst).toBeGreaterThan(0)
    await expectEachOnce(media, world)
  },
  LIMIT_MS,
)

async function openWorld(
  api: World['api'],
  { directory, media }: { directory: string; media: readonly Medium[] },
): Promise<World> {
  const onDisk = media.filter(({ accountId }) => accountId === 'paper').reduce((sum, { size }) => sum + size, 0)
  const pair = await openPair()
  onTestFinished(pair.close)
  return {
    api,
    pair,
    bucket: await openBucket(),
    // With room for what killed workers leave.
    disk: await openDisk(SMALLEST_DISK_MB + Math.ceil((2 * onDisk) / 1_000_000)),
    log: await openWorkLog(join(directory, 'work.log')),
    secrets: join(directory, 'secrets.json'),
  }
}

/** The strike comes while media is announced: some before it, some while it lasts. */
async function deliverThrough(
  strike: Strike,
  options: {
    deliveries: { deliver(media: readonly Medium[]): Promise<void> }
    media: readonly Medium[]
    isDrained: () => Promise<boolean>
  },
): Promise<void> {
  const { deliveries, media, isDrained } = options
  const before = Math.ceil(media.length / 3)
  const first = deliveries.deliver(media.slice(0, before))
  if (strike.needsQuiet) {
    await first
    while (!(await isDrained())) await wait(50)
  }
  await strike.begin()
  const rest = deliveries.deliver(media.slice(before))
  await strike.end()
  await Promise.all([first, rest])
}

/** Whether no job is left in any state. It throws when one has become a dead letter. */
function watchQueue(pair: RedisPair): () => Promise<boolean> {
  const byPrimary = new Map<Redis, Queue[]>()
  return async () => {
    const connection = pair.primary()
    const queues =
      byPrimary.get(connection) ?? ['media', 'media-dead'].map((name) => new Queue(name, { connection, prefix }))
    byPrimary.set(connection, queues)
    const counts = await Promise.all(queues.map((queue) => queue.getJobCounts()))
    const [jobs, dead] = counts.map((states) => Object.values(states).reduce((sum, count) => sum + count, 0))
    expect(dead).toBe(0)
    expect(counts.map(({ failed }) => failed)).toEqual([0, 0])
    return jobs === 0
  }
}

/** Fails once no job is left and media is missing: all of it was announced, and each webhook answered with 200. */
async function untilArchived(
  count: number,
  { media, log, isDrained }: { media: readonly Medium[]; log: WorkLog; isDrained: () => Promise<boolean> },
): Promise<void> {
  const ids = new Set(media.map(({ mediaId }) => mediaId))
  for (;;) {
    const isOver = await isDrained()
    const reports = (await log.read()).filter(({ what, mediaId = '' }) => what === 'archived' && ids.has(mediaId))
    const archived = new Set(reports.map(({ mediaId }) => mediaId)).size
    if (archived >= count) return
    if (isOver) throw new Error(`no job is left, and ${media.length - archived} of ${media.length} media are missing`)
    await wait(100)
  }
}

/** Nothing lost, nothing given up, one object each with the right bytes, under the key that was reported. */
async function expectEachOnce(media: readonly Medium[], { bucket, disk, log }: World): Promise<void> {
  const notes = await log.read()
  expect(notes.filter(({ what }) => what === 'given-up')).toEqual([])
  const keys = new Map<string, string>()
  for (const { what, mediaId = '', detail = '' } of notes) {
    if (what !== 'archived') continue
    expect(keys.get(mediaId) ?? detail).toBe(detail)
    keys.set(mediaId, detail)
  }
  for (const [accountId, stored] of [
    ['pixels', await bucket.hashAll()],
    ['paper', await disk.hashAll()],
  ] as const) {
    const own = media.filter((each) => each.accountId === accountId)
    const expected = own.map(({ mediaId, sha256 }) => `${keys.get(mediaId)} ${sha256}`)
    expect([...stored].map(([key, sha256]) => `${key} ${sha256}`).sort()).toEqual(expected.sort())
    expect(stored.size).toBeGreaterThan(0)
  }
}

function countFaults(notes: readonly Note[]): string {
  const counts = new Map<string, number>()
  for (const { what, detail } of notes) {
    if (what !== 'failed' && what !== 'paused' && what !== 'redis') continue
    counts.set(`${what} ${detail}`, (counts.get(`${what} ${detail}`) ?? 0) + 1)
  }
  return [...counts].map(([fault, count]) => `${fault} ${count}`).join(', ')
}

/** What to repeat it with, and how far it got. */
function tell(line: string): void {
  process.stdout.write(`kill run: ${line}\n`)
}
