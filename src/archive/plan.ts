import { noteSuccess, type TokenHistory } from '../download/access-token.js'
import type { AttemptNote, ResolvedDownload } from '../download/attempt.js'
import { checkWaits } from '../download/check-waits.js'
import { keepDeclaredType } from '../download/keep-declared-type.js'
import { DOWNLOAD_OPTIONS, type DownloadOptions, resolveDownload } from '../download.js'
import type { OptionNames } from '../errors/check-options.js'
import { checkOneOf } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { type AnyWhatsAppMediaError, InvalidOptionError } from '../errors.js'
import { describeSubject, type EventSubject, emit, type MediaEvent } from '../events.js'
import { defined, type Filled } from '../json.js'
import { checkAccountId, type KeyLayout, resolveKeyLayout } from '../key.js'
import { parseTime } from '../media-reference/parse-time.js'
import {
  checkMediaId,
  checkMediaType,
  checkReference,
  DEFAULT_MEDIA_LIFETIME_MS,
  getMediaDeadline,
  type MediaReference,
  type MediaType,
  toWantedMedia,
  type WantedMedia,
} from '../media-reference.js'
import type { ObjectStorage } from '../storage.js'
import type { RetryOptions } from '../timing/retry.js'
import { checkStoring } from '../upload/put-once.js'
import { wrapStorage } from '../upload/storage-errors.js'

/** Options of `archiveMedia`: where from, where to, for whom, how often. */
export interface ArchiveOptions extends DownloadOptions, RetryOptions {
  /** Where the object goes. */
  storage: ObjectStorage
  /** The tenant: `/^[A-Za-z0-9_-]{1,128}$/`. */
  accountId: string
  /** For a bare media id: WhatsApp's type. A `MediaReference` has its own. Default: by MIME type. */
  mediaType?: MediaType | undefined
  /** For a bare media id: when the message was sent, ISO 8601 string or Date. */
  timestamp?: string | Date | undefined
  /** For a bare media id: the sender's name for the file. */
  filename?: string | undefined
  /** How long Meta keeps the media, in milliseconds. Default 7 days; 3,600,000 for No-Storage numbers (Meta: Media). */
  mediaLifetimeMs?: number | undefined
  /** The part of keys before the account id. Default `whatsapp-media/`; empty is allowed. */
  prefix?: string | undefined
  /** Builds keys of another form. Default: as `buildMediaKey`. */
  keyLayout?: KeyLayout | undefined
  /**
   * Default `safe`: a body whose first bytes contradict its declared type is kept as octet-stream, to be downloaded.
   * `trust`: the first bytes are not looked at.
   */
  sniff?: 'safe' | 'trust' | undefined
  /**
   * The answer to bytes with another SHA-256 than announced. `strict`, the default: an `IntegrityMismatchError`
   * with both hashes. `report`: when two downloads agree with each other and with the look-up's size, the object is
   * stored under its observed hash, with an event; never for the encrypted file of a Flow's endpoint. Failures of another kind in between do not matter. It takes two
   * attempts at least; jobs remember from one to the next. Bytes that have the announced hash, and not the look-up's
   * size, are stored at once, with an event.
   */
  integrity?: 'strict' | 'report' | undefined
}

export const ARCHIVE_OPTIONS: OptionNames<ArchiveOptions> = {
  ...{ storage: true, accountId: true, mediaType: true, timestamp: true, filename: true, mediaLifetimeMs: true },
  ...{ prefix: true, keyLayout: true, sniff: true, integrity: true, attempts: true, waitScale: true },
  ...DOWNLOAD_OPTIONS,
}

/** The state that calls of `archiveMedia` leave to each other. */
export interface ArchiveMemory {
  /** For calls about the same number. */
  tokens: TokenHistory
  /** For calls about the same media. Left out: no other call follows. */
  seen?: SeenHash | undefined
  /** Called when a look-up has succeeded: the token is good. */
  onLookUp?: (() => void) | undefined
  /** The attempts at the media, those of earlier calls included. Left out: no other call came before. */
  made?: MadeAttempts | undefined
  /** Gets the event of an attempt that no other follows in this call, in place of `onEvent`: another call may follow. */
  onLastFailure?: ((event: LastFailure) => void) | undefined
}

/** How many attempts at one media item have begun. */
export interface MadeAttempts {
  attempts: number
}

