import type { ArchivedMedia } from '../archive.js'
import { describeSecret } from '../errors/describe.js'
import { hashMessageId, showId, showTypeName, showWord } from '../events.js'
import { defined, isObject, toObject } from '../json.js'
import type { MediaReference } from '../media-reference.js'
import type { MediaJob } from '../queues.js'
import type { UnavailableMedia } from '../webhook/extract.js'

/** What of a reference a log may hold. `left out`: it is not personal, and tells a reader of the log nothing. */
const FIELDS: Readonly<Record<keyof MediaReference, 'shown' | 'personal' | 'left out'>> = {
  mediaId: 'shown',
  mediaType: 'shown',
  unknownType: 'shown',
  timestamp: 'shown',
  receivedAt: 'shown',
  phoneNumberId: 'shown',
  direction: 'shown',
  origin: 'shown',
  // A type's parameters may name the file.
  mimeType: 'personal',
  filename: 'personal',
  caption: 'personal',
  // Who has it can download the file.
  downloadUrl: 'personal',
  // Its keys open the file.
  encryption: 'personal',
  // It contains a phone number.
  messageId: 'personal',
  from: 'personal',
  fromUserId: 'personal',
  contact: 'personal',
  group: 'personal',
  sha256: 'left out',
  voice: 'left out',
  animated: 'left out',
  downloadUrlExpiresAt: 'left out',
  businessAccountId: 'left out',
}

const PERSONAL = Object.entries(FIELDS).flatMap(([name, kind]) => (kind === 'personal' ? [name] : []))

/**
 * The personal fields of references and jobs as paths for pino's `redact`: at the top of what is logged, one level down
 * (`media`, or the first level of a list), in a `job`, in a list of `jobs`, and in what `extractMedia` returns.
 *
 * @example
 * ```ts
 * import { MEDIA_REDACT_PATHS } from 'whatsapp-media-archive'
 *
 * const options = { redact: [...MEDIA_REDACT_PATHS, 'password'] } // pino(options)
 * console.log(options.redact.includes('job.media.filename')) // true
 * ```
 */
export const MEDIA_REDACT_PATHS: readonly string[] = PERSONAL.flatMap((name) => [
  name,
  // Before version 10, pino takes one wildcard in a path.
  ...['*', '*.media', 'media[*]', 'unavailable[*]', 'revoked[*]', 'jobs[*].media'].map((place) => `${place}.${name}`),
])

/**
 * What a log may hold of a reference, of a job, or of a result: ids, kinds and times, and the message's id as its
 * SHA-256 (`messageIdHash`, lowercase hex). Never a phone number, a message id, a file name, a caption or a URL.
 *
 * @returns plain JSON. Of anything else, an empty object: a logger must not throw.
 * @example
 * ```ts
 * import { redactMedia } from 'whatsapp-media-archive'
 * import { buildWebhook } from 'whatsapp-media-archive/testing'
 * import { extractMedia } from 'whatsapp-media-archive/webhook'
 *
 * const image = { type: 'image', object: { id: '1234567890', mime_type: 'image/jpeg', caption: 'for you' } }
 * for (const media of extractMedia(buildWebhook([{ media: image }])).media) console.log(redactMedia(media))
 * // { mediaId: '1234567890', mediaType: 'image', …, messageIdHash: '…' }
 * ```
 */
export function redactMedia(
  media: MediaReference | UnavailableMedia | ArchivedMedia | MediaJob,
): Record<string, unknown> {
  const given = toObject(media)
  if (isObject(given['media']) && !('mediaId' in given)) {
    return { ...showAccount(given['accountId']), media: showMedia(given['media']) }
  }
  return showMedia(given)
}

function showMedia(media: Record<string, unknown>): Record<string, unknown> {
  const { mediaId, mediaType, unknownType, timestamp, receivedAt, phoneNumberId, origin, direction, messageId } = media
  return defined({
    mediaId: showText(mediaId, showId),
    mediaType: showWord(mediaType),
    unknownType: showText(unknownType, showTypeName),
    timestamp: showTime(timestamp),
    receivedAt: showTime(receivedAt),
    origin: showWord(origin),
    direction: showWord(direction),
    phoneNumberId: showText(phoneNumberId, showId),
    messageIdHash: showText(messageId, hashMessageId),
  })
}

/** An account's id as logs show it. */
export function showAccount(accountId: unknown): { accountId?: unknown } {
  return defined({ accountId: showFormed(accountId, /^[\w-]{1,128}$/) })
}

function showText(value: unknown, show: (text: string) => string): string | undefined {
  if (value === undefined || value === '') return undefined
  return typeof value === 'string' ? show(value) : describeSecret(value)
}

/** A job may come out of its queue with a token where a time belongs. */
function showTime(value: unknown): unknown {
  return showFormed(value, /^\d{4}-\d{2}-\d{2}(?:T[\d:.]{5,20}(?:Z|[+-]\d{2}:?\d{2}))?$/)
}

/** The value where it has the form; a description of anything else. */
function showFormed(value: unknown, form: RegExp): unknown {
  return value === undefined || (typeof value === 'string' && form.test(value)) ? value : describeSecret(value)
}
