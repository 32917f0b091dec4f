/**
 * What a failed message is about. `media`: Meta could not take the file. `recipient`: this customer can't get it.
 * `window`: the customer has not written within 24 hours. `limit`: too much was sent, altogether or to this customer.
 * `account`: the business, its number or its payment. `passing`: Meta's own fault. `other`: the rest.
 */
export type SendFailureKind = 'media' | 'recipient' | 'window' | 'limit' | 'account' | 'passing' | 'other'

type AdviceRow = readonly [code: number, kind: SendFailureKind, advice: string]

const SEND_LATER = 'Send it again later.'
const SLOW_DOWN = 'Send fewer messages at once; send it again later.'
const SEE_ACCOUNT = "Look into the account's quality and alerts in WhatsApp Manager."

/** Meta: Error codes. */
const ADVICE: readonly AdviceRow[] = [
  [131052, 'media', 'Meta could not fetch the file: upload it, and send it by its id.'],
  [
    131053,
    'media',
    'Meta could not take the file: check its type and codec, its name and its size, and upload it anew; of a link, that it answers without a redirect.',
  ],
  [131021, 'recipient', 'Sender and recipient are the same number.'],
  [
    131026,
    'recipient',
    'The number has no WhatsApp, an old version, or has not accepted the terms: reach the customer another way.',
  ],
  [131030, 'recipient', 'Add the number to the list of recipients of the test number.'],
  [131050, 'recipient', 'The customer wants no marketing messages: send none.'],
  [131051, 'other', 'Meta does not carry messages of this type.'],
  [131060, 'recipient', 'The customer is on a device that does not take this message.'],
  [131047, 'window', 'The customer has not written within 24 hours: send a template.'],
  [131037, 'account', 'The number needs a display name that Meta has approved.'],
  [130429, 'limit', SLOW_DOWN],
  [131048, 'limit', `Customers have blocked or reported messages of the number. ${SEE_ACCOUNT}`],
  [131049, 'limit', 'Meta holds marketing messages to this customer back: wait a day before the next.'],
  [131056, 'limit', 'Too many messages went to this customer: wait, and send it again.'],
  [130472, 'limit', "The customer is in an experiment of Meta's and gets no marketing messages: send none."],
  [368, 'account', `Meta blocks the account for its policies. ${SEE_ACCOUNT}`],
  [130497, 'account', 'The account may not send to customers in this country.'],
  [131005, 'account', 'The access token lacks a permission.'],
  [131031, 'account', `Meta has locked the account. ${SEE_ACCOUNT}`],
  [131042, 'account', 'The account lacks a means of payment.'],
  [131045, 'account', 'Register the phone number.'],
  [133010, 'account', 'Register the phone number.'],
  [131000, 'passing', SEND_LATER],
  [131016, 'passing', SEND_LATER],
  [131057, 'passing', 'The account is in maintenance. Send it again later.'],
]

const BY_CODE: ReadonlyMap<number | undefined, AdviceRow> = new Map(ADVICE.map((row) => [row[0], row]))

/** What a code of Meta's means for a message, and what to do. */
export function adviseFailure(errorCode: number | undefined): { kind: SendFailureKind; advice: string } {
  const [, kind, advice] = BY_CODE.get(errorCode) ?? [0, 'other', "See Meta's list of error codes."]
  return { kind, advice }
}
