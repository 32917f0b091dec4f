import type { IncomingMessage } from 'node:http'

export interface BodyLimits {
  maxBytes: number
  timeoutMs: number
}

/** The body's bytes, or why there are none. */
export type ReadBody = Uint8Array | 'too-large' | 'body-timeout' | 'body-aborted' | 'body-already-parsed'

/** Reads a `Request`'s body, and cancels what it does not take. Never rejects. */
export async function readWebBody(request: Request, limits: BodyLimits): Promise<ReadBody> {
  if (request.bodyUsed || request.body?.locked === true) return 'body-already-parsed'
  if (request.body === null) return new Uint8Array()
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader()
  const body = collectBody(limits.maxBytes)
  const stop = (): void => void reader.cancel().catch(() => {})
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    // Ends the read that is waiting.
    stop()
  }, limits.timeoutMs)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (isLate) return 'body-timeout'
      if (done) return body.bytes()
      if (body.add(value)) continue
      stop()
      return 'too-large'
    }
  } catch {
    return 'body-aborted'
  } finally {
    clearTimeout(timer)
  }
}

/** Reads a Node request's body. Never rejects. After a refusal, close the connection: more may be on its way. */
export function readNodeBody(request: IncomingMessage, limits: BodyLimits): ReadBody | Promise<ReadBody> {
  // Another reader's encoding would hand us text in place of bytes.
  if (request.readableDidRead || request.readableEncoding !== null) {
    const kept = keptBytes(request)
    if (kept === undefined) return 'body-already-parsed'
    return kept.byteLength > limits.maxBytes ? 'too-large' : kept
  }
  // A client that was gone before we listened will not say so again.
  if (request.destroyed) return 'body-aborted'
  const body = collectBody(limits.maxBytes)
  return new Promise((resolve) => {
    const settle = (outcome: ReadBody): void => {
      clearTimeout(timer)
      resolve(outcome)
    }
    const timer = setTimeout(settle, limits.timeoutMs, 'body-timeout')
    request.on('data', (chunk: Uint8Array) => {
      if (!body.add(chunk)) settle('too-large')
    })
    request.on('end', () => settle(body.bytes()))
    // An error that nobody hears would end the process; a request can also just close.
    request.on('error', () => settle('body-aborted'))
    request.on('close', () => settle('body-aborted'))
  })
}

/** The raw bytes that someone before us read and kept: `express.raw()`, NestJS's and Google Cloud Functions' `rawBody`. */
function keptBytes(request: IncomingMessage): Uint8Array | undefined {
  for (const name of ['rawBody', 'body']) {
    const bytes: unknown = Reflect.get(request, name)
    if (bytes instanceof Uint8Array) return bytes
  }
  return undefined
}

/**
 * Puts a body together in one growing block. Kept as they come, a body of one-byte chunks would take a hundred times
 * its size in memory.
 */
function collectBody(maxBytes: number): { add(chunk: Uint8Array): boolean; bytes(): Uint8Array } {
  let block: Uint8Array = new Uint8Array()
  let size = 0
  return {
    /** False when the body would become larger than allowed. */
    add(chunk) {
      const newSize = size + chunk.byteLength
      if (newSize > maxBytes) return false
      if (newSize > block.byteLength) {
        // Most webhooks are one chunk: it is the block then.
        const larger = size === 0 ? chunk : new Uint8Array(Math.min(maxBytes, 2 * newSize))
        if (size > 0) larger.set(block.subarray(0, size))
        block = larger
      }
      if (size > 0) block.set(chunk, size)
      size = newSize
      return true
    },
    bytes: () => (size === block.byteLength ? block : block.subarray(0, size)),
  }
}
