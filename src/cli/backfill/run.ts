import { judgeFault } from '../../archive/judge-fault.js'
import { readField } from '../../errors/thrown.js'
import { type AnyWhatsAppMediaError, StorageFailedError, WhatsAppMediaError } from '../../errors.js'
import { findAskedDelayMs } from '../../media-archive/delays.js'
import type { MediaJob, ProcessJob } from '../../queues.js'
import { allowManyListeners, callOnAbort } from '../../timing/abort.js'
import { decideBackoffSeconds } from '../../timing/backoff.js'
import { createScheduler } from '../../timing/scheduler.js'
import type { Interrupts } from '../command.js'
import type { BackfillEntry, JobEntry } from './input.js'
import type { EntryEnd, EntryName } from './record.js'
import { createWindow } from './window.js'

export interface RunOptions {
  entries: AsyncIterable<BackfillEntry>
  /** One attempt of an entry's job. */
  processJob: ProcessJob
  /** The end of an entry whose job is done. */
  archived(entry: JobEntry): EntryEnd
  /** Called at each entry's end, once. */
  onEnd(name: EntryName, end: EntryEnd): void
  /** Whether Meta has rejected the token of the job's number so often that more attempts are useless. */
  isTokenDead(job: MediaJob): boolean
  /** Jobs at once. */
  concurrency: number
  /** The most entries in memory, waiting ones included. */
  windowEntries: number
  interrupts: Interrupts
}

export interface BackfillRun {
  /** Resolves when every entry has ended, or after an interrupt every running job. Rejects when no entry can succeed. */
  ended: Promise<void>
  /** Entries that wait for another attempt. */
  waiting(): number
}

/** An entry in memory. */
interface WindowEntry {
  entry: JobEntry
  /** The same for all entries of one media item. */
  media: string
  attempt: number
  endsAt: number
}

/** After so many refusals in a row the storage is at fault, not the objects. */
const MOST_REFUSALS = 20
/** Attempts at media whose time is over, while something other than the media fails. */
const LATE_ATTEMPTS = 3
/** How long the first entries of a slow source wait for others that might be more urgent. */
const FIRST_MS = 2_000

/**
 * Runs the entries' jobs, `concurrency` at once, the most urgent entry in memory first. An entry that has to wait (for a
 * retry, an account's pause or a limit) lets others pass. Two entries of one media item never run at once: the second
 * finds the object of the first.
 */
export function startRun(options: RunOptions): BackfillRun {
  const { onEnd, concurrency, windowEntries, interrupts } = options
  allowManyListeners(interrupts.abort)
  let inWindow = 0
  let problem: { error: unknown } | undefined
  const { ended, settle } = createEnding()
  const isStopped = (): boolean => interrupts.stop.aborted || problem !== undefined
  const fail = (error: unknown): void => {
    problem ??= { error }
    scheduler.stop()
  }
  const limitRefusals = createRefusalLimit()
  const run = async (held: WindowEntry): Promise<void> => {
    const next = await attemptEntry(held, options)
    if (next.step === 'wait') return scheduler.addLater(next.held, next.afterSeconds * 1_000)
    inWindow--
    onEnd(held.entry.name, next.end)
    limitRefusals(next.end)
  }
  const take = (entry: BackfillEntry): void => {
    if (entry.kind === 'lost') {
      onEnd(entry.name, describeFailedEntry(entry.error))
      return
    }
    inWindow++
    scheduler.add(toWindowEntry(entry))
    scheduler.proceed()
  }
  const proceed = (): void => {
    if (isStopped()) scheduler.stop()
    else void reader.read()
    if (scheduler.running > 0 || !(isStopped() || (reader.isOver() && inWindow === 0))) return
    clearTimeout(first)
    settle(problem)
  }
  const scheduler = createScheduler<WindowEntry>({
    ...{ concurrency, run: (held) => run(held).catch(fail), onProceed: proceed },
    createHeap: () => createWindow(),
    getKey: ({ media }) => media,
  })
  const mayRead = (): boolean => inWindow < windowEntries && !isStopped()
  const reader = createEntryReader(options.entries, { mayRead, take, fail, onPause: scheduler.start })
  const first = setTimeout(scheduler.start, FIRST_MS)
  callOnAbort(interrupts.stop, scheduler.proceed)
  scheduler.proceed()
  return { ended, waiting: () => scheduler.waiting }
}

/** The end of a run, and the function that brings it about. */
function createEnding(): { ended: Promise<void>; settle(problem: { error: unknown } | undefined): void } {
  let resolver: { resolve(): void; reject(error: unknown): void }
  const ended = new Promise<void>((resolve, reject) => {
    resolver = { resolve, reject }
  })
  return {
    ended,
    settle: (problem) => (problem === undefined ? resolver.resolve() : resolver.reject(problem.error)),
  }
}

