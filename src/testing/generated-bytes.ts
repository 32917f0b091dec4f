import { createCipheriv, createHash } from 'node:crypto'
import { Readable } from 'node:stream'

/** A body made as it is read: large without taking memory, and the same each time. */
export interface GeneratedBytes {
  /** Bytes. */
  size: number
  /** Lowercase hex. */
  sha256: string
  /** The bytes, from the start. */
  stream(): Readable
}

const PIECE = Buffer.alloc(65_536)

/**
 * Pseudo-random bytes that no compression makes smaller: AES-CTR over zeros.
 *
 * @param options `size` in bytes; `seed`, default 1: another seed gives other bytes.
 */
export function createGeneratedBytes({ size, seed = 1 }: { size: number; seed?: number | undefined }): GeneratedBytes {
  function* pieces(): Generator<Buffer> {
    const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, `seed ${seed}`), Buffer.alloc(16))
    for (let left = size; left > 0; left -= PIECE.length)
      yield cipher.update(PIECE.subarray(0, Math.min(left, PIECE.length)))
  }
  const hash = createHash('sha256')
  for (const piece of pieces()) hash.update(piece)
  return { size, sha256: hash.digest('hex'), stream: () => Readable.from(pieces()) }
}
