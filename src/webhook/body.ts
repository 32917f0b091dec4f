import type { IncomingMessage } from 'node:http'
import { types } from 'node:util'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { type FrameworkRequest, findFramework, unwrapRequest } from './framework.js'
import { type BodyTaker, findKeptBodies } from './parsed-body.js'

/** How much of a body is read, and for how long. */
export interface BodyLimits {
  /** Bytes. */
  maxBytes: number
  /** Milliseconds. */
  timeoutMs: number
}

/** The body's bytes, or why there are none. */
export type ReadBody =
  | {
      outcome: 'read'
      /** The body, as it was sent. */
      bytes: Uint8Array
      /** Other bytes that may be what was sent: the first whose signature fits are taken. */
      others?: readonly Uint8Array[] | undefined
    }
  | {
      /** It has more bytes than the limit, came too late, or broke off. */
      outcome: 'too-large' | 'body-timeout' | 'body-aborted'
    }
  | {
      outcome: 'body-already-parsed'
      /** Whose request it is; decides the advice. */
      taker?: BodyTaker | undefined
    }

/** A body's bytes, or a chunk of them. @throws InvalidOptionError for anything else, whose length may count no bytes. */
export function checkBytes(bytes: unknown): Uint8Array {
  if (types.isUint8Array(bytes)) return bytes
  throw new InvalidOptionError({ option: 'body', problem: `must be a Uint8Array, got ${describeSecret(bytes)}` })
}

/** Reads a `Request`'s body, and cancels the rest of one that it refuses. Rejects only for a stream of no bytes. */
export async function readWebBody(request: Request, limits: BodyLimits): Promise<ReadBody> {
  if (request.bodyUsed || request.body?.locked === true) return { outcome: 'body-already-parsed', taker: 'web' }
  if (request.body === null) return { outcome: 'read', bytes: new Uint8Array() }
  const reader: ReadableStreamDefaultReader<unknown> = request.body.getReader()
  const body = collectBody(limits.maxBytes)
  const stop = (): void => void reader.cancel().catch(() => {})
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    // Ends the read that is waiting.
    stop()
  }, limits.timeoutMs)
  try {
    for (;;) {
      const read = await reader.read().catch(() => undefined)
      if (read === undefined) return { outcome: 'body-aborted' }
      if (isLate) return { outcome: 'body-timeout' }
      if (read.done) return { outcome: 'read', bytes: body.bytes() }
      if (body.add(checkBytes(read.value))) continue
      stop()
      return { outcome: 'too-large' }
    }
  } catch (error) {
    stop()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Reads a Node request's body, or takes the bodies that earlier readers have kept. Rejects only for a stream of no bytes.
 * After a refusal, close the connection: more may be on its way.
 */
export function readNodeBody(
  given: IncomingMessage | FrameworkRequest,
  limits: BodyLimits,
): ReadBody | Promise<ReadBody> {
  const request = unwrapRequest(given)
  // Another reader's encoding would hand us text in place of bytes.
  if (request.readableDidRead || request.readableEncoding !== null) {
    const kept = findKeptBodies(given, request)
    return kept.length === 0
      ? { outcome: 'body-already-parsed', taker: findFramework(given) }
      : readKeptBodies(kept, limits)
  }
  // A client that was gone before emits no more events.
  if (request.destroyed) return { outcome: 'body-aborted' }
  const body = collectBody(limits.maxBytes)
  return new Promise((resolve, reject) => {
    const settle = (result: ReadBody): void => {
      clearTimeout(timer)
      resolve(result)
    }
    const timer = setTimeout(settle, limits.timeoutMs, { outcome: 'body-timeout' })
    request.on('data', (chunk: unknown) => {
      try {
        if (!body.add(checkBytes(chunk))) settle({ outcome: 'too-large' })
      } catch (error) {
        clearTimeout(timer)
        reject(error)
      }
    })
    request.on('end', () => settle({ outcome: 'read', bytes: body.bytes() }))
    // An error that nobody hears would end the process; a request can also just close.
    request.on('error', () => settle({ outcome: 'body-aborted' }))
    request.on('close', () => settle({ outcome: 'body-aborted' }))
  })
}

/** The bodies within the limit. */
export function readKeptBodies(kept: readonly Uint8Array[], { maxBytes }: BodyLimits): ReadBody {
  const [bytes, ...others] = kept.filter(({ byteLength }) => byteLength <= maxBytes)
  return bytes === undefined ? { outcome: 'too-large' } : { outcome: 'read', bytes, others }
}

/**
 * Puts a body together in one growing block. Kept as they come, a body of one-byte chunks would take a hundred times
 * its size in memory.
 */
function collectBody(maxBytes: number): { add(chunk: Uint8Array): boolean; bytes(): Uint8Array } {
  let block: Uint8Array = new Uint8Array()
  let size = 0
  return {
    /** False when the body would become larger than allowed. */
    add(chunk) {
      const newSize = size + chunk.byteLength
      if (newSize > maxBytes) return false
      if (newSize > block.byteLength) {
        // Most webhooks are one chunk: it is the block then.
        const larger = size === 0 ? chunk : new Uint8Array(Math.min(maxBytes, 2 * newSize))
        if (size > 0) larger.set(block.subarray(0, size))
        block = larger
      }
      if (size > 0) block.set(chunk, size)
      size = newSize
      return true
    },
    bytes: () => (size === block.byteLength ? block : block.subarray(0, size)),
  }
}
