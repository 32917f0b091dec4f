import { setMaxListeners } from 'node:events'
import { type ArchivedMessageMedia, type ArchiveOptions, archiveRemembering, checkIntegrity } from './archive.js'
import type { ArchiveMemory } from './archive-memory.js'
import type { TokenHistory } from './download/access-token.js'
import { resolveDownload } from './download.js'
import { describeValue } from './errors/describe.js'
import { type AnyWhatsAppMediaError, InvalidOptionError, MediaUnavailableError, WhatsAppMediaError } from './errors.js'
import { emit, messageIdHash } from './events.js'
import { defaultHttpClient } from './http.js'
import { put } from './json.js'
import { resolveKeyLayout } from './key.js'
import type { Account, Accounts } from './media-archive/accounts.js'
import { createOwner, type Place, thrownBy } from './media-archive/callbacks.js'
import { toExtractedMedia } from './media-archive/enqueue.js'
import { type MediaFailure, mediaFailure } from './media-archive/media-failure.js'
import { type ArchiveContext, createJobRunner } from './media-archive/run-job.js'
import { startPatience } from './media-archive-close.js'
import { checkReference, findProblem, keepValidFields, type MediaReference } from './media-reference.js'
import type { MediaJob, MediaQueue, ProcessJob } from './queues.js'
import { type SignedMediaUrl, type SigningOptions, signUrl } from './signed-url.js'
import type { ObjectStorage } from './storage.js'
import { linkSignals } from './timing/abort.js'
import { checkRetry } from './timing/retry.js'
import { checkSniff, type StoredMedia } from './upload/put-once.js'
import { hearErrors, type UploadBody, type UploadOptions, uploadToS3 } from './upload.js'
import type { ExtractedMedia, UnavailableReason } from './webhook/extract.js'

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

export interface MediaArchiveOptions extends Omit<SharedOptions, 'prefix'> {
  /**
   * One storage for all, or one for each account (its own bucket, encryption key or tags). The function is asked for
   * every operation: give the same storage again for the same account, for each keeps connections of its own.
   */
  storage: ObjectStorage | ((accountId: string) => ObjectStorage | Promise<ObjectStorage>)
  /** What keys start with, for all accounts or for each. Default `whatsapp-media/`. Another one leads to other keys. */
  prefix?: string | ((accountId: string) => string | Promise<string>)
  accounts: Accounts
  /** Where `enqueue` puts jobs. There is no default: what survives a crash is your decision. */
  queue?: MediaQueue
  /**
   * Look-ups of media that is gone, by account and hour, at which an account's jobs rest. Default: no limit, as Meta
   * names none. Some providers block a number: 360dialog for half an hour after 20 (360dialog: Media).
   */
  maxGonePerHour?: number
  /** Awaited after each archived item, also when it was stored before: at least once, so make it idempotent. */
  onArchived?: (media: ArchivedMessageMedia) => unknown
  /** Awaited for each item that is given up. At least once, too. */
  onFailed?: (failure: MediaFailure) => unknown
  /**
   * How long one call of these functions may take, in milliseconds: `accounts`, `storage`, `prefix`, `onArchived`,
   * `onFailed`, and an account's `accessToken`. Default 60,000; `Infinity` switches it off. What takes longer is left
   * behind with a `TimeoutError`, and counts as if it had thrown: it will be called again.
   */
  callbackTimeoutMs?: number
}

export interface MediaArchive {
  /**
   * Hands media over to the queue; fits `createWebhookHandler`'s `onMedia`. Resolved means: as durable as the queue is.
   * What can't be downloaded, and numbers of no account, go to `onFailed` instead; an advertisement's picture and
   * history's placeholders only to `onEvent`, for their messages have not failed.
   *
   * @throws InvalidOptionError without a queue, and for what is no media; QueueFullError; what `accounts` or `onFailed`
   * throw, a TimeoutError when they do not end. Nothing is lost by calling again.
   */
  enqueue(media: MediaReference | readonly MediaReference[] | ExtractedMedia): Promise<void>
  /**
   * Archives one media item and calls `onArchived` or `onFailed`. Resolves when the object is proven and stored.
   *
   * @throws the error that `onFailed` got; what `accounts`, `storage`, `prefix`, `onArchived` or `onFailed` throw, a
   * TimeoutError when they do not end; the signal's reason.
   */
  archive(media: MediaReference, options?: { signal?: AbortSignal }): Promise<ArchivedMessageMedia>
  /** Runs one attempt of a job, for workers of durable queues. Never rejects. */
  processJob: ProcessJob
  /** Stores a file of the account's own, as `uploadToS3` does. */
  upload(body: UploadBody, options: ArchiveUploadOptions): Promise<StoredMedia>
  /**
   * A signed URL for one of the account's objects, as `{ key, url, expiresAt }`; `getSignedUrl` gives a string.
   *
   * @throws WrongAccountError when the key is another account's.
   */
  signUrl(key: string, options: ArchiveSigningOptions): Promise<SignedMediaUrl>
  /**
   * Takes nothing more, works off what is under way and ready (for `timeoutMs` at most, default without end), and closes
   * the storages. What was stopped has two seconds more to clean up; then it is left behind.
   *
   * @returns the jobs that are left, of queues that live in this process: enqueue them again, or lose them. A queue of
   * your own that does not close in that time hands back none.
   * @throws what the queue's `close` throws. A storage that fails to close is left as it is.
   */
  close(options?: { timeoutMs?: number }): Promise<MediaJob[]>
}

