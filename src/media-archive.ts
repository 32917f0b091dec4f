import { type Account, type Accounts, findAccount } from './accounts.js'
import { type ArchivedMedia, type ArchiveOptions, archiveMedia, deadlineOf } from './archive.js'
import { resolveDownload } from './download.js'
import {
  AccessTokenError,
  type AnyWhatsAppMediaError,
  describeValue,
  InvalidOptionError,
  MediaUnavailableError,
  WhatsAppMediaError,
} from './errors.js'
import { emit, messageIdHash } from './events.js'
import type { ExtractedMedia, UnavailableReason } from './extract.js'
import { type MediaFailure, mediaFailure } from './failure.js'
import { type JobOutcome, type MediaJob, type MediaQueue, type ProcessJob, retryDelaySeconds } from './jobs.js'
import { checkAccountId, resolveKeyLayout } from './key.js'
import type { MediaReference } from './media-reference.js'
import { createPauses } from './pauses.js'
import { checkRetry } from './retry.js'
import { type SignedMediaUrl, type SigningOptions, signUrl } from './signed-url.js'
import type { ObjectStorage } from './storage.js'
import type { StoredMedia } from './store.js'
import { type UploadBody, type UploadOptions, uploadToS3 } from './upload.js'

/** What is the same for all media of an archive. */
type SharedOptions = Pick<
  ArchiveOptions,
  | 'cloudApi'
  | 'http'
  | 'timeouts'
  | 'maxBytes'
  | 'attempts'
  | 'prefix'
  | 'keyLayout'
  | 'sniff'
  | 'integrity'
  | 'onEvent'
>

export interface MediaArchiveOptions extends SharedOptions {
  /** One storage for all, or one for each account (its own bucket, say). */
  storage: ObjectStorage | ((accountId: string) => ObjectStorage | Promise<ObjectStorage>)
  accounts: Accounts
  /** Where `enqueue` puts jobs. There is no default: what survives a crash is your decision. */
  queue?: MediaQueue
  /** Awaited after each archived item, also when it was stored before: at least once, so make it idempotent. */
  onArchived?: (media: ArchivedMedia) => unknown
  /** Awaited for each item that is given up. At least once, too. */
  onFailed?: (failure: MediaFailure) => unknown
}

export interface MediaArchive {
  /**
   * Hands media over to the queue; fits `createWebhookHandler`'s `onMedia`. Resolved means: as durable as the queue is.
   * What can't be downloaded, and numbers of no account, go to `onFailed` instead; an advertisement's picture and
   * history's placeholders only to `onEvent`, for their messages have not failed.
   *
   * @throws InvalidOptionError without a queue; QueueFullError; what `accounts` or `onFailed` throw. Nothing is lost by
   * calling again.
   */
  enqueue(media: MediaReference | readonly MediaReference[] | ExtractedMedia): Promise<void>
  /**
   * Archives one media item and calls `onArchived` or `onFailed`. Resolves when the object is proven and stored.
   *
   * @throws the error that `onFailed` got; what `accounts`, `onArchived` or `onFailed` throw; the signal's reason.
   */
  archive(media: MediaReference, options?: { signal?: AbortSignal }): Promise<ArchivedMedia>
  /** Runs one attempt of a job, for workers of durable queues. Never rejects. */
  processJob: ProcessJob
  /** Stores a file of the account's own, as `uploadToS3` does. */
  upload(body: UploadBody, options: ArchiveUploadOptions): Promise<StoredMedia>
  /** A signed URL for one of the account's objects. @throws WrongAccountError when the key is another account's. */
  signUrl(key: string, options: ArchiveSigningOptions): Promise<SignedMediaUrl>
  /**
   * Takes nothing more, works off what is under way and ready (for `timeoutMs` at most, default without end), and closes
   * the storages.
   *
   * @returns the jobs that are left, of queues that live in this process: enqueue them again, or lose them.
   */
  close(options?: { timeoutMs?: number }): Promise<MediaJob[]>
}

export type ArchiveUploadOptions = Omit<UploadOptions, 'storage' | 'key' | 'accountId' | keyof SharedOptions> & {
  accountId: string
}

export type ArchiveSigningOptions = Omit<SigningOptions, 'storage' | 'accountId' | keyof SharedOptions> & {
  accountId: string
}

/**
 * An archive for many accounts: configured once, used by webhook handlers, workers and readers.
 *
 * @throws InvalidOptionError at once for options of the wrong form.
 */
