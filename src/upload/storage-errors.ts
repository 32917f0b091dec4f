import { Readable } from 'node:stream'
import type { KnownSecrets } from '../errors/known-secrets.js'
import { readErrorName, reduceToName } from '../errors/thrown.js'
import { StorageFailedError, WhatsAppMediaError } from '../errors.js'
import { findProofFailure } from '../integrity/prove.js'
import { defined } from '../json.js'
import type { ObjectStorage, PutOptions, PutResult, StoredObject } from '../storage.js'
import { forgetRefusedBody, noteRefusedBody, removeRefusedHash } from './refused-bodies.js'

/** A call to a storage, for the error of its failure. */
interface StorageCall {
  operation: StorageFailedError['operation']
  key: string
  signal?: AbortSignal | undefined
  /** The texts of the call that no error may repeat. */
  secrets?: KnownSecrets | undefined
}

/**
 * Converts a storage's error into one of this library: a retryable `StorageFailedError` that keeps only the error's name
 * and code. Returns the signal's reason when the signal has aborted.
 */
export function toStorageFailure(error: unknown, { operation, key, signal, secrets = [] }: StorageCall): unknown {
  if (signal?.aborted === true) return signal.reason
  if (WhatsAppMediaError.is(error)) return error
  // Its message may hold anything: a quoted request, the name of the file, the storage's credentials.
  const reason = readErrorName(error, secrets)
  return new StorageFailedError({ operation, key, reason, retryable: true, cause: reduceToName(error, secrets) })
}

/** Whether the storage answered 403: it then does not say whether the object exists. */
export function isForbidden(error: unknown): error is StorageFailedError {
  return WhatsAppMediaError.is(error) && error.code === 'storage-failed' && error.status === 403
}

/**
 * Whether the storage refused the bytes that it got (AWS: BadDigest). It should keep nothing then; if it does keep them,
 * they lie under the size and hash that we sent, and a look would take those for proof.
 */
export function isBodyRefused(failure: unknown): boolean {
  if (!WhatsAppMediaError.is(failure) || failure.code !== 'storage-failed') return false
  // Swift refuses a wrong hash with 422 (OpenStack: Object Storage API).
  return failure.status === 400 || failure.status === 422 || REFUSED_BODY.test(failure.reason.slice(0, 100))
}

/** Each store has its own name for it: `BadDigest`, `XAmzContentSHA256Mismatch`, MinIO's `XAmzContentChecksumMismatch`. */
const REFUSED_BODY = /digest|checksum|sha-?256|md5|crc|IncompleteBody/i

/** Whether the storage refused a call for good, by a status that speaks of the call. */
export function isRefusal(error: unknown): boolean {
  if (!WhatsAppMediaError.is(error) || error.code !== 'storage-failed' || error.retryable) return false
  return error.status !== undefined && error.status < 500
}

/** Wraps a storage so that it throws only this library's errors, or the body's own. */
export function wrapStorage(storage: ObjectStorage, filename: string | undefined): ObjectStorage {
  const typed = async <T>(call: StorageCall, run: () => Promise<T>): Promise<T> => {
    try {
      return await run()
    } catch (error) {
      throw toStorageFailure(error, call)
    }
  }
  const { name, bucket, capabilities } = storage
  return {
    name,
    ...(bucket === undefined ? {} : { bucket }),
    capabilities,
    put: (key, body, options) => putTyped(storage, { key, body, options, filename }),
    head: (key, options) =>
      typed({ operation: 'head', key, signal: options?.signal }, async () =>
        removeRefusedHash(storage, checkHeadAnswer(await storage.head(key, options), { operation: 'head', key })),
      ),
    get: (key, options) =>
      typed({ operation: 'get', key, signal: options?.signal }, async () => {
        const found = checkFoundObject(await storage.get(key, options), { operation: 'get', key })
        if (found !== null && !(found.body instanceof Readable)) throw createAnswerError({ operation: 'get', key })
        return found
      }),
    delete: (key, options) =>
      typed({ operation: 'delete', key, signal: options?.signal }, () => storage.delete(key, options)),
    address: (key) =>
      typed({ operation: 'sign', key }, async () => {
        const address: unknown = await storage.address(key)
        if (typeof address !== 'string') throw createAnswerError({ operation: 'sign', key })
        return address
      }),
  }
}

