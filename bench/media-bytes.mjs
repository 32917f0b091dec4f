// The media of all benchmarks: any size, the same bytes in every process, so that a sink can compare what it gets byte
// by byte, which costs a tenth of hashing it.
import { createCipheriv, createHash } from 'node:crypto'

/** A prime: parts that arrive in the wrong place differ, whatever the size of parts. */
const PERIOD = 1_048_573
/** The most bytes that one piece has. */
export const PIECE = 65_536

const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
const period = cipher.update(Buffer.alloc(PERIOD))
period.write('%PDF-1.7\n')
const wrapped = Buffer.concat([period, period.subarray(0, PIECE)])
const hashes = new Map()

/** The media's bytes from `offset` on, at most a piece of them. */
export function bytesAt(offset, length) {
  const start = offset % PERIOD
  return wrapped.subarray(start, start + Math.min(length, PIECE))
}

/** Whether these are the media's bytes at `offset`. */
export function isRight(chunk, offset) {
  for (let at = 0; at < chunk.length; at += PIECE) {
    const expected = bytesAt(offset + at, chunk.length - at)
    if (expected.compare(chunk, at, at + expected.length) !== 0) return false
  }
  return true
}

/** SHA-256 of media of this size, lowercase hex. */
export function hashOf(size) {
  const known = hashes.get(size)
  if (known !== undefined) return known
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += PIECE) hash.update(bytesAt(at, size - at))
  const digest = hash.digest('hex')
  hashes.set(size, digest)
  return digest
}

/** Writes the whole media as the body of an answer, as fast as its reader takes it. */
export function sendBytes(response, size) {
  let sent = 0
  const write = () => {
    while (sent < size) {
      const piece = bytesAt(sent, size - sent)
      sent += piece.length
      if (!response.write(piece)) return response.once('drain', write)
    }
    response.end()
  }
  write()
}
