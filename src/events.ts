import { createHash } from 'node:crypto'
import { cleanId, describeSecret } from './errors/describe.js'
import type { AnyWhatsAppMediaError, CallbackName, MediaIdsFailedError } from './errors.js'
import { defined } from './json.js'

/** The media that an event is about. A field is absent where it is unknown, or where the event is about no media. */
export interface EventSubject {
  /** Meta's id of the media. */
  mediaId?: string | undefined
  /** `image`, `video`, `audio`, `document` or `sticker`. */
  mediaType?: string | undefined
  /** The part of the webhook that the media came from, as in `MediaReference`. A bare media id has none. */
  origin?: string | undefined
  /** SHA-256 of the message's id, lowercase hex. */
  messageIdHash?: string | undefined
  /** The tenant. */
  accountId?: string | undefined
}

/**
 * Events for logs and metrics: give `onEvent` to any operation. Events carry no token, signed query, phone
 * number or file name; a message id shows as its SHA-256 (`messageIdHash`, lowercase hex).
 *
 * `attempt` is the number of an attempt to archive the media, 1 for the first. In a queue it counts through all runs of
 * the job. `jobAttempt` is how often the job itself has run: one run makes up to `attempts` attempts (default 3).
 */
export type MediaEvent = EventSubject &
  (
    | {
        /** Media is in the storage: since this call, or since before. */
        type: 'archived' | 'already-stored'
        /** The object's key. */
        key: string
        /** Size of the object. */
        bytes: number
        /** The attempt that succeeded. */
        attempt: number
        /** Milliseconds that the call took. */
        durationMs: number
        /** Milliseconds between the message and now. Absent for a bare media id. */
        ageMs?: number | undefined
        /** Milliseconds until Meta deletes the media. Absent for a bare media id. */
        timeLeftMs?: number | undefined
      }
    /**
     * One attempt failed. `retryInMs` is the time until the next, in milliseconds, in the same call or the queue's next run;
     * it is absent when no other follows. For a job the event of a run's last attempt comes when its fate is known: after
     * `onFailed`, where it is given up.
     */
    | {
        type: 'attempt-failed'
        /** The failure. */
        error: AnyWhatsAppMediaError
        /** The attempt that failed. */
        attempt: number
        /** Milliseconds until the next attempt. Absent when no other follows. */
        retryInMs?: number | undefined
      }
    /** The queue runs a job again: after a fault, a pause of its account, or a stop of its worker. */
    | {
        type: 'job-retry'
        /** The reason. Of an error that a callback of your app has thrown, name and code stay. */
        error: Error
        /** Runs of the job so far. One that a pause or a stop cut short does not count. */
        jobAttempt: number
        /** Seconds until the job runs again; 0 for at once. */
        afterSeconds: number
      }
    /** A callback of your app threw or hung in a job; `job-retry` follows. `error` keeps name and code of the thrown error. */
    | {
        type: 'callback-failed'
        /** The option that holds the callback. */
        callback: CallbackName
        /** Name and code of the thrown error. */
        error: Error
        /** Runs of the job so far. */
        jobAttempt: number
        /** Milliseconds until the job runs again. */
        retryInMs: number
      }
    /** A URL led to a host outside the configuration. Someone forged it, or Meta's hosts have changed: look at once. */
    | {
        type: 'host-refused'
        /** The host's name. */
        host: string
      }
    /** The first bytes are not of the declared type: stored as octet-stream, to be downloaded, not shown. */
    | {
        type: 'type-mismatch'
        /** The MIME type that the message declared. */
        declared: string
        /** The MIME type that the first bytes show; undefined where they show none. */
        sniffed: string | undefined
        /** The object's key. */
        key: string
      }
    /** `integrity: 'report'`: two downloads had the same bytes, of the right size, and not the announced hash. */
    | {
        type: 'mismatch-reported'
        /** The object's key. */
        key: string
        /** The hash that the webhook or the look-up announced, lowercase hex. */
        announcedSha256: string
        /** The hash of the bytes, lowercase hex. */
        observedSha256: string
      }
    /** `integrity: 'report'`: the bytes have the announced hash, and another size than announced. */
    | {
        type: 'size-mismatch-reported'
        /** The object's key. */
        key: string
        /** The size that the look-up announced, in bytes. */
        announcedSize: number
        /** The size of the object, in bytes. */
        observedSize: number
      }
    /**
     * The storage's create-if-absent can't be trusted. `refused`: the store does not know it (501). `ignored`: it created an
     * object a second time, so it either ignores the condition or somebody deleted the object; if the former, the object
     * that was there is overwritten. In both cases the store is asked with a head before each put from now on.
     */
    | {
        type: 'condition-unsupported'
        /** The storage's name. */
        storage: string
        /** Whether the store refused the condition, or ignored it. */
        how: 'refused' | 'ignored'
      }
    /**
     * Jobs wait, and one at a time tries; the first success ends it. Each longer pause of a row is told anew.
     * `access-token`: those of one of the account's numbers, because Meta rejects its token or there is none.
     * `permission`: those of one number, because its token or app lacks a right. `account`: Meta blocks or locks the
     * account, or refuses its app secret. `rate-limit`: the account is at a limit of Meta's. `storage`: the storage
     * refuses (credentials, rights, bucket, quota, key). `app`: a URL of Meta's leads to a host that is not configured,
     * or a proxy refuses. `storage` and `app` hold back all accounts that share them, as soon as a second one fails.
     */
    | ({
        type: 'account-paused'
        /** The tenant whose job found the fault. */
        accountId: string
        /** Seconds until a job is tried again. */
        forSeconds: number
      } & (
        | {
            /** Why: only this number's jobs wait. */
            reason: 'access-token' | 'permission'
            /** Meta's id of the business phone number. */
            phoneNumberId: string
          }
        | {
            /** Why: all jobs of the account wait. */
            reason: 'account' | 'app' | 'rate-limit' | 'storage'
          }
      ))
    /** A job was given up, and `onFailed` has heard of it. Nothing follows for it. */
    | {
        type: 'dead-letter'
        /** The failure. */
        error: AnyWhatsAppMediaError
      }
    /** Media came through a number that `accounts` does not know. */
    | {
        type: 'unknown-number'
        /** Meta's id of the business phone number. */
        phoneNumberId: string
      }
    /** Media has a type that this version does not know. It is archived by its MIME type. */
    | {
        type: 'unknown-media-type'
        /** The webhook's name of the type. */
        unknownType: string
        /** Meta's id of the business phone number. */
        phoneNumberId: string
      }
    /** A webhook announced media that can't be downloaded. */
    | {
        type: 'media-unavailable'
        /** Why, as `UnavailableMedia` has it. */
        reason: string
        /** Meta's id of the business phone number. */
        phoneNumberId: string
      }
    /** The sender deleted a message. Nothing is deleted here: your app decides. */
    | {
        type: 'message-revoked'
        /** SHA-256 of the deleted message's id, lowercase hex. */
        messageIdHash: string
        /** Meta's id of the business phone number. */
        phoneNumberId: string
      }
    /**
     * A call of the cache of media ids failed, or took longer than `mediaIdsTimeoutMs`. It counts as a miss: what was to be
     * sent is uploaded.
     */
    | {
        type: 'media-ids-failed'
        /** The failure. */
        error: MediaIdsFailedError
      }
    /** The signing credentials end before the URL was asked to. */
    | {
        type: 'expiry-clipped'
        /** The object's key. */
        key: string
        /** When the URL expires. */
        expiresAt: Date
        /** When it was asked to expire. */
        askedFor: Date
      }
  )

