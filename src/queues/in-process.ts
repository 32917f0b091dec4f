import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkSignal, checkWhole } from '../errors/checks.js'
import { InvalidOptionError, QueueFullError } from '../errors.js'
import type { MediaJob, MediaQueue } from '../queues.js'
import { isCloudflareWorkers, isLambda } from '../runtime.js'
import { MAX_TIMER_MS } from '../timing/abort.js'
import { checkClosing } from '../timing/closing.js'
import { createInProcessWorker } from './in-process/worker.js'
import { buildJobId, checkJobs } from './stored-job.js'

/** Options of `createInProcessQueue`. */
export interface InProcessQueueOptions {
  /** Jobs that run at once. Default 8. */
  concurrency?: number | undefined
  /** Jobs that the queue holds, running and waiting for a retry included. Default 10,000; more is a `QueueFullError`. */
  maxQueued?: number | undefined
}

const IN_PROCESS_OPTIONS: OptionNames<InProcessQueueOptions> = { concurrency: true, maxQueued: true }

const QUEUE_IDLE_OPTIONS: OptionNames<Parameters<Required<MediaQueue>['idle']>[0] & object> = { signal: true }

/**
 * A queue in this process: the webhook is answered first, the media archived after.
 *
 * **Its jobs live as long as the process.** When the process ends between the 200 and the archive, its jobs are lost,
 * and Meta does not deliver a webhook again that was answered 200. Use a durable queue where that must not happen; this
 * one is for servers that may lose the media of a crash, for tests and for a start.
 *
 * `close({ timeoutMs })` works off the jobs that are ready, for `timeoutMs` milliseconds at most (default without end),
 * stops the rest, and resolves to the jobs that are left: those stopped, and those that wait for a retry. `enqueue`
 * rejects with a `QueueFullError` when the queue is full or closed.
 *
 * @throws InvalidOptionError for options of the wrong form, and where no process lives on between requests: on AWS Lambda
 * and Cloudflare Workers.
 * @example
 * ```ts
 * import { createMediaArchive } from 'whatsapp-media-archive'
 * import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const archive = createMediaArchive({
 *   storage: createMemoryStorage(),
 *   accounts: () => ({ accountId: 'acme', accessToken: api.accessToken }),
 *   queue: createInProcessQueue({ concurrency: 4 }),
 *   cloudApi: api.cloudApi,
 *   onArchived: ({ key }) => console.log('archived', key),
 * })
 * const file = { bytes: Buffer.from('%PDF-1.7'), mimeType: 'application/pdf', mediaType: 'document' } as const
 * const { reference } = await api.addMedia(file)
 * await archive.enqueue(reference)
 * const left = await archive.close({ timeoutMs: 10_000 })
 * console.log(left.length, 'jobs left')
 * await api.close()
 * ```
 */
export function createInProcessQueue(options: InProcessQueueOptions = {}): Required<MediaQueue> {
  checkOptions(options, IN_PROCESS_OPTIONS)
  const { concurrency = 8, maxQueued = 10_000 } = options
  checkWhole('concurrency', concurrency)
  checkWhole('maxQueued', maxQueued)
  checkRuntime()
  const worker = createInProcessWorker({ concurrency })
  const createError = (problem: string): QueueFullError => new QueueFullError({ limit: maxQueued, problem })
  const enough = new AbortController()
  const timers: NodeJS.Timeout[] = []
  let closing: Promise<MediaJob[]> | undefined

  const shutDown = async (): Promise<MediaJob[]> => {
    await worker.drain(enough.signal)
    enough.abort()
    for (const timer of timers) clearTimeout(timer)
    return worker.stop(createError('is closed'))
  }

  return {
    async enqueue(jobs) {
      checkJobs(jobs)
      if (closing !== undefined) throw createError('is closed')
      const fresh = new Map(jobs.map((job) => [buildJobId(job), job]))
      for (const id of fresh.keys()) if (worker.has(id)) fresh.delete(id)
      // A batch larger than the queue would be refused for ever, so an empty queue takes any.
      if (worker.size > 0 && worker.size + fresh.size > maxQueued) {
        throw createError(`holds ${worker.size} of ${maxQueued} jobs`)
      }
      worker.add(fresh)
    },
    start: worker.start,
    async idle(idleOptions = {}) {
      checkOptions(idleOptions, QUEUE_IDLE_OPTIONS)
      const { signal } = idleOptions
      if (signal !== undefined) checkSignal('signal', signal)
      return worker.idle(signal)
    },
    countJobs: worker.count,
    async close(closingOptions) {
      const timeoutMs = checkClosing(closingOptions)
      // SIGTERM and SIGINT may both come: the second asks for the same end, perhaps sooner.
      if (timeoutMs <= MAX_TIMER_MS && !enough.signal.aborted) {
        timers.push(setTimeout(() => enough.abort(), timeoutMs))
      }
      closing ??= shutDown()
      return closing
    },
  }
}

/** @throws InvalidOptionError where jobs would end with the request that brought them. */
function checkRuntime(): void {
  if (isLambda()) {
    const problem = 'must be a durable one on AWS Lambda, which freezes the process after each answer'
    throw new InvalidOptionError({ option: 'queue', problem })
  }
  if (isCloudflareWorkers()) {
    const rule = 'must not be in-process on Cloudflare Workers, which end its jobs and timers with the request'
    const advice = 'Archive in ctx.waitUntil(), or give archive.processJob the jobs of a Cloudflare Queue'
    throw new InvalidOptionError({ option: 'queue', problem: `${rule}. ${advice}` })
  }
}