/** The event of a call's last attempt. */
export type LastFailure = Extract<MediaEvent, { type: 'attempt-failed' }>

/** The hash that the last whole download had in place of the announced one. */
export interface SeenHash {
  sha256?: string | undefined
}

/** A body of the right size and another hash than announced counts; every other fault says nothing about the bytes. */
export function noteHash(error: AnyWhatsAppMediaError, seen: SeenHash): void {
  if (error.code !== 'integrity-mismatch' || error.observedSize !== error.expectedSize) return
  seen.sha256 = error.observedSha256 ?? seen.sha256
}

/** One call of `archiveMedia`: its checked options, and the times that bound it. */
export interface ArchivePlan {
  wanted: WantedMedia
  options: ArchiveOptions
  storage: ObjectStorage
  download: ResolvedDownload
  layout: KeyLayout
  retry: Filled<RetryOptions>
  memory: ArchiveMemory
  /** Set where two like downloads may decide. */
  seen: SeenHash | undefined
  /** Milliseconds since 1970, as the next two. */
  startedAt: number
  sentAt: number | undefined
  deadlineAt: number
  /** The same media will get the same key again. */
  keyIsStable: boolean
  made: MadeAttempts
  /** What events tell of the media. */
  subject: EventSubject
}

/** @throws InvalidOptionError for media or options of the wrong form. */
export function makePlan(media: string | MediaReference, options: ArchiveOptions, memory: ArchiveMemory): ArchivePlan {
  const { accountId, integrity = 'strict' } = options
  checkAccountId(accountId)
  checkStoring(options)
  checkIntegrity(integrity)
  const wanted = keepDeclaredType(toWantedMedia(media, options))
  if ('reference' in wanted) checkReference(wanted.reference)
  else checkMediaId(wanted.mediaId)
  const { mediaId, mediaType, mimeType, filename, timestamp, reference } = wanted
  if (mediaType !== undefined) checkMediaType(mediaType)
  const mediaLifetimeMs = checkLifetime(options)
  const retry = checkWaits(options)
  // All checks of encrypted media must pass: no download decides against them.
  const mayReport = integrity === 'report' && wanted.encryption === undefined
  if (mayReport && retry.attempts === 1 && memory.seen === undefined) {
    const problem = "must be 2 or more: integrity 'report' compares two downloads"
    throw new InvalidOptionError({ option: 'attempts', problem })
  }
  const startedAt = Date.now()
  const sentAt = timestamp === undefined ? undefined : parseTime('timestamp', timestamp).getTime()
  return {
    wanted,
    options,
    storage: wrapStorage(options.storage, filename),
    download: resolveDownload(options),
    layout: resolveKeyLayout(options),
    retry,
    memory,
    seen: mayReport ? (memory.seen ?? {}) : undefined,
    startedAt,
    sentAt,
    deadlineAt:
      reference === undefined ? (sentAt ?? startedAt) + mediaLifetimeMs : getMediaDeadline(reference, mediaLifetimeMs),
    keyIsStable:
      mediaType !== undefined && timestamp !== undefined && (reference === undefined || mimeType !== undefined),
    made: memory.made ?? { attempts: 0 },
    subject: { ...describeSubject(reference ?? defined({ mediaId, mediaType })), accountId },
  }
}

function checkLifetime({ mediaLifetimeMs = DEFAULT_MEDIA_LIFETIME_MS }: ArchiveOptions): number {
  if (typeof mediaLifetimeMs === 'number' && mediaLifetimeMs > 0) return mediaLifetimeMs
  const problem = `must be a positive number, got ${describeValue(mediaLifetimeMs)}`
  throw new InvalidOptionError({ option: 'mediaLifetimeMs', problem })
}

/** @throws InvalidOptionError */
export function checkIntegrity(integrity: ArchiveOptions['integrity']): void {
  if (integrity !== undefined) checkOneOf('integrity', integrity, ['strict', 'report'])
}

/** Passes an attempt's note on: a refused host as an event, a successful look-up to the memory of tokens. */
export function reportNote(plan: ArchivePlan, note: AttemptNote, accessToken: string): void {
  const { memory, download, subject } = plan
  if (note.type === 'host-refused') {
    emit(download.onEvent, { ...note, ...subject })
    return
  }
  noteSuccess(accessToken, memory.tokens)
  memory.onLookUp?.()
}
