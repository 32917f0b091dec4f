import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFunction, checkList, checkMethods, checkMilliseconds, checkWhole } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError, QueueFailedError } from '../errors.js'
import type { MediaJob, MediaQueue, ProcessJob } from '../queues.js'
import { tieToRequest } from '../runtime.js'
import { abortable, within } from '../timing/abort.js'
import { checkClosing } from '../timing/closing.js'
import { createDeferredRunner, type RedriveResult, tellListener } from './deferred/runner.js'
import { type DeferredJob, type DeferredJobStore, readDeferredRow, toDeferredJob } from './deferred/store.js'
import { buildJobId, checkJobs } from './stored-job.js'

export type { RedriveResult } from './deferred/runner.js'
export type { DeferredJob, DeferredJobStore } from './deferred/store.js'

/** Options of `createDeferredQueue`. */
export interface DeferredQueueOptions {
  /** Keeps the jobs: a table or collection of your database. */
  store: DeferredJobStore
  /**
   * Keeps the function alive for work after the answer: Next.js's `after` or Vercel's `waitUntil`. The
   * promise that it gets never rejects.
   */
  waitUntil: (work: Promise<void>) => unknown
  /** Jobs that run at once. Default 8. */
  concurrency?: number | undefined
  /**
   * Seconds after which a job that was taken counts as abandoned, and `redrive` takes it again. More than your platform
   * lets a function run. Default 900.
   */
  leaseSeconds?: number | undefined
  /**
   * Hears when the store fails after a job has run, which is run again later; of a row that is no job; of a promise of
   * `waitUntil` that rejects. Errors that it throws are ignored.
   */
  onError?: ((error: unknown) => unknown) | undefined
}

/** Meta keeps media for 7 days (Meta: Media). */
const MAX_LEASE_SECONDS = 604_800

const DEFERRED_OPTIONS: OptionNames<DeferredQueueOptions> = {
  store: true,
  waitUntil: true,
  concurrency: true,
  leaseSeconds: true,
  onError: true,
}

/** A `MediaQueue` for functions that end soon after their answer. */
export interface DeferredQueue extends Required<MediaQueue> {
  /**
   * Runs the jobs whose time has come: retries, and those whose function was stopped before they were archived. Call it
   * from a cron job, every minute say.
   *
   * @param options `limit`: the most jobs, default 100. `timeoutMs`: milliseconds until jobs under way are stopped and
   * kept, without an attempt counted; default without end.
   * @throws InvalidOptionError for a limit of the wrong form; QueueFailedError without an archive; what the store throws.
   */
  redrive(options?: {
    /** The most jobs. Default 100. */
    limit?: number | undefined
    /** Milliseconds until jobs under way are stopped and kept; default without end. */
    timeoutMs?: number | undefined
  }): Promise<RedriveResult>
}

/**
 * A queue for serverless functions (Next.js on Vercel, Cloudflare Workers): the jobs are in your database before the
 * webhook is answered, archived after the answer in the same call, and taken up again by a cron job when that call was
 * stopped or Meta has to be asked later.
 *
 * Nothing is lost when a function ends between the answer and the archive: the job is in the store. A job may run twice,
 * and is stored once.
 *
 * @throws InvalidOptionError for options of the wrong form, and on Cloudflare Workers outside of the request in which the
 * queue was made. `enqueue`: what the store throws; the webhook is then answered
 * with 500, and Meta delivers again. A QueueFailedError once the queue is closed.
 * @example
 * ```ts
 * import { createMediaArchive } from 'whatsapp-media-archive'
 * import { createDeferredQueue, type DeferredJob } from 'whatsapp-media-archive/queues/deferred'
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const rows = new Map<string, DeferredJob>() // your database
 * const running: Promise<void>[] = []
 * const queue = createDeferredQueue({
 *   waitUntil: (work) => running.push(work), // Next.js: after
 *   store: {
 *     save: async (jobs) => {
 *       for (const job of jobs) rows.set(job.id, job)
 *     },
 *     remove: async (ids) => {
 *       for (const id of ids) rows.delete(id)
 *     },
 *     findDue: async ({ now, limit }) => [...rows.values()].filter(({ dueAt }) => dueAt <= now).slice(0, limit),
 *   },
 * })
 * const archive = createMediaArchive({
 *   storage: createMemoryStorage(),
 *   accounts: () => ({ accountId: 'acme', accessToken: api.accessToken }),
 *   queue,
 *   cloudApi: api.cloudApi,
 * })
 * const file = { bytes: Buffer.from('%PDF-1.7'), mimeType: 'application/pdf', mediaType: 'document' } as const
 * const { reference } = await api.addMedia(file)
 * await archive.enqueue(reference) // the row is there: answer 200
 * await Promise.all(running) // what the platform waits for
 * console.log(rows.size, await queue.redrive()) // 0 { done: 0, waiting: 0, failed: 0 }
 * await api.close()
 * ```
 */
