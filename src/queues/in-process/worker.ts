import { setImmediate } from 'node:timers'
import type { JobCounts, JobOutcome, MediaJob, ProcessJob } from '../../queues.js'
import { abortable, createController, within } from '../../timing/abort.js'
import { createHeap } from '../../timing/heap.js'
import { createScheduler } from '../../timing/scheduler.js'
import { retryRejected } from '../stored-job.js'
import { comesFirst, createHeldJobs, type HeldJob, type HeldJobs } from './held-jobs.js'

/** Holds the jobs of a queue in this process, and runs them. */
export interface InProcessWorker {
  has(id: string): boolean
  /** Jobs that it holds: ready, running and waiting for a retry. */
  readonly size: number
  /** Takes jobs in by their ids. They begin in a later turn of the event loop. */
  add(jobs: ReadonlyMap<string, MediaJob>): void
  start(processJob: ProcessJob): void
  /** Resolves when none but waiting jobs are left, when it was not started, or when the signal aborts. */
  drain(enough: AbortSignal): Promise<void>
  /** Resolves when it holds no job. @throws the signal's reason */
  idle(signal: AbortSignal | undefined): Promise<void>
  count(): JobCounts
  /** Stops all jobs. @returns those that are left. */
  stop(reason: Error): Promise<MediaJob[]>
}

/** Time for stopped jobs to end, in milliseconds. */
const STOPPED_JOBS_MS = 1_000

export function createInProcessWorker({ concurrency }: { concurrency: number }): InProcessWorker {
  const held = createHeldJobs()
  let process: ProcessJob | undefined
  const changes = createBell()
  const stopped = createController()

  const scheduler = createScheduler<HeldJob>({
    concurrency,
    createHeap: () => createHeap(comesFirst),
    getKey: ({ media }) => media,
    async run(each) {
      const outcome = await runAttempt(each, { held, process, signal: stopped.signal })
      const delayMs = held.settle(each, outcome)
      if (delayMs !== undefined) scheduler.addLater(each, delayMs)
    },
    onProceed: changes.ring,
  })

  return {
    has: held.has,
    get size() {
      return held.size
    },
    add(jobs) {
      for (const [id, job] of jobs) scheduler.add(held.hold(id, job))
      // After the caller's answer: the webhook's 200 must not wait for the first download's start.
      setImmediate(scheduler.proceed)
    },
    start(processJob) {
      process = processJob
      scheduler.start()
    },
    drain(enough) {
      scheduler.proceed()
      const isDrained = (): boolean => process === undefined || held.size === scheduler.waiting
      return changes.waitUntil(isDrained, enough).catch(() => {})
    },
    idle: (signal) => changes.waitUntil(() => held.size === 0, signal),
    count: held.count,
    async stop(reason) {
      scheduler.stop()
      stopped.abort(reason)
      // A job that ignores the signal is abandoned and handed back: the storage keeps it from being stored twice.
      await within(STOPPED_JOBS_MS, scheduler.waitForAll(), { otherwise: () => {} })
      const left = held.release()
      changes.ring()
      return left
    },
  }
}

/** Tells those who wait for something when it has come. */
interface Bell {
  /** Something has changed. */
  ring(): void
  /** @throws the signal's reason */
  waitUntil(hasCome: () => boolean, signal: AbortSignal | undefined): Promise<void>
}

function createBell(): Bell {
  const waiting = new Set<() => void>()
  return {
    ring() {
      for (const look of waiting) look()
    },
    waitUntil(hasCome, signal) {
      const come = new Promise<void>((resolve) => {
        const look = (): void => {
          if (!hasCome() && signal?.aborted !== true) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      })
      return abortable(come, signal)
    },
  }
}

async function runAttempt(
  each: HeldJob,
  { held, process, signal }: { held: HeldJobs; process: ProcessJob | undefined; signal: AbortSignal },
): Promise<JobOutcome> {
  const { job, attempt } = each
  held.begin(each)
  try {
    /* v8 ignore next -- @preserve the scheduler begins nothing before `start` */
    if (process === undefined) throw new TypeError('not started')
    return await process(job, { attempt, signal })
  } catch (error) {
    return retryRejected(job, { error })
  }
}
