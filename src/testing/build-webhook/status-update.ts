import { defined } from '../../json.js'

/** What a status says of a message, besides its id and time. */
export interface StatusFacts {
  /** The recipient's phone number. */
  from?: string | undefined
  /** The fate of a message that the business sent; it goes into `statuses`, with `from` as the recipient. */
  status?: 'sent' | 'delivered' | 'read' | 'played' | 'failed' | undefined
  /** Of a status: the recipient's business-scoped user id. */
  userId?: string | undefined
  /** Of a status: the group that the message went to. */
  groupId?: string | undefined
  /** Of a status: Meta's code of the failure. Default, where it failed: 131026. */
  errorCode?: number | undefined
  /** Of a status: what the message carried for it. */
  callbackData?: string | undefined
}

/** What Meta calls the failures that a test is likely to want (Meta: Error codes). */
const TITLES: Readonly<Record<number, string>> = {
  131026: 'Message undeliverable',
  131047: 'Re-engagement message',
  131052: 'Media download error',
  131053: 'Media upload error',
}

/**
 * A status on the wire, without the message's id and time (Meta: Webhooks, "statuses" reference).
 *
 * @param usual the recipient's phone number, where the facts name no recipient.
 */
export function buildStatusUpdate(facts: StatusFacts, usual: string): Record<string, unknown> {
  const {
    from = facts.userId === undefined ? usual : undefined,
    status,
    userId,
    groupId,
    callbackData,
    errorCode = 131026,
  } = facts
  const title = TITLES[errorCode] ?? 'Error'
  const href = 'https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/'
  const error = { code: errorCode, title, message: title, error_data: { details: `${title}.` }, href }
  return {
    status,
    ...defined(
      groupId === undefined
        ? { recipient_id: from }
        : { recipient_id: groupId, recipient_type: 'group', recipient_participant_id: from },
    ),
    ...defined({ recipient_user_id: userId, biz_opaque_callback_data: callbackData }),
    ...(status === 'failed' ? { errors: [error] } : {}),
  }
}
