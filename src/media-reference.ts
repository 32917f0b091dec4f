import { checkFlag, checkOneOf, checkText } from './errors/checks.js'
import { describeSecret, describeValue } from './errors/describe.js'
import { isSecretId } from './errors/redaction.js'
import { InvalidOptionError } from './errors.js'
import { toObject } from './json.js'
import { checkSha256 } from './media-reference/check-sha256.js'
import { checkContact, type MediaContact } from './media-reference/contact.js'
import { type DownloadAccess, removeDownloadAccess } from './media-reference/download-access.js'
import { checkEncryption, checkFlowFile, type MediaEncryption } from './media-reference/encryption.js'
import { parseTime } from './media-reference/parse-time.js'
import { refuseLookalikes } from './media-reference/refuse-lookalikes.js'

/**
 * "This message points at this media": a webhook's description of one file, as plain JSON fit for any queue.
 * Times are ISO 8601 strings.
 */
export interface MediaReference {
  /** Meta's id of the media, an opaque string. Meta keeps the media for 7 days (Meta: Media). */
  mediaId: string
  /** WhatsApp's kind of media. */
  mediaType: MediaType
  /**
   * As declared by the sender, parameters included: `audio/ogg; codecs=opus`. Empty when the webhook had none, or only
   * the media id was kept. The look-up tells it then, and also where it is malformed, or `application/octet-stream` of
   * anything but a document.
   */
  mimeType: string
  /** Lowercase hex, whatever encoding the wire used. Absent when none, or none usable, was announced. */
  sha256?: string | undefined
  /** The sender's name for a document. Never part of the key. */
  filename?: string | undefined
  /** The sender's caption. */
  caption?: string | undefined
  /** A voice note rather than an audio file. */
  voice?: boolean | undefined
  /** An animated sticker. */
  animated?: boolean | undefined
  /** The webhook's name of a media type that this version does not know; `mediaType` goes by the MIME type then. */
  unknownType?: string | undefined
  /** The webhook's own download URL; it expires 5 minutes after the message, and never reaches results or failures. */
  downloadUrl?: string | undefined
  /** When the download URL expires. */
  downloadUrlExpiresAt?: string | undefined
  /** Of a file for a Flow's endpoint, which is encrypted: its keys. They never reach results or failures. */
  encryption?: MediaEncryption | undefined
  /** The message's id. It contains the sender's phone number. */
  messageId: string
  /** When the message was sent. It decides the key's date and the retry deadline. */
  timestamp: string
  /** When the webhook reached us. */
  receivedAt: string
  /** The sender's phone number; absent for users who hide it behind a username. */
  from?: string | undefined
  /** The sender's business-scoped user id. */
  fromUserId?: string | undefined
  /** The customer: the sender of an inbound message, the recipient of an outbound one. */
  contact?: MediaContact | undefined
  /** The id of the group that the message was sent to. */
  group?: string | undefined
  /** Meta's id of the business phone number the message went through. */
  phoneNumberId: string
  /** The WhatsApp Business Account. */
  businessAccountId: string
  /** `inbound`: from a user. `outbound`: from the business. */
  direction: 'inbound' | 'outbound'
  /**
   * The part of the webhook that it came from: a message, an edit of one, the copy of a message sent from the phone, the
   * phone's history, a thread of another app, the answer to a Flow, a call; or the request to a Flow's endpoint.
   */
  origin: 'message' | 'edit' | 'echo' | 'history' | 'standby' | 'flow' | 'call-recording' | 'flow-endpoint'
}

/** WhatsApp's kinds of media. `sticker` only ever comes from a webhook: no MIME type distinguishes it from an image. */
export type MediaType = 'image' | 'video' | 'audio' | 'document' | 'sticker'

/**
 * One media item on its way to its object. `toWantedMedia` makes it from the caller's arguments, and the look-up returns a
 * fuller one. A field is absent as long as it is unknown.
 */
