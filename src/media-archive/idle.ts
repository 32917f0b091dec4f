import { setImmediate } from 'node:timers/promises'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkMilliseconds, checkSignal } from '../errors/checks.js'
import { TimeoutError, WhatsAppMediaError } from '../errors.js'
import type { JobCounts, MediaQueue } from '../queues.js'
import { abortable, createController, within } from '../timing/abort.js'
import type { Calls } from './calls.js'

/** How long `archive.idle` waits. */
export interface IdleOptions {
  /** Milliseconds. */
  timeoutMs?: number | undefined
  /** Ends the wait, with its reason. */
  signal?: AbortSignal | undefined
}

const IDLE_OPTIONS: OptionNames<IdleOptions> = { timeoutMs: true, signal: true }

/** Where an archive's work is done. */
interface WorkingParts {
  calls: Pick<Calls, 'size' | 'waitForWork'>
  queue: MediaQueue | undefined
}

/**
 * Resolves when no call, no run of a job, and no job of a queue of this process is left.
 *
 * @throws TimeoutError that says what is left; InvalidOptionError; the signal's reason.
 */
export async function waitUntilIdle(parts: WorkingParts, options: IdleOptions = {}): Promise<void> {
  checkOptions(options, IDLE_OPTIONS)
  const { timeoutMs = 4_000, signal } = options
  checkMilliseconds('timeoutMs', timeoutMs)
  if (signal !== undefined) checkSignal('signal', signal)
  const over = createController()
  const otherwise = (): never => {
    throw describeWork(parts, timeoutMs)
  }
  try {
    await within(timeoutMs, abortable(finishWork(parts, over.signal), signal), { otherwise })
  } finally {
    over.abort()
  }
}

async function finishWork({ calls, queue }: WorkingParts, over: AbortSignal): Promise<void> {
  do {
    await calls.waitForWork()
    await queue?.idle?.({ signal: over })
    // A queue of your own that says it is idle, and counts jobs, must not keep the timers from running.
    await setImmediate()
  } while (!over.aborted && (calls.size > 0 || countOpenJobs(queue).open > 0))
}

const NO_JOBS: JobCounts = { open: 0, waiting: 0 }

function countOpenJobs(queue: MediaQueue | undefined): JobCounts {
  return queue?.idle === undefined ? NO_JOBS : (queue.countJobs?.() ?? NO_JOBS)
}

function describeWork({ calls, queue }: WorkingParts, limitMs: number): TimeoutError {
  const { open, waiting, next } = countOpenJobs(queue)
  const first = next === undefined ? '' : `, the first until ${next.at.toISOString()}`
  const waits = waiting === 0 ? '' : ` (waiting for another attempt: ${waiting}${first})`
  const jobs = queue?.idle === undefined ? '' : `jobs in the queue: ${open}${waits}; `
  const work = `${jobs}calls and attempts under way: ${calls.size}`
  const why = WhatsAppMediaError.is(next?.error) ? { cause: next.error } : {}
  return new TimeoutError({ waitedFor: 'idle', limitMs, work, ...why })
}
