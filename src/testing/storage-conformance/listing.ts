import assert from 'node:assert/strict'
import type { StoredObjectSummary } from '../../storage.js'
import type { Requirement } from '../conformance.js'
import type { StorageCase } from './context.js'
import { put, readRejection, sample } from './context.js'

/** Cases about listings, which a storage need not have. */
function listing(
  name: string,
  check: (context: StorageCase & { list: List }) => Promise<void>,
): Requirement<StorageCase> {
  return {
    name,
    async check(context) {
      const { storage } = context
      const start = storage.list?.bind(storage)
      if (start === undefined) return
      const list: List = async (prefix, signal) => {
        const found: StoredObjectSummary[] = []
        for await (const summary of start(prefix, signal === undefined ? {} : { signal })) found.push(summary)
        return found.sort((one, other) => (one.key < other.key ? -1 : 1))
      }
      await check({ ...context, list })
    },
  }
}

type List = (prefix: string, signal?: AbortSignal) => Promise<StoredObjectSummary[]>

export const listingRequirements: readonly Requirement<StorageCase>[] = [
  listing('list() names the objects under a prefix with their sizes, and no others', async (context) => {
    const { key, otherKey, list } = context
    const folder = key.slice(0, key.lastIndexOf('/') + 1)
    await put(context, sample(30))
    await put({ ...context, key: otherKey }, sample(40))
    const both = [
      { key, size: 30 },
      { key: otherKey, size: 40 },
    ]
    assert.deepEqual(pick(await list(folder)), both)
    // A prefix is a text, not a folder.
    assert.deepEqual(pick(await list(folder.slice(0, -1))), both)
    assert.deepEqual(pick(await list(key.slice(0, -3))), [{ key, size: 30 }])
    assert.deepEqual(pick(await list(key)), [{ key, size: 30 }])
  }),
  listing('list() names nothing where nothing is, and no deleted object', async (context) => {
    const { storage, key, list } = context
    await put(context, sample(10))
    await storage.delete(key)
    assert.deepEqual(await list(key), [])
    assert.deepEqual(await list(`${key}/nothing/here/`), [])
  }),
  listing("list() rejects with the signal's reason", async (context) => {
    const { key, list } = context
    await put(context, sample(10))
    const reason = new Error('enough listed')
    assert.equal(await readRejection(list(key, AbortSignal.abort(reason))), reason)
  }),
]

function pick(found: readonly StoredObjectSummary[]): StoredObjectSummary[] {
  return found.map(({ key, size }) => ({ key, size }))
}