export interface WantedMedia {
  readonly mediaId: string
  readonly mediaType?: MediaType | undefined
  /** As declared, parameters included. */
  readonly mimeType?: string | undefined
  /** Announced bytes. */
  readonly size?: number | undefined
  /** Announced hash, lowercase hex. */
  readonly sha256?: string | undefined
  readonly filename?: string | undefined
  /** When the message was sent. */
  readonly timestamp?: string | Date | undefined
  readonly phoneNumberId?: string | undefined
  /** The webhook's own download URL, and when it expires. */
  readonly downloadUrl?: string | undefined
  readonly downloadUrlExpiresAt?: string | undefined
  /** Of a file that no look-up finds: `downloadUrl` is the only way to it. */
  readonly encryption?: MediaEncryption | undefined
  /** The look-up's URL. It is valid for 5 minutes. */
  readonly lookedUpUrl?: string | undefined
  /** The caller's reference; absent where a bare media id was given. The result repeats its message. */
  readonly reference?: MediaReference | undefined
}

/** Media of known types: enough to build its key. */
export type KnownMedia = WantedMedia & { readonly mediaType: MediaType; readonly mimeType: string }

/** Media that lies encrypted where no look-up finds it. `checkReference` sees to it that the rest is there. */
export type EncryptedMedia = KnownMedia & {
  readonly encryption: MediaEncryption
  readonly downloadUrl: string
}

/** @param given the caller's options for a bare media id; a reference has its own fields. */
export function toWantedMedia(
  media: string | MediaReference,
  given: Pick<WantedMedia, 'mediaType' | 'timestamp' | 'filename'> = {},
): WantedMedia {
  if (typeof media === 'string') {
    const { mediaType, timestamp, filename } = given
    return { mediaId: media, mediaType, timestamp, filename }
  }
  refuseLookalikes(media, { option: 'media', wanted: 'a media id or a MediaReference' })
  const fields: Partial<MediaReference> = media
  return {
    mediaId: media.mediaId,
    mediaType: fields.mediaType,
    mimeType: fields.mimeType === '' ? undefined : fields.mimeType,
    size: undefined,
    sha256: fields.sha256,
    filename: fields.filename,
    timestamp: fields.timestamp,
    phoneNumberId: fields.phoneNumberId,
    downloadUrl: fields.downloadUrl,
    downloadUrlExpiresAt: fields.downloadUrlExpiresAt,
    encryption: fields.encryption,
    lookedUpUrl: undefined,
    reference: media,
  }
}

export function isKnownMedia(media: WantedMedia): media is KnownMedia {
  return media.mediaType !== undefined && media.mimeType !== undefined
}

export function isEncryptedMedia(media: WantedMedia): media is EncryptedMedia {
  return media.encryption !== undefined && media.downloadUrl !== undefined && isKnownMedia(media)
}

/** A reference as failures and dead letters keep it: without the ways to its file. */
export type FailedReference = Omit<MediaReference, keyof DownloadAccess>

/** How long Meta keeps media, in milliseconds (Meta: Media). */
export const DEFAULT_MEDIA_LIFETIME_MS = 604_800_000

/** When Meta forgets the media, in milliseconds since 1970. */
export function getMediaDeadline(media: MediaReference, mediaLifetimeMs: number = DEFAULT_MEDIA_LIFETIME_MS): number {
  // A history message is old when it comes; Meta keeps its media from then on.
  const livesFrom = media.origin === 'history' ? 'receivedAt' : 'timestamp'
  return parseTime(livesFrom, media[livesFrom]).getTime() + mediaLifetimeMs
}

/*
 * The checks. Callers and queues hand over JSON of unknown origin: types prove nothing about it. Errors name the
 * field, and show no value that may be personal.
 */

const MEDIA_TYPES: readonly MediaType[] = ['image', 'video', 'audio', 'document', 'sticker']

export function isMediaType(value: unknown): value is MediaType {
  return (MEDIA_TYPES as readonly unknown[]).includes(value)
}

/** @throws InvalidOptionError */
export function checkMediaType(mediaType: unknown, option = 'mediaType'): asserts mediaType is MediaType {
  checkOneOf(option, mediaType, MEDIA_TYPES)
}

const MAX_MEDIA_ID_LENGTH = 512

/** Here, for the build turns it into a constructor's call, which would compile it at each use. */
const HALF_A_PAIR = /\p{Surrogate}/u

