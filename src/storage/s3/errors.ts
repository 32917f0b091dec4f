import { cleanThrown, readField } from '../../errors/thrown.js'
import { StorageFailedError, WhatsAppMediaError } from '../../errors.js'
import { readRetryAfter } from '../../http/retry-after.js'
import { readSdkError } from '../refusal.js'

/** Faults of the bytes on their way, which another attempt can mend (AWS: Error responses). */
const BROKEN_BODY = ['BadDigest', 'XAmzContentSHA256Mismatch', 'IncompleteBody', 'RequestTimeout']

/** The SDK has set its clock by this answer, so the next request carries the right time. */
const CLOCK_SKEW = 'RequestTimeTooSkewed'

/** What stores answer to a header or a call that they do not know (AWS: Error responses). */
export const NOT_IMPLEMENTED = 501

/** What the SDK threw, as this library's error. */
export function storageError(
  error: unknown,
  context: { operation: StorageFailedError['operation']; key: string; secrets?: readonly string[] | undefined },
): unknown {
  const { operation, key, secrets = [] } = context
  if (WhatsAppMediaError.is(error)) return error
  const { status, reason: code } = readSdkError(error)
  // A HEAD's answer has no body that names a code (AWS: HeadObject).
  const reason = operation === 'head' && status === 403 ? 'AccessDenied' : code
  const isPassing =
    status === undefined
      ? isNetworkError(error)
      : status === 408 || status === 409 || status === 429 || (status >= 500 && status !== NOT_IMPLEMENTED)
  const retryAfterMs = readRetryAfter(readField(readField(readField(error, '$response'), 'headers'), 'retry-after'))
  return new StorageFailedError({
    operation,
    key,
    reason,
    retryable: isPassing || reason === CLOCK_SKEW || BROKEN_BODY.includes(reason),
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: cleanThrown(error, secrets),
  })
}

/** Without conditions and without a look, a put would overwrite what others stored. */
export function mayNotLook({ key, reason }: StorageFailedError): StorageFailedError {
  const advice = 'The store knows no create-if-absent, and looking first takes the permission s3:GetObject'
  return new StorageFailedError({ operation: 'head', key, reason, status: 403, retryable: false, advice })
}

/** Without an answer, faults of configuration (no credentials, no region) stay; the network's pass. */
function isNetworkError(error: unknown): boolean {
  return isText(readField(error, 'code')) || readField(error, 'name') === 'TimeoutError'
}

export function isStorageFailure(error: unknown): error is StorageFailedError {
  return WhatsAppMediaError.is(error) && error.code === 'storage-failed'
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
