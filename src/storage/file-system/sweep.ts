import type { Stats } from 'node:fs'
import { lstat, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isPassingFault } from '../../errors/passing-fault.js'
import { parseJson, readString } from '../../json.js'
import { READ_PLAIN, readModified } from './inspect-path.js'
import { buildFilePath } from './paths.js'
import { readSidecarTime } from './sidecar.js'

/**
 * No put takes as long. A draft's age counts from its last write; a sidecar's from the time at which it came to this disk,
 * so that a restore that brings sidecars before objects loses none.
 */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1_000

/** Removes the files of killed processes. A file that can't be removed is no reason to refuse an object. */
export interface Sweeper {
  /** Drafts of puts. Once; again after a fault that passes, such as a lack of file descriptors. */
  sweepDrafts(): Promise<void>
  /** Sidecars without their object that lie beside this one. Once for each folder, as drafts. */
  sweepBeside(sidecar: string): Promise<void>
}

export function createSweeper(directory: string, incoming: string): Sweeper {
  const swept = new Map<string, Promise<void>>()
  const sweepOnce = (folder: string, isLeft: IsLeft): Promise<void> => {
    const sweeping =
      swept.get(folder) ??
      sweepFolder(folder, isLeft).then((isDone) => {
        if (!isDone) swept.delete(folder)
      })
    swept.set(folder, sweeping)
    return sweeping
  }
  return {
    sweepDrafts: () => sweepOnce(incoming, async (_draft, { mtimeMs }) => isOld(mtimeMs)),
    sweepBeside: (sidecar) =>
      sweepOnce(
        dirname(sidecar),
        async (path, { ctimeMs }) => path !== sidecar && isOld(ctimeMs) && (await isOrphan(directory, path)),
      ),
  }
}

type IsLeft = (path: string, stats: Stats) => Promise<boolean>

/** @returns false when a fault that passes kept a file from being looked at. */
async function sweepFolder(folder: string, isLeft: IsLeft): Promise<boolean> {
  let isDone = true
  const note = (error: unknown): void => {
    if (isPassingFault(error)) isDone = false
  }
  const names = await readdir(folder).catch((error: unknown) => {
    note(error)
    return []
  })
  for (const name of names) {
    const path = join(folder, name)
    try {
      if (await isLeft(path, await lstat(path))) await rm(path, { force: true })
    } catch (error) {
      note(error)
    }
  }
  return isDone
}

function isOld(timeMs: number): boolean {
  return timeMs < Date.now() - LEFTOVER_AGE_MS
}

/** The object of a sidecar has the sidecar's key, and the modification time that is in its name. */
async function isOrphan(directory: string, sidecar: string): Promise<boolean> {
  const key = readString(parseJson(await readFile(sidecar, { encoding: 'utf8', flag: READ_PLAIN })), 'key')
  const modified = readSidecarTime(sidecar)
  if (key === undefined || modified === undefined) return false
  return (await readModified(directory, buildFilePath(directory, key))) !== modified
}
