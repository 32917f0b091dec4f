import { setMaxListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError, QueueFullError } from '../errors.js'
import { type JobOutcome, jobId, type MediaJob, type MediaQueue, type ProcessJob } from '../queues.js'
import { createOrder, type Order } from './in-process/order.js'

export interface InProcessQueueOptions {
  /** Jobs that run at once. Default 8. */
  concurrency?: number
  /** Jobs that the queue holds, running and waiting for a retry included. Default 10,000; more is a `QueueFullError`. */
  maxQueued?: number
}

/** How long `close` waits for jobs that it stopped, in milliseconds. */
const CLEAN_UP_MS = 1_000

/** The longest delay that `setTimeout` knows (Node: Timers); a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647

/** The messages about one media item: a second one waits for the first, and then finds the object. */
interface Turn {
  isTaken: boolean
  readonly behind: Order<Entry>
}

interface Entry {
  readonly id: string
  readonly media: string
  /** In the order of coming: after its wait, a job is first again. */
  readonly place: number
  job: MediaJob
  attempt: number
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
    throw new InvalidOptionError({
      option: 'queue',
      problem: 'must be a durable one on AWS Lambda, which freezes the process after each answer',
    })
  }
  const entries = new Map<string, Entry>()
  const ready = createOrder<Entry>()
  /** By media. */
  const turns = new Map<string, Turn>()
  /** How many entries wait for a retry. */
  let waiting = 0
  let places = 0
  const stopped = new AbortController()
  setMaxListeners(0, stopped.signal)
  let process: ProcessJob | undefined
  const runs = new Set<Promise<void>>()
  let isClosed = false
  let onIdle: (() => void) | undefined
  let closing: Promise<MediaJob[]> | undefined
  const deadlines: NodeJS.Timeout[] = []

  const fill = (): void => {
    while (process !== undefined && runs.size < concurrency && !stopped.signal.aborted) {
      const entry = ready.take()
      if (entry === undefined) break
      const turn = turns.get(entry.media) ?? { isTaken: false, behind: createOrder() }
      if (turn.isTaken) turn.behind.put(entry)
      else start(entry, turn, process)
    }
    if (process === undefined || entries.size === waiting) onIdle?.()
  }

  const start = (entry: Entry, turn: Turn, processJob: ProcessJob): void => {
    turn.isTaken = true
    turns.set(entry.media, turn)
    const run = processJob(entry.job, { attempt: entry.attempt, signal: stopped.signal })
      // A processor must not reject; one that does anyway must neither end the process nor lose its job.
      .catch((error: unknown): JobOutcome => {
        const { job } = entry
        return { outcome: 'retry', afterSeconds: 60, until: '', isAttempt: true, job, error }
      })
      .then((outcome) => {
        runs.delete(run)
        pass(entry.media, turn)
        settle(entry, outcome)
        fill()
      })
    runs.add(run)
  }

  const pass = (media: string, turn: Turn): void => {
    turn.isTaken = false
    const next = turn.behind.take()
    if (next === undefined) turns.delete(media)
    else ready.put(next)
  }

  const settle = (entry: Entry, outcome: JobOutcome): void => {
    if (outcome.outcome !== 'retry') {
      entries.delete(entry.id)
      return
    }
    entry.job = outcome.job
    if (outcome.isAttempt) entry.attempt++
    waiting++
    if (stopped.signal.aborted) return
    const comeBack = (): void => {
      waiting--
      ready.put(entry)
      fill()
    }
    entry.timer = setTimeout(comeBack, Math.min(outcome.afterSeconds * 1_000, MAX_TIMER_MS))
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
      for (const id of fresh.keys()) if (entries.has(id)) fresh.delete(id)
      // A batch larger than the queue would be refused for ever, so an empty queue takes any.
      if (entries.size > 0 && entries.size + fresh.size > maxQueued) {
        throw new QueueFullError({ limit: maxQueued, problem: `holds ${entries.size} of ${maxQueued} jobs` })
      }
      for (const [id, job] of fresh) {
        const media = JSON.stringify([job.accountId, job.media.mediaId])
        const entry: Entry = { id, media, place: places++, job, attempt: 1 }
        entries.set(id, entry)
        ready.put(entry)
      }
      // After the caller's answer: the webhook's 200 must not wait for the first download's start.
      setImmediate(fill)
    },
    start(processJob) {
      process = processJob
      fill()
    },
    close({ timeoutMs } = {}) {
      // SIGTERM and SIGINT may both come: the second asks for the same end, perhaps sooner.
      if (timeoutMs !== undefined && !stopped.signal.aborted) {
        deadlines.push(setTimeout(() => onIdle?.(), Math.min(timeoutMs, MAX_TIMER_MS)))
      }
      closing ??= shutDown()
      return closing
    },
  }
}

function checkCount(option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new InvalidOptionError({ option, problem: `must be a positive whole number, got ${describeValue(value)}` })
  }
}

/** The global `awslambda` alone proves nothing: the AWS SDK makes one wherever it is loaded. Lambda's own can stream. */
function isLambda(): boolean {
  const runtime: unknown = Reflect.get(globalThis, 'awslambda')
  return typeof runtime === 'object' && runtime !== null && 'streamifyResponse' in runtime
}
