import type { StorageFailedError } from '../../errors.js'
import { checkObjectKey } from '../../storage.js'
import { toS3StorageError } from './errors.js'

/** One call of the storage, as its failure describes it. */
export interface S3Call {
  operation: StorageFailedError['operation']
  /** For `list`, the prefix. */
  key: string
  signal?: AbortSignal | undefined
  /** Secrets that no error may repeat. Asked for when there is an error. */
  findSecrets?: (() => readonly string[]) | undefined
}

/**
 * Runs one call of the storage.
 *
 * @throws InvalidOptionError for a key that no object has; the signal's reason; StorageFailedError.
 */
export async function runCall<T>(
  { operation, key, signal, findSecrets = () => [] }: S3Call,
  run: () => Promise<T>,
): Promise<T> {
  // A prefix is no key: the empty one is the whole bucket.
  if (operation !== 'list') checkObjectKey(key)
  signal?.throwIfAborted()
  try {
    return await run()
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason
    throw toS3StorageError(error, { operation, key, secrets: findSecrets() })
  }
}
