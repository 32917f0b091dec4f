import { WhatsAppMediaError } from '../../errors.js'
import { runStoreCall, type StoreCall } from '../run-call.js'
import { toS3StorageError } from './errors.js'
import type { S3StorageOptions } from './options.js'
import { findStoreSecrets } from './secrets.js'

/** One call of the storage. */
export interface S3Call extends StoreCall {
  /** Of the storage: its secrets may be in no error. */
  options: S3StorageOptions
  /** Other secrets that no error may repeat. Asked for when there is an error. */
  findSecrets?: (() => readonly string[]) | undefined
}

/** @throws as `runStoreCall`: StorageFailedError for what S3 or the SDK throws. */
export function runCall<T>({ options, findSecrets = () => [], ...call }: S3Call, run: () => Promise<T>): Promise<T> {
  const { operation, key } = call
  return runStoreCall(call, {
    run,
    toFailure: async (error) => {
      if (WhatsAppMediaError.is(error)) return error
      const secrets = [...(await findStoreSecrets(options, error)), ...findSecrets()]
      return toS3StorageError(error, { operation, key, bucket: options.bucket, secrets })
    },
  })
}
