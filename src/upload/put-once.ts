import type { Readable } from 'node:stream'
import { checkFlag, checkMethods, checkOneOf, checkText } from '../errors/checks.js'
import { describeValue } from '../errors/describe.js'
import { IntegrityMismatchError, InvalidOptionError, StorageFailedError, WhatsAppMediaError } from '../errors.js'
import { type EventSubject, emit, type OnEvent } from '../events.js'
import { contradicts } from '../file-type/contradicts.js'
import { encodeMetadata, findSafeExtension } from '../file-type/filename.js'
import { readEssence } from '../file-type/mime.js'
import { decideServing, type Serving } from '../file-type/serving.js'
import { SNIFF_BYTES, sniff } from '../file-type/sniff.js'
import { findProofFailure, type ProvenBody, proveBytes } from '../integrity/prove.js'
import { spool } from '../integrity/spool.js'
import { defined } from '../json.js'
import type { ObjectStorage, PutResult, StoredObject } from '../storage.js'
import { type CheckedTimeouts, type Deadlines, LAST_LOOK_MS, startDeadlines } from '../timing/deadlines.js'
import { type BodyIdentity, compareStored, isSameObject } from './compare-stored.js'
import { hasNewCredentials } from './judge-fault.js'
import {
  buildFoundResult,
  buildStoredResult,
  type ObjectPlace,
  type StorableMedia,
  type StoredMedia,
} from './result.js'
import { isBodyRefused } from './storage-errors.js'

/** Checks the options that every call that stores has in common. @throws InvalidOptionError */
export function checkStoring(options: {
  storage: ObjectStorage
  sniff?: 'safe' | 'trust' | undefined
  filename?: string | undefined
}): void {
  const { storage, sniff, filename } = options
  checkStorage(storage)
  checkSniff(sniff)
  if (filename !== undefined) checkText('filename', filename)
}

const STORAGE_METHODS = ['put', 'head', 'get', 'delete', 'address'] as const satisfies readonly (keyof ObjectStorage)[]

/** @throws InvalidOptionError */
export function checkStorage(storage: ObjectStorage): void {
  checkMethods('storage', storage, { kind: 'an ObjectStorage', methods: STORAGE_METHODS })
  const { capabilities } = storage
  if (typeof capabilities !== 'object' || capabilities === null) {
    const problem = `must say what the store can: { conditionalCreate, checksum }, got ${describeValue(capabilities)}`
    throw new InvalidOptionError({ option: 'storage.capabilities', problem })
  }
  checkFlag('storage.capabilities.conditionalCreate', capabilities.conditionalCreate)
  checkFlag('storage.capabilities.checksum', capabilities.checksum)
}

/** @throws InvalidOptionError for a misspelt policy, which must not pass for `trust`. */
export function checkSniff(policy: 'safe' | 'trust' | undefined): void {
  if (policy !== undefined) checkOneOf('sniff', policy, ['safe', 'trust'])
}

/** A body to be stored, and its announced media. `OpenedMedia` is one. */
export interface BodyToStore {
  source: Readable
  media: StorableMedia
  /** The look-up's size, where the body may well have another and its hash decides. `media` then has none. */
  doubtfulSize?: number | undefined
  /** The cap for this type, in bytes. */
  maxBytes: number
  /** The error for a source that failed, or (without argument) ended early. */
  onSourceError(error: Error | undefined): unknown
  /** See `ProveOptions`. */
  checkOpening?: ((opening: Uint8Array) => void) | undefined
  /** Size and hash of a body that lies in memory. */
  identity?: BodyIdentity | undefined
  /** The bytes once more, from the start, of a body that lies in memory. */
  reopen?: (() => Readable) | undefined
}

/** The place of a body, and the rules for storing it. */
export interface PutTarget extends ObjectPlace {
  /** What events tell of the media. */
  subject: EventSubject
  /** Default `safe`. */
  sniff?: 'safe' | 'trust' | undefined
  /** The hash that an earlier download had in place of the announced one: seen again, it is taken. */
  seenSha256?: string | undefined
  /** The answer to a doubtful size that is wrong. Default `strict`. */
  integrity?: 'strict' | 'report' | undefined
  timeouts: CheckedTimeouts
  deadlines: Deadlines
  callerSignal: AbortSignal | undefined
  onEvent: OnEvent | undefined
}

