import {
  ARCHIVE_OPTIONS,
  type ArchiveMemory,
  type ArchiveOptions,
  type ArchivePlan,
  type LastFailure,
  makePlan,
  noteHash,
  reportNote,
} from './archive/plan.js'
import { runWithToken } from './download/access-token.js'
import type { Attempt } from './download/attempt.js'
import { lookUpMedia } from './download/look-up.js'
import { openMedia } from './download/open-media.js'
import { checkCaller } from './download.js'
import { checkOptions } from './errors/check-options.js'
import { type AnyWhatsAppMediaError, WhatsAppMediaError } from './errors.js'
import { emit } from './events.js'
import { openFlowMedia } from './flow-media/open.js'
import { defined } from './json.js'
import type { MediaContact } from './media-reference/contact.js'
import { removeDownloadAccess } from './media-reference/download-access.js'
import {
  isEncryptedMedia,
  isKnownMedia,
  type KnownMedia,
  type MediaReference,
  type MediaType,
} from './media-reference.js'
import type { ObjectStorage, StoredObject } from './storage.js'
import { runUnder, startDeadlines } from './timing/deadlines.js'
import { retryAttempts } from './timing/retry.js'
import { hasNewCredentials } from './upload/judge-fault.js'
import { putOnce } from './upload/put-once.js'
import { buildFoundResult, type StoredMedia } from './upload/result.js'
import { isRefusal } from './upload/storage-errors.js'

export type { ArchiveOptions } from './archive/plan.js'

/** Media whose proven bytes the storage has acknowledged, with the fields of its message. */
export interface ArchivedMedia extends StoredMedia {
  /** Meta's id of the media. */
  mediaId: string
  /** The message's media type. For a bare id: the option, or the type derived from the MIME type. */
  mediaType: MediaType
  /** The tenant, as given. */
  accountId: string
  /** The message's id. It contains the sender's phone number. Absent for a bare media id. */
  messageId?: string | undefined
  /** When the message was sent, ISO 8601. For a bare media id: the option. */
  timestamp?: string | undefined
  /** The sender's caption. The fields from here on come from the reference: a bare media id has none of them. */
  caption?: string | undefined
  /** A voice note rather than an audio file. */
  voice?: boolean | undefined
  /** An animated sticker. */
  animated?: boolean | undefined
  /** The webhook's name of a media type that this version does not know. */
  unknownType?: string | undefined
  /** The sender's phone number. */
  from?: string | undefined
  /** The sender's business-scoped user id. */
  fromUserId?: string | undefined
  /** The customer: the sender of an inbound message, the recipient of an outbound one. */
  contact?: MediaContact | undefined
  /** The id of the group that the message was sent to. */
  group?: string | undefined
  /** Meta's id of the business phone number that the message went through. */
  phoneNumberId?: string | undefined
  /** Meta's id of the WhatsApp Business Account. */
  businessAccountId?: string | undefined
  /** `inbound`: from a user. `outbound`: from the business. */
  direction?: MediaReference['direction'] | undefined
  /** The part of the webhook that the reference came from. */
  origin?: MediaReference['origin'] | undefined
}

/** Archived media of a message: the result for a `MediaReference`. */
export interface ArchivedMessageMedia extends ArchivedMedia {
  /** The message's id. It contains the sender's phone number. */
  messageId: string
}

/** What `archiveMedia` returns: for a `MediaReference` the message's id is certain, for a bare media id it is absent. */
export type ArchiveResult<Media extends string | MediaReference> = [Media] extends [MediaReference]
  ? ArchivedMessageMedia
  : ArchivedMedia

