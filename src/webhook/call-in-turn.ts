import { TimeoutError } from '../errors.js'
import { within } from '../timing/abort.js'
import type { WebhookOutcome } from './converse.js'
import { type ExtractedMedia, extractMedia } from './extract.js'
import type { WebhookDelivery, WebhookHandlerOptions } from './handler.js'

/** The callbacks of a handler, and who hears of work that outlasts the answer. */
export interface TurnOptions {
  onPayload: WebhookHandlerOptions['onPayload']
  onMedia: WebhookHandlerOptions['onMedia']
  callbackTimeoutMs: number
  /** Gets the work that outlasts the answer. It never rejects. */
  onLateWork(work: Promise<unknown>): void
  /** Hears failures after the answer. */
  onLateFailure(error: unknown): void
}

/**
 * Calls `onPayload`, then `onMedia` when media was found, and gives up on both at their time limit. A callback that is
 * late goes on: nothing can stop it. Never rejects.
 */
export async function callInTurn(
  payload: unknown,
  delivery: WebhookDelivery,
  { onPayload, onMedia, callbackTimeoutMs, onLateWork, onLateFailure }: TurnOptions,
): Promise<WebhookOutcome> {
  let callback: 'onPayload' | 'onMedia' = 'onPayload'
  let isLate = false
  const call = async (): Promise<void> => {
    // Before onPayload, which may change its argument.
    const extracted = onMedia === undefined ? undefined : extractMedia(payload, delivery)
    await onPayload?.(payload, delivery)
    // After a late answer Meta delivers again, and then both are called again.
    if (isLate || extracted === undefined || !hasFindings(extracted)) return
    callback = 'onMedia'
    await onMedia?.(extracted)
  }
  const work = call().then(
    (): WebhookOutcome => ({ outcome: 'accepted' }),
    (error: unknown): WebhookOutcome => {
      if (isLate) onLateFailure(error)
      return { outcome: 'rejected', reason: 'handler-failed', error }
    },
  )
  return within(callbackTimeoutMs, work, {
    otherwise: (): WebhookOutcome => {
      isLate = true
      onLateWork(work)
      const error = new TimeoutError({ waitedFor: 'callback', limitMs: callbackTimeoutMs, callback })
      return { outcome: 'rejected', reason: 'handler-timeout', error }
    },
  })
}

function hasFindings({ media, unavailable, revoked }: ExtractedMedia): boolean {
  return media.length + unavailable.length + revoked.length > 0
}
