import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parseJson } from '../../json.js'
import { hasCode, nullIfAbsent } from './errors.js'
import { makeOwnFolder } from './folders.js'
import { inspectPath, READ_PLAIN } from './inspect-path.js'

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
 * Gives a finished draft a modification time of its own, and writes the sidecar under it.
 *
 * The time is now, with random microseconds. So the name of a sidecar that was removed is not taken again: two processes
 * that replaced the same object both remove that object's sidecar, and the later one must not hit a third writer's.
 *
 * @returns the sidecar's path. When it rejects, no sidecar is left.
 */
export async function stampWithSidecar(
  draft: FileHandle,
  options: { directory: string; sidecar: Sidecar; durable: boolean },
): Promise<string> {
  const { directory, sidecar, durable } = options
  const now = Date.now()
  for (let choices = 1; ; choices *= 2) {
    // Between milliseconds: a whole one tells that a copy has rounded the time.
    const milliseconds = now - Math.floor(Math.random() * choices) + 0.1 + Math.random() * 0.8
    const time = milliseconds / 1_000
    await draft.utimes(time, time)
    // Read back: the file system may round, and readers will see its value.
    const { mtimeNs } = await draft.stat({ bigint: true })
    const path = buildSidecarPath(directory, { key: sidecar.key, modified: mtimeNs })
    await makeOwnFolder(directory, dirname(path))
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

/** An object whose sidecar is sought. */
interface Described {
  key: string
  /** Bytes. */
  size: number
  /** Nanoseconds. */
  modified: bigint
}

/** The sidecar; `undefined` when there is none, or when it is no whole sidecar of an object of this size. */
export async function readSidecar(directory: string, of: Described): Promise<Sidecar | undefined> {
  const path = buildSidecarPath(directory, of)
  if ((await inspectPath(directory, path))?.isFile() !== true) return undefined
  const text = await readFile(path, { encoding: 'utf8', flag: READ_PLAIN }).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  })
  const sidecar = parseJson(text)
  // After a power cut without `durable`, a file can have its time and its name but not its bytes.
  return isSidecar(sidecar) && sidecar.size === of.size ? sidecar : undefined
}

/** What copies keep of a time, in nanoseconds: `tar` whole seconds, Node's `cp` whole milliseconds. */
const ROUNDINGS = [1_000_000_000n, 1_000_000n]
/** Node sets times as floating-point seconds, which are so much off. */
const INACCURACY = 1_000n

/** The sidecar of a file that was copied, with its time rounded on the way; `undefined` unless just one fits. */
export async function findRoundedSidecar(directory: string, of: Described): Promise<Sidecar | undefined> {
  const unit = ROUNDINGS.find((each) => (of.modified + INACCURACY) % each <= 2n * INACCURACY) ?? INACCURACY
  const path = buildSidecarPath(directory, of)
  const ofKey = basename(path).replace(/-.*/, '-')
  const names = (await readdir(dirname(path)).catch(nullIfAbsent)) ?? []
  const [modified, ...others] = names
    .filter((name) => name.startsWith(ofKey))
    .map(readSidecarTime)
    .filter((time) => time !== undefined && time >= of.modified - unit && time <= of.modified + unit)
  return modified === undefined || others.length > 0 ? undefined : readSidecar(directory, { ...of, modified })
}

/** The modification time in the name of a sidecar, in nanoseconds. */
export function readSidecarTime(path: string): bigint | undefined {
  const [, time] = /-(-?\d+)\.json$/.exec(path) ?? []
  return time === undefined ? undefined : BigInt(time)
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
