import { describe, expect, it } from 'vitest'
import { createMemoryStorage } from '../../../src/storage/memory.js'
import type { ObjectStorage, StoredObjectSummary } from '../../../src/storage.js'
import { storageConformance } from '../../../src/testing/storage-conformance.js'
import type { Lie } from '../lying-storage.js'
import { expectCaught } from '../lying-storage.js'

async function* listed(honest: ObjectStorage, prefix = ''): AsyncGenerator<StoredObjectSummary> {
  yield* honest.list?.(prefix) ?? []
}

/** What a storage may do wrong when it lists. */
const lies: Readonly<Record<string, { lie: Lie; caught: string[] }>> = {
  'lists everything': {
    lie: (honest) => ({ list: () => listed(honest) }),
    caught: ['list() names the objects under a prefix'],
  },
  'takes a prefix for a folder': {
    lie: (honest) => ({ list: (prefix) => listed(honest, prefix.endsWith('/') ? prefix : `${prefix}/`) }),
    caught: ['list() names the objects under a prefix'],
  },
  'names an object twice': {
    lie: (honest) => ({
      async *list(prefix) {
        yield* listed(honest, prefix)
        yield* listed(honest, prefix)
      },
    }),
    caught: ['list() names the objects under a prefix'],
  },
  'reports no sizes': {
    lie: (honest) => ({
      async *list(prefix) {
        for await (const { key } of listed(honest, prefix)) yield { key, size: 0 }
      },
    }),
    caught: ['list() names the objects under a prefix'],
  },
  'names what it is asked for': {
    lie: () => ({
      async *list(prefix) {
        yield { key: prefix, size: 10 }
      },
    }),
    caught: ['list() names the objects under a prefix', 'list() names nothing where nothing is'],
  },
  'ignores the signal': {
    lie: (honest) => ({ list: (prefix) => listed(honest, prefix) }),
    caught: ["list() rejects with the signal's reason"],
  },
}

describe('storageConformance() catches a storage that', () => {
  it.each(Object.entries(lies))('%s', (_name, lie) => expectCaught(lie))
})

it('storageConformance() asks no storage to list', async () => {
  const cases = storageConformance({
    storage() {
      const { list, ...storage } = createMemoryStorage()
      return storage
    },
  })
  const listing = cases.filter(({ name }) => name.startsWith('list()'))
  expect(listing).toHaveLength(3)
  for (const { run } of listing) await run()
})
