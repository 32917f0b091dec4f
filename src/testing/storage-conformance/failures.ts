import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { isError } from '../../errors/thrown.js'
import { WhatsAppMediaError } from '../../errors.js'
import type { Requirement } from '../conformance.js'
import type { StorageCase } from './context.js'
import { assertAbsent, assertHolds, put, readRejection, sample } from './context.js'

/** A put that must fail: the steps of its body. */
interface FailingPut {
  steps: Step[]
  signal?: AbortSignal | undefined
  /** The very error that `put` must reject with. Left out: any. */
  rejection?: Error | undefined
}

/** Bytes to send, or something to do instead. After the last one the body ends. */
type Step = Buffer | ((body: Readable) => void)

const CHUNK_BYTES = 100_000

/** What all puts here announce. Made at first use: Cloudflare Workers have no random bytes before the first request. */
const announce = keepFirst(() => sample(3 * CHUNK_BYTES))

/** How a put of what is announced can go wrong. Made anew for each use: they hold signals. */
const attempts: Readonly<Record<string, (sent: Record<'first' | 'second' | 'last', Buffer>) => FailingPut>> = {
  'a body that errors before its first byte': () => createBreaking([]),
  'a body that errors midway': ({ first }) => createBreaking([first]),
  'a body that errors before its last chunk': ({ first, second }) => createBreaking([first, second]),
  'a body that closes before its first byte': () => ({ steps: [(body) => body.destroy()] }),
  'a body that closes early, without an error': ({ first }) => ({ steps: [first, (body) => body.destroy()] }),
  'a body that ends early': ({ first, second }) => ({ steps: [first, second] }),
  'an empty body': () => ({ steps: [] }),
  'a body that is one byte longer': ({ first, second, last }) => ({ steps: [first, second, last, Buffer.from('x')] }),
  'a signal that has aborted before': ({ first, second, last }) => {
    const { controller, rejection } = createAborting()
    controller.abort(rejection)
    return { steps: [first, second, last], signal: controller.signal, rejection }
  },
  'a signal that aborts midway': ({ first, second, last }) => {
    const { controller, rejection } = createAborting()
    const abort = (body: Readable): void => {
      controller.abort(rejection)
      body.push(second)
    }
    return { steps: [first, abort, last], signal: controller.signal, rejection }
  },
  'a signal that aborts while the body stalls': ({ first }) => createStalling([first]),
  'a signal that aborts while the body stalls before its first byte': () => createStalling([]),
}

/** A put that fails, fails in bounded time with the original cause, and changes nothing. */
export const failureRequirements: readonly Requirement<StorageCase>[] = [
  ...Object.entries(attempts).map(([name, attempt]) => ({
    name: `put() with ${name} rejects, and leaves the object that was there`,
    async check(context: StorageCase) {
      await assertRejects(context, { ...attempt(cutAnnounced()), ifAbsent: true })
      await assertAbsent(context)
      const before = sample(1_000)
      await put(context, before)
      await assertRejects(context, { ...attempt(cutAnnounced()), ifAbsent: false })
      await assertHolds(context, before)
    },
  })),
  {
    name: 'put() of bytes with another SHA-256 than announced is refused, and nothing is left',
    async check(context) {
      const { sha256 } = sample(1)
      const wrong = { ...announce(), sha256 }
      if (!context.storage.capabilities.checksum || context.lacks('checksum')) {
        assert.equal((await put(context, wrong)).outcome, 'stored')
        return
      }
      const refusal = await readRejection(put(context, wrong, { ifAbsent: true }))
      assert.ok(WhatsAppMediaError.is(refusal), "the refusal is none of this library's errors")
      await assertAbsent(context)
    },
  },
  {
    name: 'head(), get() and delete() reject with the reason of a signal that has aborted',
    async check(context) {
      const { storage, key } = context
      const object = sample(10)
      await put(context, object)
      const { controller, rejection } = createAborting()
      controller.abort(rejection)
      const { signal } = controller
      assert.equal(await readRejection(storage.head(key, { signal })), rejection)
      assert.equal(await readRejection(storage.get(key, { signal })), rejection)
      assert.equal(await readRejection(storage.delete(key, { signal })), rejection)
      await assertHolds(context, object)
    },
  },
]

function keepFirst<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

function cutAnnounced(): Record<'first' | 'second' | 'last', Buffer> {
  const { bytes } = announce()
  return {
    first: bytes.subarray(0, CHUNK_BYTES),
    second: bytes.subarray(CHUNK_BYTES, 2 * CHUNK_BYTES),
    last: bytes.subarray(2 * CHUNK_BYTES),
  }
}

async function assertRejects(context: StorageCase, attempt: FailingPut & { ifAbsent: boolean }): Promise<void> {
  const { steps, rejection, ...options } = attempt
  const body = createScripted(steps)
  const error = await readRejection(put(context, announce(), { ...options, body }))
  assert.ok(isError(error), 'put() rejects with something that is no Error')
  if (rejection !== undefined) assert.equal(error, rejection, `put() rejects with another error: ${error.message}`)
  assert.ok(body.destroyed || body.readableEnded, 'the body is neither consumed nor destroyed')
}

function createBreaking(sent: Step[]): FailingPut {
  const rejection = new Error('the source broke off')
  return { steps: [...sent, (body) => body.destroy(rejection)], rejection }
}

function createStalling(sent: Step[]): FailingPut {
  const { controller, rejection } = createAborting()
  // Later, so that the storage is waiting for bytes by then.
  const stall = (): void => void setImmediate(() => controller.abort(rejection))
  return { steps: [...sent, stall], signal: controller.signal, rejection }
}

function createAborting(): { controller: AbortController; rejection: Error } {
  return { controller: new AbortController(), rejection: new Error('the caller gave up') }
}

function createScripted(steps: readonly Step[]): Readable {
  const left = [...steps]
  return new Readable({
    read() {
      const step = left.shift()
      if (typeof step === 'function') step(this)
      else this.push(step ?? null)
    },
  })
}
