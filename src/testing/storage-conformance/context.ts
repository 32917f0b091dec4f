import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Filled } from '../../json.js'
import type { ObjectStorage, PutOptions, PutResult, StoredObject } from '../../storage.js'

/** The part of `fetch` that the suite calls. */
export type Fetch = (url: string, init?: { method?: string; headers?: Record<string, string> }) => Promise<Response>

/**
 * Known gaps of a server behind a storage. Its cases are not left out: they then require the behaviour said here, so
 * that a lack that has gone away is noticed.
 *
 * - `checksum`: a body of the right size but with another SHA-256 is stored. (Also when `capabilities.checksum` is false.)
 * - `conditional-create`: of concurrent writers with `ifAbsent` several may hear `stored`; the object is one writer's,
 *   whole. (Also when `capabilities.conditionalCreate` is false.)
 * - `signature-check`: a signed URL with another key or type in it is answered.
 * - `expiry-check`: an expired signed URL is answered.
 */
export type StorageLack = 'checksum' | 'conditional-create' | 'signature-check' | 'expiry-check'

/** The storage and the keys of one case. */
export interface StorageCase {
  storage: ObjectStorage
  /** Two keys of this case's own. */
  key: string
  otherKey: string
  fetch: Fetch
  lacks(lack: StorageLack): boolean
}

/** An object to be stored. */
export interface Sample extends Filled<Omit<PutOptions, 'ifAbsent' | 'signal'>> {
  bytes: Buffer
}

/** `photo ✓.jpg`, as RFC 6266 writes it: header values are ASCII. */
export const UNICODE_DISPOSITION = `inline; filename="photo.jpg"; filename*=UTF-8''photo%20%E2%9C%93.jpg`

export function sample(size: number, facts: Partial<Sample> = {}): Sample {
  const bytes = makeRandomBytes(size)
  return {
    bytes,
    size,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    contentType: 'image/jpeg',
    contentDisposition: 'attachment; filename="photo.jpg"',
    metadata: { writer: 'conformance', 'media-type': 'image' },
    tags: { purpose: 'conformance' },
    ...facts,
  }
}

/** Cloudflare Workers make 64 KB of random bytes at once. */
function makeRandomBytes(size: number): Buffer {
  const pieces: Buffer[] = []
  for (let left = size; left > 0; left -= 65_536) pieces.push(randomBytes(Math.min(left, 65_536)))
  return Buffer.concat(pieces)
}

const CHUNK_SIZES = [1, 7, 1_000, 16_384, 65_536, 70_000]

/** The bytes in chunks of many sizes. */
export function toTestBody(bytes: Buffer): Readable {
  return Readable.from(cutChunks(bytes), { objectMode: false })
}

function* cutChunks(bytes: Buffer): Generator<Buffer> {
  let start = 0
  while (start < bytes.byteLength) {
    for (const size of CHUNK_SIZES) {
      yield bytes.subarray(start, start + size)
      start += size
    }
  }
}

export function put(
  { storage, key }: Pick<StorageCase, 'storage' | 'key'>,
  object: Sample,
  options: { body?: Readable | undefined; ifAbsent?: boolean | undefined; signal?: AbortSignal | undefined } = {},
): Promise<PutResult> {
  const { bytes, ...facts } = object
  const { body = toTestBody(bytes), ifAbsent = false, signal } = options
  return storage.put(key, body, { ...facts, ifAbsent, ...(signal === undefined ? {} : { signal }) })
}

/** That `key` holds this object, by `head` and by `get`. */
export async function assertHolds(
  { storage, key }: Pick<StorageCase, 'storage' | 'key'>,
  object: Sample,
): Promise<void> {
  const found = await storage.get(key)
  assert.ok(found !== null, 'get() finds no object')
  const pieces: Uint8Array[] = []
  for await (const piece of found.body) pieces.push(piece)
  assert.ok(Buffer.concat(pieces).equals(object.bytes), 'get() gives other bytes than were put')
  assertDescribes(found, { key, object })
  assertDescribes(await storage.head(key), { key, object })
}

export async function assertAbsent({ storage, key }: Pick<StorageCase, 'storage' | 'key'>): Promise<void> {
  assert.equal(await storage.head(key), null, 'head() finds an object where none should be')
  const found = await storage.get(key)
  found?.body.destroy()
  assert.equal(found, null, 'get() finds an object where none should be')
}

/** What a call rejects with. `assert.rejects` compares errors by a class that another realm has not. */
export async function readRejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    () => ({ resolved: true }) as const,
    (error: unknown) => ({ resolved: false, error }) as const,
  )
  return outcome.resolved ? assert.fail('it resolved, though it must reject') : outcome.error
}

function assertDescribes(found: StoredObject | null, expected: { key: string; object: Sample }): void {
  assert.ok(found !== null, 'head() says null of an object that is there')
  const { key, object } = expected
  assert.equal(found.key, key)
  assert.equal(found.size, object.size)
  assert.equal(found.sha256, object.sha256)
  assert.equal(found.contentType, object.contentType)
  assert.equal(found.contentDisposition, object.contentDisposition)
  for (const [name, value] of Object.entries(object.metadata)) {
    assert.equal(found.metadata[name], value, `metadata '${name}' is not the one that was put`)
  }
}
