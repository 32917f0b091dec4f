import { type ArchiveMemory, noteHash, type SeenHash } from './archive-memory.js'
import { noteSuccess, withToken } from './download/access-token.js'
import { type Announcement, type AttemptContext, announce, openAnnounced, openMedia } from './download/open-media.js'
import { type DownloadOptions, type ResolvedDownload, resolveDownload } from './download.js'
import { describeValue } from './errors/describe.js'
import { InvalidOptionError } from './errors.js'
import { emit, messageIdHash } from './events.js'
import { checkAccountId, type KeyLayout, type KeyOptions, resolveKeyLayout } from './key.js'
import {
  checkMediaId,
  checkReference,
  DEFAULT_MEDIA_LIFETIME_MS,
  getMediaDeadline,
  type MediaReference,
  type MediaType,
  parseTime,
} from './media-reference.js'
import type { ObjectStorage, StoredObject } from './storage.js'
import { type Deadlines, runUnder, startDeadlines } from './timing/deadlines.js'
import { checkRetry, type RetryOptions, retryAttempts } from './timing/retry.js'
import { alreadyStored, checkStoring, type SniffPolicy, type StoredMedia, storeObject } from './upload/put-once.js'
import { isForbidden, withTypedErrors } from './upload/storage-errors.js'

export interface ArchiveOptions extends DownloadOptions, RetryOptions, KeyOptions {
  storage: ObjectStorage
  /** The tenant: `/^[A-Za-z0-9_-]{1,128}$/`. */
  accountId: string
  /** For a bare media id: WhatsApp's type. A `MediaReference` has its own. Default: by MIME type. */
  mediaType?: MediaType
  /** For a bare media id: when the message was sent, ISO 8601 string or Date. */
  timestamp?: string | Date
  /** For a bare media id: the sender's name for the file. */
  filename?: string
  /** How long Meta keeps the media, in milliseconds. Default 7 days; 3,600,000 for No-Storage numbers (Meta: Media). */
  mediaLifetimeMs?: number
  keyLayout?: KeyLayout
  /** Default `safe`. */
  sniff?: SniffPolicy
  /**
   * What to do when the bytes have another SHA-256 than announced. `strict`, the default: an `IntegrityMismatchError`
   * with both hashes. `report`: when two downloads agree with each other and with the look-up's size, the object is
   * stored under its observed hash, with an event. Failures of another kind in between do not matter. It takes two
   * attempts at least; jobs remember from one to the next.
   */
  integrity?: 'strict' | 'report'
}

/** Media that the storage has acknowledged, proven, with what its message told. */
export interface ArchivedMedia extends StoredMedia {
  mediaId: string
  mediaType: MediaType
  accountId: string
  messageId?: string
  /** When the message was sent, ISO 8601. */
  timestamp?: string
  caption?: string
  voice?: boolean
  animated?: boolean
  from?: string
  fromUserId?: string
  phoneNumberId?: string
  businessAccountId?: string
  direction?: MediaReference['direction']
  origin?: MediaReference['origin']
}

/** Archived media of a message: what a `MediaReference` comes to. */
export type ArchivedMessageMedia = ArchivedMedia & { messageId: string }

/** A message older than this probably reaches us again: a head costs less than a download. */
const LIKELY_REDELIVERY_MS = 120_000

/**
 * The whole workflow for one media file: find out where it is, download it, prove the bytes, store them once. A failed
 * attempt starts again from the look-up.
 *
 * @param media a `MediaReference` from a webhook, or a bare media id. A bare id lacks type and date: give `mediaType`
 * and `timestamp`, or the result says `keyIsStable: false`.
 * @throws any error of this library, the last attempt's; the signal's reason when aborted.
 */
export function archiveMedia(media: MediaReference, options: ArchiveOptions): Promise<ArchivedMessageMedia>
export function archiveMedia(media: string | MediaReference, options: ArchiveOptions): Promise<ArchivedMedia>
export async function archiveMedia(media: string | MediaReference, options: ArchiveOptions): Promise<ArchivedMedia> {
  return archiveRemembering(media, options, { tokens: {} })
}

