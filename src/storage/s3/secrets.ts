import { findClientSecrets, listIdentitySecrets } from '../../errors/identity-secrets.js'
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

/** The credentials of the chain and the client, by the storage's options. */
const identities = new WeakMap<object, unknown>()
const clients = new WeakMap<object, unknown>()

/** Remembers the credentials with which calls are signed here. */
export function rememberIdentity<T>(options: object, identity: T): T {
  identities.set(options, identity)
  return identity
}

/** Remembers the client that makes the calls of a storage: it may have credentials that nobody gave here. */
export function rememberClient<T>(options: object, client: T): T {
  clients.set(options, client)
  return client
}

/** The signatures of requests, by the errors that their answers became. */
const signatures = new WeakMap<object, string>()

/** Remembers the signature that a refused request bore. */
export function rememberSignature<T extends object>(
  error: T,
  { authorization = '' }: { authorization?: string | undefined },
): T {
  const [, signature] = /\bSignature=([0-9a-f]{64})$/.exec(authorization) ?? []
  if (signature !== undefined) signatures.set(error, signature)
  return error
}

/** The secrets that each call of a storage may carry, as far as they are known here. */
export function listStoreSecrets(options: S3StorageOptions): string[] {
  const { credentials, encryption } = options
  const given: unknown = typeof credentials === 'function' ? lastAnswers.get(credentials) : credentials
  const keyId = encryption?.type === 'SSE-KMS' ? [encryption.keyId].filter((id) => id !== undefined) : []
  return [...listIdentitySecrets(given), ...keyId, ...listIdentitySecrets(identities.get(options))]
}

/** As `listStoreSecrets`, with those that a client has and those that a failed request bore. */
export async function findStoreSecrets(options: S3StorageOptions, error: unknown): Promise<string[]> {
  const signature = signatures.get(Object(error))
  // A function that was given has been remembered, and is not asked once more for each error.
  const client = options.client ?? (options.credentials === undefined ? clients.get(options) : undefined)
  const ofClient = await findClientSecrets(client, error)
  return [...listStoreSecrets(options), ...ofClient, ...(signature === undefined ? [] : [signature])]
}
