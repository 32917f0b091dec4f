import { mkdir, open, readdir, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hasCode } from './errors.js'

/** For the user of this process alone. */
const PRIVATE = { recursive: true, mode: 0o700 } as const

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, PRIVATE)
}

/** Each failed try takes a delete that emptied the folder in the same instant. */
const MOST_TRIES = 1_000

/**
 * Makes the folder of `path`, and does something in it: once more when a delete has removed a folder in between.
 *
 * @param act fails with `ENOENT` when the folder is gone.
 */
export async function actInFolder<T>(path: string, act: () => Promise<T>): Promise<T> {
  for (let triesLeft = MOST_TRIES; ; triesLeft--) {
    try {
      await makeFolder(dirname(path))
      return await act()
    } catch (error) {
      if (triesLeft <= 1 || !(await isFolderRemoved(error, path))) throw error
    }
  }
}

/** A recursive `mkdir` also fails with `ENOTDIR` or `EEXIST` when a folder above goes meanwhile (seen in Node 20). */
async function isFolderRemoved(error: unknown, path: string): Promise<boolean> {
  if (hasCode(error, 'ENOENT')) return true
  return hasCode(error, 'ENOTDIR', 'EEXIST') && !(await liesBelowFile(path))
}

async function liesBelowFile(path: string): Promise<boolean> {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined)
    if (found !== undefined) return !found.isDirectory()
  }
  return false
}

/** Removes the folders of `path` that are empty, from the lowest one up to `top`, which stays. */
export async function removeEmptyFolders(top: string, path: string): Promise<void> {
  for (let folder = dirname(path); folder !== top; folder = dirname(folder)) {
    try {
      await rmdir(folder)
    } catch (error) {
      // Another delete may have removed it. Any other failure leaves a folder, which does no harm.
      if (!hasCode(error, 'ENOENT')) return
    }
  }
}

/**
 * Removes a folder in which there are folders and no file. A folder with a file stays: `rmdir` takes empty folders
 * only.
 */
export async function removeEmptyTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await removeEmptyTree(join(folder, entry.name))
  }
  await rmdir(folder).catch(() => {})
}

/** Makes the names of these files durable: each folder from theirs up to `top`. */
export async function syncFolders(top: string, paths: readonly string[]): Promise<void> {
  const folders = new Set([top])
  for (const path of paths) {
    for (let folder = dirname(path); folder !== top; folder = dirname(folder)) folders.add(folder)
  }
  await Promise.all([...folders].map(syncFolder))
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch((error: unknown) => {
    // A delete has emptied and removed it: no name in it is left to be made durable.
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
  try {
    await folder?.sync()
  } catch (error) {
    // Windows and some network file systems can't do this with folders.
    if (!hasCode(error, 'EPERM', 'EINVAL')) throw error
  } finally {
    await folder?.close()
  }
}
