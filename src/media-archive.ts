import { type ArchivedMessageMedia, archiveWithMemory } from './archive.js'
import type { TokenHistory } from './download/access-token.js'
import { checkOptions, type OptionNames } from './errors/check-options.js'
import { checkSignal } from './errors/checks.js'
import { WhatsAppMediaError } from './errors.js'
import { getDefaultHttpClient } from './http/node.js'
import { defined } from './json.js'
import type { Account } from './media-archive/accounts.js'
import { type ArchivedObjects, createArchivedObjects } from './media-archive/archived-objects.js'
import { type AccountPlace, type Callbacks, createCallbacks } from './media-archive/callbacks.js'
import { createCalls } from './media-archive/calls.js'
import { closeArchive } from './media-archive/close.js'
import { enqueueMedia } from './media-archive/enqueue.js'
import { waitUntilIdle } from './media-archive/idle.js'
import { createMediaFailure } from './media-archive/media-failure.js'
import { type MediaArchiveOptions, resolveSharedOptions, type SharedOptions } from './media-archive/options.js'
import { buildNumberId } from './media-archive/pauses.js'
import { type ArchiveCall, createJobRunner } from './media-archive/run-job.js'
import {
  type ArchiveMessage,
  type ArchiveSendOptions,
  createSendCall,
  type SentMedia,
} from './media-archive/send-media.js'
import { checkReference, keepValidFields, type MediaReference } from './media-reference.js'
import type { MediaJob, ProcessJob } from './queues.js'
import { tieToRequest } from './runtime.js'
import type { ObjectStorage } from './storage.js'
import { checkRetry } from './timing/retry.js'
import { muteErrors } from './upload/open-body.js'
import type { StoredMedia } from './upload/result.js'
import { type UploadBody, type UploadOptions, uploadToS3 } from './upload.js'
import type { ExtractedMedia } from './webhook/extract.js'

export type {
  ArchivedObjects,
  ArchiveSigningOptions,
  ObjectCallOptions,
  OpenedObject,
} from './media-archive/archived-objects.js'
export type { MediaArchiveOptions } from './media-archive/options.js'
export type { ArchiveMedia, ArchiveMessage, ArchiveSendOptions, SentMedia } from './media-archive/send-media.js'

/** Archives media of many accounts. Its functions may be passed on by themselves. */
export interface MediaArchive extends ArchivedObjects {
  /**
   * Hands media over to the queue; fits `createWebhookHandler`'s `onMedia`. Once it resolves, the jobs are as durable as
   * the queue. Media that can't be downloaded, and media of a number without an account, goes to `onFailed` instead; an
   * advertisement's picture and history's placeholders go only to `onEvent`, for their messages have not failed.
   *
   * @throws InvalidOptionError without a queue, and for anything but media; QueueFullError; what `accounts` or `onFailed`
   * throw, a TimeoutError when they do not end. Nothing is lost by calling again.
   */
  enqueue(media: MediaReference | readonly MediaReference[] | ExtractedMedia): Promise<void>
  /**
   * Archives one media item and calls `onArchived` or `onFailed`. Resolves when the object is proven and stored, and
   * `onArchived` has ended.
   *
   * @throws the error that `onFailed` got; what `accounts`, `storage`, `prefix`, `onArchived` or `onFailed` throw, a
   * TimeoutError when they do not end; the signal's reason.
   */
  archive(
    media: MediaReference,
    options?: {
      /** Ends the call with its reason. */
      signal?: AbortSignal | undefined
    },
  ): Promise<ArchivedMessageMedia>
  /**
   * Runs one attempt of a job, for workers of durable queues: it makes up to `attempts` attempts of `archiveMedia`
   * (default 3). Never rejects, except on Cloudflare Workers in another request than the archive's own.
   */
  processJob: ProcessJob
  /** Stores a file of the account's own, as `uploadToS3` does. */
  upload(body: UploadBody, options: ArchiveUploadOptions): Promise<StoredMedia>
  /**
   * Sends media of the account that has this phone number: a stored object by its key, or a file or bytes, which are
   * stored first. Token and app secret are the account's, as for archiving. All that is known of the message is checked
   * before a byte moves. A file's key goes by its bytes: sending it again on the same day stores nothing new; of a stream
   * it is a new one each time.
   *
   * @throws what `sendMediaMessage` and `uploadToS3` throw: OutboundTypeError and OutboundLimitError before anything is
   * stored, SendOutcomeUnknownError when the message may be sent; WrongAccountError when the key is another account's;
   * UnknownNumberError for a number of no account.
   */
  send(message: ArchiveMessage, options: ArchiveSendOptions): Promise<SentMedia>
  /**
   * Resolves when this archive has no work left in this process, for tests: no call under way, no callback, no attempt of
   * a job, and no job in an in-process queue. A job that waits for its next attempt is work: it is waited for.
   *
   * With BullMQ and SQS it waits for the attempts that workers of this process run through this archive at the moment,
   * and not for jobs that nobody has begun: those are in a server, and any process may take them.
   *
   * Do not await it in a callback of the archive: it would wait for that callback.
   *
   * `timeoutMs` is in milliseconds, default 4,000: less than the 5 seconds after which test runners end a test. `Infinity`
   * is no limit.
   *
   * @throws TimeoutError after `timeoutMs`: its message says how many jobs are left, how many of them wait for another
   * attempt and until when, and its `cause` says why. InvalidOptionError; the signal's reason.
   */
  idle(options?: {
    /** The longest wait, in milliseconds. */
    timeoutMs?: number | undefined
    /** Ends the call with its reason. */
    signal?: AbortSignal | undefined
  }): Promise<void>
  /**
   * Takes no more calls, works off those under way and the jobs that are ready (for `timeoutMs` milliseconds at most,
   * default without end), and closes the storages. Stopped work has two seconds more to clean up; then it is abandoned.
   *
   * @returns the jobs that are left in a queue of this process: enqueue them again, or lose them. A queue that does not
   * close in that time hands back none.
   * @throws what the queue's `close` throws. A storage that fails to close is left as it is.
   */
  close(options?: {
    /** The longest wait, in milliseconds. */
    timeoutMs?: number | undefined
  }): Promise<MediaJob[]>
}

