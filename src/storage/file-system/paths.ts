import { join } from 'node:path'
import { describeValue } from '../../errors/describe.js'
import { InvalidOptionError } from '../../errors.js'
import { checkObjectKey } from '../../storage.js'

/**
 * The key, checked.
 *
 * @throws InvalidOptionError as `checkObjectKey`, and for keys that could leave the directory, or hide in it: with a
 *   backslash, or with a segment that starts with a dot.
 */
export function checkFileKey(key: string): string {
  if (!/\\|(?:^|\/)\./.test(checkObjectKey(key))) return key
  const problem = `must have no backslash, and no segment that starts with a dot, got ${describeValue(key)}`
  throw new InvalidOptionError({ option: 'key', problem })
}

/** The file of a key. @throws InvalidOptionError as `checkFileKey`. */
export function buildFilePath(directory: string, key: string): string {
  return join(directory, ...checkFileKey(key).split('/'))
}
