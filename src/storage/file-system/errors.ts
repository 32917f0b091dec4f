import { isError, readFaultName, readField } from '../../errors/thrown.js'
import { StorageFailedError, WhatsAppMediaError } from '../../errors.js'
import { defined } from '../../json.js'

/** Codes that come back on every try until someone changes the machine or the key. */
const PERMANENT = [
  ...['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENAMETOOLONG', 'ELOOP', 'EXDEV'],
  ...['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EFBIG', 'not-a-plain-file', 'directory-unusable'],
]
const FOLDER_ADVICE = 'An object can not lie below another one'
const LINK_ADVICE = 'Create-if-absent needs a directory on one file system, with hard links'
const RIGHTS_ADVICE = "This process's user lacks a permission in the directory"
const SYSTEM_CODE_ADVICE: Readonly<Record<string, string>> = {
  ...{ EISDIR: FOLDER_ADVICE, ENOTDIR: FOLDER_ADVICE, EEXIST: FOLDER_ADVICE },
  ...{ ENOTSUP: LINK_ADVICE, EOPNOTSUPP: LINK_ADVICE, EXDEV: LINK_ADVICE },
  ...{ EACCES: RIGHTS_ADVICE, EPERM: RIGHTS_ADVICE },
  EROFS: 'The file system of the directory is read-only',
  ENOSPC: 'The file system of the directory is full: it has no bytes or no inodes left',
  EDQUOT: "The disk quota of this process's user or group is used up",
  EFBIG: 'The object is larger than a file of this file system or process may be',
}

/** The directory holds what the storage can't work with. The message is for the user. */
export class DirectoryFault extends Error {
  constructor(
    readonly code: 'not-a-plain-file' | 'directory-unusable',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
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
      const advice = error instanceof DirectoryFault ? error.message : SYSTEM_CODE_ADVICE[reason]
      throw new StorageFailedError({ ...{ operation, key, reason, retryable, cause: error }, ...defined({ advice }) })
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
