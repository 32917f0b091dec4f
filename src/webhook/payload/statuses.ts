import { defined, findId, parseTimestamp, parseWhole, readId, readObjects, readOwn, readString } from '../../json.js'

/** A status of a message that the business sent, as a webhook has it. */
export interface WireStatus {
  /** Empty when the wire had none, as are the ids of number and account. */
  messageId: string
  /** The wire's word for it. */
  word: string
  /** ISO 8601. */
  timestamp?: string | undefined
  phoneNumberId: string
  businessAccountId: string
  to?: string | undefined
  toUserId?: string | undefined
  toParentUserId?: string | undefined
  groupId?: string | undefined
  /** As the message carried it. */
  data?: string | undefined
  errorCode?: number | undefined
  title?: string | undefined
  details?: string | undefined
}

/** Reads the statuses of a webhook's body: all entries and changes, standby too (Meta: Webhooks, "statuses" reference). */
export function parseStatuses(payload: unknown): WireStatus[] {
  return readObjects(payload, 'entry').flatMap((entry) =>
    readObjects(entry, 'changes').flatMap((change) => {
      const value = readOwn(change, 'value')
      const phoneNumberId = readId(readOwn(value, 'metadata'), 'phone_number_id')
      const account = { phoneNumberId, businessAccountId: readId(entry, 'id') }
      const wires = [...readObjects(value, 'statuses'), ...readObjects(readOwn(value, 'standby'), 'statuses')]
      return wires.map((wire) => ({ ...readStatus(wire), ...account }))
    }),
  )
}

function readStatus(wire: unknown): Omit<WireStatus, 'phoneNumberId' | 'businessAccountId'> {
  const [error] = readObjects(wire, 'errors')
  return {
    messageId: readString(wire, 'id') ?? '',
    word: readString(wire, 'status') ?? '',
    ...defined({
      timestamp: parseTimestamp(readOwn(wire, 'timestamp')),
      ...readRecipient(wire),
      data: readString(wire, 'biz_opaque_callback_data'),
      errorCode: parseWhole(readOwn(error, 'code')),
      title: readString(error, 'title'),
      details: readString(readOwn(error, 'error_data'), 'details') ?? readString(error, 'message'),
    }),
  }
}

/** Of a message to a group each status is about one of its members. Some senders put user ids where numbers belong. */
function readRecipient(wire: unknown): Pick<WireStatus, 'to' | 'toUserId' | 'toParentUserId' | 'groupId'> {
  const isGroup = readOwn(wire, 'recipient_type') === 'group'
  const member = isGroup ? 'recipient_participant' : 'recipient'
  const id = findId(wire, `${member}_id`)
  const isUserId = id !== undefined && /^[A-Z]{2}\.\w/.test(id)
  return {
    to: isUserId ? undefined : id,
    toUserId: findId(wire, `${member}_user_id`) ?? (isUserId ? id : undefined),
    toParentUserId: findId(wire, `${member}_parent_user_id`) ?? findId(wire, `parent_${member}_user_id`),
    groupId: isGroup ? findId(wire, 'recipient_id') : undefined,
  }
}
