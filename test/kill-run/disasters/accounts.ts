/** Most media goes to S3, that of `paper` to a small disk. */
export type AccountId = 'pixels' | 'paper'

export const PHONE_NUMBER_IDS: Readonly<Record<AccountId, string>> = {
  pixels: '106540352242922',
  paper: '106540352242933',
}

export function findAccountId(phoneNumberId: string): AccountId {
  return phoneNumberId === PHONE_NUMBER_IDS.paper ? 'paper' : 'pixels'
}
