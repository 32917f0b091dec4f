import type { ClientRequest } from 'node:http'
import { Readable } from 'node:stream'

/**
 * Sends a body with a request. A stream that fails, or closes before its end, ends the request with its error; a request
 * that ends destroys the stream.
 */
export function feedRequest(request: ClientRequest, body: Uint8Array | Readable | undefined): void {
  if (!(body instanceof Readable)) {
    request.end(body)
    return
  }
  let isAnswered = false
  request.once('response', (response) => {
    if (request.writableFinished) return
    // The server does not want the rest. A connection on which a body is still due serves no other request.
    isAnswered = true
    body.unpipe(request).destroy()
    response.once('end', () => request.destroy())
  })
  body.once('error', (error) => request.destroy(error))
  const close = (): void => {
    if (!body.readableEnded && !isAnswered) request.destroy(body.errored ?? new Error('the body closed before its end'))
  }
  request.once('close', () => body.destroy())
  if (body.destroyed) close()
  else body.once('close', close).pipe(request)
}

/** A body may fail before it is sent, or a second time, and must not end the process: the request shows its error. */
export function muteBody(body: Readable): void {
  body.on('error', () => {})
}
