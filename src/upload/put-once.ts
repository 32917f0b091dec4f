import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { describeSecret, describeValue } from '../errors/describe.js'
import {
  type AnyWhatsAppMediaError,
  IntegrityMismatchError,
  InvalidOptionError,
  KeyConflictError,
  StorageFailedError,
  WhatsAppMediaError,
} from '../errors.js'
import { emit, type OnEvent } from '../events.js'
import { asciiMetadata, safeExtension } from '../file-type/filename.js'
import { essence } from '../file-type/mime.js'
import { decideServing, type Serving } from '../file-type/serving.js'
import { contradicts, SNIFF_BYTES, sniff } from '../file-type/sniff.js'
import { findProofFailure, type Integrity, type ProvenBody, proveBytes } from '../integrity/prove.js'
import { spool } from '../integrity/spool.js'
import type { ObjectStorage, PutResult, StoredObject } from '../storage.js'
import { type CheckedTimeouts, type Deadlines, LAST_LOOK_MS, startDeadlines } from '../timing/deadlines.js'
import { isForbidden, storageFailure } from './storage-errors.js'

/** An object that the storage has acknowledged, with the right bytes. */
export interface StoredMedia {
  key: string
  /** Absent for storages without buckets. */
  bucket?: string
  /** The object's permanent address. Private: hand out signed URLs, made when somebody reads. */
  url: string
  etag?: string
  /** Bytes. */
  size: number
  /** Lowercase hex. */
  sha256: string
  /** As declared. */
  mimeType: string
  filename?: string
  /** The object was there already, with these very bytes. */
  alreadyStored: boolean
  integrity: Integrity
  /** Whether the same media will get the same key again: false without media id, media type or timestamp. */
  keyIsStable: boolean
}

/** `safe`: a body whose first bytes contradict its declared type is kept as octet-stream, to be downloaded. `trust`: no look. */
export type SniffPolicy = 'safe' | 'trust'

/** What every call that stores is told. @throws InvalidOptionError */
export function checkStoring(options: {
  storage: ObjectStorage
  sniff?: SniffPolicy | undefined
  filename?: string | undefined
}): void {
  const { storage, sniff, filename } = options
  if (typeof storage?.put !== 'function') {
    throw new InvalidOptionError({
      option: 'storage',
      problem: `must be an ObjectStorage, got ${describeValue(storage)}`,
    })
  }
  checkSniff(sniff)
  if (filename !== undefined && typeof filename !== 'string') {
    throw new InvalidOptionError({
      option: 'filename',
      problem: `must be a string, or left out, got ${describeSecret(filename)}`,
    })
  }
}

/** A policy with a slip of the pen must not pass for "no look". @throws InvalidOptionError */
export function checkSniff(sniff: SniffPolicy | undefined): void {
  if (sniff === undefined || sniff === 'safe' || sniff === 'trust') return
  throw new InvalidOptionError({ option: 'sniff', problem: `must be safe or trust, got ${describeValue(sniff)}` })
}

/** Everything about one object to be stored. */
export interface StoreTarget {
  /** Bytes, if announced. */
  size?: number | undefined
  /** Lowercase hex, if announced. */
  sha256?: string | undefined
  storage: ObjectStorage
  key: string
  mimeType: string
  filename: string | undefined
  mediaId: string | undefined
  accountId?: string
  maxBytes: number
  sniff: SniffPolicy
  timeouts: CheckedTimeouts
  deadlines: Deadlines
  callerSignal: AbortSignal | undefined
  onEvent: OnEvent | undefined
  keyIsStable: boolean
  onSourceError: (error: Error | undefined) => unknown
  /** See `ProveOptions`. */
  checkOpening?: ((opening: Uint8Array) => void) | undefined
  /** Size and hash of a body that lies in memory. */
  identity?: Identity
  /** The bytes once more, from the start, of a body that lies in memory. */
  reopen?: () => Readable
  /** The hash that an earlier download had in place of the announced one: seen again, it is taken. */
  seenSha256?: string | undefined
}

/** The object a put would make, for comparison with the one that is there. */
type Identity = { size: number; sha256: string }

/** Spools if size or hash are unknown, proves, stores if absent, and compares if not. */
export async function storeObject(source: Readable, target: StoreTarget): Promise<StoredMedia> {
  const { size, sha256, seenSha256, identity, reopen, maxBytes, deadlines, onSourceError, checkOpening } = target
  if (identity !== undefined) return putBody({ source, reopen }, target, identity)
  if (size !== undefined && sha256 !== undefined && seenSha256 === undefined) {
    return putBody({ source, reopen }, target, { size, sha256 })
  }
  const expected = seenSha256 === undefined ? sha256 : undefined
  const spooled = await spool(source, { size, sha256: expected, maxBytes, deadlines, onSourceError, checkOpening })
  try {
    const sha256ToStore = agreedHash(spooled, target)
    const body = { source: spooled.open(), reopen: spooled.open }
    return await putBody(body, target, { size: spooled.size, sha256: sha256ToStore })
  } finally {
    await spooled.remove()
  }
}

