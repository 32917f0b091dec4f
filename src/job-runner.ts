import { type Account, type Accounts, findAccount } from './accounts.js'
import { type ArchivedMessageMedia, deadlineOf } from './archive.js'
import {
  AccessTokenError,
  type AnyWhatsAppMediaError,
  describeValue,
  InvalidOptionError,
  WhatsAppMediaError,
} from './errors.js'
import { emit, type OnEvent } from './events.js'
import { type MediaFailure, mediaFailure, withoutUrl } from './failure.js'
import { type JobOutcome, type MediaJob, type ProcessJob, retryDelaySeconds } from './jobs.js'
import type { MediaReference } from './media-reference.js'
import { createPauses } from './pauses.js'

/** One run: what is archived, and until when its caller waits. */
export interface ArchiveContext {
  media: MediaReference
  signal: AbortSignal | undefined
}

/** What a run needs of its archive. */
export interface JobSurroundings {
  accounts: Accounts
  archiveFor(accountId: string, account: Account, context: ArchiveContext): Promise<ArchivedMessageMedia>
  onArchived: ((media: ArchivedMessageMedia) => unknown) | undefined
  /** Tells the owner of a failure. */
  tell(failure: MediaFailure): Promise<void>
  onEvent: OnEvent | undefined
}

/** Runs one attempt of a job and says what its queue has to do. */
export function createJobRunner(surroundings: JobSurroundings): ProcessJob {
  const { accounts, archiveFor, onArchived, tell, onEvent } = surroundings
  const pauses = createPauses((accountId, forSeconds) =>
    emit(onEvent, { type: 'account-paused', accountId, forSeconds }),
  )

  return async (job, { attempt, signal }): Promise<JobOutcome> => {
    const { accountId, media } = job
    let deadlineAt = Number.POSITIVE_INFINITY
    const later = (error: unknown, afterSeconds: number, isAttempt = true): JobOutcome => ({
      outcome: 'retry',
      afterSeconds,
      until: new Date(Math.min(deadlineAt || 0, Date.now() + MAX_LIFETIME_MS)).toISOString(),
      isAttempt,
      error,
    })
    const pausedFor = pauses.secondsLeft(accountId)
    if (pausedFor > 0) return later(new AccessTokenError({ reason: 'rejected', account: accountId }), pausedFor, false)
    const run = async (): Promise<ArchivedMessageMedia> => {
      checkVersion(job)
      const account = await findAccount(accounts, media.phoneNumberId)
      deadlineAt = deadlineOf(media, account.mediaLifetimeMs)
      // The number may have moved to another account since, but the media is the old one's.
      // A second attempt does not trust what failed the first: the look-up tells a fresh URL.
      const archived = await archiveFor(accountId, account, { media: attempt > 1 ? withoutUrl(media) : media, signal })
      pauses.end(accountId)
      return archived
    }
    const judge = async (error: unknown): Promise<JobOutcome> => {
      // Whoever stops a worker says nothing about the media.
      if (!WhatsAppMediaError.is(error) || signal?.aborted === true) return later(error, retryDelaySeconds(attempt))
      const mayWait = Date.now() < deadlineAt
      if (mayWait && error.code === 'access-token') return later(error, pauses.begin(accountId), false)
      if (mayWait && isWorthAnother(error, attempt)) {
        return later(error, retryDelaySeconds(attempt, 'retryAfterMs' in error ? error.retryAfterMs : undefined))
      }
      emit(onEvent, { type: 'dead-letter', error, mediaId: media.mediaId, accountId })
      await tell(mediaFailure(media, error, accountId))
      return { outcome: 'dead-letter', error }
    }
    // What the owner's own code throws says nothing about the media either, not even one of this library's errors.
    const hand = async (archived: ArchivedMessageMedia): Promise<JobOutcome> => {
      await onArchived?.(archived)
      return { outcome: 'done' }
    }
    const notHandedOver = (error: unknown): JobOutcome => later(error, retryDelaySeconds(attempt))
    return run()
      .then((archived) => hand(archived), judge)
      .catch(notHandedOver)
  }
}

function checkVersion({ version }: MediaJob): void {
  if (version !== 1) throw new InvalidOptionError('job.version', `must be 1, got ${describeValue(version)}`)
}

/** No media lives longer at Meta than it does for a week; a job without a known deadline is not promised more. */
const MAX_LIFETIME_MS = 604_800_000

/** Media whose bytes stay wrong, and media that is gone, will hardly be right later; each gets some late tries. */
const MOST_ATTEMPTS: Partial<Record<AnyWhatsAppMediaError['code'], number>> = {
  'integrity-mismatch': 3,
  'media-gone': 2,
}

function isWorthAnother(error: AnyWhatsAppMediaError, attempt: number): boolean {
  const most = MOST_ATTEMPTS[error.code]
  return most === undefined ? error.retryable : attempt < most
}
