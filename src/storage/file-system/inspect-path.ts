import { type BigIntStats, constants } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { DirectoryFault, nullIfAbsent } from './errors.js'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
/**
 * For a file that was inspected: fails on a link that has come since, and does not wait for the writer of a FIFO, which
 * would hold one of Node's four threads for ever. Windows has neither flag.
 */
export const READ_PLAIN: number = O_RDONLY | O_NOFOLLOW | O_NONBLOCK

const KINDS = [
  ['isSymbolicLink', 'symbolic link'],
  ['isFIFO', 'FIFO'],
  ['isSocket', 'socket'],
] as const

/**
 * What lies at a path below `directory`; null when nothing does. `directory` itself may be a link.
 *
 * @throws DirectoryFault for a link or a special file at the path, or in place of a folder of it: a link leads out of the
 *   directory, a FIFO never answers, a device never ends.
 */
export async function inspectPath(directory: string, path: string): Promise<BigIntStats | null> {
  const steps = listSteps(directory, path)
  const found = await Promise.all(steps.map((step) => lstat(step, { bigint: true }).catch(nullIfAbsent)))
  for (const [index, step] of steps.entries()) {
    const stats = found[index]
    if (stats && !stats.isFile() && !stats.isDirectory()) refuseIrregular(stats, relative(directory, step))
  }
  return found.at(-1) ?? null
}

/** The modification time of a plain file, in nanoseconds; null when there is none. @throws as `inspectPath`. */
export async function readModified(directory: string, path: string): Promise<bigint | null> {
  const stats = await inspectPath(directory, path)
  return stats?.isFile() === true ? stats.mtimeNs : null
}

/** The folders of a path below `directory`, from the top, and the path. */
function listSteps(directory: string, path: string): string[] {
  const steps: string[] = []
  for (let step = path; step.length > directory.length; step = dirname(step)) steps.unshift(step)
  return steps
}

function refuseIrregular(stats: BigIntStats, place: string): never {
  const [, kind] = KINDS.find(([is]) => stats[is]()) ?? ['', 'device']
  const message = `A ${kind} lies at ${place}. The directory may hold plain files and folders only`
  throw new DirectoryFault('not-a-plain-file', message)
}
