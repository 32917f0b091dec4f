import { readField } from '../errors/thrown.js'
import { findNodeModules } from './node-modules.js'

/** More than the threads of Node's pool may take meanwhile, 4 by default (Node: UV_THREADPOOL_SIZE). */
const SPARE = 8

const NONE_LEFT: readonly unknown[] = ['EMFILE', 'ENFILE']

/**
 * Refuses while the process has hardly a file descriptor left. Node 20 and Bun take a package that they can't read then
 * for one that is not there, until they are restarted.
 *
 * @throws what the system throws: an error with the code `EMFILE` or `ENFILE`.
 */
export function checkSpareDescriptors(): void {
  const fs = findNodeModules()?.fs
  if (fs === undefined) return
  const held: number[] = []
  try {
    while (held.length < SPARE) held.push(fs.openSync(process.execPath, 'r'))
  } catch (error) {
    // A sandbox that shows no files says nothing about descriptors.
    if (NONE_LEFT.includes(readField(error, 'code'))) throw error
  } finally {
    for (const descriptor of held) fs.closeSync(descriptor)
  }
}
