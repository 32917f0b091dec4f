// Peak memory above idle: of archiving 20 files of 100 MB at once, and of uploading one object of 100 MB from S3 to
// WhatsApp. Each in a process of its own, and so are sources and sinks.
// Exits 1 when a peak is over its bound. Needs `npm run build` first.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { archiveMedia, uploadMediaToWhatsApp } from '../dist/index.js'
import { createS3Storage } from '../dist/storage/s3.js'

const BYTES = 100_000_000
const TASKS = {
  archive: { count: 20, boundMb: 130, what: 'archived' },
  upload: { count: 1, boundMb: 60, what: 'from S3 to WhatsApp' },
}

async function start(script) {
  const child = fork(new URL(script, import.meta.url), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], execArgv: [] })
  const [line] = await once(child.stdout, 'data')
  return { ...JSON.parse(line), stop: () => child.kill() }
}

function openStore(origin) {
  return createS3Storage({
    bucket: 'bench',
    region: 'us-east-1',
    endpoint: origin,
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
  })
}

/** What is measured, by task: `run` moves one file of a size, and says whether it came whole. */
const OPENERS = {
  async archive() {
    const [source, sink] = await Promise.all([start('./media-source.mjs'), start('./s3-sink.mjs')])
    const storage = openStore(sink.origin)
    const run = async (size, n) => {
      const result = await archiveMedia(`${size}-${n}`, {
        storage,
        accountId: 'bench',
        accessToken: 'bench',
        mediaType: 'document',
        timestamp: '2026-01-01T00:00:00Z',
        cloudApi: { baseUrl: source.origin, mediaHosts: [source.origin] },
        attempts: 1,
      })
      return result.size === size && result.integrity === 'announced' && !result.alreadyStored
    }
    return { run, storage, servers: [source, sink] }
  },
  async upload() {
    const [source, sink] = await Promise.all([start('./s3-sink.mjs'), start('./upload-sink.mjs')])
    const storage = openStore(source.origin)
    const run = async (size) => {
      const object = { storage, key: `media/${size}.pdf`, filename: `${size}.pdf` }
      const cloudApi = { baseUrl: sink.origin }
      // The sink compares every byte.
      await uploadMediaToWhatsApp(object, { phoneNumberId: '1', accessToken: 'bench', cloudApi, attempts: 1 })
      return true
    }
    return { run, storage, servers: [source, sink] }
  },
}

function megabytes(bytes) {
  return Math.round(bytes / 1_000_000)
}

/** @returns whether all files came whole, below the bound. */
async function measure(task) {
  const { count, boundMb, what } = TASKS[task]
  const { run, storage, servers } = await OPENERS[task]()
  // Load and compile everything once: what code costs is not what a transfer costs.
  await run(100_000, 0)
  globalThis.gc?.()
  const idle = process.memoryUsage.rss()
  let peak = idle
  const sampler = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 10)
  const startedAt = performance.now()
  const results = await Promise.all(Array.from({ length: count }, (_, n) => run(BYTES, n)))
  clearInterval(sampler)
  const seconds = (performance.now() - startedAt) / 1_000
  await storage.close()
  for (const server of servers) server.stop()
  const above = megabytes(peak - idle)
  console.log(
    `${count} x ${megabytes(BYTES)} MB ${what}: peak ${above} MB above idle (${megabytes(idle)} MB), bound ${boundMb} MB; ${seconds.toFixed(1)} s`,
  )
  return results.every(Boolean) && above <= boundMb
}

const { TASK } = process.env
if (TASK !== undefined) process.exit((await measure(TASK)) ? 0 : 1)
for (const task of Object.keys(TASKS)) {
  const child = fork(new URL(import.meta.url), { env: { ...process.env, TASK: task } })
  const [code] = await once(child, 'exit')
  if (code !== 0) process.exitCode = 1
}
