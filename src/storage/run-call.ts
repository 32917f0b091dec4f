import type { StorageFailedError } from '../errors.js'
import { checkObjectKey } from '../storage.js'

/** One call of a storage, as its failure describes it. */
export interface StoreCall {
  operation: StorageFailedError['operation']
  /** For `list`, the prefix. */
  key: string
  signal?: AbortSignal | undefined
}

/**
 * Runs one call of a storage.
 *
 * @param options `toFailure` converts what `run` throws into an error of this library.
 * @throws InvalidOptionError for a key that no object has; the signal's reason; what `toFailure` gives.
 */
export async function runStoreCall<T>(
  { operation, key, signal }: StoreCall,
  { run, toFailure }: { run: () => Promise<T>; toFailure: (error: unknown) => unknown | Promise<unknown> },
): Promise<T> {
  // A prefix is no key: the empty one is the whole bucket.
  if (operation !== 'list') checkObjectKey(key)
  signal?.throwIfAborted()
  try {
    return await run()
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason
    throw await toFailure(error)
  }
}