/**
 * The whole workflow for one media file: look it up, download it, prove the bytes, store them once. A failed attempt
 * starts again from the look-up. An object that is there already, with the right bytes, is a success too.
 *
 * @param media a `MediaReference` from a webhook or a Flow endpoint's request, or a bare media id. A bare id lacks type and date: give `mediaType`
 * and `timestamp`, or the result says `keyIsStable: false`.
 * @returns key, address, size in bytes and SHA-256 (lowercase hex) of the object, with the fields of its message.
 * @throws any error of this library, the last attempt's; the signal's reason when aborted.
 * @example
 * ```ts
 * import { archiveMedia } from 'whatsapp-media-archive'
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const { reference } = await api.addMedia({ bytes: Buffer.from('hello'), mimeType: 'text/plain', mediaType: 'document' })
 * const archived = await archiveMedia(reference, {
 *   storage: createMemoryStorage(),
 *   accountId: 'acme',
 *   accessToken: api.accessToken,
 *   cloudApi: api.cloudApi,
 * })
 * console.log(archived.key, archived.size) // whatsapp-media/acme/2026-11-22/document/….txt 5
 * await api.close()
 * ```
 */
export async function archiveMedia<Media extends string | MediaReference>(
  media: Media,
  options: ArchiveOptions,
): Promise<ArchiveResult<Media>> {
  checkOptions(options, ARCHIVE_OPTIONS, { after: { media } })
  checkCaller(options)
  return archiveWithMemory(media, options, { tokens: {} })
}

/** Archives as `archiveMedia` does, and shares `memory` with other calls. */
export async function archiveWithMemory<Media extends string | MediaReference>(
  media: Media,
  options: ArchiveOptions,
  memory: ArchiveMemory,
): Promise<ArchiveResult<Media>> {
  const plan = makePlan(media, options, memory)
  const { seen, made } = plan
  const archived = await retryAttempts(
    (number) => {
      made.attempts++
      return startAttempt(plan, number)
    },
    {
      ...plan.retry,
      deadlineAt: plan.deadlineAt,
      signal: options.signal,
      // `runWithToken` has already tried a second token. Only a failed token function is worth a new attempt.
      mayRetry: (error) => error.code !== 'access-token' || error.reason === 'unavailable',
      onFailedAttempt(error, _number, retryInMs) {
        if (seen !== undefined) noteHash(error, seen)
        reportFailedAttempt(plan, error, retryInMs)
      },
    },
  )
  emitArchived(plan, archived)
  // `toArchivedMedia` has copied the message of a reference, whose id `makePlan` has checked.
  return archived as ArchiveResult<Media>
}

/** @param number 1 for the first of this call. */
async function startAttempt(plan: ArchivePlan, number: number): Promise<ArchivedMedia> {
  const { options, memory, download, seen } = plan
  const { accessToken, accountId: account, signal } = options
  const deadlines = startDeadlines(download.timeouts, signal)
  const trustsWebhook = number === 1 && seen?.sha256 === undefined
  const run = (token: string): Promise<ArchivedMedia> => {
    const report: Attempt['report'] = (note) => reportNote(plan, note, token)
    const integrity = seen === undefined ? 'strict' : 'report'
    const attempt: Attempt = { download, accessToken: token, deadlines, report, integrity }
    return attemptArchive(plan, attempt, { trustsWebhook }).catch((error: unknown) => {
      // As with a token that was renewed: the same attempt, however few the caller allows.
      if (!(WhatsAppMediaError.is(error) && hasNewCredentials(error))) throw error
      return attemptArchive(plan, attempt, { trustsWebhook: false })
    })
  }
  return runUnder(deadlines, () =>
    // No token goes to the host of an encrypted file, so none is asked for.
    isEncryptedMedia(plan.wanted)
      ? run('')
      : runWithToken({ accessToken, history: memory.tokens, deadlines, account }, run),
  )
}

/**
 * Looks up the media, builds its key, opens it; `putOnce` proves and stores it. Media that is stored already is only
 * found.
 */
