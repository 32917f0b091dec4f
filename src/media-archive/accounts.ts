import type { AccessToken } from '../download/access-token.js'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { UnknownNumberError } from '../errors.js'
import { checkAccountId } from '../key.js'

/** The tenant behind a business phone number. */
export interface Account {
  /** `/^[A-Za-z0-9_-]{1,128}$/`, the first part of each of its keys. */
  accountId: string
  /**
   * A token, or a function called at each attempt. It gets `rejected` when Meta refused the token that it gave last for
   * this number, and `first` otherwise; the archive remembers that over pauses and jobs.
   */
  accessToken: AccessToken
  /** The app's secret: look-ups then carry `appsecret_proof`. */
  appSecret?: string | undefined
  /** Lifetime of this number's media at Meta, in milliseconds. Default 7 days; 3,600,000 for No-Storage numbers (Meta: Media). */
  mediaLifetimeMs?: number | undefined
}

const ACCOUNT_FIELDS: OptionNames<Account> = {
  accountId: true,
  accessToken: true,
  appSecret: true,
  mediaLifetimeMs: true,
}

/** Finds the account of Meta's phone number id; `undefined` when there is none. There is no default account. */
export type Accounts = (phoneNumberId: string) => Account | undefined | Promise<Account | undefined>

/** @throws UnknownNumberError without an account, InvalidOptionError for an unsafe account id or a misnamed field, and what `accounts` throws. */
export async function findAccount(accounts: Accounts, phoneNumberId: string): Promise<Account> {
  const account = await accounts(phoneNumberId)
  // Many a database answers null where nothing is found.
  if (account === undefined || account === null) throw new UnknownNumberError({ phoneNumberId })
  // A row of a database may have more fields.
  checkOptions(account, ACCOUNT_FIELDS, { option: 'account', isOpen: true })
  checkAccountId(account.accountId)
  return account
}
