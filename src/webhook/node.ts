import type { IncomingMessage, ServerResponse } from 'node:http'
import { readNodeBody } from './body.js'
import type { WebhookAnswer, WebhookHandler } from './handler.js'

/**
 * Fits a webhook handler to Node's requests: Express, `node:http`, Fastify (`reply.hijack()`, then `request.raw` and
 * `reply.raw`), Next.js pages.
 *
 * It reads the raw body itself, so mount it before `express.json()`: a body that another reader has taken is answered
 * with 500, and `onRejected` hears how to fix it. Bytes that `express.raw()` or a framework's `rawBody` option kept
 * are used.
 *
 * @returns a handler that answers every request and never rejects. A connection whose body was refused unread is closed,
 *   and so is one whose answer a middleware's wrapper refuses. An answer that a middleware began is ended.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { createWebhookHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'
 *
 * const handler = createWebhookHandler({ appSecret: 'app-secret', verifyToken: 'verify-token' })
 * const server = createServer(toNodeHandler(handler)).listen(0)
 * // In Express: app.all('/webhook', toNodeHandler(handler)), before express.json().
 * await new Promise((resolve) => server.close(resolve))
 * await handler.close()
 * ```
 */
export function toNodeHandler(
  handler: Pick<WebhookHandler, 'receive'>,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const answer = await handler.receive({
      get method() {
        return request.method ?? ''
      },
      get query() {
        const { url = '' } = request
        return url.includes('?') ? url.slice(url.indexOf('?')) : ''
      },
      header: (name) => request.headers[name],
      readBody: (limits) => readNodeBody(request, limits),
    })
    try {
      sendAnswer(answer, { request, response })
    } catch {
      // The wrapper of a middleware threw: the sender must not wait for an answer that never ends.
      destroyResponse(response)
    }
  }
}

function sendAnswer(
  { status, headers, body }: WebhookAnswer,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
): void {
  // A time limit of a middleware may have answered meanwhile.
  if (response.writableEnded) return
  if (response.headersSent) {
    // It began an answer and left it open. Should it still write, the error has no other listener.
    response.on('error', () => {})
    response.end()
    return
  }
  // To keep the connection is to read the rest of a body that may have no end.
  response.writeHead(status, request.complete ? headers : { ...headers, connection: 'close' })
  response.end(body)
}

function destroyResponse(response: ServerResponse): void {
  try {
    response.destroy()
  } catch {
    // A wrapped response can refuse this, too; nothing is left to try.
  }
}
