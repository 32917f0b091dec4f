/* A worker in a process of its own, to be killed at any moment or told to end by its parent. */
import { appendFileSync } from 'node:fs'
import { createMediaArchive } from '../../src/media-archive.js'
import type { ProcessJob } from '../../src/queues.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import type { MediaSource } from './media-process.js'

/** What the parent sends first. */
export interface WorkerTask extends Pick<MediaSource, 'cloudApi' | 'accessToken'> {
  /** Where the objects go. */
  directory: string
  /** Gets a line for each run's start and end, and for each item that is reported as archived. */
  log: string
  concurrency: number
}

/** `start` begins to work off the queue. */
export function serveWorker<Task extends WorkerTask>(
  start: (task: Task, processJob: ProcessJob) => { close(): Promise<unknown> },
): void {
  process.once('message', (task: Task) => {
    const { directory, log, cloudApi, accessToken } = task
    const note = (what: string, mediaId: string): void => appendFileSync(log, `${what} ${mediaId}\n`)
    const archive = createMediaArchive({
      // A killed process is no lost power: what it wrote is there.
      storage: createFileSystemStorage({ directory, durable: false }),
      accounts: () => ({ accountId: 'pixels', accessToken }),
      cloudApi,
      onArchived: ({ mediaId }) => note('archived', mediaId),
    })
    const worker = start(task, async (job, context) => {
      note('start', job.media.mediaId)
      const outcome = await archive.processJob(job, context)
      note('end', job.media.mediaId)
      return outcome
    })
    const end = async (): Promise<void> => {
      await worker.close()
      await archive.close()
      process.disconnect()
    }
    process.once('message', () => void end())
  })
}
