import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseJson } from '../../json.js'
import { hasCode } from './errors.js'

/** The object's facts that a plain file can't hold. */
export interface Sidecar {
  /** For people who look into `.meta/`: the sidecar's name holds only its hash. */
  key: string
  /** Bytes. */
  size: number
  /** Lowercase hex. */
  sha256: string
  contentType: string
  contentDisposition: string
  metadata: Record<string, string>
}

/**
 * Where the sidecar of an object lies. The key goes in as its hash, because a file name has at most 255 bytes.
 *
 * @param modified the object's modification time, in nanoseconds.
 */
export function buildSidecarPath(directory: string, of: { key: string; modified: bigint }): string {
  const name = createHash('sha256').update(of.key).digest('hex')
  return join(directory, '.meta', name.slice(0, 2), `${name}-${of.modified}.json`)
}

/**
 * Gives a finished draft a modification time that no other object of its key has or had lately, and writes the sidecar
 * under it.
 *
 * @returns the sidecar's path. When it rejects, no sidecar is left.
 */
export async function stampWithSidecar(
  draft: FileHandle,
  options: { directory: string; sidecar: Sidecar; durable: boolean },
): Promise<string> {
  const { directory, sidecar, durable } = options
  const now = Math.floor(Date.now() / 1_000)
  for (let choices = 1; ; choices *= 2) {
    // Whole seconds: copies of files rarely keep more, and an edit rarely hits one.
    const time = now - Math.floor(Math.random() * choices)
    await draft.utimes(time, time)
    // Read back: the file system may round, and readers will see its value.
    const { mtimeNs } = await draft.stat({ bigint: true })
    const path = buildSidecarPath(directory, { key: sidecar.key, modified: mtimeNs })
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    try {
      await writeFile(path, JSON.stringify(sidecar), { flag: 'wx', mode: 0o600, flush: durable })
      if (durable) await draft.sync()
      return path
    } catch (error) {
      if (hasCode(error, 'EEXIST')) continue
      await rm(path, { force: true }).catch(() => {})
      throw error
    }
  }
}

/** The sidecar; `undefined` when there is none, or when it is no whole sidecar of an object of this size. */
export async function readSidecar(path: string, size: number): Promise<Sidecar | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  })
  const sidecar = parseJson(text)
  // After a power cut without `durable`, a file can have its time and its name but not its bytes.
  return isSidecar(sidecar) && sidecar.size === size ? sidecar : undefined
}

function isSidecar(value: unknown): value is Sidecar {
  if (typeof value !== 'object' || value === null) return false
  const { size, sha256, contentType, contentDisposition, metadata }: Partial<Record<keyof Sidecar, unknown>> = value
  return (
    typeof size === 'number' &&
    [sha256, contentType, contentDisposition].every((text) => typeof text === 'string') &&
    typeof metadata === 'object' &&
    metadata !== null &&
    Object.values(metadata).every((text) => typeof text === 'string')
  )
}
