import { randomUUID } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectStorage, PutOptions } from '../../storage.js'
import { readCheckedBody } from '../checked-body.js'
import { changeInTurn } from './change-in-turn.js'
import { hasCode, wrapCalls } from './errors.js'
import { actInFolder, makeOwnFolder, removeEmptyFolders, removeEmptyTree, syncFolders } from './folders.js'
import { inspectPath, readModified } from './inspect-path.js'
import { buildFilePath } from './paths.js'
import { buildSidecarPath, type Sidecar, stampWithSidecar } from './sidecar.js'
import { createSweeper } from './sweep.js'

/** The storage's `put`: bytes go to a draft, which appears under its key by one link or rename. */
export function createPutFile(directory: string, { durable }: { durable: boolean }): ObjectStorage['put'] {
  const incoming = join(directory, '.incoming')
  const sweeper = createSweeper(directory, incoming)

  return async (key, body, options) => {
    // Before anything is awaited: the body may fail while folders are made.
    body.on('error', () => {})
    const draft = join(incoming, randomUUID())
    const unneeded = new Set([draft])
    /** The file that was to be, of whose folders some may be empty now. */
    let emptied: string | undefined
    const calls = wrapCalls('put', key)
    try {
      const target = buildFilePath(directory, key)
      await calls(makeOwnFolder(directory, incoming))
      await sweeper.sweepDrafts()
      const sidecar = await writeDraft(draft, readCheckedBody(body, { ...options, key }), {
        directory,
        durable,
        sidecar: toSidecar(key, options),
      })
      unneeded.add(sidecar)
      options.signal?.throwIfAborted()
      emptied = target
      const outcome = await changeInTurn(target, async () => {
        const published = await calls(publish(draft, target, { directory, ...options }))
        if (!published.isStored) return 'exists'
        emptied = undefined
        unneeded.delete(sidecar)
        if (durable) await calls(syncFolders(directory, [target, sidecar]))
        const { replaced } = published
        const old = replaced === null ? sidecar : buildSidecarPath(directory, { key, modified: replaced })
        if (old !== sidecar) await removeQuietly(old)
        return 'stored'
      })
      if (outcome === 'exists') return { outcome }
      // Not awaited: a folder may hold thousands of sidecars, and the object is there.
      void sweeper.sweepBeside(sidecar)
      return { outcome, etag: `"${options.sha256}"` }
    } finally {
      body.destroy()
      for (const path of unneeded) await removeQuietly(path)
      if (emptied !== undefined) await removeEmptyFolders(directory, emptied)
    }
  }
}

/** What can't be removed is swept later. */
async function removeQuietly(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => {})
}

/** Writes the bytes, then the sidecar; returns the sidecar's path. */
async function writeDraft(
  draft: string,
  bytes: AsyncIterable<Uint8Array>,
  stamp: { directory: string; sidecar: Sidecar; durable: boolean },
): Promise<string> {
  const calls = wrapCalls('put', stamp.sidecar.key)
  const file = await calls(open(draft, 'wx', 0o600))
  try {
    for await (const piece of bytes) await calls(file.writeFile(piece))
    return await calls(stampWithSidecar(file, stamp))
  } finally {
    await calls(file.close())
  }
}

function toSidecar(key: string, options: PutOptions): Sidecar {
  const { size, sha256, contentType, contentDisposition, metadata = {} } = options
  return { key, size, sha256, contentType, contentDisposition, metadata: { ...metadata } }
}

type Published =
  | { isStored: true /** The modification time of the object before. */; replaced: bigint | null }
  | { isStored: false }

/**
 * Gives the draft its name. A folder of that name gives way when there is no file in it.
 *
 * @throws DirectoryFault for a link or a special file of that name, or in place of a folder above it.
 */
function publish(draft: string, target: string, options: PublishOptions): Promise<Published> {
  const name = options.ifAbsent ? linkIfAbsent : renameOver
  const act = async (): Promise<Published> => {
    try {
      return await name(draft, target, options)
    } catch (error) {
      if (!(await isFolder(target, options))) throw error
      await removeEmptyTree(target)
      return name(draft, target, options)
    }
  }
  return actInFolder(target, { directory: options.directory, act })
}

interface PublishOptions {
  directory: string
  ifAbsent: boolean
}

async function renameOver(draft: string, target: string, { directory }: PublishOptions): Promise<Published> {
  const replaced = await readModified(directory, target)
  await rename(draft, target)
  return { isStored: true, replaced }
}

async function linkIfAbsent(draft: string, target: string, options: PublishOptions): Promise<Published> {
  try {
    await link(draft, target)
    return { isStored: true, replaced: null }
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  }
  // A folder is no object: "exists" would send the caller to look for one.
  if (await isFolder(target, options)) throw Object.assign(new Error('a folder has this name'), { code: 'EISDIR' })
  return { isStored: false }
}

async function isFolder(path: string, { directory }: PublishOptions): Promise<boolean> {
  return (await inspectPath(directory, path))?.isDirectory() === true
}