/** One put, and the errors and answers of it. */
async function putTyped(
  storage: ObjectStorage,
  call: { key: string; body: Readable; options: PutOptions; filename: string | undefined },
): Promise<PutResult> {
  const { key, body, options, filename } = call
  const { signal, contentDisposition, metadata = {} } = options
  let answer: PutResult
  try {
    answer = await storage.put(key, body, options)
  } catch (error) {
    // Whatever the storage made of it: bytes that failed their proof say more than a store that did not get them.
    const own = findProofFailure(body)
    if (own !== undefined) throw own
    const secrets = [filename, contentDisposition, ...Object.values(metadata)]
    const failure = toStorageFailure(error, { operation: 'put', key, signal, secrets })
    if (isBodyRefused(failure)) noteRefusedBody(storage, key)
    throw failure
  }
  const result = findPutResult(answer)
  if (result === undefined) throw findProofFailure(body) ?? createFormError({ operation: 'put', key }, PUT_FORM)
  // The store has acknowledged the right bytes.
  if (result.outcome !== 'exists') forgetRefusedBody(storage, key)
  return result
}

const PUT_FORM = "put must give { outcome: 'stored' }, { outcome: 'condition-ignored' } or { outcome: 'exists' }"
const HEAD_FORM =
  'head must give the object or null, or throw a StorageFailedError with status 403 when it may not look'

/** A put's answer of a known outcome. Storages of an earlier form report a store that ignores `ifAbsent` in a flag. */
function findPutResult(answer: PutResult): PutResult | undefined {
  switch (answer?.outcome) {
    case 'stored':
      if (Reflect.get(answer, 'conditionIgnored') !== true) return answer
      return { ...answer, outcome: 'condition-ignored' }
    case 'condition-ignored':
    case 'exists':
      return answer
    default:
      return undefined
  }
}

/** As `checkFoundObject`. Storages of an earlier form answer `unknown` where they may not look. */
function checkHeadAnswer(found: StoredObject | null, call: StorageCall): StoredObject | null {
  const answer: unknown = found
  if (answer === 'unknown') throw createFormError(call, HEAD_FORM)
  return checkFoundObject(found, call)
}

/** No retry mends a storage that was written for another form of answers. */
function createFormError({ operation, key }: StorageCall, advice: string): StorageFailedError {
  const reason = 'gave no answer of the form it has to have'
  return new StorageFailedError({ operation, key, reason, retryable: false, advice })
}

/**
 * Checks a storage's answer, and drops a hash or tag that is no text. Returns null when there is no object.
 *
 * @throws StorageFailedError for an answer without a valid size.
 */
function checkFoundObject<Found extends StoredObject>(
  found: Found | null | undefined,
  call: StorageCall,
): Found | null {
  if (found === null || found === undefined) return null
  if (!Number.isSafeInteger(found.size) || found.size < 0) throw createAnswerError(call)
  if (isTextOrAbsent(found.sha256) && isTextOrAbsent(found.etag)) return found
  const { sha256, etag, ...kept } = found
  const texts = defined({
    sha256: typeof sha256 === 'string' ? sha256 : undefined,
    etag: typeof etag === 'string' ? etag : undefined,
  })
  // Of its optional fields, those that are there.
  return { ...kept, ...texts } as Found
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function createAnswerError({ operation, key }: StorageCall): StorageFailedError {
  return new StorageFailedError({
    operation,
    key,
    reason: 'gave no answer of the form it has to have',
    retryable: true,
  })
}
