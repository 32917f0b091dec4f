import { describeSecret } from '../errors/describe.js'
import type { AnyWhatsAppMediaError } from '../errors.js'
import { messageIdHash, showId } from '../events.js'
import { type FailedReference, type MediaReference, removeDownloadUrl } from '../media-reference.js'
import type { UnavailableMedia } from '../webhook/extract.js'

/** One media item that was not archived, as `onFailed` gets it. */
export interface MediaFailure {
  /**
   * What the webhook told, without its download URL. `messageId` and `mediaId` are strings in any case, empty where there
   * is none: a query by them then matches nothing, which `undefined` does not promise.
   */
  readonly media: FailedReference | FailedAnnouncement
  readonly error: AnyWhatsAppMediaError
  /** Absent when the phone number id belongs to no account. */
  readonly accountId?: string
}

export type FailedAnnouncement = UnavailableMedia & { messageId: string; mediaId: string }

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/**
 * A failure holds what its owner needs to find the message again; printed or turned into JSON, it shows only what a log
 * may hold: no phone number, message id, file name or caption.
 */
export function mediaFailure(
  announced: MediaReference | UnavailableMedia,
  error: AnyWhatsAppMediaError,
  accountId?: string,
): MediaFailure {
  const media = 'mimeType' in announced ? removeDownloadUrl(announced) : { messageId: '', mediaId: '', ...announced }
  const { mediaId, mediaType, timestamp, receivedAt, phoneNumberId, origin, direction, messageId } = media
  const toJSON = (): Record<string, unknown> => ({
    media: {
      ...(mediaId === '' ? {} : { mediaId: showId(mediaId) }),
      ...{ timestamp: timeOf(timestamp), receivedAt: timeOf(receivedAt) },
      ...{ mediaType: wordOf(mediaType), origin: wordOf(origin), direction: wordOf(direction) },
      ...(typeof phoneNumberId === 'string' ? { phoneNumberId: showId(phoneNumberId) } : {}),
      ...(messageId === '' ? {} : { messageIdHash: messageIdHash(messageId) }),
    },
    error: error.toJSON(),
    ...(accountId === undefined ? {} : { accountId: shown(accountId, /^[\w-]{1,128}$/) }),
  })
  const failure: MediaFailure = { media, error, ...(accountId === undefined ? {} : { accountId }) }
  // Not enumerable: spreading or comparing a failure sees its fields alone.
  Object.defineProperty(failure, 'toJSON', { value: toJSON })
  Object.defineProperty(failure, INSPECT, { value: toJSON })
  return failure
}

/** A job may come out of its queue with a token where a time belongs. */
function timeOf(value: unknown): unknown {
  return shown(value, /^\d{4}-\d{2}-\d{2}(?:T[\d:.]{5,20}(?:Z|[+-]\d{2}:?\d{2}))?$/)
}

function wordOf(value: unknown): unknown {
  return shown(value, /^[a-z]{1,10}(?:-[a-z]{1,10})?$/)
}

function shown(value: unknown, form: RegExp): unknown {
  return value === undefined || (typeof value === 'string' && form.test(value)) ? value : describeSecret(value)
}