async function attemptArchive(
  plan: ArchivePlan,
  attempt: Attempt,
  { trustsWebhook }: { trustsWebhook: boolean },
): Promise<ArchivedMedia> {
  const { wanted, options, storage, layout, seen, keyIsStable, subject } = plan
  const { accountId, sniff, signal: callerSignal, onEvent } = options
  const { download, deadlines } = attempt
  // A failed attempt starts again from the look-up: the webhook's URL may be what failed. No look-up finds encrypted media.
  const isLookUpLess = isEncryptedMedia(wanted) || (trustsWebhook && isKnownMedia(wanted))
  const media = isLookUpLess ? wanted : await lookUpMedia(wanted, attempt)

  const { mediaId, mediaType, mimeType, filename, timestamp } = media
  const key = layout.build({ accountId, mediaId, mediaType, mimeType, filename, timestamp })
  const place = { storage, key, keyIsStable }
  deadlines.waitFor('store')
  const isLikelyStored = !trustsWebhook || isLikelyRedelivery(plan)
  const found = isLikelyStored ? await findStored(media, place, attempt) : undefined
  if (found !== undefined) return toArchivedMedia(plan, media, await buildFoundResult(found, media, place))

  // Looks up here if that has not happened yet, and the webhook's own URL does not serve.
  const opened = isEncryptedMedia(media) ? await openFlowMedia(media, attempt) : await openMedia(media, attempt)
  const stored = await putOnce(opened, {
    ...place,
    subject: { ...subject, mediaType },
    sniff,
    // A hash seen twice counts only if the look-up gave the size.
    seenSha256: media.size === undefined ? undefined : seen?.sha256,
    integrity: attempt.integrity,
    timeouts: download.timeouts,
    deadlines,
    callerSignal,
    onEvent,
  }).finally(() => opened.release())
  return toArchivedMedia(plan, media, stored)
}

/** A message older than this (ms) is probably a redelivery; a head then costs less than a download. */
const LIKELY_REDELIVERY_MS = 120_000

function isLikelyRedelivery({ startedAt, sentAt = startedAt }: ArchivePlan): boolean {
  return startedAt - sentAt > LIKELY_REDELIVERY_MS
}

/** An advisory look: only an object with the announced hash (or, without one, with any recorded hash) ends the job. */
async function findStored(
  { size, sha256 }: KnownMedia,
  { storage, key }: { storage: ObjectStorage; key: string },
  { integrity, deadlines: { signal } }: Attempt,
): Promise<StoredObject | undefined> {
  // A refusal leaves open whether the object exists, and without a body it does not say why. The conditional put does.
  const found = await storage.head(key, { signal }).catch((error: unknown) => {
    if (!isRefusal(error)) throw error
    return null
  })
  if (found === null || found.sha256 === undefined) return undefined
  const isSizeDecisive = integrity !== 'report' || sha256 === undefined
  if (isSizeDecisive && size !== undefined && found.size !== size) return undefined
  return sha256 === undefined || found.sha256 === sha256 ? found : undefined
}

/** Adds the fields of the message to the stored object. */
function toArchivedMedia(
  { options }: ArchivePlan,
  { mediaId, mediaType, timestamp, reference }: KnownMedia,
  stored: StoredMedia,
): ArchivedMedia {
  const archived: ArchivedMedia = { ...stored, mediaId, mediaType, accountId: options.accountId }
  if (timestamp !== undefined) archived.timestamp = new Date(timestamp).toISOString()
  if (reference === undefined) return archived
  const { receivedAt, ...message } = removeDownloadAccess(reference)
  return { ...message, ...archived }
}

function reportFailedAttempt(plan: ArchivePlan, error: AnyWhatsAppMediaError, retryInMs: number | undefined): void {
  const { options, memory, made, subject } = plan
  const failure: LastFailure = { type: 'attempt-failed', error, attempt: made.attempts, ...subject }
  if (retryInMs === undefined && memory.onLastFailure !== undefined) memory.onLastFailure(failure)
  else emit(options.onEvent, { ...failure, ...defined({ retryInMs }) })
}

function emitArchived(plan: ArchivePlan, archived: ArchivedMedia): void {
  const { options, made, subject, sentAt, startedAt, deadlineAt } = plan
  const now = Date.now()
  emit(options.onEvent, {
    type: archived.alreadyStored ? 'already-stored' : 'archived',
    ...subject,
    mediaType: archived.mediaType,
    key: archived.key,
    bytes: archived.size,
    attempt: made.attempts,
    durationMs: now - startedAt,
    ...(sentAt === undefined ? {} : { ageMs: now - sentAt, timeLeftMs: deadlineAt - now }),
  })
}
