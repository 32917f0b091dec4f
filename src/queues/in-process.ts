import { setMaxListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { describeValue, InvalidOptionError, QueueFullError } from '../errors.js'
import { type JobOutcome, jobId, type MediaJob, type MediaQueue, type ProcessJob } from '../jobs.js'

export interface InProcessQueueOptions {
  /** Jobs that run at once. Default 8. */
  concurrency?: number
  /** Jobs that the queue holds, running and waiting for a retry included. Default 10,000; more is a `QueueFullError`. */
  maxQueued?: number
}

/** How long `close` waits for jobs that it stopped, in milliseconds. */
const CLEAN_UP_MS = 1_000

interface Entry {
  id: string
  job: MediaJob
  attempt: number
  state: 'ready' | 'running' | 'waiting'
  timer?: NodeJS.Timeout
}

/**
 * A queue in this process: the webhook is answered first, the media archived after.
 *
 * What it can't do: **jobs live as long as the process.** When it dies between the 200 and the archive, its jobs are
 * gone, and Meta does not deliver again what it got a 200 for. Use a durable queue where that must not be; this one is
 * for servers that may lose the media of a crash, for tests and for a start.
 *
 * @throws InvalidOptionError for options of the wrong form, and on AWS Lambda, which freezes the process after the answer.
 */
export function createInProcessQueue(options: InProcessQueueOptions = {}): Required<MediaQueue> {
  const { concurrency = 8, maxQueued = 10_000 } = options
  checkCount('concurrency', concurrency)
  checkCount('maxQueued', maxQueued)
  if (isLambda()) {
    throw new InvalidOptionError(
      'queue',
      'must be a durable one on AWS Lambda, which freezes the process after each answer',
    )
  }
  const entries = new Map<string, Entry>()
  /** Media under way: a second message about the same media waits, and then finds the object. */
  const mediaUnderWay = new Set<string>()
  const stopped = new AbortController()
  setMaxListeners(0, stopped.signal)
  let process: ProcessJob | undefined
  const runs = new Set<Promise<void>>()
  let isClosed = false
  let onIdle: (() => void) | undefined
  let closing: Promise<MediaJob[]> | undefined
  const deadlines: NodeJS.Timeout[] = []

  const mediaOf = ({ job }: Entry): string => JSON.stringify([job.accountId, job.media.mediaId])

  const fill = (): void => {
    if (process === undefined) {
      onIdle?.()
      return
    }
    for (const entry of entries.values()) {
      if (runs.size >= concurrency || stopped.signal.aborted) break
      if (entry.state === 'ready' && !mediaUnderWay.has(mediaOf(entry))) start(entry, process)
    }
    if ([...entries.values()].every(({ state }) => state === 'waiting')) onIdle?.()
  }

  const start = (entry: Entry, processJob: ProcessJob): void => {
    const media = mediaOf(entry)
    entry.state = 'running'
    mediaUnderWay.add(media)
    const run = processJob(entry.job, { attempt: entry.attempt, signal: stopped.signal })
      // A processor must not reject; one that does anyway must neither end the process nor lose its job.
      .catch((error: unknown): JobOutcome => {
        const { job } = entry
        return { outcome: 'retry', afterSeconds: 60, until: '', isAttempt: true, job, error }
      })
      .then((outcome) => {
        runs.delete(run)
        mediaUnderWay.delete(media)
        settle(entry, outcome)
        fill()
      })
    runs.add(run)
  }

  const settle = (entry: Entry, outcome: JobOutcome): void => {
    if (outcome.outcome !== 'retry') {
      entries.delete(entry.id)
      return
    }
    entry.job = outcome.job
    if (outcome.isAttempt) entry.attempt++
    entry.state = 'waiting'
    if (stopped.signal.aborted) return
    entry.timer = setTimeout(() => {
      entry.state = 'ready'
      fill()
    }, outcome.afterSeconds * 1_000)
  }

  const shutDown = async (): Promise<MediaJob[]> => {
    isClosed = true
    const idle = new Promise<void>((resolve) => {
      onIdle = resolve
    })
    fill()
    await idle
    for (const timer of deadlines) clearTimeout(timer)
    stopped.abort(new QueueFullError({ limit: maxQueued, problem: 'is closed' }))
    // What heeds no signal is left behind: its job is handed back, and the storage keeps it from being stored twice.
    const grace = new AbortController()
    const enough = wait(CLEAN_UP_MS, undefined, { signal: grace.signal }).catch(() => {})
    await Promise.race([Promise.all(runs), enough])
    grace.abort()
    const left = [...entries.values()]
    for (const entry of left) clearTimeout(entry.timer)
    entries.clear()
    return left.map(({ job }) => job)
  }

  return {
    async enqueue(jobs) {
      if (isClosed) throw new QueueFullError({ limit: maxQueued, problem: 'is closed' })
      const fresh = new Map(jobs.map((job) => [jobId(job), job]))
      for (const id of entries.keys()) fresh.delete(id)
      // A batch larger than the queue would be refused for ever, so an empty queue takes any.
      if (entries.size > 0 && entries.size + fresh.size > maxQueued) {
        throw new QueueFullError({ limit: maxQueued, problem: `holds ${entries.size} of ${maxQueued} jobs` })
      }
      for (const [id, job] of fresh) entries.set(id, { id, job, attempt: 1, state: 'ready' })
      // After the caller's answer: the webhook's 200 must not wait for the first download's start.
      setImmediate(fill)
    },
    start(processJob) {
      process = processJob
      fill()
    },
    close({ timeoutMs } = {}) {
      // SIGTERM and SIGINT may both come: the second asks for the same end, perhaps sooner.
      if (timeoutMs !== undefined && !stopped.signal.aborted) deadlines.push(setTimeout(() => onIdle?.(), timeoutMs))
      closing ??= shutDown()
      return closing
    },
  }
}

function checkCount(option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidOptionError(option, `must be a positive whole number, got ${describeValue(value)}`)
  }
}

/** The global `awslambda` alone proves nothing: the AWS SDK makes one wherever it is loaded. Lambda's own can stream. */
function isLambda(): boolean {
  const runtime: unknown = Reflect.get(globalThis, 'awslambda')
  return typeof runtime === 'object' && runtime !== null && 'streamifyResponse' in runtime
}
