import type { ClientRequest } from 'node:http'
import type { Readable } from 'node:stream'
import { endWhenSilent, SILENT_SOCKET_MS } from '../../../http/reused-socket.js'

/** Bytes kept of a body on a connection that was idle before and may be closed: enough for most media. */
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

export interface JoiningWriter {
  /** Writes to this request from now on, first the bytes that were written to the one before. */
  into(request: ClientRequest): void
  hasRequest(): boolean
  /** Writes bytes of the body, and pauses the body where the request has more than enough. */
  write(bytes: Uint8Array): void
  end(last: Uint8Array | undefined): void
  isRepeatable(): boolean
  /** Drops the bytes kept for another request. */
  forget(): void
  stop(): void
}

/** Joins small chunks on their way into a request, and keeps the first ones for a second request. */
export function createJoiningWriter(body: Readable): JoiningWriter {
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
    // Bytes that can be sent again wait for a sign that the connection is open.
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
    end: (last) => endRequest(request, { last, isRepeatable }),
    isRepeatable: () => isRepeatable,
    forget,
    stop: () => void request?.off('drain', resume),
  }
}

/** A connection that may be forgotten has not for ever to answer a body that can be sent again. */
function endRequest(
  request: ClientRequest | undefined,
  { last, isRepeatable }: { last: Uint8Array | undefined; isRepeatable: boolean },
): void {
  request?.end(last)
  if (request?.reusedSocket === true && isRepeatable) endWhenSilent(request, SILENT_SOCKET_MS)
}