/** `archiveMedia` with a memory of other calls. */
export function archiveRemembering(
  media: MediaReference,
  options: ArchiveOptions,
  memory: ArchiveMemory,
): Promise<ArchivedMessageMedia>
export function archiveRemembering(
  media: string | MediaReference,
  options: ArchiveOptions,
  memory: ArchiveMemory,
): Promise<ArchivedMedia>
export async function archiveRemembering(
  media: string | MediaReference,
  options: ArchiveOptions,
  memory: ArchiveMemory,
): Promise<ArchivedMedia> {
  const plan = makePlan(media, options, memory)
  const { subject, deadlineAt, startedAt, seen } = plan
  let attempts = 0
  const stored = await retryAttempts(
    (attempt) => {
      attempts = attempt
      return attemptOnce(plan, attempt)
    },
    {
      ...plan.retry,
      deadlineAt,
      signal: options.signal,
      // The attempt has asked for another token already.
      mayRetry: (error) => error.code !== 'access-token' || error.reason === 'unavailable',
      onFailedAttempt(error, attempt, retryInMs) {
        if (seen !== undefined) noteHash(error, seen)
        emit(options.onEvent, {
          type: 'attempt-failed',
          error,
          attempt,
          ...(retryInMs === undefined ? {} : { retryInMs }),
          ...subject,
        })
      },
    },
  )
  emit(options.onEvent, {
    type: stored.alreadyStored ? 'already-stored' : 'archived',
    ...subject,
    key: stored.key,
    bytes: stored.size,
    attempt: attempts,
    durationMs: Date.now() - startedAt,
    ...(plan.sentAt === undefined ? {} : { ageMs: Date.now() - plan.sentAt, timeLeftMs: deadlineAt - Date.now() }),
  })
  return stored
}

interface Plan {
  media: string | MediaReference
  options: ArchiveOptions
  storage: ObjectStorage
  download: ResolvedDownload
  layout: KeyLayout
  retry: Required<RetryOptions>
  memory: ArchiveMemory
  /** Only where two like downloads may decide. */
  seen: SeenHash | undefined
  /** Milliseconds since 1970, as the next two. */
  startedAt: number
  sentAt: number | undefined
  deadlineAt: number
  subject: { mediaId: string; accountId: string; messageIdHash?: string }
}

function makePlan(media: string | MediaReference, options: ArchiveOptions, memory: ArchiveMemory): Plan {
  const { accountId, mediaLifetimeMs = DEFAULT_MEDIA_LIFETIME_MS, integrity = 'strict' } = options
  checkAccountId(accountId)
  checkStoring(options)
  checkIntegrity(integrity)
  if (typeof media === 'string') checkMediaId(media)
  else checkReference(media)
  const reference = typeof media === 'string' ? undefined : media
  const mediaId = typeof media === 'string' ? media : media.mediaId
  if (typeof mediaLifetimeMs !== 'number' || !(mediaLifetimeMs > 0)) {
    throw new InvalidOptionError({
      option: 'mediaLifetimeMs',
      problem: `must be a positive number, got ${describeValue(mediaLifetimeMs)}`,
    })
  }
  const retry = checkRetry(options)
  if (integrity === 'report' && retry.attempts === 1 && memory.seen === undefined) {
    throw new InvalidOptionError({
      option: 'attempts',
      problem: "must be 2 or more: integrity 'report' compares two downloads",
    })
  }
  const startedAt = Date.now()
  const timestamp = reference?.timestamp ?? options.timestamp
  const sentAt = timestamp === undefined ? undefined : parseTime('timestamp', timestamp).getTime()
  return {
    media,
    options,
    storage: withTypedErrors(options.storage, reference === undefined ? options.filename : reference.filename),
    download: resolveDownload(options),
    layout: resolveKeyLayout(options),
    retry,
    memory,
    seen: integrity === 'report' ? (memory.seen ?? {}) : undefined,
    startedAt,
    sentAt,
    deadlineAt:
      reference === undefined ? (sentAt ?? startedAt) + mediaLifetimeMs : getMediaDeadline(reference, mediaLifetimeMs),
    subject: {
      mediaId,
      accountId,
      ...(reference === undefined ? {} : { messageIdHash: messageIdHash(reference.messageId) }),
    },
  }
}

/** @throws InvalidOptionError */
export function checkIntegrity(integrity: ArchiveOptions['integrity']): void {
  if (integrity === undefined || integrity === 'strict' || integrity === 'report') return
  throw new InvalidOptionError({
    option: 'integrity',
    problem: `must be strict or report, got ${describeValue(integrity)}`,
  })
}

/** @param attempt 1 for the first. */
async function attemptOnce(plan: Plan, attempt: number): Promise<ArchivedMedia> {
  const { options, memory } = plan
  const { accessToken, accountId, signal } = options
  const deadlines = startDeadlines(plan.download.timeouts, signal)
  const call = { accessToken, history: memory.tokens, deadlines, account: accountId }
  return runUnder(deadlines, () =>
    withToken(call, (token) => storeOnce(plan, contextOf(plan, { accessToken: token, deadlines }), attempt)),
  )
}

function contextOf(
  { media, options, download, memory, seen }: Plan,
  { accessToken, deadlines }: { accessToken: string; deadlines: Deadlines },
): AttemptContext {
  const { accountId, mediaType } = options
  const { filename } = typeof media === 'string' ? options : media
  const onLookUp = (): void => {
    noteSuccess(accessToken, memory.tokens)
    memory.onLookUp?.()
  }
  const { cloudApi, http, maxBytes, appSecret, onEvent } = download
  const maySettle = seen !== undefined
  return {
    cloudApi,
    http,
    accessToken,
    appSecret,
    maxBytes,
    deadlines,
    onEvent,
    accountId,
    mediaType,
    filename,
    maySettle,
    onLookUp,
  }
}

