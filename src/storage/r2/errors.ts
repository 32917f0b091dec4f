import { cleanThrown, readErrorName, readField, readTextField } from '../../errors/thrown.js'
import { StorageFailedError, WhatsAppMediaError } from '../../errors.js'
import { runStoreCall, type StoreCall } from '../run-call.js'

/** R2's errors by the number that ends their message, with the name that its S3 API gives them (R2: Error codes). */
const R2_ERROR_NAMES: Readonly<Record<string, string>> = {
  ...{ 10001: 'InternalError', 10002: 'Unauthorized', 10003: 'AccessDenied', 10006: 'NoSuchBucket' },
  ...{ 10012: 'MetadataTooLarge', 10013: 'IncompleteBody', 10020: 'InvalidObjectName', 10037: 'BadDigest' },
  ...{ 10042: 'NotEntitled', 10043: 'ServiceUnavailable', 10054: 'ClientDisconnect', 10058: 'TooManyRequests' },
  ...{ 100100: 'EntityTooLarge' },
}

/** Those that another try may turn to success. */
const PASSING_R2_REASONS = [
  ...['InternalError', 'IncompleteBody', 'BadDigest', 'ServiceUnavailable'],
  ...['ClientDisconnect', 'TooManyRequests'],
]

/** @throws as `runStoreCall`: StorageFailedError for what the binding throws. */
export function runR2Call<T>(call: StoreCall, run: () => Promise<T>): Promise<T> {
  return runStoreCall(call, { run, toFailure: (error) => toR2StorageError(error, call) })
}

function toR2StorageError(error: unknown, { operation, key }: StoreCall): unknown {
  if (WhatsAppMediaError.is(error)) return error
  const [, number] = /\((\d{5,6})\)\s*$/.exec(readTextField(error, 'message')) ?? []
  // Without a number it is the connection to R2 that failed, or a value of a type that R2 does not take.
  const isPassing = number === undefined && readField(error, 'name') !== 'TypeError'
  const reason = number === undefined ? readErrorName(error) : (R2_ERROR_NAMES[number] ?? 'R2Error')
  const retryable = isPassing || PASSING_R2_REASONS.includes(reason)
  return new StorageFailedError({ operation, key, reason, retryable, cause: cleanThrown(error, []) })
}
