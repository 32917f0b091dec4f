import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage, PutOptions, PutResult } from '../../src/storage.js'
import type { StorageConformanceOptions } from '../../src/testing/storage-conformance.js'
import { storageConformance } from '../../src/testing/storage-conformance.js'

/** The names of the cases that the storage fails. */
export async function failures(options: StorageConformanceOptions): Promise<string[]> {
  const names: string[] = []
  for (const { name, run } of storageConformance(options)) await run().catch(() => names.push(name))
  return names
}

/** What to put in the place of an honest storage's methods. */
export type Lie = (honest: ObjectStorage) => Partial<ObjectStorage>

export function bodyOf(pieces: readonly Buffer[]): Readable {
  return Readable.from(pieces, { objectMode: false })
}

/** All bytes, and what went wrong on the way. */
export async function drain(body: Readable): Promise<{ pieces: Buffer[]; error?: unknown }> {
  const pieces: Buffer[] = []
  try {
    for await (const piece of body) pieces.push(piece)
    return { pieces }
  } catch (error) {
    return { pieces, error }
  }
}

/** Stores the bytes as if they were the ones announced. */
export function storeAnyway(
  { put }: ObjectStorage,
  pieces: readonly Buffer[],
  as: PutOptions & { key: string },
): Promise<PutResult> {
  const { key, signal: _, ...facts } = as
  const bytes = Buffer.concat(pieces)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return put(key, bodyOf([bytes]), { ...facts, size: bytes.byteLength, sha256 })
}

/** That the suite notices the lie, at least by these cases (parts of their names). */
export async function expectCaught({ lie, caught }: { lie: Lie; caught: readonly string[] }): Promise<void> {
  const storage = (): ObjectStorage => {
    const honest = createMemoryStorage()
    return { ...honest, ...lie(honest) }
  }
  // Some lies never settle; an honest case that takes longer fails as well, which does no harm here.
  const failed = await failures({ storage, limitMs: 200 })
  for (const part of caught) expect(failed).toContainEqual(expect.stringContaining(part))
}
