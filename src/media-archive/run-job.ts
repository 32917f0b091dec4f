import type { ArchiveMemory } from '../archive/plan.js'
import type { ArchivedMessageMedia } from '../archive.js'
import { emit, type OnEvent } from '../events.js'
import type { HttpClient } from '../http/client.js'
import { removeDownloadAccess } from '../media-reference/download-access.js'
import { getMediaDeadline, type MediaReference } from '../media-reference.js'
import type { JobOutcome, ProcessJob } from '../queues.js'
import { linkSignals } from '../timing/abort.js'
import type { Account } from './accounts.js'
import type { Callbacks } from './callbacks.js'
import { cutDelay, cutPause, spreadDelay } from './delays.js'
import { buildRetry, countSecondsLeft, describePausedJob, type JobAttempt, readJobAttempt } from './job-attempt.js'
import { createKnownGone, type KnownGone } from './known-gone.js'
import { createPauseLog } from './pause-log.js'
import { createPauses, type PauseListener, type Pauses } from './pauses.js'
import { createFailureSettler, reportInTime, reportOutcome } from './settle-failure.js'
import { watchUsage } from './watch-usage.js'

/** One archiving of one media item, and until when its caller waits. */
export interface ArchiveCall extends Omit<ArchiveMemory, 'tokens'> {
  media: MediaReference
  /** The HTTP client as this call sees it. */
  watch?: ((http: HttpClient) => HttpClient) | undefined
  signal: AbortSignal
}

export interface JobRunnerOptions {
  callbacks: Callbacks
  archiveForAccount(accountId: string, account: Account, call: ArchiveCall): Promise<ArchivedMessageMedia>
  /** See `MediaArchiveOptions`. */
  maxGonePerHour: number
  attempts: number
  /** See `RetryOptions`. */
  waitScale?: number | undefined
  onEvent: OnEvent | undefined
}

/** Runs one attempt of a job and says what its queue has to do. */
export function createJobRunner(options: JobRunnerOptions): ProcessJob {
  const { callbacks, archiveForAccount, maxGonePerHour, attempts, waitScale = 1, onEvent } = options
  const now = createWaitClock(waitScale)
  const hear: PauseListener =
    onEvent === undefined ? createPauseLog() : (pause) => emit(onEvent, { type: 'account-paused', ...pause })
  const pauses = createPauses(hear, { now, sharesStorage: callbacks.sharesStorage })
  const knownGone = createKnownGone({ maxGonePerHour, pauseAccount: pauses.pauseAccount, now })
  const { decide, giveUp } = createFailureSettler({ callbacks, pauses, knownGone, onEvent })

  const archive = createJobArchiver({ archiveForAccount, pauses, knownGone })

  const runAttempt = async (attempt: JobAttempt): Promise<JobOutcome> => {
    const stop = linkSignals([attempt.signal], { deadline: attempt.deadline })
    let archived: ArchivedMessageMedia
    let leave = (): void => {}
    try {
      // The account comes first: the lifetime of its media decides how long a job can pause.
      const account = await callbacks.findAccount(attempt.job.media.phoneNumberId, stop.signal)
      attempt.deadlineAt = findDeadline(attempt, account)
      const pause = findPause(attempt, pauses)
      if (pause !== undefined) return pause
      leave = pauses.enter(describePausedJob(attempt))
      archived = await archive(attempt, { account, signal: stop.signal })
      // An object that was there before says nothing about puts.
      if (!archived.alreadyStored) pauses.noteStored(describePausedJob(attempt))
    } finally {
      leave()
      stop.clear()
    }
    await reportInTime(attempt, (signal) => callbacks.reportArchived(archived, signal))
    return { outcome: 'done' }
  }

  return async (job, context) => {
    const attempt = readJobAttempt(job, { ...context, attempts })
    const { problem } = attempt
    const decideNext = (error: unknown): Promise<JobOutcome> => decide(attempt, error)
    const running = problem === undefined ? runAttempt(attempt).catch(decideNext) : giveUp(attempt, problem)
    // Giving up may fail in its turn, in onFailed.
    const outcome = await running.catch(decideNext)
    reportOutcome(attempt, outcome, onEvent)
    return shortenWait(outcome, waitScale)
  }
}

type JobArchiver = (
  run: JobAttempt,
  options: { account: Account; signal: AbortSignal },
) => Promise<ArchivedMessageMedia>

/** Archives the media of one attempt. @throws the error of media that is known to be gone, without a call. */
function createJobArchiver({
  archiveForAccount,
  pauses,
  knownGone,
}: Pick<JobRunnerOptions, 'archiveForAccount'> & { pauses: Pauses; knownGone: KnownGone }): JobArchiver {
  return async (run, { account, signal }) => {
    const { job, attempt, seen, made } = run
    const { accountId, media } = job
    const gone = knownGone.find(accountId, media.mediaId)
    // A fresh job has one look-up in any case: what hid the media may have been fixed.
    if (gone !== undefined && (attempt > 1 || job.faults !== undefined)) throw gone
    return archiveForAccount(accountId, account, {
      // A second attempt does not trust what failed the first: the look-up, where there is one, gives a fresh URL.
      media: attempt > 1 && media.encryption === undefined ? removeDownloadAccess(media) : media,
      ...{ signal, seen, made },
      watch: (http) => watchUsage(http, (seconds, error) => pauses.pauseAccount(accountId, seconds, error)),
      onLookUp: () => pauses.noteLookUp(describePausedJob(run)),
      onLastFailure(failure) {
        run.lastFailure = failure
      },
    })
  }
}

function shortenWait(outcome: JobOutcome, waitScale: number): JobOutcome {
  return outcome.outcome === 'retry' ? { ...outcome, afterSeconds: outcome.afterSeconds * waitScale } : outcome
}

/** A clock for pauses that are as much shorter as the waits: it runs as much faster. */
function createWaitClock(waitScale: number): () => number {
  const startedAt = Date.now()
  return () => (waitScale === 1 ? Date.now() : startedAt + (Date.now() - startedAt) / waitScale)
}

function findDeadline({ job, deadlineAt }: JobAttempt, { mediaLifetimeMs }: Account): number {
  // The archive refuses a lifetime that is no number. Many a database gives whole numbers as bigint.
  const deadline = new Date(
    getMediaDeadline(job.media, typeof mediaLifetimeMs === 'number' ? mediaLifetimeMs : undefined),
  )
  return Number.isNaN(deadline.getTime()) ? deadlineAt : deadline.getTime()
}

/** The outcome for a job that pauses; undefined when it may be tried. */
function findPause(attempt: JobAttempt, pauses: Pauses): JobOutcome | undefined {
  const job = describePausedJob(attempt)
  const pause = pauses.findWait(job)
  if (pause === undefined) return undefined
  const pauseSeconds = spreadDelay(pause.secondsLeft)
  const secondsLeft = countSecondsLeft(attempt)
  // Media that would expire in the meantime has its last try now, pause or not; expired media can wait.
  const isDying = secondsLeft > 0 && cutDelay(pauseSeconds, secondsLeft) === undefined
  if (isDying && pauses.findWait(job, { isDying }) === undefined) return undefined
  return buildRetry(attempt, {
    error: pause.error,
    afterSeconds: cutPause(pauseSeconds, secondsLeft),
    isAttempt: false,
  })
}
