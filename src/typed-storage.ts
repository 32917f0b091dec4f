import { nameOf, type Secrets, StorageFailedError, WhatsAppMediaError, withoutSecrets } from './errors.js'
import type { ObjectStorage } from './storage.js'

/** A call to a storage, as its failure tells of it. */
interface StorageCall {
  operation: StorageFailedError['operation']
  key: string
  signal?: AbortSignal | undefined
  /** What the storage was told and no error may repeat. */
  secrets?: Secrets
}

/**
 * What a storage of anyone's threw, as an error of this library: a `StorageFailedError` that another attempt may mend.
 * The signal's reason passes.
 */
export function storageFailure(error: unknown, { operation, key, signal, secrets = [] }: StorageCall): unknown {
  if (signal?.aborted === true) return signal.reason
  if (WhatsAppMediaError.is(error)) return error
  const reason = nameOf(error)
  return new StorageFailedError({ operation, key, reason, retryable: true }, withoutSecrets(error, secrets))
}

/** The storage with this library's errors only: the body's own one, too, passes. */
export function withTypedErrors(storage: ObjectStorage, filename: string | undefined): ObjectStorage {
  const typed = async <T>(call: StorageCall, run: () => Promise<T>): Promise<T> => {
    try {
      return await run()
    } catch (error) {
      throw storageFailure(error, call)
    }
  }
  const { name, bucket, capabilities } = storage
  return {
    name,
    ...(bucket === undefined ? {} : { bucket }),
    capabilities,
    async put(key, body, options) {
      const { signal, contentDisposition, metadata = {} } = options
      try {
        return await storage.put(key, body, options)
      } catch (error) {
        const own = body.errored
        // Whatever the storage made of it: bytes that failed their proof say more than a store that did not get them.
        const isTheBodys = own !== null && (error === own || WhatsAppMediaError.is(own))
        if (isTheBodys) throw own
        const secrets = [filename, contentDisposition, ...Object.values(metadata)]
        throw storageFailure(error, { operation: 'put', key, signal, secrets })
      }
    },
    head: (key, options) =>
      typed({ operation: 'head', key, signal: options?.signal }, () => storage.head(key, options)),
    get: (key, options) => typed({ operation: 'get', key, signal: options?.signal }, () => storage.get(key, options)),
    delete: (key, options) =>
      typed({ operation: 'delete', key, signal: options?.signal }, () => storage.delete(key, options)),
    address: (key) => typed({ operation: 'sign', key }, () => storage.address(key)),
  }
}
