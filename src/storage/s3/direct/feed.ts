import type { ClientRequest } from 'node:http'
import type { Readable } from 'node:stream'
import { checkChunk } from '../../../errors/checks.js'
import { StorageFailedError } from '../../../errors.js'
import { holdLastChunk } from '../../checked-body.js'

/** One body on its way into a request, or into a second one when the first went nowhere. */
export interface S3Feed {
  /** Sends the body into this request from now on: from its start. */
  into(request: ClientRequest): void
  /** Rejects when the body fails. */
  readonly broken: Promise<never>
  /** All of the body has been handed over. */
  isWhole(): boolean
  /** Everything taken from the body is still at hand. */
  isRepeatable(): boolean
  stop(): void
}

/** What is kept of a body on a connection that was idle before and may be dead: all of most media. */
const REPEATABLE_BYTES = 262_144

/**
 * TLS brings 8-16 KB at a time, and each write to a connection has its price. The socket joins these chunks without a
 * copy; a copy of 128 KB each would keep the garbage collector busy.
 */
const JOIN_BYTES = 131_072

/**
 * The next chunks are joined while the last ones are under way. A body that pauses at each write pauses its source, too,
 * which costs a tenth of a large file's CPU time.
 */
const UNSENT_BYTES = 2 * JOIN_BYTES

/** Feeds requests with a body, whose last chunk it holds back until the size is right. */
export function createS3Feed(
  body: Readable,
  { key, size, signal }: { key: string; size: number; signal: AbortSignal | undefined },
): S3Feed {
  const hold = holdLastChunk(size)
  const writer = createJoiningWriter(body)
  const { broken, breakOff } = createBreak()
  let last: Uint8Array | undefined
  let isWhole = false

  const fail = (error: unknown): void => {
    // At once: what else the body has may follow in the same turn.
    stop()
    writer.forget()
    breakOff(error)
  }
  const source = listenTo(body, {
    take(chunk) {
      const passing = hold.take(checkChunk(chunk))
      if (passing !== undefined) writer.write(passing)
    },
    end() {
      last = hold.release()
      // The body may have ended in the same turn in which the signal aborted: too late to be sent.
      if (signal?.aborted === true) return
      isWhole = true
      writer.end(last)
    },
    close() {
      const reason = 'ERR_STREAM_PREMATURE_CLOSE'
      if (!isWhole) throw new StorageFailedError({ operation: 'put', key, reason, retryable: true })
    },
    fail,
  })
  const stop = (): void => {
    source.stop()
    writer.stop()
  }

  return {
    broken,
    into(request) {
      const isFirst = !writer.hasRequest()
      writer.into(request)
      if (isFirst) source.start()
      else if (isWhole) writer.end(last)
      else body.resume()
    },
    isWhole: () => isWhole,
    isRepeatable: writer.isRepeatable,
    stop,
  }
}

interface BodyListener {
  take(chunk: unknown): void
  end(): void
  close(): void
  /** Gets the body's own error, and whatever the others throw. */
  fail(error: unknown): void
}

/** Listens to a body from its start, whatever it has been through. */
function listenTo(body: Readable, listener: BodyListener): { start(): void; stop(): void } {
  const orFail =
    (step: (chunk: unknown) => void) =>
    (chunk: unknown): void => {
      try {
        step(chunk)
      } catch (error) {
        listener.fail(error)
      }
    }
  const [take, end, close] = [orFail(listener.take), orFail(listener.end), orFail(listener.close)]
  const { fail } = listener
  return {
    start() {
      // What fails once nobody listens any more must not end the process.
      body.on('error', () => {})
      if (body.errored !== null) fail(body.errored)
      else if (body.readableEnded) end(undefined)
      else if (body.destroyed) close(undefined)
      // A body that was paused before does not flow by itself.
      else body.on('data', take).once('end', end).once('error', fail).once('close', close).resume()
    },
    stop() {
      body.off('data', take).off('end', end).off('error', fail).off('close', close)
      body.pause()
    },
  }
}

/** A promise that only ever rejects, and whose failure ends no process. */
function createBreak(): { broken: Promise<never>; breakOff: (error: unknown) => void } {
  let breakOff: (error: unknown) => void = () => {}
  const broken = new Promise<never>((_resolve, reject) => {
    breakOff = reject
  })
  broken.catch(() => {})
  return { broken, breakOff }
}

interface JoiningWriter {
  /** Writes to this request from now on, first what was written to the one before. */
  into(request: ClientRequest): void
  hasRequest(): boolean
  /** Writes bytes of the body, and pauses the body where the request has more than enough. */
  write(bytes: Uint8Array): void
  end(last: Uint8Array | undefined): void
  isRepeatable(): boolean
  /** Lets go of what is kept for another request. */
  forget(): void
  stop(): void
}

/** Joins small chunks on their way into a request, and keeps the first ones for a second request. */
function createJoiningWriter(body: Readable): JoiningWriter {
  let request: ClientRequest | undefined
  let kept: Uint8Array[] = []
  let keptBytes = 0
  let isRepeatable = true
  /** Bytes that the request has taken, and not yet its connection. */
  let joined = 0

  const resume = (): void => {
    body.resume()
  }
  const forget = (): void => {
    isRepeatable = false
    kept = []
  }
  const send = (bytes: Uint8Array): void => {
    if (joined === 0) request?.cork()
    joined += bytes.byteLength
    request?.write(bytes)
    if (joined < JOIN_BYTES) return
    joined = 0
    request?.uncork()
    // What can be sent again waits for a sign that the connection lives.
    if (request?.writableNeedDrain === true && (isRepeatable || request.writableLength >= UNSENT_BYTES)) body.pause()
  }
  const keep = (bytes: Uint8Array): void => {
    keptBytes += bytes.byteLength
    if (keptBytes > REPEATABLE_BYTES || request?.reusedSocket !== true) forget()
    else kept.push(bytes)
  }

  return {
    into(next) {
      request = next
      joined = 0
      request.on('drain', resume)
      for (const bytes of kept) send(bytes)
    },
    hasRequest: () => request !== undefined,
    write(bytes) {
      if (isRepeatable) keep(bytes)
      send(bytes)
    },
    end: (last) => void request?.end(last),
    isRepeatable: () => isRepeatable,
    forget,
    stop: () => void request?.off('drain', resume),
  }
}
