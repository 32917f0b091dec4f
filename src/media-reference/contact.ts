import { checkText } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isObject } from '../json.js'

/**
 * A customer, by every id that the webhook tells (Meta: Business-scoped user IDs). Users who adopted a username may have
 * no phone number; a business-scoped user id changes with the phone number.
 */
export interface MediaContact {
  /** WhatsApp's form of the phone number: digits, with country code. */
  phone?: string | undefined
  /** The business-scoped user id. */
  userId?: string | undefined
  /** The user id of all linked business portfolios. */
  parentUserId?: string | undefined
}

const CONTACT_FIELDS: readonly (keyof MediaContact)[] = ['phone', 'userId', 'parentUserId']

/** @throws InvalidOptionError unless each id that is there is a string. */
export function checkContact(contact: unknown, option: string): asserts contact is MediaContact {
  if (!isObject(contact)) {
    throw new InvalidOptionError({ option, problem: `must be an object, got ${describeSecret(contact)}` })
  }
  for (const name of CONTACT_FIELDS) if (contact[name] !== undefined) checkText(`${option}.${name}`, contact[name])
}
