import { findId, readOwn, readString } from '../../json.js'
import type { KeptMessage, KeptStatus } from './state.js'

/** Each call gives the statuses of the messages since the last one. */
export function createStatusReader(messages: readonly KeptMessage[]): () => KeptStatus[] {
  let told = 0
  return () => {
    const from = told
    told = messages.length
    return messages.slice(from).flatMap(listStatuses)
  }
}

/** The statuses that Meta reports of a message: how it was sent, or that it failed. */
function listStatuses({ messageId, phoneNumberId, body, errorCode }: KeptMessage): KeptStatus[] {
  const isGroup = readOwn(body, 'recipient_type') === 'group'
  const to = findId(body, 'to')
  const common = {
    messageId,
    phoneNumberId,
    userId: readString(body, 'recipient'),
    callbackData: readString(body, 'biz_opaque_callback_data'),
    ...(isGroup ? { groupId: to } : { from: to?.replace(/\D/g, '') }),
  }
  if (errorCode !== undefined) return [{ status: 'failed', ...common, errorCode }]
  return [
    { status: 'sent', ...common },
    { status: 'delivered', ...common },
  ]
}