/** A body of known size and hash, on its way into the storage. */
interface PutCall {
  body: BodyToStore
  identity: BodyIdentity
  target: PutTarget
}

/** Spools if size or hash are unknown, proves, stores if absent, and compares if not. */
export async function putOnce(body: BodyToStore, target: PutTarget): Promise<StoredMedia> {
  const { size, sha256 } = body.media
  const { seenSha256 } = target
  if (body.identity !== undefined) return putBody({ body, identity: body.identity, target })
  if (size !== undefined && sha256 !== undefined && seenSha256 === undefined) {
    return putBody({ body, identity: { size, sha256 }, target })
  }
  const { source, doubtfulSize, maxBytes, checkOpening, onSourceError } = body
  const expected = seenSha256 === undefined && doubtfulSize === undefined ? sha256 : undefined
  const { deadlines } = target
  const spooled = await spool(source, { size, sha256: expected, maxBytes, deadlines, onSourceError, checkOpening })
  try {
    const agreed = { size: spooled.size, sha256: decideHash(spooled, body, target) }
    const again = { ...body, source: spooled.open(), reopen: spooled.open }
    return await putBody({ body: again, identity: agreed, target })
  } finally {
    await spooled.remove()
  }
}

/** The hash to store under: the announced one, or the one that two downloads had in its place. */
function decideHash(
  observed: BodyIdentity,
  { media: { sha256, size }, doubtfulSize = size }: BodyToStore,
  { seenSha256, integrity }: PutTarget,
): string {
  const isAnnounced = sha256 === undefined || observed.sha256 === sha256
  const hasOtherSize = doubtfulSize !== undefined && observed.size !== doubtfulSize
  const isSeenAgain = observed.sha256 === seenSha256 && observed.size === doubtfulSize
  if (isSeenAgain || (isAnnounced && (!hasOtherSize || integrity === 'report'))) return observed.sha256
  throw new IntegrityMismatchError({
    problem: isAnnounced
      ? `The body has the announced SHA-256, but ${observed.size} bytes and not the announced ${doubtfulSize}. With integrity 'report' the hash decides`
      : `The body has another SHA-256${hasOtherSize ? ' and another size' : ''} than announced`,
    expectedSize: doubtfulSize,
    observedSize: observed.size,
    expectedSha256: sha256,
    observedSha256: observed.sha256,
  })
}

/**
 * Puts a body. One that can be read again is put again at once when the store refused the condition alone, or
 * credentials that are renewed.
 */
async function putBody(call: PutCall): Promise<StoredMedia> {
  const { body, target } = call
  try {
    return await putProven(call)
  } catch (error) {
    const isRefused = isConditionRefused(error)
    if (!isRefused && !(WhatsAppMediaError.is(error) && hasNewCredentials(error))) throw error
    if (isRefused) emit(target.onEvent, { type: 'condition-unsupported', storage: target.storage.name, how: 'refused' })
    if (body.reopen === undefined) throw error
    return putProven({ ...call, body: { ...body, source: body.reopen() } })
  }
}

/** The status of stores that do not know create-if-absent (AWS: Error responses). */
const CONDITION_UNKNOWN = 501

function isConditionRefused(error: unknown): boolean {
  return (
    WhatsAppMediaError.is(error) &&
    error.code === 'storage-failed' &&
    error.status === CONDITION_UNKNOWN &&
    error.retryable
  )
}

async function putProven(call: PutCall): Promise<StoredMedia> {
  const { body, identity, target } = call
  const { size, sha256 } = identity
  const { storage, key, deadlines, sniff: policy = 'safe' } = target
  const proven = proveBytes(body.source, {
    size,
    sha256,
    maxBytes: body.maxBytes,
    openingBytes: policy === 'safe' ? SNIFF_BYTES : 0,
    joinChunks: storage.capabilities.joinsChunks !== true,
    deadlines,
    reader: 'store',
    onSourceError: body.onSourceError,
  })
  const { contentType, contentDisposition } = decideStoredServing(await proven.opening, call)
  const metadata = buildMetadata(body.media)
  deadlines.noteMayBeStored()
  let result: PutResult
  try {
    const { signal } = deadlines
    const options = { size, sha256, contentType, contentDisposition, metadata, ifAbsent: true, signal } as const
    result = await storage.put(key, proven.body, options)
  } catch (error) {
    return buildFoundResult(await findAfterLostAnswer(error, proven, call), body.media, target)
  }
  deadlines.waitFor('store')
  if (result?.outcome === 'exists') {
    const compare = (given: Deadlines): Promise<StoredObject> =>
      compareStored(identity, { ...target, deadlines: given })
    const found = await (deadlines.signal.aborted ? lookUnder(target, compare) : compare(deadlines))
    return buildFoundResult(found, body.media, target)
  }
  const isStored = result?.outcome === 'stored' || result?.outcome === 'condition-ignored'
  // A storage that swallows the body's error, or does not read it, claims what it can't have.
  if (!isStored || !proven.isProven()) throw findProofFailure(proven.body) ?? createClaimError(key)
  reportStored(result, call)
  const etag = typeof result.etag === 'string' ? result.etag : undefined
  return buildStoredResult({ size, sha256, etag, alreadyStored: false }, body.media, target)
}

