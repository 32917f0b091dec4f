import type { ObjectStorage, StoredObject } from '../storage.js'

/** Enough for the media of one outage; memory does not grow with the archive. */
const MOST_REFUSED_KEYS = 1_000

const refusedKeys = new WeakMap<ObjectStorage, Set<string>>()

/** Notes that a storage refused the bytes for this key. A weak store keeps them all the same. */
export function noteRefusedBody(storage: ObjectStorage, key: string): void {
  const keys = refusedKeys.get(storage) ?? new Set()
  refusedKeys.set(storage, keys.add(key))
  const [oldest] = keys
  if (keys.size > MOST_REFUSED_KEYS && oldest !== undefined) keys.delete(oldest)
}

/** Notes that the storage has since taken the bytes for this key. */
export function forgetRefusedBody(storage: ObjectStorage, key: string): void {
  refusedKeys.get(storage)?.delete(key)
}

/**
 * The object without its recorded hash, where bytes were refused for its key: that hash may be our own word for other
 * bytes, so they have to be read back.
 */
export function removeRefusedHash(storage: ObjectStorage, found: StoredObject | null): StoredObject | null {
  if (found === null || refusedKeys.get(storage)?.has(found.key) !== true) return found
  const { sha256, ...unproven } = found
  return unproven
}
