import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredObjectSummary } from '../../storage.js'
import { nullIfAbsent, wrapCalls } from './errors.js'
import { inspectPath } from './inspect-path.js'

/**
 * The plain files below `directory` whose keys start with `prefix`. Names with a leading dot are the storage's own; links
 * and special files are no objects.
 *
 * @throws StorageFailedError for a prefix whose folder is a link.
 */
export async function* listFiles(
  directory: string,
  { prefix, signal }: { prefix: string; signal: AbortSignal | undefined },
): AsyncGenerator<StoredObjectSummary, void, undefined> {
  const calls = wrapCalls('list', prefix)
  const top = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  await calls(inspectPath(directory, join(directory, top, '.')))
  const folders = [top]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    signal?.throwIfAborted()
    const entries = await calls(readdir(join(directory, folder), { withFileTypes: true }).catch(nullIfAbsent))
    for (const entry of entries ?? []) {
      const key = `${folder}${entry.name}`
      if (entry.name.startsWith('.') || !key.startsWith(prefix)) continue
      if (entry.isDirectory()) folders.push(`${key}/`)
      if (!entry.isFile()) continue
      signal?.throwIfAborted()
      const stats = await calls(lstat(join(directory, key)).catch(nullIfAbsent))
      if (stats?.isFile() === true) yield { key, size: stats.size }
    }
  }
}
