import assert from 'node:assert/strict'
import { WhatsAppMediaError } from '../../errors.js'
import type { Requirement } from '../conformance.js'
import type { StorageCase } from './context.js'
import { assertAbsent, assertHolds, put, sample, toTestBody, UNICODE_DISPOSITION } from './context.js'

const LARGE_BYTES = 5 * 1_024 * 1_024
const WRITERS = 20

/** Objects come back as they were put, and of many writers one wins. */
export const objectRequirements: readonly Requirement<StorageCase>[] = [
  ...[0, 1, LARGE_BYTES].map((size) => ({
    name: `put(), head() and get() keep ${size} bytes, with hash, type, disposition and metadata`,
    async check(context: StorageCase) {
      const object = sample(size)
      assert.equal((await put(context, object)).outcome, 'stored')
      await assertHolds(context, object)
    },
  })),
  {
    name: 'put() keeps a disposition with a file name outside ASCII, and a type with parameters',
    async check(context) {
      const object = sample(10, { contentType: 'audio/ogg; codecs=opus', contentDisposition: UNICODE_DISPOSITION })
      await put(context, object)
      await assertHolds(context, object)
    },
  },
  {
    name: 'put() without ifAbsent replaces the object, its type and its metadata',
    async check(context) {
      await put(context, sample(3_000))
      const second = sample(2_000, { contentType: 'text/plain', metadata: { second: 'yes' } })
      assert.equal((await put(context, second)).outcome, 'stored')
      await assertHolds(context, second)
      const head = await context.storage.head(context.key)
      assert.ok(head !== null)
      assert.equal(head.metadata['writer'], undefined, 'metadata of the replaced object is left')
    },
  },
  {
    name: 'put() with ifAbsent stores where nothing is, then says exists, leaves the object alone and lets go of the body',
    async check(context) {
      const first = sample(1_000)
      assert.equal((await put(context, first, { ifAbsent: true })).outcome, 'stored')
      const second = sample(1_000, { contentType: 'text/plain', metadata: { writer: 'second' } })
      const body = toTestBody(second.bytes)
      assert.equal((await put(context, second, { ifAbsent: true, body })).outcome, 'exists')
      assert.ok(body.destroyed || body.readableEnded, 'the body is neither consumed nor destroyed')
      await assertHolds(context, first)
    },
  },
  {
    name: 'put() with ifAbsent by 20 writers at once lets exactly one store',
    async check(context) {
      const { stored } = await race(context, { ifAbsent: true })
      const isAtomic = context.storage.capabilities.conditionalCreate && !context.lacks('conditional-create')
      assert.ok(isAtomic ? stored === 1 : stored >= 1, `${stored} of ${WRITERS} writers got 'stored'`)
    },
  },
  {
    name: 'put() without ifAbsent by 20 writers at once leaves one object, whole',
    async check(context) {
      const { stored } = await race(context, { ifAbsent: false })
      assert.equal(stored, WRITERS)
    },
  },
  {
    name: 'head() and get() give null where nothing is',
    check: assertAbsent,
  },
  {
    name: 'delete() removes the object and no other, and takes an absent one',
    async check(context) {
      const other = { ...context, key: context.otherKey }
      const kept = sample(10)
      await put(context, sample(10))
      await put(other, kept)
      await context.storage.delete(context.key)
      await assertAbsent(context)
      await assertHolds(other, kept)
      await context.storage.delete(context.key)
    },
  },
  {
    name: 'address() gives each key an absolute URL without query',
    async check({ storage, key, otherKey }) {
      const address = await storage.address(key)
      assert.ok(URL.canParse(address), 'the address is no absolute URL')
      assert.equal(new URL(address).search, '')
      assert.notEqual(address, await storage.address(otherKey))
    },
  },
]

/** Many writers, each with its own bytes, type and metadata; the object left must be one writer's in all of them. */
async function race(context: StorageCase, options: { ifAbsent: boolean }): Promise<{ stored: number }> {
  const objects = Array.from({ length: WRITERS }, (_, writer) =>
    sample(20_000 + writer, { contentType: `image/x-${writer}`, metadata: { writer: String(writer) } }),
  )
  const results = await Promise.all(
    objects.map(async (object) => ({ object, ...(await persist(() => put(context, object, options))) })),
  )
  const stored = results.filter(({ outcome }) => outcome === 'stored')
  const head = await context.storage.head(context.key)
  assert.ok(head !== null, 'no object is there')
  const winner = stored.find(({ object }) => object.metadata['writer'] === head.metadata['writer'])
  assert.ok(winner !== undefined, "the object is of a writer that did not get 'stored'")
  await assertHolds(context, winner.object)
  return { stored: stored.length }
}

/** A store may turn a writer away for the moment (S3: 409 ConditionalRequestConflict, 503 SlowDown). */
async function persist<T>(write: () => Promise<T>): Promise<T> {
  for (let left = 9; ; left--) {
    try {
      return await write()
    } catch (error) {
      if (left === 0 || !WhatsAppMediaError.is(error) || !error.retryable) throw error
    }
  }
}