export type ArchiveUploadOptions = Omit<UploadOptions, 'storage' | 'key' | 'accountId' | keyof SharedOptions> & {
  accountId: string
}

/** Whose object is signed, and how its URL serves it. */
export interface ArchiveSigningOptions
  extends Pick<SigningOptions, 'expiresIn' | 'filename' | 'disposition' | 'cacheFor'> {
  /** The tenant that asks: the key must be its own. */
  accountId: string
}

/**
 * An archive for many accounts: configured once, used by webhook handlers, workers and readers.
 *
 * @throws InvalidOptionError at once for options of the wrong form.
 */
export function createMediaArchive(options: MediaArchiveOptions): MediaArchive {
  const { storage, prefix, accounts, queue, onArchived, onFailed, callbackTimeoutMs, ...rest } = options
  const { maxGonePerHour = Number.POSITIVE_INFINITY, ...shared } = rest
  checkOptions(options)
  const owner = createOwner(options)
  resolveDownload(shared)
  resolveKeyLayout(typeof prefix === 'function' || prefix === undefined ? shared : { ...shared, prefix })
  checkRetry(shared)
  checkIntegrity(shared.integrity)
  checkSniff(shared.sniff)
  const used = new Set<ObjectStorage>(typeof storage === 'function' ? [] : [storage])
  const underWay = new Set<Promise<unknown>>()
  const tokens = new Map<string, TokenHistory>()
  let isClosed = false
  const stopped = new AbortController()
  setMaxListeners(0, stopped.signal)

  const placeOf = async (accountId: string, signal: AbortSignal): Promise<Place> => {
    const place = await owner.place(accountId, signal)
    used.add(place.storage)
    return place
  }

  const track = <T>(start: () => Promise<T>): Promise<T> => {
    if (isClosed) return Promise.reject(new InvalidOptionError({ option: 'archive', problem: 'is closed' }))
    const running = start().catch((error: unknown) => {
      throw thrownBy(error)
    })
    const forget = (): void => void underWay.delete(running)
    underWay.add(running)
    running.then(forget, forget)
    return running
  }

  const untilStopped = <T>(signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const stop = linkSignals([signal, stopped.signal])
    return run(stop.signal).finally(stop.clear)
  }

  /** What became of the tokens of an account's number: they may be its own. */
  const tokensOf = (accountId: string, phoneNumberId: string): TokenHistory => {
    const number = JSON.stringify([accountId, phoneNumberId])
    const history = tokens.get(number) ?? {}
    tokens.set(number, history)
    return history
  }

  const archiveFor = async (
    accountId: string,
    account: Account,
    context: ArchiveContext,
  ): Promise<ArchivedMessageMedia> => {
    const { media, signal, watch, seen, onLookUp } = context
    // By name: an account may be a row with a `prefix` of its own, or a document whose fields no spread copies.
    const { appSecret, mediaLifetimeMs } = account
    const accessToken = owner.token(account.accessToken)
    const own: ArchiveOptions = { ...shared, ...(await placeOf(accountId, signal)), accountId, accessToken, signal }
    put(own, 'appSecret', appSecret)
    put(own, 'mediaLifetimeMs', mediaLifetimeMs)
    if (watch !== undefined) own.http = watch(shared.http ?? defaultHttpClient())
    const memory: ArchiveMemory = { tokens: tokensOf(accountId, media.phoneNumberId) }
    put(memory, 'seen', seen)
    put(memory, 'onLookUp', onLookUp)
    return archiveRemembering(media, own, memory)
  }

  const archive = async (media: MediaReference, signal: AbortSignal): Promise<ArchivedMessageMedia> => {
    let accountId: string | undefined
    const find = async (): Promise<ArchivedMessageMedia> => {
      checkReference(media)
      const account = await owner.account(media.phoneNumberId, signal)
      accountId = account.accountId
      return archiveFor(accountId, account, { media, signal })
    }
    const archived = await find().catch(async (error: unknown) => {
      // A caller who leaves has not been failed, whatever the reason given.
      const isFailure = WhatsAppMediaError.is(error) && !signal.aborted
      if (isFailure) await owner.failed(mediaFailure(keepValidFields(media), error, accountId), signal)
      throw error
    })
    await owner.archived(archived, signal)
    return archived
  }

  const enqueue = async (found: ExtractedMedia, signal: AbortSignal): Promise<void> => {
    if (queue === undefined)
      throw new InvalidOptionError({ option: 'queue', problem: 'is needed to enqueue: give createMediaArchive one' })
    const jobs: MediaJob[] = []
    const failures: MediaFailure[] = []
    // A webhook may hold a thousand updates of one number.
    const known = new Map<string, Promise<Account | AnyWhatsAppMediaError>>()
    const accountOf = (phoneNumberId: string): Promise<Account | AnyWhatsAppMediaError> => {
      const account = known.get(phoneNumberId) ?? owner.account(phoneNumberId, signal).catch(asOwnError)
      known.set(phoneNumberId, account)
      return account
    }
    for (const media of found.media) {
      const problem = findProblem(() => checkReference(media))
      if (problem !== undefined) {
        failures.push(mediaFailure(keepValidFields(media), problem))
        continue
      }
      const { phoneNumberId, mediaId } = media
      const account = await accountOf(phoneNumberId)
      if (account instanceof WhatsAppMediaError) {
        if (account.code === 'unknown-number') emit(shared.onEvent, { type: 'unknown-number', phoneNumberId, mediaId })
        failures.push(mediaFailure(media, account))
      } else jobs.push({ version: 1, accountId: account.accountId, media })
    }
    for (const media of found.unavailable) {
      const { reason, phoneNumberId, mediaId } = media
      emit(shared.onEvent, {
        type: 'media-unavailable',
        reason,
        phoneNumberId,
        ...(mediaId === undefined ? {} : { mediaId }),
      })
      if (IS_NO_FAILURE.has(reason)) continue
      const account = await accountOf(phoneNumberId)
      const accountId = account instanceof WhatsAppMediaError ? undefined : account.accountId
      failures.push(mediaFailure(media, new MediaUnavailableError(media), accountId))
    }
    for (const { messageId, phoneNumberId } of found.revoked) {
      emit(shared.onEvent, { type: 'message-revoked', messageIdHash: messageIdHash(messageId), phoneNumberId })
    }
    if (jobs.length > 0) await queue.enqueue(jobs)
    for (const failure of failures) await owner.failed(failure, signal)
  }

  const processJob = createJobRunner({ owner, archiveFor, maxGonePerHour, onEvent: shared.onEvent })
  queue?.start?.(processJob)

  return {
    enqueue: (media) => track(() => untilStopped(undefined, async (stop) => enqueue(toExtractedMedia(media), stop))),
    archive: (media, { signal } = {}) => track(() => untilStopped(signal, (stop) => archive(media, stop))),
    processJob,
    upload(body, uploadOptions) {
      hearErrors(body)
      return track(() =>
        untilStopped(uploadOptions.signal, async (signal) => {
          const own = { ...shared, ...uploadOptions, ...(await placeOf(uploadOptions.accountId, signal)), signal }
          return uploadToS3(body, own)
        }),
      )
    },
    signUrl: (key, signing) =>
      track(() =>
        untilStopped(undefined, async (stop) =>
          signUrl(key, { ...shared, ...signing, ...(await placeOf(signing.accountId, stop)) }),
        ),
      ),
    async close(closeOptions = {}) {
      isClosed = true
      const stop = (): void => stopped.abort(new InvalidOptionError({ option: 'archive', problem: 'is closed' }))
      const patience = startPatience(closeOptions.timeoutMs, stop)
      try {
        const closeQueue = async (): Promise<MediaJob[] | undefined> => queue?.close?.(closeOptions)
        // What the queue hands back must reach the caller, and a queue that fails must not keep storages open.
        const [left] = await Promise.allSettled([patience.await(closeQueue())])
        await patience.await(Promise.allSettled(underWay))
        await patience.await(Promise.allSettled([...used].map(async (each) => each.close?.())))
        if (left.status === 'rejected') throw left.reason
        return left.value ?? []
      } finally {
        patience.end()
      }
    },
  }
}

function checkOptions({ queue, maxGonePerHour }: MediaArchiveOptions): void {
  if (maxGonePerHour !== undefined && !(Number.isSafeInteger(maxGonePerHour) && maxGonePerHour > 0)) {
    throw new InvalidOptionError({
      option: 'maxGonePerHour',
      problem: `must be a positive whole number, got ${describeValue(maxGonePerHour)}`,
    })
  }
  if (queue !== undefined && typeof queue?.enqueue !== 'function') {
    throw new InvalidOptionError({ option: 'queue', problem: `must be a MediaQueue, got ${describeValue(queue)}` })
  }
}

/** One number without a sound account must not hold up the others of its webhook; a database that is down must. */
function asOwnError(error: unknown): AnyWhatsAppMediaError {
  if (WhatsAppMediaError.is(error)) return error
  throw error
}

/** An advertisement's picture is none of the message's media, and a placeholder's media may still come. */
const IS_NO_FAILURE: ReadonlySet<UnavailableReason> = new Set(['referral', 'placeholder'])