export function createDeferredQueue(options: DeferredQueueOptions): DeferredQueue {
  const { store, waitUntil, concurrency, leaseSeconds, onError } = checkDeferred(options)
  const runner = createDeferredRunner({ store, concurrency, onError })
  const admit = tieToRequest('queue')
  let process: ProcessJob | undefined
  let isClosed = false
  return {
    async enqueue(jobs) {
      admit()
      checkJobs(jobs)
      if (isClosed) throw refuseCall('enqueue', 'closed')
      const fresh = [...new Map(jobs.map((job) => [buildJobId(job), job])).values()]
      if (fresh.length === 0) return
      // Without an archive here, the jobs are for the next redrive.
      const afterSeconds = process === undefined ? 0 : leaseSeconds
      // The download URL is not stored; this attempt still has it.
      const runs = fresh.map((job) => ({ job, row: toDeferredJob(job, { afterSeconds }) }))
      await store.save(runs.map(({ row }) => row))
      if (process === undefined) return
      const kept = waitUntil(runner.run(runs, { processJob: process }).then(() => {}))
      // A promise of the platform that rejects must not end the process.
      void Promise.resolve(kept).catch((error: unknown) => tellListener(onError, error))
    },

    start(processJob) {
      process = processJob
    },

    async redrive(redriveOptions) {
      admit()
      const { limit, timeoutMs } = checkRedrive(redriveOptions)
      if (isClosed) throw refuseCall('redrive', 'closed')
      if (process === undefined) throw refuseCall('redrive', 'no archive')
      return runner.run(await leaseDue(options, { limit, leaseSeconds }), { processJob: process, timeoutMs })
    },

    idle: ({ signal } = {}) => abortable(runner.waitForAll(), signal),
    countJobs: () => ({ open: runner.count(), waiting: 0 }),

    async close(closingOptions): Promise<MediaJob[]> {
      const timeoutMs = checkClosing(closingOptions)
      isClosed = true
      const ended = runner.waitForAll()
      await within(timeoutMs, ended, { otherwise: runner.stop })
      await ended
      // The store has the rest.
      return []
    },
  }
}

/** Takes the jobs whose time has come: no other redrive takes them before the lease ends. */
async function leaseDue(
  { store, onError }: Pick<DeferredQueueOptions, 'store' | 'onError'>,
  { limit, leaseSeconds }: { limit: number; leaseSeconds: number },
): Promise<{ row: DeferredJob; job: MediaJob }[]> {
  const found: unknown = await store.findDue({ now: new Date().toISOString(), limit })
  checkList('store.findDue', found)
  const leased = found.flatMap((given) => {
    const row = readDeferredRow(given)
    if (row !== undefined) return [toDeferredJob(row.job, { ...row, afterSeconds: leaseSeconds })]
    const problem = `must give rows of the form { id, job, attempt, dueAt }, got ${describeSecret(given)}`
    tellListener(onError, new InvalidOptionError({ option: 'store.findDue', problem }))
    return []
  })
  if (leased.length > 0) await store.save(leased)
  return leased.map((row) => ({ row, job: row.job }))
}

function checkDeferred(
  options: DeferredQueueOptions,
): DeferredQueueOptions & { concurrency: number; leaseSeconds: number } {
  checkOptions(options, DEFERRED_OPTIONS)
  const { store, waitUntil, concurrency = 8, leaseSeconds = 900, onError } = options
  checkFunction('waitUntil', waitUntil)
  checkMethods('store', store, { kind: 'a store of jobs', methods: ['save', 'remove', 'findDue'] })
  checkWhole('concurrency', concurrency)
  checkWhole('leaseSeconds', leaseSeconds, { most: MAX_LEASE_SECONDS })
  return { store, waitUntil, concurrency, leaseSeconds, onError }
}

type RedriveOptions = NonNullable<Parameters<DeferredQueue['redrive']>[0]>

const REDRIVE_OPTIONS: OptionNames<RedriveOptions> = { limit: true, timeoutMs: true }

function checkRedrive(options: RedriveOptions = {}): { limit: number; timeoutMs: number | undefined } {
  checkOptions(options, REDRIVE_OPTIONS)
  const { limit = 100, timeoutMs } = options
  checkWhole('limit', limit)
  if (timeoutMs !== undefined) checkMilliseconds('timeoutMs', timeoutMs)
  return { limit, timeoutMs }
}

function refuseCall(operation: 'enqueue' | 'redrive', reason: string): QueueFailedError {
  return new QueueFailedError({ operation, reason, retryable: true })
}
