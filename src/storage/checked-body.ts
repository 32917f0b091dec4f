import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { describeValue } from '../errors/describe.js'
import { isError } from '../errors/thrown.js'
import { IntegrityMismatchError, InvalidOptionError, StorageFailedError } from '../errors.js'
import type { PutOptions } from '../storage.js'

/**
 * The bytes of a body on their way into a store that must do its own checking: ends only when exactly the announced
 * bytes have passed and the signal has not aborted. Whatever happens, the body is consumed or destroyed.
 *
 * @throws the body's own error, as it is; the signal's reason, as it is.
 * @throws IntegrityMismatchError when size or SHA-256 are not the announced ones.
 * @throws StorageFailedError (`ERR_STREAM_PREMATURE_CLOSE`) when the body closes without end or error.
 * @throws InvalidOptionError when the body yields anything but bytes or strings.
 */
export async function* receive(
  key: string,
  body: Readable,
  options: PutOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { size, sha256, signal } = options
  const hash = createHash('sha256')
  let received = 0
  let aborted = false

  const abort = (): void => {
    // A body that failed by itself keeps its own error.
    aborted = !body.errored
    body.destroy(isError(signal?.reason) ? signal.reason : undefined)
  }
  const mismatch = (problem: string, observedSha256?: string): IntegrityMismatchError =>
    new IntegrityMismatchError({
      problem,
      expectedSize: size,
      observedSize: received,
      expectedSha256: sha256,
      observedSha256,
    })

  // A body that fails once nobody reads it any more must not end the process.
  body.on('error', () => {})
  if (signal?.aborted === true) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  try {
    for await (const chunk of body) {
      const bytes = toBytes(chunk)
      received += bytes.byteLength
      if (received > size) throw mismatch('The body is longer than announced')
      hash.update(bytes)
      yield bytes
    }
    signal?.throwIfAborted()
    if (received !== size) throw mismatch('The body is shorter than announced')
    const digest = hash.digest('hex')
    if (digest !== sha256) throw mismatch('The body has another SHA-256 than announced', digest)
  } catch (error) {
    if (aborted) throw signal?.reason
    if (body.errored || !isPrematureClose(error)) throw error
    throw new StorageFailedError({ operation: 'put', key, reason: error.code, retryable: true, cause: error })
  } finally {
    signal?.removeEventListener('abort', abort)
    body.destroy()
  }
}

function toBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new InvalidOptionError({
    option: 'body',
    problem: `must be made of bytes or strings, got ${describeValue(chunk)}`,
  })
}

function isPrematureClose(error: unknown): error is Error & { code: string } {
  return isError(error) && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}
