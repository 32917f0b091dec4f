/* A process that fails a thousand transfers and tells what it holds before and after. The servers are its parent's. */
import { getEventListeners, once } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { type ArchiveOptions, archiveMedia } from '../../src/archive.js'
import { downloadMediaFromWhatsApp } from '../../src/download.js'
import { fromFetch } from '../../src/http/from-fetch.js'
import { createMediaArchive } from '../../src/media-archive.js'
import type { MediaJob } from '../../src/queues.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createS3Storage } from '../../src/storage/s3.js'
import { uploadToS3 } from '../../src/upload.js'
import { MEDIA_BYTES } from './cells.js'
import type { FaultyWorld, LastingFault } from './lasting-faults.js'

/** What the parent sends. */
export interface LeakTask {
  transfers: number
  atOnce: number
  /** For all transfers. */
  archive: Pick<ArchiveOptions, 'accountId' | 'prefix' | 'cloudApi'> & { accessToken: string }
  faults: LastingFault[]
  store: FaultyWorld['store']
}

/** What the parent gets. */
export interface LeakReport {
  failures: number
  /** What went well and should not have, by fault and number of its way. */
  successes: string[]
  /** The process's warnings, such as too many listeners. */
  warnings: string[]
  before: Holdings
  after: Holdings
}

export interface Holdings {
  /** Active resources of the process by kind: sockets, timers, requests. */
  resources: Record<string, number>
  /** Listeners on `process`, by event. */
  processListeners: Record<string, number>
  /** Listeners on the signal that all transfers share. */
  abortListeners: number
  /** Bytes in use after garbage collection, buffers included. */
  memory: number
}

/** Longer than Node's servers and agents keep an idle connection: 5 s (Node: server.keepAliveTimeout). */
const QUIET_AFTER_MS = 8_000

const shared = new AbortController()

process.once('message', (task: LeakTask) => {
  void run(task).then((report) => process.send?.(report, () => process.disconnect()))
})

type Fail = (attempts: number, signal: AbortSignal) => Promise<unknown>

interface Way {
  name: string
  fail: Fail
}

async function run(task: LeakTask): Promise<LeakReport> {
  const warnings: string[] = []
  process.on('warning', (warning) => warnings.push(warning.message))
  const ways = task.faults.flatMap((fault) =>
    waysToFail(fault, task).map((fail, index): Way => ({ name: `${fault.name}, ${index}`, fail })),
  )
  // What is made once, such as compiled code and pools, is no leak.
  await failSome(ways, { ...task, transfers: ways.length * 2 })
  const before = await measure()
  const { failures, successes } = await failSome(ways, task)
  return { failures, successes, warnings, before, after: await measure() }
}

function waysToFail({ phase, media, endpoint, timeouts }: LastingFault, { store, archive: shared }: LeakTask): Fail[] {
  const storage = createS3Storage({ ...store, endpoint })
  const { accountId, accessToken, ...options } = shared
  const archive = createMediaArchive({
    ...{ ...options, storage, timeouts, attempts: 1 },
    accounts: () => ({ accountId, accessToken }),
  })
  const job: MediaJob = { version: 1, accountId, media }
  const ways: Fail[] = [
    (attempts, signal) => archiveMedia(media, { ...shared, storage, timeouts, attempts, signal }),
    (_attempts, signal) => archive.archive(media, { signal }),
    async (attempt, signal) => {
      const outcome = await archive.processJob(job, { attempt, signal, deadline: new Date(Date.now() + 60_000) })
      if (outcome.outcome !== 'done') throw outcome.error
    },
  ]
  // A fault of the look-up or the download fails a download alone, and one of the store an upload.
  // Clients and storages of the user's own fail in ways of their own.
  const http = fromFetch(fetch)
  const foreign = createMediaArchive({
    ...{ ...options, http, timeouts, attempts: 1, storage: { ...createMemoryStorage(), head: refuse, put: refuse } },
    accounts: () => ({ accountId, accessToken }),
  })
  ways.push(
    (attempts, signal) => archiveMedia(media, { ...shared, http, storage, timeouts, attempts, signal }),
    async (attempt, signal) => {
      const outcome = await foreign.processJob(job, { attempt, signal })
      if (outcome.outcome !== 'done') throw outcome.error
    },
  )
  const download: Fail = async (_attempts, signal) =>
    (await downloadMediaFromWhatsApp(media, { ...shared, timeouts, signal })).bytes()
  const upload: Fail = (_attempts, signal) =>
    uploadToS3(Readable.from([Buffer.alloc(MEDIA_BYTES, 'fault')]), { storage, accountId, timeouts, signal })
  if (phase === 'look-up' || phase === 'download') return [...ways, download]
  return phase === 'upload' ? [...ways, upload] : ways
}

async function refuse(_key: string, body?: unknown): Promise<never> {
  if (body instanceof Readable) await once(body, 'data').catch(() => {})
  throw Object.assign(new Error('no room'), { code: 'ENOSPC' })
}

async function failSome(
  ways: readonly Way[],
  { atOnce, transfers }: Pick<LeakTask, 'atOnce' | 'transfers'>,
): Promise<Pick<LeakReport, 'failures' | 'successes'>> {
  const counts = { failures: 0, successes: [] as string[] }
  let started = 0
  const work = async (): Promise<void> => {
    while (started < transfers) {
      const number = started++
      // Some go through a back-off, and some callers lose patience.
      const attempts = number % 5 === 0 ? 2 : 1
      const signal = number % 7 === 0 ? AbortSignal.timeout(50) : shared.signal
      const way = ways[number % ways.length]
      await way?.fail(attempts, signal).then(
        () => counts.successes.push(way.name),
        () => counts.failures++,
      )
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return counts
}

/** Connections that nothing holds close by themselves, and timers that nothing needs are none. */
const MAY_END: readonly string[] = ['TCPSocketWrap', 'Timeout']

/** Once nothing is left that may end, or what is left has had its time. */
async function measure(): Promise<Holdings> {
  const until = Date.now() + QUIET_AFTER_MS
  while (Date.now() < until && process.getActiveResourcesInfo().some((kind) => MAY_END.includes(kind))) await wait(50)
  for (let times = 0; times < 5; times++) {
    globalThis.gc?.()
    await wait(20)
  }
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return {
    resources,
    processListeners: Object.fromEntries(process.eventNames().map((name) => [name, process.listenerCount(name)])),
    abortListeners: getEventListeners(shared.signal, 'abort').length,
    memory: heapUsed + arrayBuffers,
  }
}
