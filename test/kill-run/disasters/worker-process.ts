/* A worker of two accounts in a process of its own, to be killed at any moment or told to end by its parent. */
import { appendFileSync } from 'node:fs'
import { createMediaArchive } from '../../../src/media-archive.js'
import { createBullMqWorker } from '../../../src/queues/bullmq.js'
import { createFileSystemStorage } from '../../../src/storage/file-system.js'
import { createS3Storage } from '../../../src/storage/s3.js'
import type { FakeCloudApi } from '../../../src/testing/fake-cloud-api.js'
import { type AccountId, findAccountId } from './accounts.js'
import { readSecrets } from './secrets.js'
import type { Note } from './work-log.js'

/** What the parent sends first. */
export interface WorkerTask {
  redis: { connection: string; prefix: string }
  cloudApi: FakeCloudApi['cloudApi']
  /** Where the objects of one account go. */
  s3: { bucket: string; endpoint: string }
  /** Where those of the other go. */
  directory: string
  /** A file: see `Secrets`. */
  secrets: string
  /** A file that gets a line for each thing that happens: see `Note`. */
  log: string
}

process.once('message', (task: WorkerTask) => serve(task))
process.once('disconnect', () => process.exit())

function serve({ redis, cloudApi, s3, directory, secrets, log }: WorkerTask): void {
  const note = (line: Omit<Note, 'pid'>): void =>
    appendFileSync(log, `${JSON.stringify({ pid: process.pid, ...line })}\n`)
  const storages: Record<AccountId, ReturnType<typeof createS3Storage>> = {
    pixels: createS3Storage({ ...s3, region: 'us-east-1', credentials: () => readSecrets(secrets) }),
    paper: createFileSystemStorage({ directory }),
  }
  const archive = createMediaArchive({
    storage: (accountId) => storages[accountId as AccountId],
    accounts: (phoneNumberId) => ({
      accountId: findAccountId(phoneNumberId),
      accessToken: async () => (await readSecrets(secrets)).accessToken,
    }),
    cloudApi,
    // Pauses and retries of seconds, not minutes; what falls silent is left soon.
    waitScale: 0.05,
    timeouts: { headersMs: 10_000, idleMs: 10_000, storageMs: 15_000 },
    onArchived: ({ mediaId, key }) => note({ what: 'archived', mediaId, detail: key }),
    onFailed: ({ media: { mediaId }, error }) => note({ what: 'given-up', mediaId, detail: error.message }),
    onEvent(event) {
      const { mediaId } = event
      if (event.type === 'attempt-failed') {
        const { error } = event
        note({ what: 'failed', mediaId, detail: describeFailure(error), more: `${error.message} ${error.cause}` })
      }
      if (event.type === 'account-paused') note({ what: 'paused', mediaId, detail: event.reason })
    },
  })
  const worker = createBullMqWorker({
    ...{ ...redis, lockMs: 4_000, stalledIntervalMs: 2_000 },
    async processJob(job, context) {
      const { mediaId } = job.media
      note({ what: 'start', mediaId })
      const outcome = await archive.processJob(job, context)
      note({ what: 'end', mediaId, detail: outcome.outcome })
      return outcome
    },
    onError: ({ operation, reason, cause }) =>
      note({ what: 'redis', detail: `${operation} ${reason}`, more: `${cause}` }),
  })
  process.once('message', async () => {
    await worker.close()
    await archive.close()
    process.disconnect()
  })
  note({ what: 'ready' })
}

/** The error's code, and the store's or system's own word for it. */
function describeFailure(error: Error & { code: string; reason?: unknown }): string {
  return `${error.code} ${error.reason ?? ''}`.trim()
}