export function createMediaArchive(options: MediaArchiveOptions): MediaArchive {
  const { storage, accounts, queue, onArchived, onFailed, ...shared } = options
  if (typeof accounts !== 'function') {
    throw new InvalidOptionError('accounts', `must be a function, got ${describeValue(accounts)}`)
  }
  resolveDownload(shared)
  resolveKeyLayout(shared)
  checkRetry(shared)
  const used = new Set<ObjectStorage>(typeof storage === 'function' ? [] : [storage])
  const underWay = new Set<Promise<unknown>>()
  let isClosed = false
  const pauses = createPauses((accountId, forSeconds) =>
    emit(shared.onEvent, { type: 'account-paused', accountId, forSeconds }),
  )

  const storageOf = async (accountId: string): Promise<ObjectStorage> => {
    checkAccountId(accountId)
    const found = typeof storage === 'function' ? await storage(accountId) : storage
    used.add(found)
    return found
  }

  const track = <T>(start: () => Promise<T>): Promise<T> => {
    if (isClosed) return Promise.reject(new InvalidOptionError('archive', 'is closed'))
    const running = start()
    const forget = (): void => void underWay.delete(running)
    underWay.add(running)
    running.then(forget, forget)
    return running
  }

  const archiveFor = async (account: Account, media: MediaReference, signal?: AbortSignal): Promise<ArchivedMedia> =>
    archiveMedia(media, {
      ...shared,
      ...account,
      ...(signal === undefined ? {} : { signal }),
      storage: await storageOf(account.accountId),
    })

  const archive = async (media: MediaReference, signal: AbortSignal | undefined): Promise<ArchivedMedia> => {
    let accountId: string | undefined
    const archived = await findAccount(accounts, media.phoneNumberId)
      .then((account) => {
        accountId = account.accountId
        return archiveFor(account, media, signal)
      })
      .catch(async (error: unknown) => {
        if (WhatsAppMediaError.is(error)) await tell(mediaFailure(media, error, accountId))
        throw error
      })
    await onArchived?.(archived)
    return archived
  }

  const enqueue = async (found: ExtractedMedia): Promise<void> => {
    if (queue === undefined) throw new InvalidOptionError('queue', 'is needed to enqueue: give createMediaArchive one')
    const jobs: MediaJob[] = []
    const failures: MediaFailure[] = []
    // A webhook may hold a thousand updates of one number.
    const known = new Map<string, Promise<Account>>()
    for (const media of found.media) {
      const account = known.get(media.phoneNumberId) ?? findAccount(accounts, media.phoneNumberId)
      known.set(media.phoneNumberId, account)
      try {
        jobs.push({ version: 1, accountId: (await account).accountId, media })
      } catch (error) {
        if (!WhatsAppMediaError.is(error) || error.code !== 'unknown-number') throw error
        emit(shared.onEvent, { type: 'unknown-number', phoneNumberId: media.phoneNumberId, mediaId: media.mediaId })
        failures.push(mediaFailure(media, error))
      }
    }
    for (const media of found.unavailable) {
      const { reason, phoneNumberId, mediaId } = media
      emit(shared.onEvent, {
        type: 'media-unavailable',
        reason,
        phoneNumberId,
        ...(mediaId === undefined ? {} : { mediaId }),
      })
      if (!IS_NO_FAILURE.has(reason)) failures.push(mediaFailure(media, new MediaUnavailableError(media)))
    }
    for (const { messageId, phoneNumberId } of found.revoked) {
      emit(shared.onEvent, { type: 'message-revoked', messageIdHash: messageIdHash(messageId), phoneNumberId })
    }
    if (jobs.length > 0) await queue.enqueue(jobs)
    for (const failure of failures) await tell(failure)
  }

  const processJob: ProcessJob = async (job, { attempt, signal }): Promise<JobOutcome> => {
    const { accountId, media } = job
    let deadlineAt = Number.POSITIVE_INFINITY
    const later = (error: unknown, afterSeconds: number, isAttempt = true): JobOutcome => ({
      outcome: 'retry',
      afterSeconds,
      until: new Date(Math.min(deadlineAt, Date.now() + MAX_LIFETIME_MS)).toISOString(),
      isAttempt,
      error,
    })
    const pausedFor = pauses.secondsLeft(accountId)
    if (pausedFor > 0) return later(new AccessTokenError({ reason: 'rejected', account: accountId }), pausedFor, false)
    try {
      checkVersion(job)
      const account = await findAccount(accounts, media.phoneNumberId)
      deadlineAt = deadlineOf(media, account.mediaLifetimeMs)
      // The number may have moved to another account since, but the media is the old one's.
      const archived = await archiveFor({ ...account, accountId }, media, signal)
      pauses.end(accountId)
      await onArchived?.(archived)
      return { outcome: 'done' }
    } catch (error) {
      if (!WhatsAppMediaError.is(error)) return later(error, retryDelaySeconds(attempt))
      if (error.code === 'access-token' && Date.now() < deadlineAt) return later(error, pauses.begin(accountId))
      if (isWorthAnother(error, attempt) && Date.now() < deadlineAt) {
        return later(error, retryDelaySeconds(attempt, 'retryAfterMs' in error ? error.retryAfterMs : undefined))
      }
      emit(shared.onEvent, { type: 'dead-letter', error, mediaId: media.mediaId, accountId })
      return tell(mediaFailure(media, error, accountId)).then(
        () => ({ outcome: 'dead-letter', error }),
        (failedToTell: unknown) => later(failedToTell, retryDelaySeconds(attempt)),
      )
    }
  }

  const tell = async (failure: MediaFailure): Promise<void> => {
    await onFailed?.(failure)
  }
  queue?.start?.(processJob)

  return {
    enqueue: (media) => track(() => enqueue(asExtracted(media))),
    archive: (media, { signal } = {}) => track(() => archive(media, signal)),
    processJob,
    upload: (body, uploadOptions) =>
      track(async () =>
        uploadToS3(body, { ...shared, ...uploadOptions, storage: await storageOf(uploadOptions.accountId) }),
      ),
    signUrl: (key, signing) =>
      track(async () => signUrl(key, { ...shared, ...signing, storage: await storageOf(signing.accountId) })),
    async close(closeOptions) {
      isClosed = true
      const left = (await queue?.close?.(closeOptions)) ?? []
      await Promise.allSettled(underWay)
      await Promise.all([...used].map((each) => each.close?.()))
      return left
    },
  }
}

function asExtracted(media: MediaReference | readonly MediaReference[] | ExtractedMedia): ExtractedMedia {
  if ('unavailable' in media) return media
  return { media: 'mediaId' in media ? [media] : [...media], unavailable: [], revoked: [] }
}

/** An advertisement's picture is none of the message's media, and a placeholder's media may still come. */
const IS_NO_FAILURE: ReadonlySet<UnavailableReason> = new Set(['referral', 'placeholder'])

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
