import type { AnyWhatsAppMediaError } from '../errors.js'
import { defined } from '../json.js'
import { removeDownloadAccess } from '../media-reference/download-access.js'
import type { MediaReference } from '../media-reference.js'
import type { UnavailableMedia } from '../webhook/extract.js'
import { redactMedia, showAccount } from './redact-media.js'

/** One media item that was not archived, as `onFailed` gets it. */
export interface MediaFailure {
  /**
   * The webhook's description of it, without its download URL and its keys. `messageId` and `mediaId` are strings in any case, empty
   * where there is none: a query by them then matches nothing, which `undefined` does not promise.
   *
   * What a log must not hold (`from`, `messageId`, `filename`, `caption` and the like) is read by name: it is not
   * enumerable, so that spreads, clones, JSON and loggers leave it out.
   */
  readonly media:
    | Omit<MediaReference, 'downloadUrl' | 'downloadUrlExpiresAt' | 'encryption'>
    | (UnavailableMedia & {
        /** The message; empty where the webhook has none. */
        messageId: string
        /** Meta's id; empty where the webhook has none. */
        mediaId: string
      })
  /** Why it was not archived. */
  readonly error: AnyWhatsAppMediaError
  /** The tenant. Absent when the phone number id belongs to no account. */
  readonly accountId?: string | undefined
}

/**
 * A failure holds what your app needs to find the message again. Printed, cloned, spread or turned into JSON, it shows only
 * what a log may hold: no phone number, message id, file name or caption.
 */
export function createMediaFailure(
  announced: MediaReference | UnavailableMedia,
  { error, accountId }: { error: AnyWhatsAppMediaError; accountId?: string | undefined },
): MediaFailure {
  const fields =
    'mimeType' in announced ? removeDownloadAccess(announced) : { messageId: '', mediaId: '', ...defined(announced) }
  const shown = redactMedia(fields)
  const media = hideFields(fields, { shown, toJSON: () => shown })
  const account = showAccount(accountId)
  const toJSON = (): Record<string, unknown> => ({ media: shown, error: error.toJSON(), ...account })
  return hideFields({ media, error, ...defined({ accountId }) }, { shown: { media, error, ...account }, toJSON })
}

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/**
 * The object as loggers may see it: they call its `toJSON`, or walk its enumerable fields. A field that is not shown as it
 * is can be read by name alone.
 */
function hideFields<Fields extends object>(
  fields: Fields,
  { shown, toJSON }: { shown: Record<string, unknown>; toJSON: () => Record<string, unknown> },
): Fields {
  const hiding = {}
  for (const [name, value] of Object.entries(fields)) {
    if (shown[name] === value) Object.assign(hiding, { [name]: value })
    else hideField(hiding, name, value)
  }
  for (const name of ['toJSON', INSPECT]) Object.defineProperty(hiding, name, { value: toJSON })
  // It has every field that it was given.
  return hiding as Fields
}

/** An accessor: printed with its hidden properties, too, an object shows its name alone. */
function hideField(target: object, name: string, value: unknown): void {
  let held = value
  const set = (next: unknown): void => {
    held = next
  }
  Object.defineProperty(target, name, { get: () => held, set, configurable: true })
}
