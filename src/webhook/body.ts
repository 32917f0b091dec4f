import type { IncomingMessage } from 'node:http'
import { types } from 'node:util'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { type FrameworkRequest, findFramework, unwrapRequest } from './framework.js'
import { type BodyTaker, findKeptBodies } from './parsed-body.js'
import type { UnsignedBytes } from './unsigned-bytes.js'

/** How much of a body is read, and for how long. */
export interface BodyLimits {
  /** Bytes. */
  maxBytes: number
  /** Milliseconds. */
  timeoutMs: number
  /** Counts the memory of all bodies that are being read. An adapter that reads bodies itself enters each. */
  unsigned?: UnsignedBytes | undefined
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
      /** It has more bytes than the limit, came too late, broke off, or all bodies together are too large. */
      outcome: 'too-large' | 'body-timeout' | 'body-aborted' | 'memory-limit'
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
  const stop = (): void => void reader.cancel().catch(() => {})
  let ended: ReadBody | undefined
  const end = (result: ReadBody): void => {
    ended = result
    // Ends the read that is waiting.
    stop()
  }
  const body = collectBody(limits, () => end({ outcome: 'memory-limit' }))
  const timer = setTimeout(end, limits.timeoutMs, { outcome: 'body-timeout' })
  try {
    for (;;) {
      const read = await reader.read().catch(() => undefined)
      if (ended !== undefined) return ended
      if (read === undefined) return { outcome: 'body-aborted' }
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
    body.release()
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
  return new Promise((resolve, reject) => {
    const settle = (result: ReadBody): void => {
      clearTimeout(timer)
      body.release()
      resolve(result)
    }
    const body = collectBody(limits, () => settle({ outcome: 'memory-limit' }))
    const timer = setTimeout(settle, limits.timeoutMs, { outcome: 'body-timeout' })
    request.on('data', (chunk: unknown) => {
      try {
        if (!body.add(checkBytes(chunk))) settle({ outcome: 'too-large' })
      } catch (error) {
        // First: what comes after is not heard.
        reject(error)
        settle({ outcome: 'body-aborted' })
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

/** A body that is being read. */
interface CollectedBody {
  /** False when the body would become larger than allowed. */
  add(chunk: Uint8Array): boolean
  bytes(): Uint8Array
  /** Holds nothing from now on. */
  release(): void
}

/**
 * Puts a body together in one growing block. Kept as they come, a body of one-byte chunks would take a hundred times
 * its size in memory.
 *
 * @param drop called when all bodies together are too large, and this one must end.
 */
function collectBody({ maxBytes, unsigned }: BodyLimits, drop: () => void): CollectedBody {
  let block: Uint8Array = new Uint8Array()
  let size = 0
  let isReleased = false
  const memory = unsigned?.enter(() => {
    release()
    drop()
  })
  const release = (): void => {
    isReleased = true
    block = new Uint8Array()
    size = 0
    memory?.leave()
  }
  return {
    add(chunk) {
      // More may come after a refusal, until the connection is closed.
      if (isReleased) return true
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
      memory?.hold(block.byteLength)
      return true
    },
    bytes: () => (size === block.byteLength ? block : block.subarray(0, size)),
    release,
  }
}