async function storeOnce(plan: Plan, context: AttemptContext, attempt: number): Promise<ArchivedMedia> {
  const { media, options, storage, download, layout, seen } = plan
  const { accountId, signal, onEvent, sniff = 'safe' } = options
  const { deadlines } = context
  const isFirst = attempt === 1 && seen?.sha256 === undefined
  // A failed attempt starts again from the look-up: the webhook's URL may be what failed.
  const { facts, announced } = await locate(plan, context, !isFirst)
  const key = layout.build({ accountId, ...facts })
  const isLikelyStored = !isFirst || plan.startedAt - (plan.sentAt ?? plan.startedAt) > LIKELY_REDELIVERY_MS
  deadlines.waitFor('store')
  const { mediaId, mimeType, sha256, filename, keyIsStable } = facts
  const look = { storage, key, size: announced?.size, sha256 }
  const found = isLikelyStored ? await findStored(look, deadlines.signal) : undefined
  if (found !== undefined) {
    const result = { storage, key, mimeType, filename, sha256, keyIsStable }
    return withMessage(plan, facts, await alreadyStored(found, result))
  }

  const opened = announced === undefined ? await openMedia(media, context) : await openAnnounced(announced, context)
  const stored = await storeObject(opened.source, {
    storage,
    key,
    mediaId,
    mimeType,
    filename,
    accountId,
    keyIsStable,
    size: opened.size,
    sha256: opened.sha256,
    // Two like downloads decide only when the look-up itself told their size.
    seenSha256: announced?.size === undefined ? undefined : seen?.sha256,
    maxBytes: opened.maxBytes,
    sniff,
    timeouts: download.timeouts,
    deadlines,
    callerSignal: signal,
    onEvent,
    onSourceError: opened.brokeOff,
    checkOpening: opened.checkOpening,
  }).finally(() => opened.source.destroy())
  return withMessage(plan, facts, stored)
}

interface Facts {
  mediaId: string
  mediaType: MediaType
  mimeType: string
  sha256: string | undefined
  filename: string | undefined
  timestamp: string | Date | undefined
  keyIsStable: boolean
}

/** What the key and the result are made of: the reference alone; for a bare media id, the look-up and the options. */
async function locate(
  { media, options }: Plan,
  context: AttemptContext,
  mustLookUp: boolean,
): Promise<{ facts: Facts; announced: Announcement | undefined }> {
  if (typeof media !== 'string') {
    const { mediaId, mediaType, filename, timestamp } = media
    const announced = mustLookUp || media.mimeType === '' ? await announce(media, context) : undefined
    // What the webhook did not tell, the look-up may.
    const { mimeType, sha256 = media.sha256 } = announced ?? media
    return { facts: { mediaId, mediaType, mimeType, sha256, filename, timestamp, keyIsStable: true }, announced }
  }
  const announced = await announce(media, context)
  const { mediaId, mediaType, mimeType, sha256 } = announced
  const { timestamp, filename } = options
  const keyIsStable = options.mediaType !== undefined && timestamp !== undefined
  return { facts: { mediaId, mediaType, mimeType, sha256, filename, timestamp, keyIsStable }, announced }
}

/** An advisory look: only an object with the very hash announced (or, none being announced, any recorded one) ends the job. */
async function findStored(
  {
    storage,
    key,
    size,
    sha256,
  }: { storage: ObjectStorage; key: string; size?: number | undefined; sha256?: string | undefined },
  signal: AbortSignal,
): Promise<StoredObject | undefined> {
  // Where the store may not say, the put will.
  const found = await storage.head(key, { signal }).catch((error: unknown) => {
    if (!isForbidden(error)) throw error
    return null
  })
  if (found === null || found.sha256 === undefined) return undefined
  if (size !== undefined && found.size !== size) return undefined
  return sha256 === undefined || found.sha256 === sha256 ? found : undefined
}

function withMessage(
  { media, options }: Plan,
  { mediaType, mediaId, timestamp }: Facts,
  stored: StoredMedia,
): ArchivedMedia {
  const archived: ArchivedMedia = { ...stored, mediaId, mediaType, accountId: options.accountId }
  if (timestamp !== undefined) archived.timestamp = new Date(timestamp).toISOString()
  if (typeof media === 'string') return archived
  // The download URL is a secret that outlives its use, and the hash is the stored object's own.
  const { downloadUrl, downloadUrlExpiresAt, receivedAt, sha256, ...message } = media
  return { ...message, ...archived }
}
