import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isObject } from '../json.js'
import { readNodeBody } from './body.js'
import { type FrameworkRequest, type FrameworkResponse, takeResponse, unwrapRequest } from './framework.js'
import type { WebhookAnswer, WebhookHandler } from './handler.js'
import { serveWeb, type WebHandler } from './serve-web.js'

/** A handler of Node's requests, and of frameworks' own. */
export type NodeHandler = (
  request: IncomingMessage | FrameworkRequest,
  response: ServerResponse | FrameworkResponse,
  next?: (error?: unknown) => void,
) => Promise<void>

/**
 * Fits a webhook handler to Node's requests and those of frameworks: Express, NestJS, `node:http`, Fastify (its own
 * `request` and `reply`), Koa (`ctx.request` and `ctx.res`), Hapi (`request` and `request.raw.res`), Next.js pages.
 *
 * It reads the raw body itself, so mount it before `express.json()`. A raw body that an earlier reader kept is used when
 * its signature fits: as `rawBody`, or as `body` of `express.raw()` and `express.text()`. A body that was parsed, and
 * not kept, is answered with 500, and `onRejected` hears what to change.
 *
 * Any other web-standard handler is served in the same way, such as the `handler` of the file-system storage: its body
 * is streamed, a client that leaves aborts the request's `signal`, and the URL is the one that the client asked for,
 * below a mount path too.
 *
 * @returns a handler that answers every request. It rejects only with an InvalidOptionError, where what it got as the
 *   response can't be answered on. A connection whose body was refused unread is closed,
 *   and so is one whose answer a middleware's wrapper refuses. An answer that a middleware began is ended. What a
 *   web-standard handler throws goes to `next`, where there is one, else to `console.error`, and is answered with 500.
 * @throws InvalidOptionError for anything but a handler.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { createWebhookHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'
 *
 * const handler = createWebhookHandler({ appSecret: 'app-secret', verifyToken: 'verify-token', onPayload: console.log })
 * const server = createServer(toNodeHandler(handler)).listen(0)
 * // In Express: app.all('/webhook', toNodeHandler(handler)), before express.json();
 * // and app.use('/media', toNodeHandler(storage.handler)) for the files of the file-system storage.
 * await new Promise((resolve) => server.close(resolve))
 * await handler.close()
 * ```
 */
export function toNodeHandler(handler: Pick<WebhookHandler, 'receive'> | WebHandler): NodeHandler {
  if (isReceiver(handler)) {
    return async (request, response) => receive(handler, { given: request, response: takeResponse(response) })
  }
  if (typeof handler === 'function') {
    return async (request, response, next) =>
      serveWeb(handler, { request: unwrapRequest(request), given: request, response: takeResponse(response), next })
  }
  const isStorage = isObject(handler) && typeof handler['handler'] === 'function'
  const hint = isStorage ? ': give it storage.handler' : ''
  throw new InvalidOptionError({
    option: 'handler',
    problem: `must be a function of a Request, such as what createWebhookHandler returns, got ${describeValue(handler)}${hint}`,
  })
}

function isReceiver(handler: unknown): handler is Pick<WebhookHandler, 'receive'> {
  return (typeof handler === 'function' || isObject(handler)) && typeof Reflect.get(handler, 'receive') === 'function'
}

async function receive(
  handler: Pick<WebhookHandler, 'receive'>,
  { given, response }: { given: IncomingMessage | FrameworkRequest; response: ServerResponse },
): Promise<void> {
  const request = unwrapRequest(given)
  const answer = await handler.receive({
    get method() {
      return request.method ?? ''
    },
    get query() {
      const { url = '' } = request
      return url.includes('?') ? url.slice(url.indexOf('?')) : ''
    },
    header: (name) => request.headers[name],
    readBody: (limits) => readNodeBody(given, limits),
  })
  try {
    sendAnswer(answer, { request, response })
  } catch {
    // The wrapper of a middleware threw: the sender must not wait for an answer that never ends.
    destroyResponse(response)
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