/** Options of `MediaArchive.upload`: those of `uploadToS3`, without what the archive knows. */
export interface ArchiveUploadOptions
  extends Pick<
    UploadOptions,
    'mimeType' | 'mediaType' | 'mediaId' | 'filename' | 'timestamp' | 'size' | 'sha256' | 'signal'
  > {
  /** The tenant that the file belongs to. */
  accountId: string
}

const ARCHIVE_CALL_OPTIONS: OptionNames<Parameters<MediaArchive['archive']>[1] & object> = { signal: true }

const ARCHIVE_UPLOAD_OPTIONS: OptionNames<ArchiveUploadOptions> = {
  ...{ accountId: true, mimeType: true, mediaType: true, mediaId: true, filename: true, timestamp: true },
  ...{ size: true, sha256: true, signal: true },
}

/**
 * An archive for many accounts: configured once, used by webhook handlers, workers and readers.
 *
 * @throws InvalidOptionError at once for options of the wrong form. On Cloudflare Workers, an archive belongs to the request
 * in which it is made: outside of one, and in another one, it is refused.
 * @example
 * ```ts
 * import { createMediaArchive } from 'whatsapp-media-archive'
 * import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const archive = createMediaArchive({
 *   storage: createMemoryStorage(),
 *   accounts: (phoneNumberId) => ({ accountId: `number-${phoneNumberId}`, accessToken: api.accessToken }),
 *   queue: createInProcessQueue(),
 *   cloudApi: api.cloudApi,
 *   onArchived: ({ messageId, key }) => console.log('archived', messageId, key),
 *   onFailed: ({ media, error }) => console.error('lost', media.messageId, error.code),
 * })
 * const file = { bytes: Buffer.from('%PDF-1.7'), mimeType: 'application/pdf', mediaType: 'document' } as const
 * const { reference } = await api.addMedia(file)
 * // A webhook's media goes into the queue; a caller who waits for the result archives it directly.
 * await archive.enqueue(reference)
 * const { key, sha256 } = await archive.archive(reference)
 * console.log(key, sha256)
 * await archive.close({ timeoutMs: 10_000 })
 * await api.close()
 * ```
 */