/** The hash to store under: what was announced, or what two downloads had in its place. */
function agreedHash(observed: Identity, { size, sha256, seenSha256 }: StoreTarget): string {
  const isAgreed =
    sha256 === undefined || observed.sha256 === sha256 || (observed.sha256 === seenSha256 && size !== undefined)
  if (isAgreed) return observed.sha256
  throw new IntegrityMismatchError({
    problem: 'The body has another SHA-256 than announced',
    expectedSize: size,
    observedSize: observed.size,
    expectedSha256: sha256,
    observedSha256: observed.sha256,
  })
}

/** Puts a body. One that can be read again is put again at once when the store refused the condition alone. */
async function putBody(
  { source, reopen }: { source: Readable; reopen: (() => Readable) | undefined },
  target: StoreTarget,
  identity: Identity,
): Promise<StoredMedia> {
  try {
    return await putProven(source, target, identity)
  } catch (error) {
    if (!isConditionRefused(error)) throw error
    emit(target.onEvent, { type: 'condition-unsupported', storage: target.storage.name, how: 'refused' })
    if (reopen === undefined) throw error
    return putProven(reopen(), target, identity)
  }
}

function claimedWithoutBytes(key: string): StorageFailedError {
  const reason = 'claimed an object without having taken its bytes'
  return new StorageFailedError({ operation: 'put', key, reason, retryable: true })
}

/** What stores answer that do not know create-if-absent (AWS: Error responses). */
const NOT_IMPLEMENTED = 501

function isConditionRefused(error: unknown): boolean {
  return (
    WhatsAppMediaError.is(error) &&
    error.code === 'storage-failed' &&
    error.status === NOT_IMPLEMENTED &&
    error.retryable
  )
}

async function putProven(source: Readable, target: StoreTarget, identity: Identity): Promise<StoredMedia> {
  const { storage, key, maxBytes, deadlines, onSourceError } = target
  const { size, sha256 } = identity
  const openingBytes = target.sniff === 'safe' ? SNIFF_BYTES : 0
  const proven = proveBytes(source, {
    size,
    sha256,
    maxBytes,
    openingBytes,
    joinChunks: storage.capabilities.joinsChunks !== true,
    deadlines,
    reader: 'store',
    onSourceError,
  })
  const serving = decideStoredType(await proven.opening, target)
  deadlines.mayBeStored()
  deadlines.waitFor('store')
  const put = storage.put(key, proven.body, {
    size,
    sha256,
    contentType: serving.contentType,
    contentDisposition: serving.contentDisposition,
    metadata: metadataOf(target),
    ifAbsent: true,
    signal: deadlines.signal,
  })
  const result = await put.catch((error: unknown) => findAfterLostAnswer(error, proven, target, identity))
  deadlines.waitFor('store')
  if (result?.outcome === 'exists') return alreadyStored(await compare(target, identity), target)
  // A storage that swallows the body's error, or does not read it, claims what it can't have.
  const isStored = result?.outcome === 'stored' || result?.outcome === 'condition-ignored'
  if (!isStored || !proven.isProven()) throw findProofFailure(proven.body) ?? claimedWithoutBytes(key)
  if (result.outcome === 'condition-ignored') {
    emit(target.onEvent, { type: 'condition-unsupported', storage: storage.name, how: 'ignored' })
  }
  if (target.sha256 !== undefined && target.sha256 !== sha256) {
    const { onEvent, mediaId = '' } = target
    emit(onEvent, { type: 'mismatch-reported', key, mediaId, announcedSha256: target.sha256, observedSha256: sha256 })
  }
  return describe(target, { size, sha256, ...(typeof result.etag === 'string' ? { etag: result.etag } : {}) }, false)
}

/**
 * A put whose bytes all went out may have succeeded although its answer was lost: one look tells. The put's own error
 * stands in every other case.
 */
async function findAfterLostAnswer(
  error: unknown,
  proven: ProvenBody,
  target: StoreTarget,
  identity: Identity,
): Promise<PutResult> {
  const { storage, key, timeouts, callerSignal } = target
  const failure = target.deadlines.signal.aborted ? target.deadlines.signal.reason : error
  const isLost = proven.isProven() && WhatsAppMediaError.is(failure) && failure.retryable && !isBrokenBody(failure)
  if (!isLost || callerSignal?.aborted === true) throw failure
  // The attempt's own deadline may be what passed, so this look gets one of its own.
  const deadlines = startDeadlines({ ...timeouts, store: Math.min(timeouts.store, LAST_LOOK_MS) }, callerSignal)
  deadlines.waitFor('store')
  try {
    const found = await storage.head(key, { signal: deadlines.signal })
    if (found !== null && isSame(found, identity)) return { outcome: 'exists' }
  } catch {
    // The store is still out of reach: the put's error tells more.
  } finally {
    deadlines.clear()
  }
  throw failure
}

