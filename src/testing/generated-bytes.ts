import { createCipheriv, createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkWhole } from '../errors/checks.js'

/** A body made as it is read: large without taking memory, and the same each time. */
export interface GeneratedBytes {
  /** Bytes. */
  size: number
  /** Lowercase hex. */
  sha256: string
  /** The bytes, from the start. */
  stream(): Readable
}

const GENERATED_OPTIONS: OptionNames<Parameters<typeof createGeneratedBytes>[0]> = { size: true, seed: true }

const PIECE = Buffer.alloc(65_536)

/**
 * Pseudo-random bytes that no compression makes smaller: AES-CTR over zeros.
 *
 * @param options `size` in bytes; `seed`, default 1: another seed gives other bytes.
 */
export function createGeneratedBytes(options: {
  /** Bytes. */
  size: number
  /** Another seed gives other bytes. Default 1. */
  seed?: number | undefined
}): GeneratedBytes {
  checkOptions(options, GENERATED_OPTIONS)
  const { size, seed = 1 } = options
  checkWhole('size', size, { least: 0, unit: 'of bytes' })
  function* pieces(): Generator<Buffer> {
    const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, `seed ${seed}`), Buffer.alloc(16))
    for (let left = size; left > 0; left -= PIECE.length)
      yield cipher.update(PIECE.subarray(0, Math.min(left, PIECE.length)))
  }
  const hash = createHash('sha256')
  for (const piece of pieces()) hash.update(piece)
  return { size, sha256: hash.digest('hex'), stream: () => Readable.from(pieces()) }
}
