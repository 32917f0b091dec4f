import { createHash } from 'node:crypto'
import type { PutOptions } from '../../src/storage.js'

/** A put of these bytes that is right in all it says. */
export function factsOf(bytes: string | Buffer): PutOptions {
  return {
    size: Buffer.byteLength(bytes),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    contentType: 'text/plain',
    contentDisposition: 'attachment',
    ifAbsent: true,
  }
}
