import type { AnyWhatsAppMediaError, StorageFailedError } from '../errors.js'
import { CREDENTIAL_FAULTS } from '../storage.js'

/**
 * What a storage's fault is about. `object`: this one alone, for good. `passing`: neither, the same call may succeed
 * later. `storage`: the whole of it, until its operator or its provider mends that.
 */
export type StorageVerdict = 'object' | 'passing' | 'storage'

/** Names that stores and systems give to faults; S3's stand in AWS: Error responses. */
export const STORAGE_FAULTS: Readonly<Record<StorageVerdict, readonly string[]>> = {
  object: [
    ...['EntityTooLarge', 'EntityTooSmall', 'KeyTooLongError', 'MetadataTooLarge', 'InvalidDigest', 'InvalidTag'],
    ...['InvalidURI', 'InvalidObjectName', 'XMinioInvalidObjectName', 'InvalidObjectState'],
    ...['EISDIR', 'ENOTDIR', 'EEXIST', 'ENAMETOOLONG', 'ELOOP', 'EINVAL', 'EFBIG'],
  ],
  passing: [
    ...['InternalError', 'ServiceUnavailable', 'SlowDown', 'TooManyRequests', 'Throttling', 'ThrottlingException'],
    ...['RequestTimeout', 'RequestTimeTooSkewed', 'BadDigest', 'XAmzContentSHA256Mismatch'],
    ...['XAmzContentChecksumMismatch', 'IncompleteBody'],
    ...['OperationAborted', 'ConditionalRequestConflict', 'ClientDisconnect'],
    ...['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'EMFILE', 'ENFILE', 'EIO'],
  ],
  storage: [
    ...CREDENTIAL_FAULTS,
    ...['AccessDenied', 'AccountProblem', 'AllAccessDisabled', 'NotSignedUp', 'OptInRequired'],
    ...['Unauthorized', 'UnauthorizedAccess', 'InvalidSecurity', 'InvalidPayer', 'NotEntitled', 'MethodNotAllowed'],
    ...['AuthorizationHeaderMalformed', 'MissingSecurityHeader', 'NotImplemented', 'XNotImplemented'],
    ...[
      'NoSuchBucket',
      'InvalidBucketName',
      'InvalidBucketState',
      'PermanentRedirect',
      'TemporaryRedirect',
      'Redirect',
    ],
    ...['IllegalLocationConstraintException', 'IncorrectEndpoint', 'InvalidRegionName', 'InvalidAccessPoint'],
    ...['QuotaExceeded', 'XMinioAdminBucketQuotaExceeded', 'XMinioStorageFull', 'StorageFull', 'InsufficientStorage'],
    ...['ServiceQuotaExceeded', 'UserSuspended', 'Suspended', 'PaymentRequired'],
    ...['InvalidEncryptionAlgorithmError', 'ServerSideEncryptionConfigurationNotFoundError', 'InvalidStorageClass'],
    // The package, the region and the credentials that an app lacks.
    ...['package-missing', 'package-broken', 'package-unreadable', 'package-too-old'],
    ...['region-missing', 'region-malformed'],
    ...['credentials-expired', 'CredentialsProviderError'],
    // The rights, the room and the abilities of a directory.
    ...['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'],
    ...['directory-unusable', 'not-a-plain-file'],
  ],
}

/** Names that begin so are about the key that encrypts the bucket: `KMS.DisabledException` and its kind (AWS: KMS). */
const KMS_FAULT = /^(?:KMS|Kms)/

const VERDICTS: ReadonlyMap<string, StorageVerdict> = new Map(
  (['object', 'passing', 'storage'] as const).flatMap((verdict) =>
    STORAGE_FAULTS[verdict].map((reason) => [reason, verdict] as const),
  ),
)

/** Too large, too long: statuses that speak of one request's object (RFC 9110). */
const OBJECT_STATUSES: readonly number[] = [410, 413, 414, 415, 416, 422, 431]

/** No room is left, by a status that else would pass (RFC 4918). */
const STORAGE_FULL = 507

/**
 * Judges a storage's fault by its name, and by its status where the name is unknown. What is neither known to pass nor
 * to be about one object is about the storage: waiting loses nothing.
 */
export function judgeStorageFault({ reason, status, retryable }: StorageFailedError): StorageVerdict {
  const verdict = KMS_FAULT.test(reason) ? 'storage' : VERDICTS.get(reason)
  if (verdict === 'storage' || status === STORAGE_FULL) return 'storage'
  if (retryable) return 'passing'
  if (verdict !== undefined) return verdict
  // Without an answer of the store it is the adapter that says so.
  return status === undefined || OBJECT_STATUSES.includes(status) ? 'object' : 'storage'
}

/** The store refused the credentials, and their provider has given others since: the same call may succeed now. */
export function hasNewCredentials(error: AnyWhatsAppMediaError): boolean {
  return error.code === 'storage-failed' && error.retryable && CREDENTIAL_FAULTS.includes(error.reason)
}
