import { expect, it } from 'vitest'
import { describeSystemFault, refusePath } from '../../src/cli/file-faults.js'
import { WrongAccountError } from '../../src/errors.js'

const fault = (code: unknown): Error => Object.assign(new Error('of the system'), { code })

it.each([
  ['ENOENT', 'there is no such file (ENOENT)'],
  ['EACCES', 'permission is denied (EACCES)'],
  ['EPERM', 'permission is denied (EPERM)'],
  ['ENOTDIR', 'a part of the path is a file and no folder (ENOTDIR)'],
  ['EISDIR', 'it is a folder and no file (EISDIR)'],
  ['EEXIST', 'it is a file and no folder (EEXIST)'],
  ['ENOSPC', 'the disk is full (ENOSPC)'],
  ['EROFS', 'the file system is read-only (EROFS)'],
  ['EIO', "'EIO'"],
  ['constructor', "'constructor'"],
  [undefined, 'undefined'],
])('describeSystemFault says %s in words', (code, words) => {
  expect(describeSystemFault(fault(code))).toBe(words)
})

it.each([
  ['read', 'can not be read, there is no such file (ENOENT): a?b'],
  ['written', 'can not be written, there is no such folder (ENOENT): a?b'],
  ['listed', 'can not be read, there is no such folder (ENOENT): a?b'],
] as const)('refusePath names a path that can not be %s', (use, problem) => {
  expect(() => refusePath({ option: '--x', path: 'a\nb', use })(fault('ENOENT'))).toThrow(`--x ${problem}`)
})

it('refusePath leaves an error of this library as it is', () => {
  const error = new WrongAccountError({ accountId: 'a' })
  expect(() => refusePath({ option: '--x', path: 'a', use: 'read' })(error)).toThrow(error)
})
