import { Readable } from 'node:stream'
import { describeValue } from '../../../errors/describe.js'
import { readField } from '../../../errors/thrown.js'
import { IntegrityMismatchError, InvalidOptionError, StorageFailedError } from '../../../errors.js'

/** A body on its way, of exactly as many bytes as were announced. */
export interface ExactBody {
  readonly stream: Readable
  /** Whether every byte was taken from it. Its `end` comes later: a fast store has answered by then. */
  isTaken(): boolean
  /** Reads a body that should be empty, to its end. */
  readNothing(signal: AbortSignal | undefined): Promise<void>
}

/** @param size the bytes that the body must have, and the length that the store is told. */
export function exactBody(size: number, body: Readable): ExactBody {
  let isComplete = false
  const stream = Readable.from(
    exactly(size, body, () => {
      isComplete = true
    }),
  )
  return {
    stream,
    isTaken: () => isComplete && stream.readableLength === 0,
    async readNothing(signal) {
      const abort = (): void => void body.destroy()
      signal?.addEventListener('abort', abort, { once: true })
      try {
        signal?.throwIfAborted()
        await stream.toArray()
      } finally {
        signal?.removeEventListener('abort', abort)
      }
    },
  }
}

/**
 * The body, if it has so many bytes: with fewer the store would wait for the rest until its own deadline, and of more it
 * would keep the first. The last chunk is held back until the count is right.
 */
async function* exactly(size: number, body: Readable, onLast: () => void): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0
  let held: Uint8Array | undefined
  for await (const chunk of body) {
    const bytes = toBytes(chunk)
    if (bytes === undefined) throw noBytes(chunk)
    count += bytes.byteLength
    if (count > size) break
    if (held !== undefined) yield held
    held = bytes
  }
  if (count !== size) throw wrongSize(size, count)
  onLast()
  if (held !== undefined) yield held
}

/** `undefined` for what only a stream in object mode can hold: written to a socket, it would end the process. */
export function toBytes(chunk: unknown): Uint8Array | undefined {
  if (chunk instanceof Uint8Array) return chunk
  return typeof chunk === 'string' ? Buffer.from(chunk) : undefined
}

export function noBytes(chunk: unknown): InvalidOptionError {
  return new InvalidOptionError({
    option: 'body',
    problem: `must be made of bytes or strings, got ${describeValue(chunk)}`,
  })
}

export function wrongSize(expectedSize: number, observedSize: number): IntegrityMismatchError {
  const problem = `The body is ${observedSize > expectedSize ? 'longer' : 'shorter'} than announced`
  return new IntegrityMismatchError({ problem, expectedSize, observedSize })
}

/** The body's own error as it is; for one that closed without any, a failure that another attempt can mend. */
export function bodyError(error: Error, key: string): Error {
  const reason = 'ERR_STREAM_PREMATURE_CLOSE'
  if (readField(error, 'code') !== reason) return error
  return new StorageFailedError({ operation: 'put', key, reason, retryable: true, cause: error })
}

/** Runs a PUT of `body`, and aborts it when the body fails: left to itself, the SDK would never settle. */
export async function whileBodyLives<T>(
  body: Readable,
  signal: AbortSignal | undefined,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  body.once('error', abort)
  signal?.addEventListener('abort', abort, { once: true })
  // Either may have happened while the SDK was loaded.
  if (signal?.aborted === true || body.errored !== null) abort()
  try {
    return await send(controller.signal)
  } finally {
    body.off('error', abort)
    signal?.removeEventListener('abort', abort)
  }
}

/** The same, unless the signal aborts first: then its reason. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    const settled = (): void => signal.removeEventListener('abort', abort)
    promise.then(
      (value) => {
        settled()
        resolve(value)
      },
      (error: unknown) => {
        settled()
        reject(error)
      },
    )
  })
}