interface EntryReader {
  /** Reads on until `mayRead` says no; does nothing while it reads. Never rejects. */
  read(): Promise<void>
  isOver(): boolean
}

function createEntryReader(
  entries: RunOptions['entries'],
  options: {
    mayRead(): boolean
    take(entry: BackfillEntry): void
    fail(error: unknown): void
    onPause(): void
  },
): EntryReader {
  const { mayRead, take, fail, onPause } = options
  const source = entries[Symbol.asyncIterator]()
  let state: 'idle' | 'busy' | 'over' = 'idle'
  const readOn = async (): Promise<typeof state> => {
    while (mayRead()) {
      const { done, value } = await source.next()
      if (done === true) return 'over'
      take(value)
    }
    return 'idle'
  }
  return {
    async read() {
      if (state !== 'idle' || !mayRead()) return
      state = 'busy'
      state = await readOn().catch((error: unknown) => {
        // A stop closes the source under the reader.
        if (mayRead()) fail(error)
        return 'idle'
      })
      onPause()
    },
    isOver: () => state === 'over',
  }
}

function toWindowEntry(entry: JobEntry): WindowEntry {
  const { accountId, media } = entry.job
  return { entry, attempt: 1, endsAt: entry.endsAt, media: JSON.stringify([accountId, media.mediaId]) }
}

/** @returns a function that counts refused objects, and throws StorageFailedError at the last one in a row. */
function createRefusalLimit(): (end: EntryEnd) => void {
  let refusals = 0
  return (end) => {
    refusals = end.is === 'failed' && end.code === 'storage-failed' ? refusals + 1 : 0
    if (refusals < MOST_REFUSALS) return
    const reason = `the last ${MOST_REFUSALS} objects were refused`
    throw new StorageFailedError({ operation: 'put', key: 'anything', reason, retryable: false })
  }
}

/** An entry's end, or the entry to try again and when. */
type NextStep = { step: 'end'; end: EntryEnd } | { step: 'wait'; held: WindowEntry; afterSeconds: number }

async function attemptEntry(
  held: WindowEntry,
  { processJob, archived, isTokenDead, interrupts }: RunOptions,
): Promise<NextStep> {
  const { entry, attempt } = held
  const outcome = await processJob(entry.job, { attempt, signal: interrupts.abort })
  if (outcome.outcome === 'done') return { step: 'end', end: archived(entry) }
  if (outcome.outcome === 'dead-letter') {
    const afterSeconds = decideLateDelay(held, outcome.error)
    if (afterSeconds === undefined) return { step: 'end', end: describeEnd(outcome.error, entry) }
    return { step: 'wait', held: { ...held, attempt: attempt + 1 }, afterSeconds }
  }
  const { job, isAttempt, afterSeconds, error } = outcome
  if (isTokenError(error) && isTokenDead(job)) return { step: 'end', end: describeFailedEntry(error) }
  // An operator watches: what is set up wrongly is mended, and the run begun again.
  if (WhatsAppMediaError.is(error) && isSetupFault(error)) return { step: 'end', end: describeFailedEntry(error) }
  const next = { ...held, entry: { ...entry, job }, attempt: attempt + (isAttempt ? 1 : 0) }
  return { step: 'wait', held: next, afterSeconds }
}

/**
 * The archive gives up at the first fault once the media's time is over. A fault of the network says nothing about the
 * media, so a few more attempts follow.
 */
function decideLateDelay({ attempt, endsAt }: WindowEntry, error: AnyWhatsAppMediaError): number | undefined {
  const isPassing = error.code === 'download-failed' || error.code === 'graph-api' || error.code === 'timeout'
  const isStorage = error.code === 'storage-failed'
  if (!error.retryable || !(isPassing || isStorage) || attempt >= LATE_ATTEMPTS || endsAt > Date.now()) return undefined
  return decideBackoffSeconds(attempt, findAskedDelayMs(error))
}

const DAY_MS = 86_400_000

function describeEnd(error: AnyWhatsAppMediaError, { job: { media } }: JobEntry): EntryEnd {
  if (error.code !== 'media-gone') return describeFailedEntry(error)
  const days = (Date.now() - Date.parse(media.timestamp)) / DAY_MS
  return { is: 'gone', ageDays: Math.max(0, Math.round(days * 10) / 10) }
}

function describeFailedEntry({ code, message }: AnyWhatsAppMediaError): EntryEnd {
  return { is: 'failed', code, reason: message }
}

/** A fault of a whole that no wait mends. */
function isSetupFault(error: AnyWhatsAppMediaError): boolean {
  return !error.retryable && error.code !== 'access-token' && judgeFault(error).about === 'whole'
}

function isTokenError(error: unknown): error is AnyWhatsAppMediaError & { code: 'access-token' } {
  return readField(error, 'code') === 'access-token'
}
