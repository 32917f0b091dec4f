import { createHash } from 'node:crypto'
import { cleanId, describeSecret } from './errors/describe.js'
import type { AnyWhatsAppMediaError, CallbackName } from './errors.js'

/**
 * Events for logs and metrics: give `onEvent` to any operation. Events carry no token, signed query, phone
 * number or file name; a message id shows as its SHA-256 (`messageIdHash`, lowercase hex).
 */
export type MediaEvent = {
  /** Meta's id of the media, where the event is about one. */
  mediaId?: string | undefined
  /** SHA-256 of the message's id, lowercase hex, where the event is about a message. */
  messageIdHash?: string | undefined
  /** The tenant, where it is known. */
  accountId?: string | undefined
} & (
  | {
      /** Media is in the storage: since this call, or since before. */
      type: 'archived' | 'already-stored'
      key: string
      /** Size of the object. */
      bytes: number
      /** 1 for the first. */
      attempt: number
      /** Milliseconds that the call took. */
      durationMs: number
      /** Milliseconds between the message and now. Absent for a bare media id. */
      ageMs?: number | undefined
      /** Milliseconds until Meta deletes the media. Absent for a bare media id. */
      timeLeftMs?: number | undefined
    }
  /** One attempt failed; `retryInMs` is absent when it was the last. */
  | { type: 'attempt-failed'; error: AnyWhatsAppMediaError; attempt: number; retryInMs?: number | undefined }
  /**
   * A callback of your app threw or hung in a job, which runs again. `error` keeps name and code of the thrown error.
   */
  | {
      type: 'callback-failed'
      callback: CallbackName
      error: Error
      attempt: number
      retryInMs: number
    }
  /** A URL led to a host outside the configuration. Someone forged it, or Meta's hosts have changed: look at once. */
  | { type: 'host-refused'; host: string }
  /** The first bytes are not of the declared type: stored as octet-stream, to be downloaded, not shown. */
  | { type: 'type-mismatch'; declared: string; sniffed: string | undefined; key: string }
  /** `integrity: 'report'`: two downloads had the same bytes, of the right size, and not the announced hash. */
  | { type: 'mismatch-reported'; key: string; announcedSha256: string; observedSha256: string }
  /**
   * The storage's create-if-absent can't be trusted. `refused`: the store does not know it (501). `ignored`: it created an
   * object a second time, so it either ignores the condition or somebody deleted the object; if the former, the object
   * that was there is overwritten. In both cases the store is asked with a head before each put from now on.
   */
  | { type: 'condition-unsupported'; storage: string; how: 'refused' | 'ignored' }
  /**
   * Jobs wait. `access-token`: those of one of the account's numbers, because Meta rejects its token or there is none; it
   * is asked for again afterwards. `rate-limit`: all of the account's, because it is at a rate limit of Meta's.
   */
  | ({ type: 'account-paused'; accountId: string; forSeconds: number } & (
      | { reason: 'access-token'; phoneNumberId: string }
      | { reason: 'rate-limit' }
    ))
  /** A job is given up; `onFailed` is called next. */
  | { type: 'dead-letter'; error: AnyWhatsAppMediaError }
  /** Media came through a number that `accounts` does not know. */
  | { type: 'unknown-number'; phoneNumberId: string }
  /** A webhook announced media that can't be downloaded. */
  | { type: 'media-unavailable'; reason: string; phoneNumberId: string }
  /** The sender deleted a message. Nothing is deleted here: your app decides. */
  | { type: 'message-revoked'; messageIdHash: string; phoneNumberId: string }
  /** The signing credentials end before the URL was asked to. */
  | { type: 'expiry-clipped'; key: string; expiresAt: Date; askedFor: Date }
)

/** Receives events. An error of its own is ignored: a broken logger loses no media. */
export type OnEvent = (event: MediaEvent) => void

export function emit(onEvent: OnEvent | undefined, event: MediaEvent): void {
  if (onEvent !== undefined) callLogger(onEvent, cleanMediaId(event))
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

/** Jobs come out of queues as JSON that anyone may have put there: a token may stand in an id's place. */
function cleanMediaId(event: MediaEvent): MediaEvent {
  if (!('mediaId' in event) || event.mediaId === undefined) return event
  return { ...event, mediaId: showId(event.mediaId) }
}

/** An id of Meta's as events show it. */
export function showId(id: string): string {
  return typeof id === 'string' ? cleanId(id) : describeSecret(id)
}

/** A message id as events show it: it contains the sender's phone number. */
export function hashMessageId(messageId: string): string {
  return createHash('sha256').update(messageId).digest('hex')
}
