import type { ClientRequest, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFlag, checkWhole } from '../errors/checks.js'
import { isError } from '../errors/thrown.js'
import { InvalidOptionError } from '../errors.js'
import { MAX_TIMER_MS } from '../timing/abort.js'
import { checkAgents, type HttpAgents } from './agents.js'
import type { HttpClient, HttpRequest, HttpResponse } from './client.js'
import { feedRequest, muteBody } from './feed-request.js'
import { copyReadPieces, reuseReadBuffer } from './read-buffer.js'
import { SILENT_SOCKET_MS, watchRequest } from './reused-socket.js'
import { createTransports, readHost, type Transport } from './transport.js'

/** Options of `createNodeHttpClient`. */
export interface NodeHttpClientOptions {
  /**
   * Makes the connections, through a proxy say. `close()` leaves it open. Hosts are checked before a request gets to it.
   * Default: agents of this client's own, with keep-alive.
   */
  agent?: HttpAgents | undefined
  /**
   * Connections to one host at once. Default: no limit, or that of `agent`. A request that waits for one counts as
   * one without an answer.
   */
  maxSockets?: number | undefined
  /**
   * How long an idle connection stays open, in milliseconds. Default 4,000, or what `agent` does: networks forget
   * connections that are idle for longer.
   */
  keepAliveMs?: number | undefined
  /**
   * Each connection reads into one buffer of its own, which saves a tenth of a large file's CPU time. `false` leaves
   * Node's connections as they are, and those of `agent` always are. Default true.
   */
  reuseReadBuffer?: boolean | undefined
}

const CLIENT_OPTIONS: OptionNames<NodeHttpClientOptions> = {
  ...{ agent: true, maxSockets: true, keepAliveMs: true, reuseReadBuffer: true },
}

/**
 * The default HTTP client: `node:http(s)` over keep-alive connections. It loads nothing but Node and decodes nothing. A
 * GET that dies on a connection which was idle before, without a byte of an answer, is sent again once, on a new one.
 *
 * @returns the client, and `close()` that ends its connections, those in use too, but for those of `agent`.
 * @throws InvalidOptionError
 */
export function createNodeHttpClient(options: NodeHttpClientOptions = {}): HttpClient & {
  /** Ends the connections of its own agents. */
  close(): void
} {
  checkOptions(options, CLIENT_OPTIONS)
  const { agent, maxSockets, keepAliveMs, reuseReadBuffer: isReused = true } = options
  if (agent !== undefined) checkAgents(agent)
  for (const [option, value] of Object.entries({ maxSockets, keepAliveMs })) {
    if (agent === undefined || value === undefined) continue
    throw new InvalidOptionError({ option, problem: 'does not go with agent: set it at the agent' })
  }
  if (maxSockets !== undefined && maxSockets !== Number.POSITIVE_INFINITY) checkWhole('maxSockets', maxSockets)
  if (keepAliveMs !== undefined) checkWhole('keepAliveMs', keepAliveMs, { most: MAX_TIMER_MS })
  checkFlag('reuseReadBuffer', isReused)
  const prepare = isReused ? reuseReadBuffer : undefined
  const transports = createTransports({ agent, maxSockets, keepAliveMs, prepare })
  const send: HttpClient = async (request) => {
    const { signal, body } = request
    if (body instanceof Readable) muteBody(body)
    try {
      signal.throwIfAborted()
      const url = new URL(request.url)
      const transport = await transports.open(url.protocol)
      signal.throwIfAborted()
      const isGet = request.method === 'GET'
      return await (isGet ? ask(transport, url, request) : exchange(begin(transport, url, request), request))
    } catch (error) {
      if (body instanceof Readable) body.destroy()
      throw error
    }
  }
  return Object.assign(send, { close: transports.close })
}

/** A GET: again, once, on a new connection where the first was forgotten. */
async function ask(transport: Transport, url: URL, request: HttpRequest): Promise<HttpResponse> {
  const first = begin(transport, url, request)
  const { silentMs = SILENT_SOCKET_MS, signal } = request
  const { isForgotten } = watchRequest(first, { agent: transport.agent, silentMs })
  try {
    return await exchange(first, request)
  } catch (error) {
    if (signal.aborted || !isForgotten()) throw error
    return exchange(begin(transport, url, request), request)
  }
}

function begin({ module, agent }: Transport, url: URL, { method, headers, body }: HttpRequest): ClientRequest {
  return module.request({
    method,
    agent,
    protocol: url.protocol,
    host: readHost(url),
    port: url.port,
    path: url.pathname + url.search,
    headers: types.isUint8Array(body) ? { ...headers, 'content-length': body.byteLength } : headers,
  })
}

/** Sends the body, and brings the answer. */
function exchange(request: ClientRequest, { body, signal }: HttpRequest): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined
    const abort = (): void => {
      const reason = isError(signal.reason) ? signal.reason : new Error('aborted')
      // A body that has arrived but is unread must break off too: destroying the request alone would end it early, as if whole.
      answer?.destroy(reason)
      request.destroy(reason)
      // A request that still waits for a free connection never reports its end.
      fail(signal.reason)
    }
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', abort)
      reject(error)
    }
    // After a 101 that nobody asked for, Node closes the connection, and reports neither an answer nor an error.
    const closed = (): void =>
      fail(Object.assign(new Error('the connection closed without an answer'), { code: 'ECONNRESET' }))
    signal.addEventListener('abort', abort, { once: true })
    request.on('error', fail)
    request.once('close', closed)
    request.once('response', (response) => {
      answer = response
      copyReadPieces(response)
      request.off('close', closed)
      response.once('close', () => signal.removeEventListener('abort', abort))
      // Every answer has a status; only a server's own requests have none.
      resolve({ status: Number(response.statusCode), headers: readRawHeaders(response), body: response })
    })
    feedRequest(request, body)
  })
}

/** In place of `headers`, which drops repetitions of some names. */
function readRawHeaders({ rawHeaders }: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at]?.toLowerCase(), rawHeaders[at + 1]]
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  return headers
}

/** The client of the whole process, made at first use. */
let defaultClient: HttpClient | undefined

export function getDefaultHttpClient(): HttpClient {
  defaultClient ??= createNodeHttpClient()
  return defaultClient
}
