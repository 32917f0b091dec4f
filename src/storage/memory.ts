import { Readable } from 'node:stream'
import type { ObjectStorage, StoredObject } from '../storage.js'
import { readCheckedBody } from './checked-body.js'

/** An `ObjectStorage` in this process's memory. */
export interface MemoryStorage extends ObjectStorage {
  /** The keys of all objects, sorted. */
  keys(): string[]
}

/** How many bytes `get` hands out at a time. */
const PIECE_BYTES = 65_536

/**
 * Keeps objects in this process's memory, whole: for tests and trials. It refuses wrong bytes by itself, creates
 * if absent atomically, ignores tags, and has no signed URLs; `address` gives `memory://objects/{key}`.
 *
 * `put` throws `IntegrityMismatchError` for wrong bytes, `StorageFailedError` for a body that closes early, the body's own
 * error, or the signal's reason. `head`, `get` and `delete` throw the reason of a signal that has aborted.
 *
 * @example
 * ```ts
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 *
 * const storage = createMemoryStorage()
 * console.log(storage.keys()) // []
 * ```
 */
export function createMemoryStorage(): MemoryStorage {
  const objects = new Map<string, { facts: StoredObject; bytes: Buffer }>()
  return {
    name: 'memory',
    capabilities: { conditionalCreate: true, checksum: true },

    async put(key, body, options) {
      const { size, sha256, contentType, contentDisposition, metadata = {}, ifAbsent } = options
      const pieces: Uint8Array[] = []
      // Copied, because a source may use its buffer again once we ask for more.
      for await (const bytes of readCheckedBody(body, { ...options, key })) pieces.push(Uint8Array.from(bytes))
      // Nothing is awaited between this look and the write: of two writers, one sees the other.
      if (ifAbsent && objects.has(key)) return { outcome: 'exists' }
      const etag = `"${sha256}"`
      const facts = { key, size, sha256, etag, contentType, contentDisposition, metadata: { ...metadata } }
      objects.set(key, { facts, bytes: Buffer.concat(pieces) })
      return { outcome: 'stored', etag }
    },

    async head(key, { signal } = {}) {
      signal?.throwIfAborted()
      const object = objects.get(key)
      return object === undefined ? null : copy(object.facts)
    },

    async get(key, { signal } = {}) {
      signal?.throwIfAborted()
      const object = objects.get(key)
      if (object === undefined) return null
      return { ...copy(object.facts), body: Readable.from(cutPieces(object.bytes), { objectMode: false }) }
    },

    async delete(key, { signal } = {}) {
      signal?.throwIfAborted()
      objects.delete(key)
    },

    async *list(prefix, { signal } = {}) {
      for (const [key, { facts }] of [...objects]) {
        signal?.throwIfAborted()
        if (key.startsWith(prefix)) yield { key, size: facts.size }
      }
    },

    address: async (key) => `memory://objects/${key.split('/').map(encodeURIComponent).join('/')}`,

    keys: () => [...objects.keys()].sort(),
  }
}

function copy(facts: StoredObject): StoredObject {
  return { ...facts, metadata: { ...facts.metadata } }
}

/** Copies, so that a reader who writes into the bytes does not change the object. */
function* cutPieces(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.byteLength; start += PIECE_BYTES) {
    yield Buffer.from(bytes.subarray(start, start + PIECE_BYTES))
  }
}
