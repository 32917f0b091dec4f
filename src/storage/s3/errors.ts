import { findSetupFault } from '../../errors/setup-fault.js'
import { cleanThrown, readField } from '../../errors/thrown.js'
import { StorageFailedError, WhatsAppMediaError } from '../../errors.js'
import { readRetryAfter } from '../../http/retry-after.js'
import { defined } from '../../json.js'
import { readSdkError } from '../refusal.js'

/** Faults of the bytes on their way, which another attempt can fix (AWS: Error responses). */
const BROKEN_BODY = ['BadDigest', 'XAmzContentSHA256Mismatch', 'IncompleteBody', 'RequestTimeout']

/** The SDK has set its clock by this answer, so the next request carries the right time. */
const CLOCK_SKEW = 'RequestTimeTooSkewed'

/** The answer of stores to a header or a call that they do not know (AWS: Error responses). */
export const NOT_IMPLEMENTED = 501

/** What to do about answers that tell of the app's settings (AWS: Error responses). */
const ANSWER_ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'ExpiredToken',
    'The session of the credentials has ended: renew AWS_SESSION_TOKEN, or let a role or profile renew it',
  ],
  ['InvalidAccessKeyId', 'The store knows no such access key: see AWS_ACCESS_KEY_ID, the profile, and the endpoint'],
  [
    'SignatureDoesNotMatch',
    'The secret is not that of the access key: see AWS_SECRET_ACCESS_KEY, or the option credentials',
  ],
])

/** The failed call, and the secrets that its error must not repeat. */
interface FailedCall {
  operation: StorageFailedError['operation']
  key: string
  secrets: readonly string[]
}

/** The SDK's error as an error of this library. */
export function toS3StorageError(error: unknown, { operation, key, secrets }: FailedCall): unknown {
  if (WhatsAppMediaError.is(error)) return error
  const { status, reason: code } = readSdkError(error)
  const fault = status === undefined ? findSetupFault(error) : undefined
  // A HEAD's answer has no body that names a code (AWS: HeadObject).
  const reason = operation === 'head' && status === 403 ? 'AccessDenied' : code
  const isPassing = status === undefined ? isNetworkError(error) : mayPass(status)
  const retryAfterMs = readRetryAfter(readField(readField(readField(error, '$response'), 'headers'), 'retry-after'))
  return new StorageFailedError({
    operation,
    key,
    reason: fault?.reason ?? reason,
    retryable: fault === undefined && (isPassing || reason === CLOCK_SKEW || BROKEN_BODY.includes(reason)),
    cause: cleanThrown(error, secrets),
    ...defined({ status, retryAfterMs, advice: fault?.advice ?? ANSWER_ADVICE.get(reason) }),
  })
}

/** Of the store's answers, those that another try may turn to success. 409: two writers at the same instant. */
function mayPass(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || (status >= 500 && status !== NOT_IMPLEMENTED)
}

/** Without an answer, faults of configuration (no credentials, no region) stay; the network's pass. */
function isNetworkError(error: unknown): boolean {
  const code = readField(error, 'code')
  return (typeof code === 'string' && code !== '') || readField(error, 'name') === 'TimeoutError'
}

export function isStorageFailure(error: unknown): error is StorageFailedError {
  return WhatsAppMediaError.is(error) && error.code === 'storage-failed'
}
