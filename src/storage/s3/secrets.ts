import { isObject } from '../../json.js'
import type { S3StorageOptions } from './options.js'

/** What functions of credentials have given last, by the function. */
const lastAnswers = new WeakMap<object, unknown>()

/** The options with a function of credentials that remembers its answer: no error may repeat it. */
export function rememberCredentials(options: S3StorageOptions): S3StorageOptions {
  const { credentials } = options
  if (typeof credentials !== 'function') return options
  const remembering: typeof credentials = async (...hints) => {
    const answer = await credentials(...hints)
    lastAnswers.set(remembering, answer)
    return answer
  }
  // The SDK marks functions that remember by themselves.
  return { ...options, credentials: Object.assign(remembering, credentials) }
}

/** The secrets that each call of a storage may carry, as far as they are known here. */
export function listStoreSecrets({ credentials, encryption }: S3StorageOptions): string[] {
  const known: unknown = typeof credentials === 'function' ? lastAnswers.get(credentials) : credentials
  const { secretAccessKey, sessionToken } = isObject(known) ? known : {}
  const keyId = encryption?.type === 'SSE-KMS' ? encryption.keyId : undefined
  return [secretAccessKey, sessionToken, keyId].filter((secret) => typeof secret === 'string')
}
