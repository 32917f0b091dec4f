import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { checkChunk } from '../errors/checks.js'
import { isError, readField } from '../errors/thrown.js'
import { IntegrityMismatchError, StorageFailedError } from '../errors.js'

/** Counts a body on its way into a store. */
export interface LastChunkHold {
  /**
   * The bytes to hand on: undefined for the last ones. With those the store has all that was announced, so they wait
   * until the body ends, for more may follow.
   *
   * @throws IntegrityMismatchError when the body is longer than announced.
   */
  take(bytes: Uint8Array): Uint8Array | undefined
  /**
   * The last bytes, once the body has ended; undefined for an empty body.
   *
   * @throws IntegrityMismatchError when the body is shorter than announced.
   */
  release(): Uint8Array | undefined
}

/** @param size the bytes that the body must have. */
export function holdLastChunk(size: number): LastChunkHold {
  let count = 0
  let last: Uint8Array | undefined
  const refuse = (length: 'longer' | 'shorter'): IntegrityMismatchError =>
    new IntegrityMismatchError({
      problem: `The body is ${length} than announced`,
      expectedSize: size,
      observedSize: count,
    })
  return {
    take(bytes) {
      // An empty chunk changes nothing, even behind the last one.
      if (bytes.byteLength === 0) return undefined
      count += bytes.byteLength
      if (count > size) throw refuse('longer')
      if (count < size) return bytes
      last = bytes
      return undefined
    },
    release() {
      if (count < size) throw refuse('shorter')
      return last
    },
  }
}

/**
 * The body, if it has exactly so many bytes: with fewer a store would wait for the rest until its own deadline, and of
 * more it would keep the first.
 *
 * @param options `signal`: once it has aborted, the last bytes do not come. `onLast` is called before them.
 */
export async function* readExactly(
  body: Readable,
  { size, signal, onLast }: { size: number; signal?: AbortSignal | undefined; onLast?: (() => void) | undefined },
): AsyncGenerator<Uint8Array, void, undefined> {
  const hold = holdLastChunk(size)
  // A reader that leaves early would give the body an error that is not its own: whoever put it destroys it.
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    const passing = hold.take(checkChunk(chunk))
    if (passing !== undefined) yield passing
  }
  signal?.throwIfAborted()
  const last = hold.release()
  onLast?.()
  if (last !== undefined) yield last
}

/** The part of a put's options that its body is checked against. */
interface CheckedBodyOptions {
  key: string
  /** Bytes. */
  size: number
  /** Lowercase hex. */
  sha256: string
  signal?: AbortSignal | undefined
}

/**
 * The bytes of a body on their way into a storage that does its own checking. They end only when exactly the announced
 * bytes have passed and the signal has not aborted; the last ones come once size and hash are right. The body is
 * consumed or destroyed in any case.
 *
 * @throws the body's own error, as it is; the signal's reason, as it is.
 * @throws IntegrityMismatchError when size or SHA-256 are not the announced ones.
 * @throws StorageFailedError (`ERR_STREAM_PREMATURE_CLOSE`) when the body closes without end or error.
 * @throws InvalidOptionError when the body yields anything but bytes or strings.
 */
export async function* readCheckedBody(
  body: Readable,
  { key, size, sha256, signal }: CheckedBodyOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  let aborted = false
  const abort = (): void => {
    // A body that failed by itself keeps its own error.
    aborted = !body.errored
    body.destroy(isError(signal?.reason) ? signal.reason : undefined)
  }
  // A body that fails once nobody reads it any more must not end the process.
  body.on('error', () => {})
  if (signal?.aborted === true) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  try {
    yield* readProven(body, { size, sha256, signal })
  } catch (error) {
    if (aborted) throw signal?.reason
    throw body.errored === null ? toBodyError(error, key) : error
  } finally {
    signal?.removeEventListener('abort', abort)
    body.destroy()
  }
}

async function* readProven(
  body: Readable,
  { size, sha256, signal }: Omit<CheckedBodyOptions, 'key'>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256')
  const hold = holdLastChunk(size)
  for await (const chunk of body) {
    const bytes = checkChunk(chunk)
    const passing = hold.take(bytes)
    hash.update(bytes)
    if (passing !== undefined) yield passing
  }
  signal?.throwIfAborted()
  const last = hold.release()
  const observedSha256 = hash.digest('hex')
  if (observedSha256 !== sha256) {
    const problem = 'The body has another SHA-256 than announced'
    throw new IntegrityMismatchError({
      ...{ problem, expectedSize: size, observedSize: size },
      ...{ expectedSha256: sha256, observedSha256 },
    })
  }
  if (last !== undefined) yield last
  signal?.throwIfAborted()
}

/** The body's own error as it is; for a body that closed without any, a failure that another attempt can fix. */
export function toBodyError(error: unknown, key: string): unknown {
  const reason = 'ERR_STREAM_PREMATURE_CLOSE'
  if (readField(error, 'code') !== reason) return error
  return new StorageFailedError({ operation: 'put', key, reason, retryable: true, cause: error })
}
