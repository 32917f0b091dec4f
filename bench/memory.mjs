// Peak memory above idle while archiving 20 files of 100 MB at once. Source and sink are processes of their own.
// Exits 1 when the peak is over the bound. Needs `npm run build` first.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { archiveMedia } from '../dist/index.js'
import { createS3Storage } from '../dist/storage/s3.js'

const FILES = 20
const BYTES = 100_000_000
const BOUND_MB = 130

async function start(script) {
  const child = fork(new URL(script, import.meta.url), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const [line] = await once(child.stdout, 'data')
  return { ...JSON.parse(line), stop: () => child.kill() }
}

function megabytes(bytes) {
  return Math.round(bytes / 1_000_000)
}

const source = await start('./media-source.mjs')
const sink = await start('./s3-sink.mjs')
const storage = createS3Storage({
  bucket: 'bench',
  region: 'us-east-1',
  endpoint: sink.origin,
  credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
})

const archive = (size, n) =>
  archiveMedia(`${size}-${n}`, {
    storage,
    accountId: 'bench',
    accessToken: 'bench',
    mediaType: 'document',
    timestamp: '2026-01-01T00:00:00Z',
    cloudApi: { baseUrl: source.origin, mediaHosts: [source.origin] },
    attempts: 1,
  })

// Load and compile everything once: what code costs is not what a transfer costs.
await archive(100_000, 0)
globalThis.gc?.()
const idle = process.memoryUsage.rss()
let peak = idle
const sampler = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 10)
const startedAt = performance.now()
const results = await Promise.all(Array.from({ length: FILES }, (_, n) => archive(BYTES, n)))
clearInterval(sampler)
const seconds = (performance.now() - startedAt) / 1_000
await storage.close()
source.stop()
sink.stop()

const isWhole = results.every(
  ({ size, integrity, alreadyStored }) => size === BYTES && integrity === 'announced' && !alreadyStored,
)
const above = megabytes(peak - idle)
console.log(
  `${FILES} x ${megabytes(BYTES)} MB at once: peak ${above} MB above idle (${megabytes(idle)} MB), bound ${BOUND_MB} MB; ${seconds.toFixed(1)} s`,
)
process.exit(isWhole && above <= BOUND_MB ? 0 : 1)
