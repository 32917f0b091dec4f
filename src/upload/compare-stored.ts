import { createHash } from 'node:crypto'
import { KeyConflictError, StorageFailedError } from '../errors.js'
import type { ObjectStorage, StoredObject } from '../storage.js'
import type { Deadlines } from '../timing/deadlines.js'
import type { ObjectPlace } from './result.js'
import { isForbidden, toStorageFailure } from './storage-errors.js'

/** The object that a put makes, for comparison with the one that is there. */
export interface BodyIdentity {
  size: number
  sha256: string
}

export function isSameObject(found: StoredObject, { size, sha256 }: BodyIdentity): boolean {
  return found.size === size && found.sha256 === sha256
}

/**
 * After "exists": the object must have our size and hash. Its recorded hash is taken; the object itself is read only
 * where no hash is recorded.
 *
 * @throws KeyConflictError, StorageFailedError
 */
export async function compareStored(
  identity: BodyIdentity,
  { storage, key, deadlines }: Pick<ObjectPlace, 'storage' | 'key'> & { deadlines: Deadlines },
): Promise<StoredObject> {
  const found = await storage.head(key, { signal: deadlines.signal }).catch((error: unknown) => {
    if (!isForbidden(error)) throw error
    const advice = 'An object is there, and comparing it takes the permission s3:GetObject'
    const { operation, reason } = error
    throw new StorageFailedError({ operation, key, reason, retryable: false, status: 403, advice })
  })
  if (found === null) throw createVanishedError(key)
  const foundSha256 =
    found.sha256 ?? (found.size === identity.size ? await hashStored(storage, key, deadlines) : undefined)
  if (found.size === identity.size && foundSha256 === identity.sha256) return { ...found, sha256: foundSha256 }
  throw new KeyConflictError({
    key,
    expectedSize: identity.size,
    foundSize: found.size,
    expectedSha256: identity.sha256,
    foundSha256,
  })
}

function createVanishedError(key: string): StorageFailedError {
  return new StorageFailedError({ operation: 'put', key, reason: 'the object came and went', retryable: true })
}

/** An object without a recorded hash, put there by something else, is read and hashed. */
async function hashStored(storage: ObjectStorage, key: string, deadlines: Deadlines): Promise<string> {
  const object = await storage.get(key, { signal: deadlines.signal })
  if (object === null) throw createVanishedError(key)
  const hash = createHash('sha256')
  try {
    for await (const part of object.body) {
      deadlines.waitFor('store')
      hash.update(part)
    }
  } catch (error) {
    throw toStorageFailure(error, { operation: 'get', key, signal: deadlines.signal })
  }
  return hash.digest('hex')
}
