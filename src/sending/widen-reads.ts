import { ReadStream } from 'node:fs'
import type { Readable } from 'node:stream'

/** What Node's file streams read at once, in bytes, unless they are told otherwise. */
const USUAL_BYTES = 65_536
const WIDE_BYTES = 524_288

/**
 * Has a file's stream read more at once: each read takes a turn of Node's thread pool, and small ones cost twice the CPU
 * time of a whole upload. Other streams, those that were begun, and those of a `highWaterMark` of your own stay as they are.
 *
 * Node raises a stream's buffer to what a `read` asks for; no public property does.
 */
export function widenReads(body: Readable): Readable {
  const isFresh = body.readableFlowing === null && body.readableLength === 0 && !body.destroyed
  if (body instanceof ReadStream && isFresh && body.readableHighWaterMark === USUAL_BYTES) body.read(WIDE_BYTES)
  return body
}
