// What the BullMQ queue costs per object of 1 MB beside the archive's own CPU, in one run, rounds interleaved; then the
// throughput of 1, 2 and 4 worker processes. Source and sink are processes of their own, and so is the measured process.
// Exits 1 when the cost is over the bound. Needs `npm run build` and the Redis that `REDIS_URL` names.
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
// biome-ignore lint/correctness/noUndeclaredDependencies: the library's own copy, which it measures
import { Redis } from 'ioredis'
import { createMediaArchive } from '../dist/index.js'
import { createBullMqQueue, createBullMqWorker } from '../dist/queues/bullmq.js'
import { createS3Storage } from '../dist/storage/s3.js'
import { hashOf } from './media-bytes.mjs'

const BYTES = 1_000_000
const BOUND = 0.15
const ROUNDS = 5
const OBJECTS = 200
/** Of runs that do nothing, so that only the queue costs anything. */
const IDLE_JOBS = 1_000
const CONCURRENCY = 8
/** The scaling's runs wait as long as a network lets them: the workers' number decides then, not the machine's cores. */
const NETWORK_MS = 200
const SCALING = { workers: [1, 2, 4], concurrency: 4, seconds: 10 }

const { REDIS_URL: connection, ROLE: role } = process.env
if (!connection) throw new Error('REDIS_URL is not set: start scripts/servers/start-redis.sh and export what it prints')

// --- who is measured ------------------------------------------------------------------------------------------------

/** A process of its own: answers each message with its CPU time in microseconds and how many jobs it has finished. */
async function play(role, { source, sink, prefix, concurrency, networkMs }) {
  let finished = 0
  const storage = createS3Storage({
    bucket: 'bench',
    region: 'us-east-1',
    endpoint: sink,
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  })
  const archive = createMediaArchive({
    storage,
    accounts: () => ({ accountId: 'bench', accessToken: 'bench' }),
    cloudApi: { baseUrl: source, mediaHosts: [source] },
  })
  const archiveJob = async (job, context) => {
    if (networkMs > 0) await wait(networkMs)
    const outcome = await archive.processJob(job, context)
    if (outcome.outcome !== 'done') throw outcome.error
    finished++
    return outcome
  }
  const runNothing = async () => {
    finished++
    return { outcome: 'done' }
  }
  if (role === 'worker') createBullMqWorker({ connection, prefix, concurrency, processJob: archiveJob })
  if (role === 'idle-worker') createBullMqWorker({ connection, prefix, concurrency, processJob: runNothing })
  const queue = role === 'web' ? createBullMqQueue({ connection, prefix }) : undefined
  process.on('message', async (jobs) => {
    if (Array.isArray(jobs)) {
      const each = queue === undefined ? (job) => archiveJob(job, { attempt: 1 }) : (job) => queue.enqueue([job])
      await atOnce(jobs, { concurrency, each })
    }
    const { user, system } = process.cpuUsage()
    process.send({ cpu: user + system, finished })
  })
  process.send('ready')
}

async function atOnce(jobs, { concurrency, each }) {
  const left = [...jobs]
  const work = async () => {
    for (let job = left.pop(); job !== undefined; job = left.pop()) await each(job)
  }
  await Promise.all(Array.from({ length: concurrency }, work))
}

// --- who measures ---------------------------------------------------------------------------------------------------

async function startServer(script) {
  const child = fork(new URL(script, import.meta.url), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const [line] = await once(child.stdout, 'data')
  return { origin: JSON.parse(line).origin, stop: () => child.kill() }
}

async function startPlayer(role, task) {
  const child = fork(new URL(import.meta.url), {
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ROLE: role },
  })
  child.send(task)
  await once(child, 'message')
  const ask = async (jobs = 'usage') => {
    child.send(jobs)
    return (await once(child, 'message'))[0]
  }
  return { ask, stop: () => child.kill() }
}

let made = 0
const jobsFor = (source, count) =>
  Array.from({ length: count }, () => {
    const mediaId = `${BYTES}-${++made}`
    const now = Date.now()
    return {
      version: 1,
      accountId: 'bench',
      media: {
        mediaId,
        mediaType: 'document',
        mimeType: 'application/pdf',
        sha256: hashOf(BYTES),
        // As in a webhook: the archive needs no look-up, which makes it cheap.
        downloadUrl: `${source}/bytes/${mediaId}`,
        downloadUrlExpiresAt: new Date(now + 300_000).toISOString(),
        messageId: `wamid.${mediaId}`,
        timestamp: new Date(now).toISOString(),
        receivedAt: new Date(now).toISOString(),
        phoneNumberId: '106540352242922',
        businessAccountId: '102290129340398',
        direction: 'inbound',
        origin: 'message',
      },
    }
  })

