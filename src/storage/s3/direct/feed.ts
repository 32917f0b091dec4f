import type { ClientRequest } from 'node:http'
import type { Readable } from 'node:stream'
import { StorageFailedError } from '../../../errors.js'
import { noBytes, toBytes, wrongSize } from '../sdk/body.js'

/** One body on its way into a request, or into a second one when the first went nowhere. */
export interface S3Feed {
  /** Sends the body into this request from now on: from its start. */
  into(request: ClientRequest): void
  /** Rejects when the body fails. */
  readonly broken: Promise<never>
  /** Whether all of the body has been handed over. */
  isWhole(): boolean
  /** Whether everything taken from the body is still at hand. */
  isRepeatable(): boolean
  stop(): void
}

/** What is kept of a body on a connection that was idle before and may be dead: all of most media. */
const REPEATABLE_BYTES = 262_144

/**
 * TLS brings 8-16 KB at a time, and each write to a connection has its price. Joined by the socket, these chunks need no
 * copy of ours, whose 128 KB each would keep the garbage collector busy.
 */
const JOIN_BYTES = 131_072

/**
 * The next chunks are joined while the last are under way. A body stopped at each write would stop its source, too, a
 * tenth of a large file's price.
 */
const UNSENT_BYTES = 2 * JOIN_BYTES

/** Feeds requests with a body, whose last chunk it holds back until the size is right. */
export function createS3Feed(
  body: Readable,
  { key, size, signal }: { key: string; size: number; signal: AbortSignal | undefined },
): S3Feed {
  let request: ClientRequest | undefined
  let count = 0
  /** With it the store has all: it waits for the body's end, for more may follow. */
  let last: Uint8Array | undefined
  let kept: Uint8Array[] = []
  let isRepeatable = true
  /** Bytes that the request has taken, and not yet its connection. */
  let joined = 0
  let isWhole = false
  let reject: ((error: unknown) => void) | undefined
  const broken = new Promise<never>((_resolve, rejectBroken) => {
    reject = rejectBroken
  })
  broken.catch(() => {})

  const stop = (): void => {
    body.off('data', take).off('end', end).off('error', fail).off('close', close)
    body.pause()
    request?.off('drain', resume)
  }
  const forget = (): void => {
    isRepeatable = false
    kept = []
  }
  const fail = (error: unknown): void => {
    // At once: what else the body has may follow in the same turn.
    stop()
    forget()
    reject?.(error)
  }
  const write = (chunk: Uint8Array): void => {
    if (joined === 0) request?.cork()
    joined += chunk.byteLength
    request?.write(chunk)
    if (joined < JOIN_BYTES) return
    joined = 0
    request?.uncork()
    // What can be sent again waits for a sign that the connection lives.
    if (request?.writableNeedDrain === true && (isRepeatable || request.writableLength >= UNSENT_BYTES)) body.pause()
  }
  const take = (chunk: unknown): void => {
    const bytes = toBytes(chunk)
    count += bytes?.byteLength ?? 0
    if (bytes === undefined) fail(noBytes(chunk))
    else if (bytes.byteLength === 0) return
    else if (count > size) fail(wrongSize(size, count))
    else if (count === size) last = bytes
    else {
      if (count > REPEATABLE_BYTES || request?.reusedSocket !== true) forget()
      if (isRepeatable) kept.push(bytes)
      write(bytes)
    }
  }
  const end = (): void => {
    if (count !== size) fail(wrongSize(size, count))
    // The body may have ended in the same turn in which the signal aborted: too late to be sent.
    else if (signal?.aborted !== true) {
      isWhole = true
      request?.end(last)
    }
  }
  const close = (): void => {
    const reason = 'ERR_STREAM_PREMATURE_CLOSE'
    if (!isWhole) fail(new StorageFailedError({ operation: 'put', key, reason, retryable: true }))
  }
  const resume = (): void => {
    body.resume()
  }
  const start = (): void => {
    // What fails once nobody listens any more must not end the process.
    body.on('error', () => {})
    if (body.errored !== null) fail(body.errored)
    else if (body.readableEnded) end()
    else if (body.destroyed) close()
    // One that was paused before would not flow by itself.
    else body.on('data', take).once('end', end).once('error', fail).once('close', close).resume()
  }

  return {
    broken,
    into(next) {
      const isFirst = request === undefined
      request = next
      joined = 0
      request.on('drain', resume)
      for (const chunk of kept) write(chunk)
      if (isFirst) start()
      else if (isWhole) request.end(last)
      else body.resume()
    },
    isWhole: () => isWhole,
    isRepeatable: () => isRepeatable,
    stop,
  }
}
