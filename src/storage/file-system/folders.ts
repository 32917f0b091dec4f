import { mkdir, open, readdir, rmdir, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { readField } from '../../errors/thrown.js'
import { DirectoryFault, hasCode } from './errors.js'
import { inspectPath } from './inspect-path.js'

/** For the user of this process alone. */
const PRIVATE = 0o700

/**
 * Makes a folder below `directory`, and those above it.
 *
 * @throws DirectoryFault for a link or a special file on the way.
 */
async function makeFolder(directory: string, folder: string): Promise<void> {
  const found = await inspectPath(directory, folder)
  if (found === null) await makeMissing(folder)
  else if (found.isFile()) throw Object.assign(new Error('a file has this name'), { code: 'ENOTDIR' })
}

/** Not by a recursive `mkdir`: Node's says ENOENT for EROFS, EDQUOT and all codes that it does not know. */
async function makeMissing(folder: string): Promise<void> {
  try {
    await makeOne(folder)
  } catch (error) {
    if (!hasCode(error, 'ENOENT') || dirname(folder) === folder) throw error
    await makeMissing(dirname(folder))
    await makeOne(folder)
  }
}

async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder, PRIVATE)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    // Made by another put, removed by a delete since, or a link that leads nowhere: then ENOENT.
    await stat(folder)
  }
}

/** Makes a folder of the storage's own. A file or a broken path in its place stops the whole directory, and no key can help. */
export async function makeOwnFolder(directory: string, folder: string): Promise<void> {
  try {
    await makeFolder(directory, folder)
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG', 'EINVAL')) throw error
    const problem = `No folder can be made at ${relative(directory, folder)} in the directory, or at the directory`
    const code = String(readField(error, 'code'))
    throw new DirectoryFault('directory-unusable', `${problem} (${code})`, { cause: error })
  }
}

/** Each failed try takes a delete that emptied the folder in the same instant. */
const MOST_TRIES = 1_000

/**
 * Makes the folder of `path`, and does something in it: once more when a delete has removed a folder in between.
 *
 * @param options `act` fails with `ENOENT` when the folder is gone.
 */
export async function actInFolder<T>(
  path: string,
  { directory, act }: { directory: string; act: () => Promise<T> },
): Promise<T> {
  for (let triesLeft = MOST_TRIES; ; triesLeft--) {
    try {
      await makeFolder(directory, dirname(path))
      return await act()
    } catch (error) {
      if (triesLeft <= 1 || !hasCode(error, 'ENOENT')) throw error
    }
  }
}

/** Removes the folders of `path` that are empty, from the lowest one up to `top`, which stays. */
export async function removeEmptyFolders(top: string, path: string): Promise<void> {
  // Below a link it would be somebody else's folder.
  const isPlain = await inspectPath(top, dirname(path)).then(
    () => true,
    () => false,
  )
  if (!isPlain) return
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
