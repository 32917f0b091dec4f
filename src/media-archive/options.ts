import { type ArchiveOptions, checkIntegrity } from '../archive/plan.js'
import type { ArchivedMessageMedia } from '../archive.js'
import { checkWaits } from '../download/check-waits.js'
import { resolveDownload } from '../download.js'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkMethods, checkWhole } from '../errors/checks.js'
import { checkPrefix, resolveKeyLayout } from '../key.js'
import type { MediaIdCache } from '../media-ids.js'
import type { MediaQueue } from '../queues.js'
import { checkMediaIdOptions } from '../sending/cached-id.js'
import type { ObjectStorage } from '../storage.js'
import { checkSniff } from '../upload/put-once.js'
import type { Accounts } from './accounts.js'
import type { MediaFailure } from './media-failure.js'

/** Options of `createMediaArchive`. */
export interface MediaArchiveOptions
  extends Pick<
    ArchiveOptions,
    | 'cloudApi'
    | 'http'
    | 'timeouts'
    | 'maxBytes'
    | 'attempts'
    | 'waitScale'
    | 'keyLayout'
    | 'sniff'
    | 'integrity'
    | 'onEvent'
  > {
  /**
   * One storage for all, or one for each account (its own bucket, encryption key or tags). The function is called for
   * every operation: return the same storage again for the same account, for each keeps connections of its own.
   */
  storage: ObjectStorage | ((accountId: string) => ObjectStorage | Promise<ObjectStorage>)
  /** The beginning of all keys, for all accounts or for each. Default `whatsapp-media/`. Another one leads to other keys. */
  prefix?: string | ((accountId: string) => string | Promise<string>) | undefined
  /** Finds the account of a business phone number id. */
  accounts: Accounts
  /** The queue that `enqueue` fills. There is no default: how durable jobs are is your decision. */
  queue?: MediaQueue | undefined
  /**
   * Look-ups of media that is gone, by account and hour, at which an account's jobs pause. Default: no limit, as Meta
   * names none. Some providers block a number: 360dialog for half an hour after 20 (360dialog: Media).
   */
  maxGonePerHour?: number | undefined
  /** Awaited after each archived item, also when it was stored before: at least once, so make it idempotent. */
  onArchived?: ((media: ArchivedMessageMedia) => unknown) | undefined
  /**
   * Awaited for each item that is given up. At least once, too. A job is given up when its fault is about the object
   * and can't pass, when any other fault has outlasted the media, and `media-gone` after one late try, up to 5 minutes
   * after the first.
   */
  onFailed?: ((failure: MediaFailure) => unknown) | undefined
  /**
   * Time limit of one call of these functions, in milliseconds: `accounts`, `storage`, `prefix`, `onArchived`,
   * `onFailed`, and an account's `accessToken`. Default 60,000; `Infinity` switches it off. A call that takes longer is
   * abandoned with a `TimeoutError`, and counts as if it had thrown: the function will be called again.
   */
  callbackTimeoutMs?: number | undefined
  /**
   * Remembers the media ids of what `send` has uploaded, so that the same bytes are uploaded once for all their recipients:
   * see `whatsapp-media-archive/media-ids`. Default: none.
   */
  mediaIds?: MediaIdCache | undefined
  /** Milliseconds that a call of `mediaIds` may take; then it counts as a miss. Default 2,000. */
  mediaIdsTimeoutMs?: number | undefined
}

const MEDIA_ARCHIVE_OPTIONS: OptionNames<MediaArchiveOptions> = {
  ...{ storage: true, prefix: true, accounts: true, queue: true, maxGonePerHour: true, onArchived: true },
  ...{
    mediaIds: true,
    mediaIdsTimeoutMs: true,
    onFailed: true,
    callbackTimeoutMs: true,
    cloudApi: true,
    http: true,
    timeouts: true,
    maxBytes: true,
  },
  ...{ attempts: true, waitScale: true, keyLayout: true, sniff: true, integrity: true, onEvent: true },
}

/** The options that all media of an archive share. */
export type SharedOptions = Pick<ArchiveOptions, Exclude<keyof ArchiveOptions & keyof MediaArchiveOptions, 'storage'>>

/** @returns the options that archive, upload and signing share. @throws InvalidOptionError */
export function resolveSharedOptions(options: MediaArchiveOptions): SharedOptions {
  checkOptions(options, MEDIA_ARCHIVE_OPTIONS)
  const { storage, prefix, accounts, queue, onArchived, onFailed, callbackTimeoutMs, ...rest } = options
  const { maxGonePerHour, mediaIds, mediaIdsTimeoutMs, ...shared } = rest
  if (maxGonePerHour !== undefined) checkWhole('maxGonePerHour', maxGonePerHour)
  if (queue !== undefined) checkMethods('queue', queue, { kind: 'a MediaQueue', methods: ['enqueue'] })
  checkMediaIdOptions(options)
  resolveDownload(shared)
  if (typeof prefix !== 'function') checkPrefix({ prefix })
  resolveKeyLayout(shared)
  checkWaits(shared)
  checkIntegrity(shared.integrity)
  checkSniff(shared.sniff)
  return shared
}
