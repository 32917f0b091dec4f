import { findSetupFault } from '../../errors/setup-fault.js'
import { cleanThrown, readField, readTextField } from '../../errors/thrown.js'
import { StorageFailedError, WhatsAppMediaError } from '../../errors.js'
import { readRetryAfter } from '../../http/retry-after.js'
import { defined } from '../../json.js'
import { findErrorPage, type ProxyPage, readSdkError } from '../refusal.js'

/** Faults of the bytes on their way, which another attempt can fix (AWS: Error responses). */
const BROKEN_BODY = [
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'IncompleteBody',
  'RequestTimeout',
]

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
  bucket: string
  secrets: readonly string[]
}

/** The SDK's error as an error of this library. */
export function toS3StorageError(error: unknown, { operation, key, bucket, secrets }: FailedCall): unknown {
  const { status, reason } = readSdkError(error)
  const fault = status === undefined ? findSetupFault(error) : undefined
  const isPassing = status === undefined ? isNetworkError(error) : mayPass(status)
  const retryAfterMs = readRetryAfter(readAnswerHeader(error, 'retry-after'))
  const region = status === undefined ? undefined : findNamedRegion(error, { status, reason })
  const retryable = fault === undefined && (isPassing || reason === CLOCK_SKEW || BROKEN_BODY.includes(reason))
  return new StorageFailedError({
    operation,
    key,
    reason: fault?.reason ?? reason,
    retryable,
    cause: cleanThrown(error, secrets),
    ...defined({
      status,
      retryAfterMs,
      region,
      // What comes back on every try is often the bucket's: its name, its policy, its place.
      bucket: status === undefined || retryable ? undefined : bucket,
      advice: fault?.advice ?? describePage(findErrorPage(error)) ?? ANSWER_ADVICE.get(reason),
    }),
  })
}

function readAnswerHeader(error: unknown, name: string): unknown {
  return readField(readField(readField(error, '$response'), 'headers'), name)
}

export function describePage(page: ProxyPage | undefined): string | undefined {
  if (page === undefined) return undefined
  const size = page.bytes === undefined ? '' : ` of ${page.bytes} bytes`
  return `A page${size} came in place of the store's answer: see the endpoint, and the proxies before it`
}

/** The statuses of answers that are about a bucket's region (AWS: Redirects and errors for wrong regions). */
const REDIRECT_STATUSES: readonly number[] = [301, 302, 307, 308]
/** With status 400. The first is all that a HEAD says. */
const REGION_CODES: readonly string[] = [
  'BadRequest',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]

/** The region that the store names for the bucket: in a header, in the error document, or in its message. */
function findNamedRegion(error: unknown, { status, reason }: { status: number; reason: string }): string | undefined {
  if (!REDIRECT_STATUSES.includes(status) && !(status === 400 && REGION_CODES.includes(reason))) return undefined
  const [, expected] = /\bexpecting '([\w-]{1,63})'/.exec(readTextField(error, 'message').slice(0, 1_024)) ?? []
  return [readAnswerHeader(error, 'x-amz-bucket-region'), readField(error, 'Region'), expected].find(isRegion)
}

function isRegion(value: unknown): value is string {
  return typeof value === 'string' && /^[a-z][a-z\d-]{0,39}$/i.test(value)
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

/** The same failure, where another try may succeed. @param advice why it may. */
export function makePassing(
  { operation, key, reason, status, cause }: StorageFailedError,
  advice?: string,
): StorageFailedError {
  return new StorageFailedError({ operation, key, reason, retryable: true, cause, ...defined({ status, advice }) })
}
