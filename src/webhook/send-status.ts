import { checkOptions } from '../errors/check-options.js'
import { defined } from '../json.js'
import { parseCallbackData, type SentMediaTag } from './callback-data.js'
import { EXTRACT_OPTIONS, refuseUnparsed, toIsoTime } from './extract.js'
import { adviseFailure, type SendFailureKind } from './failure-advice.js'
import { parseStatuses, type WireStatus } from './payload.js'

/** Why a message did not arrive. */
export interface SendFailure {
  /** What it is about. */
  kind: SendFailureKind
  /** Meta's code (Meta: Error codes). Absent when the wire had none. */
  errorCode?: number | undefined
  /** Meta's title of the code. */
  title?: string | undefined
  /** Meta's own words about this failure. */
  details?: string | undefined
  /** What to do, in a sentence of this library's. */
  advice: string
}

/** What a status says besides its word. Plain JSON. */
export interface SendStatusDetails {
  /** Meta's id of the message, as `sendMediaMessage` returned it. It contains the recipient's phone number. */
  messageId: string
  /** When it came about, ISO 8601; `receivedAt` when the wire had no time. */
  timestamp: string
  /** When the webhook came, ISO 8601. */
  receivedAt: string
  /** Meta's id of the business phone number; empty when the wire had none. */
  phoneNumberId: string
  /** The WhatsApp Business Account; empty when the wire had none. */
  businessAccountId: string
  /** The recipient's phone number; absent for users who hide it. */
  to?: string | undefined
  /** The recipient's business-scoped user id. */
  toUserId?: string | undefined
  /** The recipient's parent user id. */
  toParentUserId?: string | undefined
  /** The group that the message went to. The status is then about one of its members. */
  groupId?: string | undefined
  /** The `callbackData` that the message was sent with. */
  callbackData?: string | undefined
  /** The media that `sendMediaMessage` sent by its id. */
  media?: SentMediaTag | undefined
}

/** What became of a message that the business sent. */
export type SendStatus = SendStatusDetails &
  (
    | {
        /** It left Meta, reached a device, was seen, or was played (a voice note). */
        status: 'sent' | 'delivered' | 'read' | 'played'
        /** Absent unless it failed. */
        failure?: never
      }
    | {
        /** It will not arrive. */
        status: 'failed'
        /** Why. */
        failure: SendFailure
      }
  )

/**
 * Reads what became of messages: all statuses of a webhook, in the payload's order. Messages, statuses without a message
 * id and words that this version does not know are skipped; nothing of a parsed body throws.
 *
 * Meta delivers more than once, and in any order: save by `messageId` and `status`.
 *
 * @param payload the parsed body: anything that JSON can hold. `onPayload` of `createWebhookHandler` gets it.
 * @param options `receivedAt`: when the webhook came, ISO 8601 or Date, default now. `onPayload`'s second argument fits.
 * @throws InvalidOptionError for bytes, text or a request in place of the parsed body.
 * @example
 * ```ts
 * import { buildWebhook } from 'whatsapp-media-archive/testing'
 * import { readSendStatuses } from 'whatsapp-media-archive/webhook'
 *
 * const payload = buildWebhook([{ status: 'failed', errorCode: 131047 }]) // or what onPayload gets
 * for (const { status, failure } of readSendStatuses(payload)) {
 *   console.log(status, failure?.kind) // failed window
 * }
 * ```
 */
export function readSendStatuses(
  payload: unknown,
  options: {
    /** When the webhook came. Default: now. */
    receivedAt?: Date | string | undefined
  } = {},
): SendStatus[] {
  checkOptions(options, EXTRACT_OPTIONS, { isOpen: true })
  refuseUnparsed(payload)
  const receivedAt = toIsoTime(options.receivedAt)
  return parseStatuses(payload).flatMap((wire) => toSendStatus(wire, receivedAt))
}

/** @returns nothing for what can't be saved: without an id, or of an unknown word. */
function toSendStatus(wire: WireStatus, receivedAt: string): SendStatus[] {
  const { messageId, word, timestamp = receivedAt, data, errorCode, title, details, ...rest } = wire
  if (messageId === '') return []
  const common = { messageId, timestamp, receivedAt, ...rest, ...(data === undefined ? {} : parseCallbackData(data)) }
  switch (word) {
    case 'sent':
    case 'delivered':
    case 'read':
    case 'played':
      return [{ ...common, status: word }]
    case 'failed':
      return [
        {
          ...common,
          status: word,
          failure: { ...adviseFailure(errorCode), ...defined({ errorCode, title, details }) },
        },
      ]
    default:
      return []
  }
}
