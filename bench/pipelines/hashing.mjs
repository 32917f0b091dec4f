// A stream that hashes what passes, as services write it.
import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'

/** @returns the stream, and `digest()` of what has passed, lowercase hex. */
export function createHashing() {
  const hash = createHash('sha256')
  const stream = new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  return { stream, digest: () => hash.digest('hex') }
}
