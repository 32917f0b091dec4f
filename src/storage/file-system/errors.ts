import { isError, readFaultName, readField } from '../../errors/thrown.js'
import { StorageFailedError, WhatsAppMediaError } from '../../errors.js'
import { defined } from '../../json.js'

/** Codes that come back on every try until someone changes the machine or the key. */
const PERMANENT = [
  ...['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENAMETOOLONG', 'ELOOP', 'EXDEV'],
  ...['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL'],
]
const FOLDER_ADVICE = 'An object can not lie below another one'
const LINK_ADVICE = 'Create-if-absent needs a directory on one file system, with hard links'
const SYSTEM_CODE_ADVICE: Readonly<Record<string, string>> = {
  ...{ EISDIR: FOLDER_ADVICE, ENOTDIR: FOLDER_ADVICE, EEXIST: FOLDER_ADVICE },
  ...{ ENOTSUP: LINK_ADVICE, EOPNOTSUPP: LINK_ADVICE, EXDEV: LINK_ADVICE },
}

/** Turns the errors of calls to the system into this library's. */
export function wrapCalls(
  operation: 'put' | 'head' | 'get' | 'delete' | 'list',
  key: string,
): <T>(call: Promise<T>) => Promise<T> {
  return async (call) => {
    try {
      return await call
    } catch (error) {
      if (WhatsAppMediaError.is(error)) throw error
      const reason = readFaultName(error, ['code'])
      const retryable = !PERMANENT.includes(reason)
      const advice = defined({ advice: SYSTEM_CODE_ADVICE[reason] })
      throw new StorageFailedError({ operation, key, reason, retryable, ...advice, cause: error })
    }
  }
}

/** The error is the operating system's, with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return isError(error) && codes.includes(String(readField(error, 'code')))
}

/** For calls about a file that need not be there. */
export function nullIfAbsent(error: unknown): null {
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null
  throw error
}