/**
 * A store that got other bytes says 400 (AWS: BadDigest). It should keep nothing then; if it does keep them, they lie
 * under our own words about the right ones, and a look would take those for proof.
 */
function isBrokenBody(failure: AnyWhatsAppMediaError): boolean {
  return failure.code === 'storage-failed' && failure.status === 400
}

function isSame(found: StoredObject, { size, sha256 }: Identity): boolean {
  return found.size === size && found.sha256 === sha256
}

/** After "exists": the object must be ours, byte for byte. */
async function compare({ storage, key, deadlines }: StoreTarget, identity: Identity): Promise<StoredObject> {
  const { signal } = deadlines
  const found = await storage.head(key, { signal }).catch((error: unknown) => {
    if (!isForbidden(error)) throw error
    const advice = 'An object is there, and comparing it takes the permission s3:GetObject'
    const { operation, reason } = error
    throw new StorageFailedError({ operation, key, reason, retryable: false, status: 403, advice })
  })
  if (found === null) {
    throw new StorageFailedError({ operation: 'put', key, reason: 'the object came and went', retryable: true })
  }
  if (isSame(found, identity)) return found
  const foundSha256 =
    found.size === identity.size && found.sha256 === undefined
      ? await hashStored(storage, key, deadlines)
      : found.sha256
  if (found.size === identity.size && foundSha256 === identity.sha256) return { ...found, sha256: foundSha256 }
  throw new KeyConflictError({
    key,
    expectedSize: identity.size,
    foundSize: found.size,
    expectedSha256: identity.sha256,
    foundSha256,
  })
}

/** An object without a recorded hash, put there by something else, is read and hashed. */
async function hashStored(storage: ObjectStorage, key: string, deadlines: Deadlines): Promise<string | undefined> {
  const object = await storage.get(key, { signal: deadlines.signal })
  if (object === null) return undefined
  const hash = createHash('sha256')
  try {
    for await (const part of object.body) {
      deadlines.waitFor('store')
      hash.update(part)
    }
  } catch (error) {
    throw storageFailure(error, { operation: 'get', key, signal: deadlines.signal })
  }
  return hash.digest('hex')
}

/** A body whose first bytes contradict its declared type is kept as octet-stream. */
function decideStoredType(opening: Uint8Array, target: StoreTarget): Serving {
  const { mimeType, filename, key, onEvent, mediaId, accountId } = target
  const sniffed = target.sniff === 'safe' ? sniff(opening) : undefined
  const isMismatch = target.sniff === 'safe' && contradicts(mimeType, sniffed)
  if (isMismatch) {
    emit(onEvent, {
      type: 'type-mismatch',
      declared: essence(mimeType),
      sniffed,
      key,
      ...(mediaId === undefined ? {} : { mediaId }),
      ...(accountId === undefined ? {} : { accountId }),
    })
  }
  return decideServing({
    mimeType: isMismatch ? 'application/octet-stream' : mimeType,
    extension: safeExtension(key),
    filename,
  })
}

function metadataOf({ mediaId, filename }: StoreTarget): Record<string, string> {
  return {
    ...(mediaId === undefined ? {} : { 'media-id': asciiMetadata(mediaId) }),
    ...(filename === undefined ? {} : { filename: asciiMetadata(filename) }),
  }
}

/** The result for an object that is there already, with the right bytes. */
export function alreadyStored(found: StoredObject, target: ResultFacts): Promise<StoredMedia> {
  const { size, sha256 = '', etag } = found
  return describe(target, { size, sha256, ...(etag === undefined ? {} : { etag }) }, true)
}

/** The part of a target that a result tells of. */
type ResultFacts = Pick<StoreTarget, 'storage' | 'key' | 'mimeType' | 'filename' | 'sha256' | 'keyIsStable'>

async function describe(
  facts: ResultFacts,
  object: Identity & { etag?: string },
  isOld: boolean,
): Promise<StoredMedia> {
  const { storage, key, mimeType, filename, keyIsStable } = facts
  return {
    key,
    ...(storage.bucket === undefined ? {} : { bucket: storage.bucket }),
    url: await storage.address(key),
    ...object,
    mimeType,
    ...(filename === undefined ? {} : { filename }),
    alreadyStored: isOld,
    integrity: integrityOf(object.sha256, facts.sha256),
    keyIsStable,
  }
}

function integrityOf(stored: string, announced: string | undefined): Integrity {
  if (announced === undefined) return 'unannounced'
  return stored === announced ? 'announced' : 'mismatch-reported'
}
