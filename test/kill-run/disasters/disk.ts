import { createHash } from 'node:crypto'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { onTestFinished } from 'vitest'
import { runServerScript } from './run-server-script.js'

/** A disk of a few megabytes with a directory for objects. */
export interface SmallDisk {
  directory: string
  /** Leaves no byte free. */
  fill(): void
  /** Frees what `fill` took. */
  free(): void
  /** SHA-256 of all objects, lowercase hex, by key. */
  hashAll(): Promise<Map<string, string>>
}

/** Unmounted after the test. */
export async function openDisk(megabytes: number): Promise<SmallDisk> {
  const mount = await mkdtemp(join(tmpdir(), 'small-disk-'))
  await runServerScript('mount-disk.sh', mount, String(megabytes))
  onTestFinished(async () => {
    await runServerScript('unmount-disk.sh', mount)
    await rmdir(mount)
  })
  const [directory, filler] = [join(mount, 'objects'), join(mount, 'filler')]
  return {
    directory,
    fill() {
      const file = openSync(filler, 'w')
      // The disk gives whole pages.
      for (const size of [1_048_576, 4_096]) while (hasWritten(file, Buffer.alloc(size)));
      closeSync(file)
    },
    free: () => rmSync(filler, { force: true }),
    async hashAll() {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true })
      const hashes = new Map<string, string>()
      for (const entry of entries.filter((each) => each.isFile())) {
        const path = join(entry.parentPath, entry.name)
        const key = relative(directory, path)
        // The drafts of killed processes, and what belongs to objects.
        if (key.startsWith('.')) continue
        hashes.set(
          key,
          createHash('sha256')
            .update(await readFile(path))
            .digest('hex'),
        )
      }
      return hashes
    },
  }
}

/** False once the disk is full. */
function hasWritten(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) > 0
  } catch {
    return false
  }
}