export function createMediaArchive(options: MediaArchiveOptions): MediaArchive {
  const shared = resolveSharedOptions(options)
  const { queue, storage, onEvent, mediaIds, mediaIdsTimeoutMs, maxGonePerHour = Number.POSITIVE_INFINITY } = options
  const callbacks = createCallbacks(options)
  const calls = createCalls(tieToRequest('archive'))
  const storages = new Set<ObjectStorage>(typeof storage === 'function' ? [] : [storage])

  const findPlace = async (accountId: string, signal: AbortSignal): Promise<AccountPlace> => {
    const place = await callbacks.findPlace(accountId, signal)
    storages.add(place.storage)
    return place
  }
  const parts = { shared, callbacks, calls, findPlace }
  const archiveForAccount = createAccountArchive(parts)
  const runJob = createJobRunner({ callbacks, archiveForAccount, maxGonePerHour, onEvent, ...checkRetry(options) })
  const processJob: ProcessJob = (job, context) => calls.watch(() => runJob(job, context))
  // In-process queues start here; BullMQ and SQS workers call archive.processJob.
  queue?.start?.(processJob)

  return {
    enqueue: (media) => calls.run((signal) => enqueueMedia(media, { queue, callbacks, onEvent, signal })),
    async archive(media, options = {}) {
      checkOptions(options, ARCHIVE_CALL_OPTIONS, { after: { media } })
      const { signal: own } = options
      if (own !== undefined) checkSignal('signal', own)
      return calls.run((signal) => archiveForCaller(media, { callbacks, archiveForAccount, signal }), own)
    },
    processJob,
    async upload(body, uploadOptions) {
      muteErrors(body)
      checkOptions(uploadOptions, ARCHIVE_UPLOAD_OPTIONS, { after: { body } })
      const { accountId, signal: own } = uploadOptions
      if (own !== undefined) checkSignal('signal', own)
      return calls.run(async (signal) => {
        const place = await findPlace(accountId, signal)
        return uploadToS3(body, { ...pickUpload(shared, uploadOptions), ...place, accountId, signal })
      }, own)
    },
    ...createArchivedObjects(parts),
    send: createSendCall({ ...parts, outbound: defined({ mediaIds, mediaIdsTimeoutMs }) }),
    idle: (idleOptions) => waitUntilIdle({ calls, queue }, idleOptions),
    close: (closeOptions) => closeArchive({ calls, queue, storages }, closeOptions),
  }
}

/** By name: an instance of a class may have getters, and more fields than options. */
function pickUpload(shared: SharedOptions, options: ArchiveUploadOptions): Omit<UploadOptions, 'storage'> {
  const { maxBytes, sniff, timeouts, keyLayout, onEvent } = shared
  const { mimeType, mediaType, mediaId, filename, timestamp, size, sha256 } = options
  return {
    ...{ maxBytes, sniff, timeouts, keyLayout, onEvent },
    ...{ mimeType, mediaType, mediaId, filename, timestamp, size, sha256 },
  }
}

type ArchiveForAccount = (accountId: string, account: Account, call: ArchiveCall) => Promise<ArchivedMessageMedia>

/**
 * Archives as `archiveMedia` does, with the account's token, storage and prefix, and shares a memory of each number's
 * tokens.
 */
function createAccountArchive({
  shared,
  callbacks,
  findPlace,
}: {
  shared: SharedOptions
  callbacks: Callbacks
  findPlace: Callbacks['findPlace']
}): ArchiveForAccount {
  const histories = new Map<string, TokenHistory>()

  return async (accountId, account, { media, signal, watch, ...memory }) => {
    // The fields are read by name: spreading would copy an unrelated `prefix`, or miss a document's getters.
    const { accessToken, appSecret, mediaLifetimeMs } = account
    // Accounts may have numbers with tokens of their own, and a number may move between accounts.
    const number = buildNumberId({ accountId, phoneNumberId: media.phoneNumberId })
    const tokens = histories.get(number) ?? {}
    histories.set(number, tokens)
    const own = {
      ...shared,
      ...(await findPlace(accountId, signal)),
      accountId,
      accessToken: callbacks.limitToken(accessToken),
      signal,
      ...defined({ appSecret, mediaLifetimeMs, http: watch?.(shared.http ?? getDefaultHttpClient()) }),
    }
    return archiveWithMemory(media, own, { tokens, ...memory })
  }
}

/** Archives one media item for a caller who waits, and calls `onArchived` or `onFailed`. */
async function archiveForCaller(
  media: MediaReference,
  {
    callbacks,
    archiveForAccount,
    signal,
  }: { callbacks: Callbacks; archiveForAccount: ArchiveForAccount; signal: AbortSignal },
): Promise<ArchivedMessageMedia> {
  let accountId: string | undefined
  let archived: ArchivedMessageMedia
  try {
    checkReference(media)
    const account = await callbacks.findAccount(media.phoneNumberId, signal)
    accountId = account.accountId
    archived = await archiveForAccount(accountId, account, { media, signal })
  } catch (error) {
    // A caller who leaves is no failure of the media, whatever the reason given.
    const isFailure = WhatsAppMediaError.is(error) && !signal.aborted
    if (isFailure) {
      const failure = createMediaFailure(keepValidFields(media), { error, accountId })
      await callbacks.reportFailed(failure, signal)
    }
    throw error
  }
  await callbacks.reportArchived(archived, signal)
  return archived
}
