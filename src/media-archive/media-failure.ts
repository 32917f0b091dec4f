import { describeSecret } from '../errors/describe.js'
import type { AnyWhatsAppMediaError } from '../errors.js'
import { hashMessageId, showId, showWord } from '../events.js'
import { defined } from '../json.js'
import { type MediaReference, removeDownloadUrl } from '../media-reference.js'
import type { UnavailableMedia } from '../webhook/extract.js'

/** One media item that was not archived, as `onFailed` gets it. */
export interface MediaFailure {
  /**
   * The webhook's description of it, without its download URL. `messageId` and `mediaId` are strings in any case, empty
   * where there is none: a query by them then matches nothing, which `undefined` does not promise.
   */
  readonly media:
    | Omit<MediaReference, 'downloadUrl' | 'downloadUrlExpiresAt'>
    | (UnavailableMedia & { messageId: string; mediaId: string })
  /** Why it was not archived. */
  readonly error: AnyWhatsAppMediaError
  /** The tenant. Absent when the phone number id belongs to no account. */
  readonly accountId?: string | undefined
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/**
 * A failure holds what your app needs to find the message again; printed or turned into JSON, it shows only what a log
 * may hold: no phone number, message id, file name or caption.
 */
export function createMediaFailure(
  announced: MediaReference | UnavailableMedia,
  { error, accountId }: { error: AnyWhatsAppMediaError; accountId?: string | undefined },
): MediaFailure {
  const media =
    'mimeType' in announced ? removeDownloadUrl(announced) : { messageId: '', mediaId: '', ...defined(announced) }
  const toJSON = (): Record<string, unknown> => ({
    media: defined(showMedia(media)),
    error: error.toJSON(),
    ...defined({ accountId: showFormed(accountId, /^[\w-]{1,128}$/) }),
  })
  const failure: MediaFailure = { media, error, ...defined({ accountId }) }
  // Not enumerable: spreading or comparing a failure sees its fields alone.
  Object.defineProperty(failure, 'toJSON', { value: toJSON })
  Object.defineProperty(failure, INSPECT, { value: toJSON })
  return failure
}

function showMedia(media: MediaFailure['media']): Record<string, unknown> {
  const { mediaId, mediaType, timestamp, receivedAt, phoneNumberId, origin, direction, messageId } = media
  return {
    mediaId: mediaId === '' ? undefined : showId(mediaId),
    timestamp: showTime(timestamp),
    receivedAt: showTime(receivedAt),
    mediaType: showWord(mediaType),
    origin: showWord(origin),
    direction: showWord(direction),
    phoneNumberId: typeof phoneNumberId === 'string' ? showId(phoneNumberId) : undefined,
    messageIdHash: messageId === '' ? undefined : hashMessageId(messageId),
  }
}

/** A job may come out of its queue with a token where a time belongs. */
function showTime(value: unknown): unknown {
  return showFormed(value, /^\d{4}-\d{2}-\d{2}(?:T[\d:.]{5,20}(?:Z|[+-]\d{2}:?\d{2}))?$/)
}

/** The value where it has the form; a description of anything else. */
function showFormed(value: unknown, form: RegExp): unknown {
  return value === undefined || (typeof value === 'string' && form.test(value)) ? value : describeSecret(value)
}
