import { Readable } from 'node:stream'
import { linkSignals } from '../../../timing/abort.js'
import { readExactly } from '../../checked-body.js'

/** A body on its way, of exactly as many bytes as were announced. */
export interface ExactBody {
  readonly stream: Readable
  /** Every byte was taken from it. Its `end` comes later: a fast store has answered by then. */
  isTaken(): boolean
  /** Reads a body that should be empty, to its end. */
  readNothing(signal: AbortSignal | undefined): Promise<void>
}

/** @param size the bytes that the body must have, and the length that the request announces. */
export function createExactBody(size: number, body: Readable): ExactBody {
  let isComplete = false
  const stream = Readable.from(
    readExactly(body, {
      size,
      onLast() {
        isComplete = true
      },
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

/** Runs a PUT of `body`, and aborts it when the body fails: left to itself, the SDK would never settle. */
export async function sendWhileBodyLives<T>(
  body: Readable,
  signal: AbortSignal | undefined,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const failed = new AbortController()
  const abort = (): void => failed.abort()
  body.once('error', abort)
  // It may have failed while the SDK was loaded.
  if (body.errored !== null) abort()
  const linked = linkSignals([failed.signal, signal])
  try {
    return await send(linked.signal)
  } finally {
    linked.clear()
    body.off('error', abort)
  }
}