async function untilFinished(workers, count) {
  for (;;) {
    const usages = await Promise.all(workers.map(({ ask }) => ask()))
    const finished = usages.reduce((sum, usage) => sum + usage.finished, 0)
    if (finished >= count) return usages
    await wait(20)
  }
}

async function redisCpu(redis) {
  const info = await redis.info('cpu')
  const of = (name) => Number(new RegExp(`^${name}:(.+)$`, 'm').exec(info)?.[1]) * 1e6
  return of('used_cpu_user') + of('used_cpu_sys')
}

/** Microseconds of CPU per object, of each part. */
async function costs({ source, sink, prefix, redis }) {
  const task = { source, sink, prefix, concurrency: CONCURRENCY, networkMs: 0 }
  const [direct, web, worker] = await Promise.all(
    ['direct', 'web', 'idle-worker'].map((role) => startPlayer(role, task)),
  )
  const spent = { archive: [], enqueue: [], work: [], redis: [] }
  let queued = 0
  // The first round is for what code costs when it is loaded and compiled.
  for (let round = 0; round <= ROUNDS; round++) {
    const { cpu: before } = await direct.ask()
    const { cpu: after } = await direct.ask(jobsFor(source, OBJECTS))
    const [webBefore, workBefore, redisBefore] = [
      (await web.ask()).cpu,
      (await worker.ask()).cpu,
      await redisCpu(redis),
    ]
    const { cpu: webAfter } = await web.ask(jobsFor(source, IDLE_JOBS))
    queued += IDLE_JOBS
    const [{ cpu: workAfter }] = await untilFinished([worker], queued)
    const redisAfter = await redisCpu(redis)
    if (round === 0) continue
    spent.archive.push((after - before) / OBJECTS)
    spent.enqueue.push((webAfter - webBefore) / IDLE_JOBS)
    spent.work.push((workAfter - workBefore) / IDLE_JOBS)
    spent.redis.push((redisAfter - redisBefore) / IDLE_JOBS)
  }
  for (const player of [direct, web, worker]) player.stop()
  // Other load on the machine only ever adds to CPU time, so of the rounds the least counts.
  return Object.fromEntries(Object.entries(spent).map(([part, values]) => [part, Math.min(...values)]))
}

async function throughput(count, { source, sink, prefix }) {
  const { concurrency, seconds } = SCALING
  const task = { source, sink, prefix, concurrency, networkMs: NETWORK_MS }
  const web = await startPlayer('web', task)
  const jobs = Math.round((count * concurrency * seconds * 1_000) / NETWORK_MS)
  await web.ask(jobsFor(source, jobs))
  const workers = await Promise.all(Array.from({ length: count }, () => startPlayer('worker', task)))
  const before = (await untilFinished(workers, 1)).reduce((sum, { finished }) => sum + finished, 0)
  const startedAt = performance.now()
  const usages = await untilFinished(workers, jobs)
  const rate = (jobs - before) / ((performance.now() - startedAt) / 1_000)
  for (const player of [web, ...workers]) player.stop()
  return { rate, shares: usages.map(({ finished }) => finished) }
}

async function measure() {
  const [source, sink] = await Promise.all([startServer('./media-source.mjs'), startServer('./s3-sink.mjs')])
  const redis = new Redis(connection)
  const prefixes = []
  const place = () => {
    prefixes.push(`{bench-${randomUUID()}}`)
    return { source: source.origin, sink: sink.origin, prefix: prefixes.at(-1), redis }
  }

  const { archive, enqueue, work, redis: inRedis } = await costs(place())
  const ratio = (enqueue + work) / archive
  const us = (value) => `${value.toFixed(0).padStart(5)} µs`
  console.log(`${us(archive)} CPU to archive an object of 1 MB`)
  console.log(`${us(enqueue)} CPU to enqueue it, one by one; ${us(work)} CPU of the worker around it`)
  console.log(`${us(inRedis)} CPU of Redis`)
  console.log(`the queue costs ${(ratio * 100).toFixed(1)} % of the archive's CPU, bound ${BOUND * 100} %`)

  let single
  for (const count of SCALING.workers) {
    const { rate, shares } = await throughput(count, place())
    single ??= rate
    const times = (rate / single).toFixed(2)
    console.log(
      `${count} worker${count > 1 ? 's' : ' '}: ${rate.toFixed(1).padStart(5)} objects of 1 MB a second, ${times} x one (each ${shares.join(', ')})`,
    )
  }

  for (const prefix of prefixes) {
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1_000 })) {
      if (keys.length > 0) await redis.unlink(keys)
    }
  }
  redis.disconnect()
  source.stop()
  sink.stop()
  process.exitCode = ratio <= BOUND ? 0 : 1
}

if (role === undefined) await measure()
else process.once('message', (task) => void play(role, task))
