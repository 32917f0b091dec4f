import type { JobOutcome, MediaJob, ProcessJob } from '../../queues.js'
import { createController, linkSignals, MAX_TIMER_MS } from '../../timing/abort.js'
import { decideBackoffSeconds } from '../../timing/backoff.js'
import { retryRejected } from '../stored-job.js'
import { type DeferredJob, type DeferredJobStore, toDeferredJob } from './store.js'

/** A job and its row. */
interface DeferredRun {
  row: DeferredJob
  job: MediaJob
}

/** What became of the jobs of one `redrive`. */
export interface RedriveResult {
  /** Archived. */
  done: number
  /** Kept for another attempt. */
  waiting: number
  /** Given up; `onFailed` has heard of them. */
  failed: number
}

/** How jobs are run. */
interface RunPlan {
  processJob: ProcessJob
  /** Milliseconds until jobs under way are stopped. Default without end. */
  timeoutMs?: number | undefined
}

/** Hears of faults that stop no other job. */
export type DeferredErrorListener = (error: unknown) => unknown

/** Runs jobs whose rows are leased, and writes down what became of them. */
export interface DeferredRunner {
  /** Resolves when each has been run once and its row is settled. Never rejects. */
  run(runs: readonly DeferredRun[], plan: RunPlan): Promise<RedriveResult>
  /** Stops the jobs under way, and starts no more; they are kept. */
  stop(): void
  /** Resolves when nothing runs any more. */
  waitForAll(): Promise<void>
  /** The jobs that are not settled yet. */
  count(): number
}

export function createDeferredRunner(options: {
  store: DeferredJobStore
  concurrency: number
  onError: DeferredErrorListener | undefined
}): DeferredRunner {
  const stopping = createController()
  const places = createPlaces(options.concurrency)
  const underWay = new Map<Promise<unknown>, number>()

  const runAll = async (
    runs: readonly DeferredRun[],
    { processJob, timeoutMs = Number.POSITIVE_INFINITY }: RunPlan,
  ): Promise<RedriveResult> => {
    // A time longer than any timer is no limit.
    const deadline = timeoutMs > MAX_TIMER_MS ? undefined : new Date(Date.now() + timeoutMs)
    const stop = linkSignals([stopping.signal], { deadline })
    const ends = await Promise.all(
      runs.map((run) => runOne(run, { ...options, places, processJob, signal: stop.signal })),
    )
    stop.clear()
    const count = (wanted: keyof RedriveResult): number => ends.filter((end) => end === wanted).length
    return { done: count('done'), waiting: count('waiting'), failed: count('failed') }
  }

  return {
    run(runs, plan) {
      const work = runAll(runs, plan)
      underWay.set(work, runs.length)
      void work.then(() => underWay.delete(work))
      return work
    },
    stop: () => stopping.abort(new Error('the queue is closed')),
    async waitForAll() {
      await Promise.all(underWay.keys())
    },
    count: () => [...underWay.values()].reduce((sum, count) => sum + count, 0),
  }
}

/** Runs a job in a place of its own, and settles its row. Never rejects. */
async function runOne(
  { row, job }: DeferredRun,
  {
    store,
    onError,
    places,
    processJob,
    signal,
  }: {
    store: DeferredJobStore
    onError: DeferredErrorListener | undefined
    places: Places
    processJob: ProcessJob
    signal: AbortSignal
  },
): Promise<keyof RedriveResult> {
  const { attempt } = row
  await places.take()
  try {
    if (signal.aborted) return await settleRow(store, { row, outcome: buildStopped(job, signal.reason) })
    const running = (async () => processJob(job, { attempt, signal }))()
    const outcome = await running.catch((error: unknown) =>
      retryRejected(job, { error, afterSeconds: decideBackoffSeconds(attempt) }),
    )
    return await settleRow(store, { row, outcome })
  } catch (error) {
    // The row stays, and is due again when its lease ends.
    tellListener(onError, error)
    return 'waiting'
  } finally {
    places.give()
  }
}

/** What a listener throws must not stop the jobs. */
export function tellListener(onError: DeferredErrorListener | undefined, error: unknown): void {
  void (async () => onError?.(error))().catch(() => {})
}

async function settleRow(
  store: DeferredJobStore,
  { row, outcome }: { row: DeferredJob; outcome: JobOutcome },
): Promise<keyof RedriveResult> {
  if (outcome.outcome === 'retry') {
    const { job, isAttempt, afterSeconds } = outcome
    const attempt = isAttempt ? row.attempt + 1 : row.attempt
    await store.save([toDeferredJob(job, { id: row.id, attempt, afterSeconds })])
    return 'waiting'
  }
  await store.remove([row.id])
  return outcome.outcome === 'done' ? 'done' : 'failed'
}

/** Of a job that was not even begun. */
function buildStopped(job: MediaJob, error: unknown): JobOutcome {
  return { outcome: 'retry', afterSeconds: 0, until: '', isAttempt: false, job, error }
}

/** A number of places that are taken in turn. */
interface Places {
  take(): Promise<void>
  give(): void
}

function createPlaces(count: number): Places {
  let free = count
  const waiting: (() => void)[] = []
  return {
    async take() {
      if (free > 0) free -= 1
      else await new Promise<void>((resolve) => waiting.push(resolve))
    },
    give() {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    },
  }
}