/** Media ids are opaque strings: numbers above 2^53 occur, and so do UUIDs. @throws InvalidOptionError */
export function checkMediaId(mediaId: string, option = 'mediaId'): void {
  if (
    typeof mediaId !== 'string' ||
    mediaId === '' ||
    mediaId.length > MAX_MEDIA_ID_LENGTH ||
    HALF_A_PAIR.test(mediaId)
  ) {
    throw new InvalidOptionError({
      option,
      problem: `must be a string of 1 to ${MAX_MEDIA_ID_LENGTH} characters, got ${describeSecret(mediaId)}`,
    })
  }
  // Errors and events show media ids, and a message id holds a phone number.
  if (mediaId.startsWith('wamid.'))
    throw new InvalidOptionError({ option, problem: 'must be the media id, got a message id' })
  if (isSecretId(mediaId)) {
    throw new InvalidOptionError({
      option,
      problem: `must be the media id, got what looks like a secret: ${describeSecret(mediaId)}`,
    })
  }
}

type FieldCheck = (value: unknown, option: string) => void

const checkTextField: FieldCheck = (value, option) => checkText(option, value)

const checkTimeField: FieldCheck = (value, option) => {
  if (typeof value !== 'string') {
    throw new InvalidOptionError({ option, problem: `must be a string, got ${describeValue(value)}` })
  }
  parseTime(option, value)
}

const checkFlagField: FieldCheck = (value, option) => checkFlag(option, value)

const allowAbsent =
  (check: FieldCheck): FieldCheck =>
  (value, option) => {
    if (value !== undefined) check(value, option)
  }

const FIELD_CHECKS: Readonly<Record<keyof MediaReference, FieldCheck>> = {
  mediaId(value, option) {
    checkText(option, value)
    checkMediaId(value, option)
  },
  mediaType: checkMediaType,
  mimeType: checkTextField,
  sha256: allowAbsent(checkSha256),
  filename: allowAbsent(checkTextField),
  caption: allowAbsent(checkTextField),
  voice: allowAbsent(checkFlagField),
  animated: allowAbsent(checkFlagField),
  unknownType: allowAbsent(checkTextField),
  downloadUrl: allowAbsent(checkTextField),
  downloadUrlExpiresAt: allowAbsent(checkTextField),
  encryption: allowAbsent(checkEncryption),
  messageId: checkTextField,
  timestamp: checkTimeField,
  receivedAt: checkTimeField,
  from: allowAbsent(checkTextField),
  fromUserId: allowAbsent(checkTextField),
  contact: allowAbsent(checkContact),
  group: allowAbsent(checkTextField),
  phoneNumberId: checkTextField,
  businessAccountId: checkTextField,
  // A worker of an older version accepts values that it does not know, and loses nothing by them.
  direction: checkTextField,
  origin: checkTextField,
}

/** @throws InvalidOptionError that names the field, below `option`, unless it is a valid `MediaReference`. */
export function checkReference(media: unknown, option = 'media'): asserts media is MediaReference {
  refuseLookalikes(media, { option, wanted: 'a MediaReference' })
  for (const [name, check] of Object.entries(FIELD_CHECKS)) check(media[name], `${option}.${name}`)
  if (media['origin'] === 'flow-endpoint' || media['encryption'] !== undefined) checkFlowFile(media, option)
}

/** The error of a check that fails. */
export function findProblem(check: () => void): InvalidOptionError | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    /* v8 ignore if -- @preserve no check throws anything else; what is not ours must still pass */
    if (!(error instanceof InvalidOptionError)) throw error
    return error
  }
}

/**
 * The valid fields of a reference that may have been refused, without the ways to its file. The two ids are strings in any
 * case.
 */
export function keepValidFields(media: unknown): FailedReference {
  const valid = Object.entries(removeDownloadAccess(toObject(media))).filter(([name, value]) =>
    isValidField(name, value),
  )
  // Every field that is there has passed its check.
  return { messageId: '', mediaId: '', ...Object.fromEntries(valid) } as FailedReference
}

function isValidField(name: string, value: unknown): boolean {
  const checks: Readonly<Record<string, FieldCheck>> = FIELD_CHECKS
  const check = Object.hasOwn(checks, name) ? checks[name] : undefined
  return findProblem(() => check?.(value, name)) === undefined
}
