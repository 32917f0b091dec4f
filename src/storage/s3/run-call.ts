import { runStoreCall, type StoreCall } from '../run-call.js'
import { toS3StorageError } from './errors.js'

/** One call of the storage. */
export interface S3Call extends StoreCall {
  bucket: string
  /** Secrets that no error may repeat. Asked for when there is an error. */
  findSecrets?: (() => readonly string[]) | undefined
}

/** @throws as `runStoreCall`: StorageFailedError for what S3 or the SDK throws. */
export function runCall<T>({ bucket, findSecrets = () => [], ...call }: S3Call, run: () => Promise<T>): Promise<T> {
  const { operation, key } = call
  return runStoreCall(call, {
    run,
    toFailure: (error) => toS3StorageError(error, { operation, key, bucket, secrets: findSecrets() }),
  })
}
