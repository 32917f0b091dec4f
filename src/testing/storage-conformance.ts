import { randomUUID } from 'node:crypto'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFunction } from '../errors/checks.js'
import type { ObjectStorage } from '../storage.js'
import { type ConformanceCase, type Requirement, runCase } from './conformance.js'
import type { Fetch, StorageCase, StorageLack } from './storage-conformance/context.js'
import { failureRequirements } from './storage-conformance/failures.js'
import { listingRequirements } from './storage-conformance/listing.js'
import { objectRequirements } from './storage-conformance/objects.js'
import { urlRequirements } from './storage-conformance/urls.js'

export type { Fetch, StorageLack } from './storage-conformance/context.js'

/** Options of `storageConformance`. */
export interface StorageConformanceOptions {
  /** Gives the storage, at the start of each case. It may be the same one each time: the suite closes none. */
  storage: () => ObjectStorage | Promise<ObjectStorage>
  /** Fetches signed URLs. Default: the global `fetch`. */
  fetch?: Fetch | undefined
  /** The start of all keys, so that the suite can run in a shared bucket. Default: `storage-conformance/{uuid}/`. */
  prefix?: string | undefined
  /** Runs after each case, once its objects have been deleted. */
  cleanup?: ((storage: ObjectStorage) => void | Promise<void>) | undefined
  /** Default: none. */
  lacks?: readonly StorageLack[] | undefined
  /** Milliseconds after which a case has failed. Default 10,000. */
  limitMs?: number | undefined
}

const STORAGE_SUITE_OPTIONS: OptionNames<StorageConformanceOptions> = {
  ...{ storage: true, fetch: true, prefix: true, cleanup: true, lacks: true, limitMs: true },
}

/**
 * The duties of every `ObjectStorage`, as cases for any test runner:
 *
 * ```ts
 * for (const { name, run } of storageConformance({ storage: createMemoryStorage })) it(name, run)
 * ```
 *
 * Each case has two keys of its own and deletes them afterwards; cases may run concurrently.
 */
export function storageConformance(options: StorageConformanceOptions): ConformanceCase[] {
  checkOptions(options, STORAGE_SUITE_OPTIONS)
  checkFunction('storage', options.storage)
  const { prefix = `storage-conformance/${randomUUID()}/` } = options
  const requirements = [...objectRequirements, ...failureRequirements, ...urlRequirements, ...listingRequirements]
  return requirements.map(({ name, check }, index) => ({
    name,
    run: () => runStorageCase(check, { ...options, prefix: `${prefix}${index}/` }),
  }))
}

async function runStorageCase(
  check: Requirement<StorageCase>['check'],
  options: StorageConformanceOptions,
): Promise<void> {
  const { fetch = globalThis.fetch, prefix, cleanup, lacks = [], limitMs = 10_000 } = options
  const storage = await options.storage()
  const [key, otherKey] = [`${prefix}object.bin`, `${prefix}other.bin`]
  await runCase({
    subject: 'storage',
    limitMs,
    check: () => check({ storage, key, otherKey, fetch, lacks: (lack) => lacks.includes(lack) }),
    async cleanUp() {
      await storage.delete(key)
      await storage.delete(otherKey)
      await cleanup?.(storage)
    },
  })
}
