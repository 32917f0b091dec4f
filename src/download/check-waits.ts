import { InvalidOptionError } from '../errors.js'
import type { Filled } from '../json.js'
import { checkRetry, type RetryOptions } from '../timing/retry.js'
import { type CloudApiOptions, isTestApi } from './cloud-api.js'

/** @throws InvalidOptionError, also for shorter waits where a real API may answer. */
export function checkWaits(options: RetryOptions & { cloudApi?: CloudApiOptions | undefined }): Filled<RetryOptions> {
  const retry = checkRetry(options)
  if (retry.waitScale < 1 && !isTestApi(options.cloudApi)) {
    const problem =
      'is for tests: it needs a cloudApi.baseUrl on the loopback or below .test, for Meta blocks numbers that ask too often'
    throw new InvalidOptionError({ option: 'waitScale', problem })
  }
  return retry
}