function createClaimError(key: string): StorageFailedError {
  const reason = 'claimed an object without having taken its bytes'
  return new StorageFailedError({ operation: 'put', key, reason, retryable: true })
}

function reportStored({ outcome }: PutResult, { body, identity, target }: PutCall): void {
  const { storage, key, subject, onEvent } = target
  if (outcome === 'condition-ignored') {
    emit(onEvent, { type: 'condition-unsupported', storage: storage.name, how: 'ignored' })
  }
  const { sha256: announcedSha256 = identity.sha256 } = body.media
  if (announcedSha256 !== identity.sha256) {
    emit(onEvent, { type: 'mismatch-reported', key, announcedSha256, observedSha256: identity.sha256, ...subject })
  }
  const { doubtfulSize: announcedSize = identity.size } = body
  if (announcedSize !== identity.size) {
    emit(onEvent, { type: 'size-mismatch-reported', key, announcedSize, observedSize: identity.size, ...subject })
  }
}

/**
 * A put whose bytes all went out may have succeeded although its answer was lost: one look finds out. The put's own
 * error stands in every other case.
 */
async function findAfterLostAnswer(error: unknown, proven: ProvenBody, call: PutCall): Promise<StoredObject> {
  const { storage, key, callerSignal, deadlines: attemptDeadlines } = call.target
  const failure = attemptDeadlines.signal.aborted ? attemptDeadlines.signal.reason : error
  const isPassing = WhatsAppMediaError.is(failure) && failure.retryable && !hasNewCredentials(failure)
  const isLost = proven.isProven() && isPassing && !isBodyRefused(failure)
  if (!isLost || callerSignal?.aborted === true) throw failure
  try {
    const found = await lookUnder(call.target, ({ signal }) => storage.head(key, { signal }))
    if (found !== null && isSameObject(found, call.identity)) return found
  } catch {
    // The store is still out of reach: the put's error says more.
  }
  throw failure
}

/** Looks at the store under deadlines of its own: those of the attempt may be what passed. */
async function lookUnder<T>(
  { timeouts, callerSignal }: PutTarget,
  look: (deadlines: Deadlines) => Promise<T>,
): Promise<T> {
  const deadlines = startDeadlines({ ...timeouts, store: Math.min(timeouts.store, LAST_LOOK_MS) }, callerSignal)
  deadlines.waitFor('store')
  try {
    return await look(deadlines)
  } finally {
    deadlines.clear()
  }
}

/** Decides how the object is served. A body whose first bytes contradict its declared type is kept as octet-stream. */
function decideStoredServing(opening: Uint8Array, { body, target }: PutCall): Serving {
  const { mimeType, filename } = body.media
  const { key, subject, onEvent, sniff: policy = 'safe' } = target
  const sniffed = policy === 'safe' ? sniff(opening) : undefined
  const isMismatch = policy === 'safe' && contradicts(mimeType, sniffed)
  if (isMismatch) {
    emit(onEvent, { type: 'type-mismatch', declared: readEssence(mimeType), sniffed, key, ...subject })
  }
  return decideServing({
    mimeType: isMismatch ? 'application/octet-stream' : mimeType,
    extension: findSafeExtension(key),
    filename,
  })
}

function buildMetadata({ mediaId, filename }: StorableMedia): Record<string, string> {
  return defined({
    'media-id': mediaId === undefined ? undefined : encodeMetadata(mediaId),
    filename: filename === undefined ? undefined : encodeMetadata(filename),
  })
}
