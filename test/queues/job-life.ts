import { createMediaArchive } from '../../src/media-archive.js'
import type { SqsConnectionOptions } from '../../src/queues/sqs/connection.js'
import { createSqsConsumer, createSqsQueue } from '../../src/queues/sqs.js'
import type { MediaJob, ProcessJob } from '../../src/queues.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { createFakeCloudApi } from '../../src/testing/fake-cloud-api.js'

/** Takes a job in, and runs it with `processJob` until it has ended. */
export type LiveQueue = (job: MediaJob, processJob: ProcessJob) => Promise<{ close(): unknown }>

/**
 * The events of one job on its way through a queue, each in a line: two attempts fail, then one whose server asks for an
 * hour, then a whole run, and then the media is archived. The waits between the runs are left out.
 */
export async function recordJobLife(run: LiveQueue): Promise<string[]> {
  const api = await createFakeCloudApi()
  const lines: string[] = []
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const archive = createMediaArchive({
    storage: createMemoryStorage(),
    accounts: () => ({ accountId: 'pixels', accessToken: api.accessToken }),
    cloudApi: api.cloudApi,
    attempts: 2,
    onEvent(event) {
      if (event.type === 'attempt-failed')
        lines.push(`failed ${event.attempt}, ${event.retryInMs === undefined ? 'last' : 'later'}`)
      else if (event.type === 'job-retry') lines.push(`job ${event.jobAttempt}`)
      else if (event.type === 'archived') lines.push(`archived ${event.attempt}`)
      else lines.push(event.type)
    },
    onArchived: () => end(),
  })
  const { reference } = await api.addMedia({ bytes: Buffer.from('x'), mimeType: 'text/plain', mediaType: 'document' })
  const { downloadUrl, downloadUrlExpiresAt, ...media } = reference
  const fault = { on: 'look-up', kind: 'status', status: 503 } as const
  api.fail({ ...fault, times: 2 })
  api.fail({ ...fault, times: 1, headers: { 'retry-after': '60' } })
  api.fail({ ...fault, times: 2 })
  const worker = await run({ version: 1, accountId: 'pixels', media }, async (job, context) => {
    const outcome = await archive.processJob(job, context)
    return outcome.outcome === 'retry' ? { ...outcome, afterSeconds: 0 } : outcome
  })
  await ended
  await worker.close()
  await archive.close()
  await api.close()
  return lines
}

/** The same, with a poller of this SQS queue. */
export function recordJobLifeOnSqs(connection: SqsConnectionOptions): Promise<string[]> {
  return recordJobLife(async (job, processJob) => {
    await createSqsQueue(connection).enqueue([job])
    const consumer = createSqsConsumer({ ...connection, processJob })
    consumer.start()
    return consumer
  })
}

/** The lines of any queue. */
export const JOB_LIFE: readonly string[] = [
  ...['failed 1, later', 'failed 2, later', 'job 1'],
  ...['failed 3, later', 'job 2'],
  ...['failed 4, later', 'failed 5, later', 'job 3'],
  'archived 6',
]
