import type { ClientRequest } from 'node:http'
import type { Readable } from 'node:stream'
import { checkChunk } from '../../../errors/checks.js'
import { StorageFailedError } from '../../../errors.js'
import { holdLastChunk } from '../../checked-body.js'
import { createJoiningWriter } from './joining-writer.js'

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

/** The body's announced size, and the signal that stops it. */
interface FedBody {
  key: string
  /** Bytes. */
  size: number
  signal: AbortSignal | undefined
}

/** Feeds requests with a body, whose last chunk it holds back until the size is right. */
export function createS3Feed(body: Readable, { key, size, signal }: FedBody): S3Feed {
  const hold = holdLastChunk(size)
  const writer = createJoiningWriter(body)
  const { broken, breakOff } = createBreak()
  let last: Uint8Array | undefined
  let isWhole = false

  const fail = (error: unknown): void => {
    // At once: the body's next chunks may follow in the same turn.
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
      if (!isWhole) throw createCloseError(key)
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
  /** Gets the body's own error, and any error that the others throw. */
  fail(error: unknown): void
}

/** Listens to a body from its start, also when it has ended or failed already. */
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
      // A failure that nobody listens to any more must not end the process.
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

/** The body closed without end or error. */
function createCloseError(key: string): StorageFailedError {
  const reason = 'ERR_STREAM_PREMATURE_CLOSE'
  return new StorageFailedError({ operation: 'put', key, reason, retryable: true })
}

/** A promise that only ever rejects, and whose failure ends no process. */
function createBreak(): { broken: Promise<never>; breakOff: (error: unknown) => void } {
  let rejectBroken: ((error: unknown) => void) | undefined
  const broken = new Promise<never>((_resolve, reject) => {
    rejectBroken = reject
  })
  broken.catch(() => {})
  return { broken, breakOff: (error) => rejectBroken?.(error) }
}
