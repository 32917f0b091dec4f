import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createFailureLog } from '../errors/failure-log.js'
import { readField } from '../errors/thrown.js'
import { InvalidOptionError } from '../errors.js'
import { type FrameworkRequest, findFramework } from './framework.js'
import { adviseOnParsedBody, findKeptBodies } from './parsed-body.js'

/** A web-standard handler. */
export type WebHandler = (request: Request) => Response | Promise<Response>

/** The two ends of an exchange on Node. */
export interface NodeExchange {
  request: IncomingMessage
  /** The framework's own request, or Node's. */
  given: IncomingMessage | FrameworkRequest
  response: ServerResponse
  /** Hears of failures in place of the log: Express answers them as the app says. */
  next?: ((error?: unknown) => void) | undefined
}

/** Answers one request of Node's with a web-standard handler. Never rejects. */
export async function serveWeb(handle: WebHandler, exchange: NodeExchange): Promise<void> {
  const { response } = exchange
  const gone = new AbortController()
  const leave = (): void => {
    if (!response.writableFinished) gone.abort()
  }
  response.once('close', leave)
  try {
    const web = toWebRequest(exchange, gone.signal)
    const answer = web === undefined ? refuseMethod() : await handle(web)
    await sendWebAnswer(answer, exchange)
  } catch (error) {
    settleFailure(error, exchange)
  }
}

const PLAIN = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }

function refuseMethod(): Response {
  return new Response('Method Not Allowed', { status: 405, headers: PLAIN })
}

const logFailure = createFailureLog()

function settleFailure(error: unknown, { response, next }: NodeExchange): void {
  const isUnderWay = response.headersSent || response.destroyed
  if (!isUnderWay && next !== undefined) {
    next(error)
    return
  }
  // A client that left is no failure.
  if (!response.destroyed || readField(error, 'code') !== 'ERR_STREAM_PREMATURE_CLOSE') {
    logFailure('handler', {
      told: 'a web-standard handler on Node failed. Catch the error in it, or give next, to get the whole error.',
      error,
    })
  }
  // An answer under way can only be cut off.
  if (isUnderWay) response.destroy()
  else response.writeHead(500, PLAIN).end('Internal Server Error')
}

/** Undefined for a method that no `Request` may have. */
function toWebRequest(exchange: NodeExchange, signal: AbortSignal): Request | undefined {
  const { request } = exchange
  const { method = 'GET' } = request
  // Fetch standard, "forbidden method".
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) return undefined
  const headers = new Headers()
  for (const [name, value = ''] of Object.entries(request.headers)) {
    // HTTP/2 has its method and path among the headers.
    if (!name.startsWith(':')) headers.set(name, String(value))
  }
  const body = method === 'GET' || method === 'HEAD' ? null : readWebStream(exchange)
  return new Request(buildUrl(request), { method, headers, signal, body, ...{ duplex: 'half' } })
}

/** The URL that the client asked for: Express takes the mount path off `url`. */
function buildUrl(request: IncomingMessage): URL {
  const original: unknown = Reflect.get(request, 'originalUrl')
  const target = (typeof original === 'string' ? original : request.url) ?? '/'
  const scheme = readField(request.socket, 'encrypted') === true ? 'https' : 'http'
  const authority = request.headers.host ?? String(request.headers[':authority'] ?? 'localhost')
  const origin = `${scheme}://${authority}`
  const base = URL.canParse(origin) ? new URL(origin) : new URL(`${scheme}://localhost`)
  // Proxies send whole URLs, and `//a` is a path here.
  const path = /^https?:\/\/[^/]*(.*)$/i.exec(target)?.[1] ?? target
  return new URL(`${base.origin}${path.startsWith('/') ? path : `/${path}`}`)
}

/** The body as a stream that is read as fast as the handler does. */
function readWebStream({ request, given }: NodeExchange): ReadableStream<Uint8Array> {
  if (!request.readableDidRead) return ReadableStream.from(request)
  const [kept] = findKeptBodies(given, request)
  return new ReadableStream({
    start(controller) {
      if (kept === undefined) {
        const problem = adviseOnParsedBody(findFramework(given))
        return controller.error(new InvalidOptionError({ option: 'request.body', problem }))
      }
      controller.enqueue(kept)
      controller.close()
    },
  })
}

async function sendWebAnswer(answer: Response, { request, response }: NodeExchange): Promise<void> {
  const { status, statusText, headers, body } = answer
  // A time limit of a middleware may have answered meanwhile, or the client has left.
  if (response.headersSent || response.destroyed) return void (await body?.cancel())
  const cookies = headers.getSetCookie()
  for (const [name, value] of headers) response.setHeader(name, name === 'set-cookie' ? cookies : value)
  if (statusText !== '') response.statusMessage = statusText
  // To keep the connection is to read the rest of a body that may have no end.
  if (!request.complete) response.setHeader('connection', 'close')
  response.writeHead(status)
  if (body === null || request.method === 'HEAD') {
    response.end()
    return void (await body?.cancel())
  }
  await pipeline(Readable.fromWeb(body), response)
}
