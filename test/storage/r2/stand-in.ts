import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { R2Binding, R2BoundObject, R2PutValue } from '../../../src/storage/r2.js'

/*
 * An R2 binding as workerd 1.20261117 has it, in miniflare: what it refuses, with which words, and what it leaves. What
 * differs from a plain store:
 * - A put with a condition that is not met gives null, after it has read the body.
 * - A stream must be a FixedLengthStream's. One that gets too many bytes fails, but an object may be left.
 * - Errors have no code of their own; its number ends the message.
 */

interface Held extends R2BoundObject {
  bytes: Uint8Array
}

const streams = new WeakSet<object>()

/** Workers' FixedLengthStream. */
export class FixedLengthDouble {
  readable: ReadableStream<Uint8Array>
  writable: WritableStream<Uint8Array>

  constructor(size: number) {
    let left = size
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        left -= chunk.byteLength
        if (left < 0) throw new TypeError('Attempt to write too many bytes through a FixedLengthStream.')
        controller.enqueue(chunk)
      },
      flush() {
        if (left > 0) throw new TypeError('FixedLengthStream did not see all expected bytes before close().')
      },
    })
    streams.add(readable)
    Object.assign(this, { readable, writable })
    this.readable = readable
    this.writable = writable
  }
}

export interface BindingDouble extends R2Binding {
  objects: Map<string, Held>
  /** The values of all puts. */
  values: R2PutValue[]
}

const PAGE = 2

export function createBindingDouble(): BindingDouble {
  const objects = new Map<string, Held>()
  const values: R2PutValue[] = []
  return {
    objects,
    values,
    head: async (key) => objects.get(key) ?? null,
    async get(key, { range, onlyIf } = {}) {
      const held = objects.get(key)
      if (held === undefined) return null
      if (onlyIf !== undefined && onlyIf.etagMatches !== held.etag) return held
      const { offset, length } = range ?? { offset: 0, length: held.size }
      const body = new Blob([Uint8Array.from(held.bytes.subarray(offset, offset + length))]).stream()
      return { ...held, body }
    },
    async put(key, value, { sha256, onlyIf, httpMetadata, customMetadata }) {
      values.push(value)
      if (!(value instanceof Uint8Array) && !streams.has(value)) {
        throw new TypeError('Provided readable stream must have a known length')
      }
      const bytes = value instanceof Uint8Array ? value : await buffer(value)
      if (onlyIf !== undefined && objects.has(key)) return null
      if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
        throw new Error('put: The SHA-256 checksum you specified did not match what we received. (10037)')
      }
      const etag = createHash('md5').update(bytes).digest('hex')
      const checksums = { sha256: Uint8Array.from(Buffer.from(sha256, 'hex')).buffer }
      const facts = { key, size: bytes.byteLength, etag, httpEtag: `"${etag}"`, uploaded: new Date() }
      const held = { ...facts, checksums, httpMetadata, customMetadata, bytes: Uint8Array.from(bytes) }
      objects.set(key, held)
      return held
    },
    async delete(key) {
      objects.delete(key)
    },
    async list({ prefix, cursor = '' }) {
      const found = [...objects.values()].filter(({ key }) => key.startsWith(prefix) && key > cursor)
      const page = found.sort((one, other) => (one.key < other.key ? -1 : 1)).slice(0, PAGE)
      const last = page.at(-1)
      return found.length > page.length && last !== undefined
        ? { objects: page, truncated: true, cursor: last.key }
        : { objects: page, truncated: false }
    },
  }
}
