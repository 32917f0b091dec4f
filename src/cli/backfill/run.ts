import { setMaxListeners } from 'node:events'
import { type AnyWhatsAppMediaError, StorageFailedError } from '../../errors.js'
import { findAskedDelayMs } from '../../media-archive/delays.js'
import type { JobOutcome, MediaJob, ProcessJob } from '../../queues.js'
import { decideBackoffSeconds } from '../../timing/backoff.js'
import { createScheduler } from '../../timing/scheduler.js'
import type { Interrupts } from '../command.js'
import type { Entry, JobEntry } from './input.js'
import type { EntryName, Finding } from './record.js'
import { createWindow } from './window.js'

export interface RunOptions {
  entries: AsyncIterable<Entry>
  /** One attempt of an entry's job. */
  processJob: ProcessJob
  /** What became of the entry whose job is done. */
  archived(entry: JobEntry): Finding
  /** Told of each entry's end, once. */
  onEnd(name: EntryName, finding: Finding): void
  /** Whether Meta has rejected the token of the job's number so often that waiting helps no more. */
  isTokenDead(job: MediaJob): boolean
  concurrency: number
  /** Entries in hand at most, waiting ones included. */
  windowEntries: number
  interrupts: Interrupts
}

export interface BackfillRun {
  /** Resolves when every entry has ended, or what was under way has after an interrupt. Rejects when going on is of no use. */
  ended: Promise<void>
  /** Entries that wait for another try. */
  waiting(): number
}

/** An entry in hand. */
interface Held {
  entry: JobEntry
  media: string
  attempt: number
  endsAt: number
}

/** So many in a row that the storage refused for good say something about the storage. */
const MOST_REFUSALS = 20
/** How often media whose time is over is tried when something else than the media fails. */
const LATE_ATTEMPTS = 3
/** How long the first entries of a slow source wait for others that might be more urgent. */
const FIRST_MS = 2_000

/**
 * Runs the entries' jobs, so many at once, the most urgent of those in hand first. What has to wait (a retry, an account's
 * pause or limit) lets others pass. Media that is under way is not begun a second time: its other entries then find the
 * object.
 */
export function startRun(options: RunOptions): BackfillRun {
  const { processJob, onEnd, concurrency, windowEntries, interrupts } = options
  const source = options.entries[Symbol.asyncIterator]()
  let inHand = 0
  let reading: 'idle' | 'busy' | 'over' = 'idle'
  let refusals = 0
  let problem: { error: unknown } | undefined
  let settle: { resolve(): void; reject(error: unknown): void }
  const ended = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  setMaxListeners(0, interrupts.abort)

  const run = async (held: Held): Promise<void> => {
    try {
      const outcome = await processJob(held.entry.job, { attempt: held.attempt, signal: interrupts.abort })
      const next = judgeOutcome(held, { outcome, ...options })
      if ('finding' in next) end(held, next.finding)
      else scheduler.addLater(next.held, next.afterSeconds * 1_000)
    } catch (error) {
      fail(error)
    }
  }

  const proceed = (): void => {
    const isStopped = interrupts.stop.aborted || problem !== undefined
    if (isStopped) scheduler.stop()
    else if (reading === 'idle' && inHand < windowEntries) void read()
    if (scheduler.running > 0 || !(isStopped || (reading === 'over' && inHand === 0))) return
    clearTimeout(first)
    if (problem === undefined) settle.resolve()
    else settle.reject(problem.error)
  }

  const scheduler = createScheduler<Held>({
    ...{ concurrency, run, onProceed: proceed },
    createHeap: () => createWindow(),
    getKey: ({ media }) => media,
  })

  const fail = (error: unknown): void => {
    problem ??= { error }
    scheduler.stop()
  }

  const read = async (): Promise<void> => {
    reading = 'busy'
    try {
      while (inHand < windowEntries && !interrupts.stop.aborted && problem === undefined) {
        const { done, value } = await source.next()
        if (done === true) {
          reading = 'over'
          break
        }
        take(value)
      }
    } catch (error) {
      // A stop closes the source under the reader.
      if (!interrupts.stop.aborted) fail(error)
    }
    if (reading === 'busy') reading = 'idle'
    scheduler.start()
  }

  const take = (entry: Entry): void => {
    if ('error' in entry) {
      onEnd(entry.name, describeFailure(entry.error))
      return
    }
    inHand++
    const { accountId, media } = entry.job
    scheduler.add({ entry, attempt: 1, endsAt: entry.endsAt, media: JSON.stringify([accountId, media.mediaId]) })
    scheduler.proceed()
  }

  const end = (held: Held, finding: Finding): void => {
    inHand--
    onEnd(held.entry.name, finding)
    refusals = finding.is === 'failed' && finding.code === 'storage-failed' ? refusals + 1 : 0
    if (refusals < MOST_REFUSALS) return
    const reason = `the last ${MOST_REFUSALS} objects were refused`
    fail(new StorageFailedError({ operation: 'put', key: 'anything', reason, retryable: false }))
  }

  interrupts.stop.addEventListener('abort', scheduler.proceed, { once: true })
  const first = setTimeout(scheduler.start, FIRST_MS)
  scheduler.proceed()
  return { ended, waiting: () => scheduler.waiting }
}

/** An entry's end, or the entry to try again and when. */
type NextStep = { finding: Finding } | { held: Held; afterSeconds: number }

function judgeOutcome(
  held: Held,
  { outcome, archived, isTokenDead }: { outcome: JobOutcome } & Pick<RunOptions, 'archived' | 'isTokenDead'>,
): NextStep {
  const { entry, attempt } = held
  if (outcome.outcome === 'done') return { finding: archived(entry) }
  if (outcome.outcome === 'dead-letter') {
    const afterSeconds = decideLateDelay(held, outcome.error)
    if (afterSeconds === undefined) return { finding: describeEnd(outcome.error, entry) }
    return { held: { ...held, attempt: attempt + 1 }, afterSeconds }
  }
  const { job, isAttempt, afterSeconds, error } = outcome
  if (isTokenError(error) && isTokenDead(job)) return { finding: describeFailure(error) }
  return { held: { ...held, entry: { ...entry, job }, attempt: attempt + (isAttempt ? 1 : 0) }, afterSeconds }
}

/**
 * The archive gives up at the first fault once the media's time is over. What the network did says nothing about the
 * media, so a few more tries follow.
 */
function decideLateDelay({ attempt, endsAt }: Held, error: AnyWhatsAppMediaError): number | undefined {
  const isPassing = error.code === 'download-failed' || error.code === 'graph-api' || error.code === 'timeout'
  const isStorage = error.code === 'storage-failed'
  if (!error.retryable || !(isPassing || isStorage) || attempt >= LATE_ATTEMPTS || endsAt > Date.now()) return undefined
  return decideBackoffSeconds(attempt, findAskedDelayMs(error))
}

const DAY_MS = 86_400_000

function describeEnd(error: AnyWhatsAppMediaError, { job: { media } }: JobEntry): Finding {
  if (error.code !== 'media-gone') return describeFailure(error)
  const days = (Date.now() - Date.parse(media.timestamp)) / DAY_MS
  return { is: 'gone', ageDays: Math.max(0, Math.round(days * 10) / 10) }
}

function describeFailure({ code, message }: AnyWhatsAppMediaError): Finding {
  return { is: 'failed', code, reason: message }
}

function isTokenError(error: unknown): error is AnyWhatsAppMediaError & { code: 'access-token' } {
  return error instanceof Object && 'code' in error && error.code === 'access-token'
}
