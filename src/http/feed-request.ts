import type { ClientRequest } from 'node:http'
import { Readable } from 'node:stream'
import { joinWrites } from './join-writes.js'

/**
 * Sends a body with a request. A stream that fails, or closes before its end, ends the request with its error; a request
 * that ends destroys the stream.
 */
export function feedRequest(request: ClientRequest, body: Uint8Array | Readable | undefined): void {
  if (body instanceof Readable) feedStream(request, body)
  else request.end(body)
}

function feedStream(request: ClientRequest, body: Readable): void {
  let isAnswered = false
  body.once('error', (error) => request.destroy(error))
  const close = (): void => {
    if (!body.readableEnded && !isAnswered) request.destroy(body.errored ?? new Error('the body closed before its end'))
  }
  if (body.destroyed) {
    close()
    return
  }
  const stop = joinWrites(request, body.once('close', close))
  request.once('response', (response) => {
    if (request.writableFinished) return
    // The server does not want the rest. A connection on which a body is still due serves no other request.
    isAnswered = true
    stop()
    body.destroy()
    response.once('end', () => request.destroy())
  })
  request.once('close', () => {
    stop()
    body.destroy()
  })
}

/** A body may fail before it is sent, or a second time, and must not end the process: the request shows its error. */
export function muteBody(body: Readable): void {
  body.on('error', () => {})
}
