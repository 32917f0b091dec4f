import type { Readable } from 'node:stream'
import type { PutOptions, PutResult } from '../../storage.js'
import { abortable } from '../../timing/abort.js'
import { readExactly, toBodyError } from '../checked-body.js'
import type { R2Binding, R2BoundObject, R2PutValue, R2PutWishes } from './binding.js'
import { runR2Call } from './errors.js'

/** One put: its key, its body, and what is told of it. */
interface R2Put extends PutOptions {
  key: string
  body: Readable
}

/**
 * Stores an object in one streamed put. R2 itself creates only if absent, and refuses bytes with another SHA-256; the
 * last ones are held back until the size is right.
 */
export async function putBound(bucket: R2Binding, put: R2Put): Promise<PutResult> {
  const { key, body, signal, sha256, contentType, contentDisposition, metadata = {}, ifAbsent } = put
  const wishes: R2PutWishes = {
    sha256,
    httpMetadata: { contentType, contentDisposition },
    customMetadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value])),
    ...(ifAbsent ? { onlyIf: { etagDoesNotMatch: '*' } } : {}),
  }
  const feed = openFeed(put)
  const send = async (): Promise<R2BoundObject | null> => bucket.put(key, await feed.value(), wishes)
  try {
    const stored = await runR2Call({ operation: 'put', key, signal }, () => abortable(send(), signal))
    return stored === null ? { outcome: 'exists' } : { outcome: 'stored', etag: stored.httpEtag }
  } catch (error) {
    throw signal?.aborted === true ? error : (feed.failure()?.error ?? error)
  } finally {
    feed.stop()
    body.destroy()
  }
}

/** A body on its way to R2. */
interface R2Feed {
  value(): Promise<R2PutValue>
  /** The body's own failure, which counts more than what R2 says of a stream that broke off. */
  failure(): { error: unknown } | undefined
  stop(): void
}

/** R2 takes streams of known length only, which only Workers have. Elsewhere it gets all bytes at once. */
function openFeed({ key, body, size, signal }: R2Put): R2Feed {
  let failure: { error: unknown } | undefined
  // A body that fails once nobody reads it any more must not end the process.
  body.on('error', () => {})
  const pieces = readWholeBody(body, {
    size,
    signal,
    onFailure(error) {
      failure = { error: toBodyError(error, key) }
    },
  })
  // Of an empty object R2 reads no stream, which may hold more than was announced.
  const stream = size === 0 ? undefined : openFixedLength(size)
  if (stream === undefined) return { value: () => gather(pieces), failure: () => failure, stop() {} }
  const writer = stream.writable.getWriter()
  const stop = (): void => void Promise.allSettled([writer.abort()])
  // Its end is known from the put.
  writer.closed.catch(() => {})
  return {
    async value() {
      void writePieces(pieces, writer).catch(stop)
      return stream.readable
    },
    failure: () => failure,
    stop,
  }
}

type FixedLength = Pick<TransformStream<Uint8Array, Uint8Array>, 'readable' | 'writable'>

/** Workers' own stream that announces its length (Workers: FixedLengthStream). */
function openFixedLength(size: number): FixedLength | undefined {
  const Fixed: unknown = Reflect.get(globalThis, 'FixedLengthStream')
  return typeof Fixed === 'function' ? (Reflect.construct(Fixed, [size]) as FixedLength) : undefined
}

async function writePieces(
  pieces: AsyncIterable<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  for await (const piece of pieces) await writer.write(piece)
  await writer.close()
}

async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array[] = []
  // Copied, because a source may use its buffer again once we ask for more.
  for await (const piece of pieces) all.push(Uint8Array.from(piece))
  return Uint8Array.from(Buffer.concat(all))
}

/** The body, if it has so many bytes; the last ones come once it has ended and the signal has not aborted. */
async function* readWholeBody(
  body: Readable,
  { size, signal, onFailure }: { size: number; signal: AbortSignal | undefined; onFailure: (error: unknown) => void },
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* readExactly(body, { size, signal })
  } catch (error) {
    onFailure(error)
    throw error
  }
}
