import { Readable } from 'node:stream'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkObjectKey, type ObjectStorage, type StoredObject } from '../storage.js'
import { readCheckedBody } from './checked-body.js'
import { createSignedSite, encodeKey, type ServedObject } from './signed-site.js'

/** Options of `createMemoryStorage`. Without any, the storage has no signed URLs. */
export interface MemoryStorageOptions {
  /** The http(s) URL under which `handler` is served, such as `https://example.com/media`. Needed for signed URLs. */
  baseUrl?: string | undefined
  /** Signs URLs: at least 16 characters. Needed for signed URLs. Of a list, the first one signs and all are accepted. */
  secret?: string | readonly string[] | undefined
}

const MEMORY_OPTIONS: OptionNames<MemoryStorageOptions> = { baseUrl: true, secret: true }

/** An `ObjectStorage` in this process's memory. */
export interface MemoryStorage extends ObjectStorage {
  /** The keys of all objects, sorted. */
  keys(): string[]
  /**
   * Answers the signed URLs as the file system's handler does: GET and HEAD, single ranges, RFC 9110's conditions, nosniff and a
   * CSP sandbox. A URL that is unsigned, expired or signed with another secret gets 403; without `secret` every URL does.
   * Never rejects; may be passed on by itself, to a server or, in a test, with a `Request` of its own.
   */
  handler: (request: Request) => Promise<Response>
}

/** An object, and its bytes. */
interface HeldObject {
  facts: StoredObject
  bytes: Buffer
  modified: Date
}

/** How many bytes `get` hands out at a time. */
const PIECE_BYTES = 65_536

/**
 * Keeps objects in this process's memory, whole: for tests and trials. It refuses wrong bytes by itself, creates
 * if absent atomically, and ignores tags.
 *
 * With `baseUrl` and `secret` it signs URLs, which `handler` answers, and `address` gives `{baseUrl}/{key}`. Without
 * the two it has no signed URLs, and `address` gives `memory://objects/{key}`.
 *
 * `put` throws `IntegrityMismatchError` for wrong bytes, `StorageFailedError` for a body that closes early, the body's own
 * error, or the signal's reason. `head`, `get` and `delete` throw the reason of a signal that has aborted.
 *
 * @throws InvalidOptionError for a base URL or secret of the wrong form.
 * @example
 * ```ts
 * import { getSignedUrl, uploadToS3 } from 'whatsapp-media-archive'
 * import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
 *
 * const storage = createMemoryStorage({ baseUrl: 'https://example.com/media', secret: 'at least 16 characters' })
 * const { key } = await uploadToS3(Buffer.from('hello'), { storage, accountId: 'acme', mimeType: 'text/plain' })
 * const url = await getSignedUrl(key, { storage, accountId: 'acme' })
 * const response = await storage.handler(new Request(url))
 * console.log(response.status, await response.text()) // 200 hello
 * ```
 */
export function createMemoryStorage(options: MemoryStorageOptions = {}): MemoryStorage {
  checkOptions(options, MEMORY_OPTIONS)
  const objects = new Map<string, HeldObject>()
  const { findAddress, ...site } = createSignedSite({
    baseUrl: options.baseUrl,
    secret: options.secret,
    checkKey: checkObjectKey,
    open: async (key) => serveHeld(objects.get(key)),
  })
  return {
    name: 'memory',
    capabilities: { conditionalCreate: true, checksum: true },

    put: createPutHeld(objects),

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

    async address(key) {
      return findAddress(key) ?? `memory://objects/${encodeKey(key)}`
    },

    ...site,
    keys: () => [...objects.keys()].sort(),
  }
}

/** Creates the `put` of a storage that keeps these objects. */
function createPutHeld(objects: Map<string, HeldObject>): ObjectStorage['put'] {
  return async (key, body, options) => {
    const { size, sha256, contentType, contentDisposition, metadata = {}, ifAbsent } = options
    const pieces: Uint8Array[] = []
    // Copied, because a source may use its buffer again once we ask for more.
    for await (const bytes of readCheckedBody(body, { ...options, key })) pieces.push(Uint8Array.from(bytes))
    // Nothing is awaited between this look and the write: of two writers, one sees the other.
    if (ifAbsent && objects.has(key)) return { outcome: 'exists' }
    const etag = `"${sha256}"`
    const facts = { key, size, sha256, etag, contentType, contentDisposition, metadata: { ...metadata } }
    objects.set(key, { facts, bytes: Buffer.concat(pieces), modified: new Date() })
    return { outcome: 'stored', etag }
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

function serveHeld(held: HeldObject | undefined): ServedObject | null {
  if (held === undefined) return null
  const { facts, bytes, modified } = held
  return {
    size: facts.size,
    modified,
    sha256: facts.sha256,
    read(start, end) {
      const pieces = cutPieces(bytes.subarray(start, end))
      return new ReadableStream(
        {
          pull(controller) {
            const { value, done } = pieces.next()
            if (done === true) controller.close()
            else controller.enqueue(value)
          },
        },
        { highWaterMark: 0 },
      )
    },
    close: async () => {},
  }
}
