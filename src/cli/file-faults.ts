import { describeValue } from '../errors/describe.js'
import { InvalidOptionError, WhatsAppMediaError } from '../errors.js'
import { readString } from '../json.js'
import { toOneLine } from './command.js'

/** The system's codes in words (Node: Common system errors). */
const FAULTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    EACCES: 'permission is denied',
    EPERM: 'permission is denied',
    ENOTDIR: 'a part of the path is a file and no folder',
    EISDIR: 'it is a folder and no file',
    ELOOP: 'its links lead in a circle',
    ENAMETOOLONG: 'the path is too long',
    ENOSPC: 'the disk is full',
    EROFS: 'the file system is read-only',
    EMFILE: 'too many files are open',
    EEXIST: 'it is a file and no folder',
  }),
)

/** A path from the command line, and what a command does with it. */
export interface TypedPath {
  /** As it is typed: `--journal`, `<file>`. */
  option: string
  path: string
  use: 'read' | 'written' | 'listed'
}

/** A fault of the system in words, with its code. `missing` is the word for what is not there. */
export function describeSystemFault(error: unknown, missing = 'file'): string {
  const code = readString(error, 'code') ?? ''
  const words = code === 'ENOENT' ? `there is no such ${missing}` : FAULTS.get(code)
  return words === undefined ? describeValue(readString(error, 'code')) : `${words} (${code})`
}

/** Catches what the system says of a path. @throws InvalidOptionError with its words; an error of this library as it is. */
export function refusePath({ option, path, use }: TypedPath): (error: unknown) => never {
  return (error) => {
    if (WhatsAppMediaError.is(error)) throw error
    const fault = describeSystemFault(error, use === 'read' ? 'file' : 'folder')
    const can = use === 'written' ? 'written' : 'read'
    throw new InvalidOptionError({ option, problem: `can not be ${can}, ${fault}: ${toOneLine(path)}` })
  }
}
