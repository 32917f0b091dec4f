import { within } from '../timing/abort.js'
import { findSetupFault } from './setup-fault.js'
import { readField } from './thrown.js'

/** AWS's key ids have 16 characters at least (IAM: AccessKey). Those of test servers may be a word that stands anywhere. */
const LEAST_KEY_ID = 8

/** The parts of AWS credentials that no error may repeat. */
export function listIdentitySecrets(identity: unknown): string[] {
  const [id, ...others] = ['accessKeyId', 'secretAccessKey', 'sessionToken'].map((part) => readField(identity, part))
  const isLong = typeof id === 'string' && id.length >= LEAST_KEY_ID
  return [...others, isLong ? id : undefined].filter((secret) => typeof secret === 'string')
}

/** A client that has signed remembers its credentials: it answers at once, unless they have just expired. */
const LIMIT_MS = 1_000

/**
 * The secrets that an AWS client has from its own chain of providers. Empty where it has none, or does not tell in time.
 *
 * @param error what its call failed with. A provider that has just failed is not asked again: nothing was signed.
 */
export async function findClientSecrets(client: unknown, error: unknown): Promise<string[]> {
  const config = readField(client, 'config')
  const provide = readField(config, 'credentials')
  if (typeof provide !== 'function' || isUnsigned(error)) return []
  const asked = (async () => Reflect.apply(provide, config, []))()
  return listIdentitySecrets(await within(LIMIT_MS, asked, { otherwise: () => undefined }).catch(() => undefined))
}

function isUnsigned(error: unknown): boolean {
  const status = readField(readField(error, '$metadata'), 'httpStatusCode')
  return status === undefined && findSetupFault(error) !== undefined
}

/** The password in a URL, as it is written and as it is meant; the user, too, where that stands alone as a token. */
export function listUrlSecrets(url: unknown): string[] {
  if (typeof url !== 'string' || !URL.canParse(url)) return []
  const { username, password } = new URL(url)
  const secret = password === '' ? username : password
  return secret === '' ? [] : [...new Set([secret, decodeSafely(secret)])]
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
