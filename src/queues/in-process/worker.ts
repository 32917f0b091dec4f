import { setMaxListeners } from 'node:events'
import type { JobOutcome, MediaJob, ProcessJob } from '../../queues.js'
import { abortable, within } from '../../timing/abort.js'
import { createHeap } from '../../timing/heap.js'
import { createScheduler } from '../../timing/scheduler.js'

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
  /** Stops all jobs. @returns those that are left. */
  stop(reason: Error): Promise<MediaJob[]>
}

interface Entry {
  readonly id: string
  readonly media: string
  /** In the order of arrival: after its wait, a job comes first again. */
  readonly place: number
  job: MediaJob
  attempt: number
}

/** Time for stopped jobs to end, in milliseconds. */
const CLEAN_UP_MS = 1_000

/** The wait after a processor has rejected, which it must not. */
const REJECTED_SECONDS = 60

export function createInProcessWorker({ concurrency }: { concurrency: number }): InProcessWorker {
  const entries = new Map<string, Entry>()
  let places = 0
  let process: ProcessJob | undefined
  let onIdle = (): void => {}
  const stopped = new AbortController()
  setMaxListeners(0, stopped.signal)

  const run = async (entry: Entry): Promise<void> => {
    const outcome = await runEntry(entry, { process, signal: stopped.signal })
    if (outcome.outcome === 'retry') {
      entry.job = outcome.job
      if (outcome.isAttempt) entry.attempt++
      scheduler.addLater(entry, outcome.afterSeconds * 1_000)
    } else entries.delete(entry.id)
  }

  const scheduler = createScheduler<Entry>({
    ...{ concurrency, run },
    createHeap: () => createHeap((one, other) => one.place < other.place),
    // A second message about the same media waits for the first, and then finds the object.
    getKey: ({ media }) => media,
    onProceed() {
      if (process === undefined || entries.size === scheduler.waiting) onIdle()
    },
  })

  return {
    has: (id) => entries.has(id),
    get size() {
      return entries.size
    },
    add(jobs) {
      for (const [id, job] of jobs) {
        const media = JSON.stringify([job.accountId, job.media.mediaId])
        const entry: Entry = { id, media, place: places++, job, attempt: 1 }
        entries.set(id, entry)
        scheduler.add(entry)
      }
      // After the caller's answer: the webhook's 200 must not wait for the first download's start.
      setImmediate(scheduler.proceed)
    },
    start(processJob) {
      process = processJob
      scheduler.start()
    },
    drain(enough) {
      const idle = new Promise<void>((resolve) => {
        onIdle = resolve
      })
      scheduler.proceed()
      return abortable(idle, enough).catch(() => {})
    },
    async stop(reason) {
      scheduler.stop()
      stopped.abort(reason)
      // A job that heeds no signal is left behind and handed back: the storage keeps it from being stored twice.
      await within(CLEAN_UP_MS, scheduler.settle(), { otherwise: () => {} })
      const left = [...entries.values()].map(({ job }) => job)
      entries.clear()
      return left
    },
  }
}

async function runEntry(
  { job, attempt }: Entry,
  { process, signal }: { process: ProcessJob | undefined; signal: AbortSignal },
): Promise<JobOutcome> {
  try {
    /* v8 ignore next -- @preserve the scheduler begins nothing before `start` */
    if (process === undefined) throw new TypeError('not started')
    return await process(job, { attempt, signal })
  } catch (error) {
    // A processor must not reject; one that does anyway must neither end the process nor lose its job.
    return { outcome: 'retry', afterSeconds: REJECTED_SECONDS, until: '', isAttempt: true, job, error }
  }
}
