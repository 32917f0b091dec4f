import { Readable } from 'node:stream'
import { linkSignals } from '../../../timing/abort.js'
import { readExactly } from '../../checked-body.js'

/** A body on its way, of exactly as many bytes as were announced. */
export interface ExactBody {
  readonly stream: Readable
  /** Every byte was taken from it. Its `end` comes later: a fast store has answered by then. */
  isTaken(): boolean
  /** Aborts when the body itself fails, with its error; not when its reader breaks off. */
  readonly failed: AbortSignal
  /** Reads a body that should be empty, to its end. */
  readNothing(signal: AbortSignal | undefined): Promise<void>
}

/** @param size the bytes that the body must have, and the length that the request announces. */
export function createExactBody(size: number, body: Readable): ExactBody {
  const failing = new AbortController()
  let isComplete = false
  const onLast = (): void => {
    isComplete = true
  }
  const readBody = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* readExactly(body, { size, onLast })
    } catch (error) {
      failing.abort(error)
      throw error
    }
  }
  const stream = Readable.from(readBody())
  // A failure that nobody listens to any more must not end the process.
  stream.on('error', () => {})
  return {
    stream,
    failed: failing.signal,
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
  { failed }: Pick<ExactBody, 'failed'>,
  signal: AbortSignal | undefined,
  send: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  const linked = linkSignals([failed, signal])
  try {
    return await send(linked.signal)
  } finally {
    linked.clear()
  }
}
