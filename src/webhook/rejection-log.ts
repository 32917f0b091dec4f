import { createFailureLog } from '../errors/failure-log.js'
import type { UnheardRejection } from './converse.js'
import type { RejectionReason } from './handler.js'

/** The reasons of status 500. */
const REJECTION_ADVICE: Partial<Record<RejectionReason, string>> = {
  'body-already-parsed': 'The body was parsed before the webhook handler got it.',
  'handler-failed': 'onPayload or onMedia threw.',
  'handler-timeout': 'onPayload or onMedia took too long. Hand the media over to a queue and return.',
  'adapter-failed': 'The framework or the adapter threw when the request was read.',
}

/**
 * Stands in for an absent `onRejected`: what is this side's fault, with its advice. Requests of strangers are refused in
 * silence: they could fill a disk.
 */
export function createRejectionLog(): (rejection: UnheardRejection) => void {
  const log = createFailureLog()
  return ({ reason, error }) => {
    const advice = REJECTION_ADVICE[reason]
    if (advice === undefined) return
    const told = `a webhook is answered with 500 (${reason}), and Meta delivers it again. ${advice}`
    log(reason, { told: `${told} Give createWebhookHandler an onRejected to get each, with the whole error.`, error })
  }
}