/** Receives events. An error of its own is ignored: a broken logger loses no media. */
export type OnEvent = (event: MediaEvent) => void

export function emit(onEvent: OnEvent | undefined, event: MediaEvent): void {
  if (onEvent !== undefined) callLogger(onEvent, cleanSubject(event))
}

/** Calls a logger of your app. An error of its own is ignored: the media matters more. */
export function callLogger<T>(log: ((value: T) => unknown) | undefined, value: T): void {
  try {
    const returned: unknown = log?.(value)
    // An async logger fits the type, too, and its rejection would end the process.
    if (typeof returned === 'object') Promise.resolve(returned).catch(() => {})
  } catch {
    // Ignored, as said above.
  }
}

/** Jobs come out of queues as JSON that anyone may have put there: a token may stand in an id's place, or a word's. */
function cleanSubject(event: MediaEvent): MediaEvent {
  const { mediaId, mediaType, origin } = event
  const shown = defined({
    mediaId: mediaId === undefined ? undefined : showId(mediaId),
    mediaType: showWord(mediaType),
    origin: showWord(origin),
  })
  return { ...event, ...shown }
}

/** What events tell of media, as far as its description, which may come from anywhere, says it. */
export function describeSubject(media: {
  mediaId?: string | undefined
  mediaType?: string | undefined
  origin?: string | undefined
  messageId?: string | undefined
}): Omit<EventSubject, 'accountId'> {
  const { mediaId, mediaType, origin, messageId } = media
  return defined({
    mediaId: mediaId || undefined,
    mediaType,
    origin,
    messageIdHash: typeof messageId === 'string' && messageId !== '' ? hashMessageId(messageId) : undefined,
  })
}

/** An id of Meta's as events show it. */
export function showId(id: string): string {
  return typeof id === 'string' ? cleanId(id) : describeSecret(id)
}

/** A word of ours as events show it, such as `image` or `call-recording`; anything else may be a secret. */
export function showWord(value: unknown): string | undefined {
  if (value === undefined) return undefined
  return typeof value === 'string' && /^[a-z]{1,10}(?:-[a-z]{1,10})?$/.test(value) ? value : describeSecret(value)
}

/** A type's name on the wire as events show it, such as `video_note`; anything else may be a secret. */
export function showTypeName(name: string): string {
  return /^[a-z]{1,16}(?:_[a-z]{1,16}){0,3}$/.test(name) ? name : describeSecret(name)
}

/** A message id as events show it: it contains the sender's phone number. */
export function hashMessageId(messageId: string): string {
  return createHash('sha256').update(messageId).digest('hex')
}
