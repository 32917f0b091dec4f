import type { IncomingMessage, ServerResponse } from 'node:http'
import { readNodeBody } from './body.js'
import type { WebhookHandler } from './handler.js'

/**
 * Fits a webhook handler to Node's requests: Express, `node:http`, Fastify (`reply.hijack()`, then `request.raw` and
 * `reply.raw`), Next.js pages.
 *
 * It reads the raw body itself, so mount it before `express.json()`: a body that another reader has taken is answered
 * with 500, and `onRejected` hears how to fix it. Bytes that `express.raw()` or a framework's `rawBody` option kept
 * are used.
 *
 * @returns a handler that answers every request and never rejects. A connection whose body was refused unread is closed.
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
    const { status, headers, body } = await handler.receive({
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
    // A time limit of a middleware may have answered meanwhile.
    if (response.headersSent) return
    // To keep the connection is to read the rest of a body that may have no end.
    response.writeHead(status, request.complete ? headers : { ...headers, connection: 'close' })
    response.end(body)
  }
}
