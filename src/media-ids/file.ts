import { createHash, randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { describeValue } from '../errors/describe.js'
import { readErrorName, readField } from '../errors/thrown.js'
import { InvalidOptionError, MediaIdsFailedError } from '../errors.js'
import { parseJson, readString } from '../json.js'
import type { CachedMediaId, MediaIdCache } from '../media-ids.js'
import { isCloudflareWorkers } from '../runtime.js'

/** Options of `createFileMediaIds`. */
export interface FileMediaIdsOptions {
  /**
   * Where the ids lie, one small file each. Made when absent, readable by this process's user only. Give it to nothing else:
   * files in it that are no ids are removed after a day.
   */
  directory: string
}

const FILE_IDS_OPTIONS: OptionNames<FileMediaIdsOptions> = { directory: true }

/**
 * Keeps media ids in a directory: they outlive the process, and processes of one machine may share it. A file appears
 * whole, by `rename`; one that holds anything else counts as absent. What has expired is removed: in each of the 256
 * folders at the first `set` into it, and once a day from then on.
 *
 * Every function throws `MediaIdsFailedError`, whose `reason` is the system's code, such as `ENOSPC` or `EACCES`.
 *
 * @throws InvalidOptionError for a directory of the wrong form.
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { createFileMediaIds } from 'whatsapp-media-archive/media-ids/file'
 *
 * const directory = await mkdtemp(join(tmpdir(), 'media-ids-'))
 * const expiresAt = new Date(Date.now() + 86_400_000).toISOString()
 * await createFileMediaIds({ directory }).set('a key', { mediaId: '1037543291543636', expiresAt })
 * console.log((await createFileMediaIds({ directory }).get('a key'))?.mediaId) // 1037543291543636
 * ```
 */
export function createFileMediaIds(options: FileMediaIdsOptions): MediaIdCache {
  checkOptions(options, FILE_IDS_OPTIONS)
  const directory = checkIdsDirectory(options.directory)
  const sweptAt = new Map<string, number>()
  const sweepDaily = async (folder: string): Promise<void> => {
    if (Date.now() - (sweptAt.get(folder) ?? 0) < DAY_MS) return
    sweptAt.set(folder, Date.now())
    await removeExpired(folder)
  }
  return {
    get: (key) =>
      runOnFiles('get', async () => {
        const entry = await readEntry(buildEntryPath(directory, key))
        return entry?.key === key ? { mediaId: entry.mediaId, expiresAt: entry.expiresAt } : undefined
      }),
    set: (key, { mediaId, expiresAt }) =>
      runOnFiles('set', async () => {
        const path = buildEntryPath(directory, key)
        await writeWhole(path, JSON.stringify({ key, mediaId, expiresAt }))
        await sweepDaily(dirname(path))
      }),
    delete: (key) => runOnFiles('delete', () => rm(buildEntryPath(directory, key), { force: true })),
  }
}

const DAY_MS = 86_400_000

interface FileEntry extends CachedMediaId {
  key: string
}

function checkIdsDirectory(directory: unknown): string {
  if (isCloudflareWorkers()) {
    const problem = 'names no disk on Cloudflare Workers, which have none. Give mediaIds of your own, over KV say'
    throw new InvalidOptionError({ option: 'directory', problem })
  }
  if (typeof directory === 'string' && directory !== '' && !directory.includes('\0')) return resolve(directory)
  throw new InvalidOptionError({ option: 'directory', problem: `must be a path, got ${describeValue(directory)}` })
}

async function runOnFiles<T>(operation: MediaIdsFailedError['operation'], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new MediaIdsFailedError({ operation, reason: readErrorName(error), cause: error })
  }
}

/** By the key's hash: a key may hold what file systems refuse or take for the same. */
function buildEntryPath(directory: string, key: string): string {
  const name = createHash('sha256').update(key).digest('hex')
  return join(directory, name.slice(0, 2), `${name}.json`)
}

/** Who reads sees the earlier file or this one. */
async function writeWhole(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `${randomUUID()}.draft`)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/** More bytes than an entry has: a key of 220 and an id of 512 characters at most, which may take escapes. */
const MOST_ENTRY_BYTES = 8_192

/** A link would lead out of the directory; a FIFO would hold one of Node's four threads for ever. Windows has neither flag. */
const READ_ENTRY: number = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** @returns undefined for a file that is absent, or holds something else. */
async function readEntry(path: string): Promise<FileEntry | undefined> {
  try {
    return parseEntry(parseJson(await readOpening(path)))
  } catch (error) {
    if (NO_ENTRY.includes(readField(error, 'code'))) return undefined
    throw error
  }
}

/** There is nothing, or a link, a folder, a FIFO or a socket. */
const NO_ENTRY: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EMLINK', 'EISDIR', 'ESPIPE', 'EAGAIN', 'ENXIO']

async function readOpening(path: string): Promise<string> {
  const file = await open(path, READ_ENTRY)
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MOST_ENTRY_BYTES), 0, MOST_ENTRY_BYTES, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

function parseEntry(json: unknown): FileEntry | undefined {
  const [key, mediaId, expiresAt] = ['key', 'mediaId', 'expiresAt'].map((name) => readString(json, name))
  if (key === undefined || mediaId === undefined || expiresAt === undefined) return undefined
  return { key, mediaId, expiresAt }
}

/** Removes entries that have expired, and what processes that were killed have left. What another process has removed meanwhile, or a folder, is passed over. */
async function removeExpired(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const endsAt = await findEnd(path).catch(() => Number.POSITIVE_INFINITY)
    if (endsAt <= Date.now()) await rm(path, { force: true }).catch(() => {})
  }
}

/** In milliseconds since 1970. */
async function findEnd(path: string): Promise<number> {
  const end = Date.parse((await readEntry(path))?.expiresAt ?? '')
  return Number.isNaN(end) ? (await stat(path)).mtimeMs + DAY_MS : end
}
