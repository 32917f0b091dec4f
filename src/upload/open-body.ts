import { Readable } from 'node:stream'
import { types } from 'node:util'
import { describeValue } from '../errors/describe.js'
import { readField } from '../errors/thrown.js'
import { InvalidOptionError } from '../errors.js'

/** The kinds of body that can be uploaded. Streams are read once. */
export type UploadBody = Uint8Array | Blob | Readable | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>

/** A stream may fail (no such file) before it is read, and must not end the process: reading it shows the error. */
export function muteErrors(body: UploadBody): void {
  if (body instanceof Readable) body.on('error', () => {})
}

/** Runs a call that takes over the `body` of an option, also one that is refused: a stream of it is closed in the end. */
export async function runWithBody<T>(holder: unknown, run: () => Promise<T>): Promise<T> {
  const body = readField(holder, 'body')
  if (!(body instanceof Readable)) return run()
  muteErrors(body)
  try {
    return await run()
  } finally {
    body.destroy()
  }
}

/** Bytes of a body that tells them. */
export function getKnownSize(body: UploadBody): number | undefined {
  if (types.isUint8Array(body)) return body.byteLength
  return isBlob(body) ? body.size : undefined
}

/** @throws InvalidOptionError for what is no body. */
export function openBody(body: UploadBody): Readable {
  if (body instanceof Readable) return body
  if (types.isUint8Array(body)) return Readable.from([body])
  const iterable: unknown = isBlob(body) ? body.stream() : body
  if (isAsyncIterable(iterable)) return Readable.from(iterable)
  throw new InvalidOptionError({
    option: 'body',
    problem: `must be bytes, a Blob, a stream or an async iterable, got ${describeValue(body)}`,
  })
}

/** By its form: another realm or a polyfill has a class of its own, and Node has no check. */
function isBlob(body: UploadBody): body is Blob {
  const { size, stream }: { size?: unknown; stream?: unknown } = Object(body)
  return typeof size === 'number' && typeof stream === 'function'
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
