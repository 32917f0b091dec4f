import { setMaxListeners } from 'node:events'
import { isRateLimit } from '../../download/graph-error.js'
import { type AnyWhatsAppMediaError, StorageFailedError } from '../../errors.js'
import { type JobOutcome, type MediaJob, type ProcessJob, retryDelaySeconds } from '../../queues.js'
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
/** Meta's limits count by the minute at the least. */
const RATE_LIMIT_MS = 60_000
/** How long the first entries of a slow source wait for others that might be more urgent. */
const FIRST_MS = 2_000

/**
 * Runs the entries' jobs, so many at once, the most urgent of those in hand first. What has to wait (a retry, an account's
 * pause or limit) lets others pass. Media that is under way is not begun a second time: its other entries then find the
 * object.
 */
export function startRun(options: RunOptions): BackfillRun {
  const { processJob, archived, onEnd, isTokenDead, concurrency, windowEntries, interrupts } = options
  const source = options.entries[Symbol.asyncIterator]()
  const ready = createWindow<Held>()
  const waiting = new Map<Held, NodeJS.Timeout>()
  const running = new Map<string, Held[]>()
  let inHand = 0
  let reading: 'idle' | 'busy' | 'over' = 'idle'
  let isSorted = false
  let refusals = 0
  let problem: { error: unknown } | undefined
  let settle: { resolve(): void; reject(error: unknown): void }
  const ended = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  setMaxListeners(0, interrupts.abort)

  const isStopped = (): boolean => interrupts.stop.aborted || problem !== undefined

  const proceed = (): void => {
    if (isStopped()) {
      for (const timer of waiting.values()) clearTimeout(timer)
    } else {
      if (reading === 'idle' && inHand < windowEntries) void read()
      while (isSorted && running.size < concurrency && start());
    }
    if (running.size > 0 || !(isStopped() || (reading === 'over' && inHand === 0))) return
    clearTimeout(first)
    if (problem === undefined) settle.resolve()
    else settle.reject(problem.error)
  }

  const read = async (): Promise<void> => {
    reading = 'busy'
    try {
      while (inHand < windowEntries && !isStopped()) {
        const { done, value } = await source.next()
        if (done === true) {
          reading = 'over'
          break
        }
        take(value)
      }
    } catch (error) {
      // A stop closes the source under the reader.
      if (!isStopped()) problem = { error }
    }
    if (reading === 'busy') reading = 'idle'
    isSorted = true
    proceed()
  }

  const take = (entry: Entry): void => {
    if ('error' in entry) {
      onEnd(entry.name, failed(entry.error))
      return
    }
    inHand++
    const { accountId, media } = entry.job
    ready.add({ entry, attempt: 1, endsAt: entry.endsAt, media: JSON.stringify([accountId, media.mediaId]) })
    if (isSorted) proceed()
  }

  /** @returns whether there was something to start. */
  const start = (): boolean => {
    const held = ready.take()
    if (held === undefined) return false
    const others = running.get(held.media)
    if (others !== undefined) {
      others.push(held)
      return true
    }
    const behind: Held[] = []
    running.set(held.media, behind)
    void processJob(held.entry.job, { attempt: held.attempt, signal: interrupts.abort })
      .then((outcome) => judge(held, outcome))
      .catch((error: unknown) => {
        problem ??= { error }
      })
      .then(() => {
        running.delete(held.media)
        for (const each of behind) ready.add(each)
        proceed()
      })
    return true
  }

  const judge = (held: Held, outcome: JobOutcome): void => {
    const { entry, attempt } = held
    if (outcome.outcome === 'done') end(held, archived(entry))
    else if (outcome.outcome === 'dead-letter') {
      const seconds = lateDelay(held, outcome.error)
      if (seconds === undefined) end(held, findingOf(outcome.error, entry))
      else wait({ ...held, attempt: attempt + 1 }, seconds)
    } else if (isTokenError(outcome.error) && isTokenDead(outcome.job)) end(held, failed(outcome.error))
    else {
      const { job, isAttempt, afterSeconds } = outcome
      wait({ ...held, entry: { ...entry, job }, attempt: attempt + (isAttempt ? 1 : 0) }, afterSeconds)
    }
  }

  const wait = (held: Held, seconds: number): void => {
    if (isStopped()) return
    const timer = setTimeout(() => {
      waiting.delete(held)
      ready.add(held)
      proceed()
    }, seconds * 1_000)
    waiting.set(held, timer)
  }

  const end = (held: Held, finding: Finding): void => {
    inHand--
    onEnd(held.entry.name, finding)
    refusals = finding.is === 'failed' && finding.code === 'storage-failed' ? refusals + 1 : 0
    if (refusals < MOST_REFUSALS) return
    const reason = `the last ${MOST_REFUSALS} objects were refused`
    problem ??= { error: new StorageFailedError({ operation: 'put', key: 'anything', reason, retryable: false }) }
  }

  interrupts.stop.addEventListener('abort', proceed, { once: true })
  const first = setTimeout(() => {
    isSorted = true
    proceed()
  }, FIRST_MS)
  proceed()
  return { ended, waiting: () => waiting.size }
}

/**
 * The archive gives up at the first fault once the media's time is over. What the network did says nothing about the
 * media, so a few more tries follow.
 */
function lateDelay({ attempt, endsAt }: Held, error: AnyWhatsAppMediaError): number | undefined {
  const isPassing = error.code === 'download-failed' || error.code === 'graph-api' || error.code === 'timeout'
  const isStorages = error.code === 'storage-failed'
  if (!error.retryable || !(isPassing || isStorages) || attempt >= LATE_ATTEMPTS || endsAt > Date.now())
    return undefined
  const asked = 'retryAfterMs' in error ? error.retryAfterMs : undefined
  return retryDelaySeconds(attempt, asked ?? (isRateLimit(error) ? RATE_LIMIT_MS : 0))
}

const DAY_MS = 86_400_000

function findingOf(error: AnyWhatsAppMediaError, { job: { media } }: JobEntry): Finding {
  if (error.code !== 'media-gone') return failed(error)
  const days = (Date.now() - Date.parse(media.timestamp)) / DAY_MS
  return { is: 'gone', ageDays: Math.max(0, Math.round(days * 10) / 10) }
}

function failed({ code, message }: AnyWhatsAppMediaError): Finding {
  return { is: 'failed', code, reason: message }
}

function isTokenError(error: unknown): error is AnyWhatsAppMediaError & { code: 'access-token' } {
  return error instanceof Object && 'code' in error && error.code === 'access-token'
}
