import type { Agent, IncomingMessage } from 'node:http'
import type { OnReadOpts, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { isError } from './errors/thrown.js'
import { DownloadFailedError } from './errors.js'

/**
 * One request, one answer. An implementation never follows redirects, never decodes bodies and never retries: the
 * library does the first and the last itself, with its own rules, and refuses encoded bodies. It rejects when no answer comes,
 * with the signal's reason when that aborted. Whoever gets the answer reads or destroys its body.
 */
export type HttpClient = (request: HttpRequest) => Promise<HttpResponse>

export interface HttpRequest {
  method: 'GET' | 'POST' | 'DELETE'
  url: string
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  body?: Uint8Array
  signal: AbortSignal
}

export interface HttpResponse {
  status: number
  /** Lower-case names; repeated headers joined by a comma and a space. */
  headers: Readonly<Record<string, string>>
  body: Readable
}

/**
 * Asks with any client: one that throws, or gives no answer, rejects as one does that found the network down. Made here,
 * the request's headers can't throw elsewhere.
 */
export async function ask(
  http: HttpClient,
  makeRequest: () => HttpRequest,
  { phase }: { phase: 'look-up' | 'download' },
): Promise<HttpResponse> {
  const request = makeRequest()
  const response: Partial<HttpResponse> | null | undefined = await http(request)
  const { status, headers, body } = response ?? {}
  if (typeof status === 'number' && body instanceof Readable && headers !== undefined && Object(headers) === headers) {
    return { status, headers: headersOf({ headers }), body }
  }
  const problem = 'the HTTP client gave no answer with status, headers and a Node stream as body'
  throw new DownloadFailedError({ host: new URL(request.url).host, problem, phase })
}

/** A client of the user's own may pass on what its library has: lists of values, numbers, names in capitals, a `Headers`. */
export function headersOf(response: Partial<HttpResponse> | null | undefined): Record<string, string> {
  const given: object = Object(response?.headers)
  const headers: Record<string, string> = {}
  for (const entry of isIterable(given) ? given : Object.entries(given)) {
    const [name, value]: unknown[] = Array.isArray(entry) ? entry : []
    const isTold = typeof value === 'string' || typeof value === 'number' || Array.isArray(value)
    if (isTold) headers[String(name).toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value)
  }
  return headers
}

/** Not `instanceof Headers`: its mere name loads all of Node's fetch, which costs as much as this library. */
function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value
}

/** Whether an answer's body is other than its bytes: neither Content-Length nor hash would then mean anything. */
export function isEncoded({ 'content-encoding': encoding = '' }: Readonly<Record<string, string>>): boolean {
  return !['', 'identity'].includes(encoding.trim().toLowerCase())
}

/** Statuses that may be different next time, whoever sent them: a proxy, a BSP, a media host or a store. */
export function isPassingStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500
}

/** The longest wait that a server may ask of us in one answer: a day. Beyond that the header is a mistake or an attack. */
export const MAX_RETRY_AFTER_MS = 86_400_000

/** RFC 9110, section 5.6.7: the two forms that name their time zone. */
const HTTP_DATE = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * The milliseconds that a `Retry-After` header asks for, in seconds or as a date (RFC 9110, section 10.2.3): none for
 * nonsense, at most a day.
 */
export function readRetryAfter(header: unknown): number | undefined {
  const ms = typeof header === 'string' ? parseRetryAfter(header.trim()) : Number.NaN
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS)
}

function parseRetryAfter(header: string): number {
  if (/^\d+$/.test(header)) return Number(header) * 1_000
  // Date.parse alone finds a date in almost anything: it takes "in 5" for a day in May 2001.
  return HTTP_DATE.test(header) ? Date.parse(header) - Date.now() : Number.NaN
}

/**
 * The default HTTP client: `node:http(s)` over keep-alive connections. It loads nothing but Node and decodes nothing.
 *
 * @param options `maxSockets`: connections to one host at once. Default: no limit; as many as
 * the caller runs transfers. A request that waits for a connection counts as one without an answer.
 * @returns the client, and `close()` that ends its connections, those in use too.
 */
export function createNodeHttpClient(options: { maxSockets?: number } = {}): HttpClient & { close(): void } {
  const { maxSockets = Number.POSITIVE_INFINITY } = options
  const transports = new Map<string, Transport>()

  const transportFor = async (protocol: string): Promise<Transport> => {
    const { default: module } = await (protocol === 'http:' ? import('node:http') : import('node:https'))
    const agent = new module.Agent({ keepAlive: true, maxSockets, noDelay: true })
    const connect = agent.createConnection.bind(agent)
    agent.createConnection = (options, connected) =>
      connect(Object.assign({}, options, { onread: readingInto(protocol) }), connected)
    // All its requests have the other options in common, which Node's own name lists one by one for each request.
    agent.getName = ({ host, port } = {}) => `${host}:${port}`
    const transport = transports.get(protocol) ?? { module, agent }
    transports.set(protocol, transport)
    return transport
  }

  const send: HttpClient = async ({ method, url, headers, body, signal }) => {
    signal.throwIfAborted()
    const { protocol, hostname, port, pathname, search } = new URL(url)
    // Imported at the first request: it costs as much as a fifth of this library.
    const { module, agent } = transports.get(protocol) ?? (await transportFor(protocol))
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const request = module.request({
        method,
        agent,
        protocol,
        // A URL has an IPv6 address in brackets.
        host: hostname.replace(/^\[|\]$/g, ''),
        port,
        path: pathname + search,
        headers: body === undefined ? headers : { ...headers, 'content-length': body.byteLength },
      })
      let answer: IncomingMessage | undefined
      const abort = (): void => {
        const reason = asError(signal.reason)
        // A body that has arrived but is unread must break off too: destroying the request alone would end it early, as if whole.
        answer?.destroy(reason)
        request.destroy(reason)
        // A request that still waits for a free connection never tells of its end.
        fail(signal.reason)
      }
      const fail = (error: unknown): void => {
        signal.removeEventListener('abort', abort)
        reject(error)
      }
      // After a 101 that nobody asked for, Node closes the connection, and tells of neither an answer nor an error.
      const closed = (): void =>
        fail(Object.assign(new Error('the connection closed without an answer'), { code: 'ECONNRESET' }))
      signal.addEventListener('abort', abort, { once: true })
      request.on('error', fail)
      request.once('close', closed)
      request.once('response', (response) => {
        answer = response
        ownPieces(response)
        request.off('close', closed)
        response.once('close', () => signal.removeEventListener('abort', abort))
        // Every answer has a status; only a server's own requests have none.
        resolve({ status: Number(response.statusCode), headers: plainHeaders(response), body: response })
      })
      request.end(body)
    })
  }

  return Object.assign(send, {
    close() {
      for (const { agent } of transports.values()) agent.destroy()
    },
  })
}

interface Transport {
  module: Pick<typeof import('node:http'), 'request'>
  agent: Agent
}

/** TLS decrypts so many bytes at a time; TCP is asked for so many (libuv). */
const READ_BYTES = { https: 16_384, http: 65_536 }

/** The memory that connections read into. */
const readInto = new WeakSet<object>()

/**
 * One buffer a connection for all that it reads: Node's own way makes one for each read, outside V8's heap, and the
 * garbage collector then runs for those (Node: `onread` of socket.connect).
 */
function readingInto(protocol: string): OnReadOpts {
  const buffer = Buffer.allocUnsafeSlow(protocol === 'https:' ? READ_BYTES.https : READ_BYTES.http)
  readInto.add(buffer.buffer)
  return {
    buffer,
    callback(this: Socket, length) {
      this.emit('data', buffer.subarray(0, length))
      return true
    },
  }
}

/** Node's parser copies what it passes on. Should it ever not, the next read would change what was passed on. */
function ownPieces(response: IncomingMessage): void {
  const push = response.push.bind(response)
  response.push = (piece: unknown, encoding) =>
    push(piece instanceof Uint8Array && readInto.has(piece.buffer) ? Uint8Array.from(piece) : piece, encoding)
}

/** The process-wide default, made at first use. */
let defaultClient: HttpClient | undefined

export function defaultHttpClient(): HttpClient {
  defaultClient ??= createNodeHttpClient()
  return defaultClient
}

/**
 * The part of `fetch` that this library calls. `globalThis.fetch`, undici's, node-fetch's and most wrappers fit.
 */
export type FetchLike = (
  url: string,
  init: {
    method: string
    headers: Record<string, string>
    body?: ArrayBuffer
    redirect: 'manual'
    signal: AbortSignal
  },
) => Promise<FetchLikeResponse>

export interface FetchLikeResponse {
  status: number
  type?: string
  headers: { forEach(callback: (value: string, name: string) => void): void }
  body: ReadableStream<Uint8Array> | NodeJS.ReadableStream | null
}

/**
 * Adapts a `fetch` that shows redirects (`redirect: 'manual'` with a real 3xx, as Node's does).
 *
 * A `fetch` decodes encoded bodies behind our back, after which neither Content-Length nor caps mean anything; so an
 * answer with a Content-Encoding header is refused.
 *
 * @throws DownloadFailedError when the fetch hides a redirect, or the answer has a Content-Encoding.
 */
export function fromFetch(fetch: FetchLike): HttpClient {
  return async ({ method, url, headers, body, signal }) => {
    const response = await fetch(url, {
      method,
      headers: { ...headers },
      redirect: 'manual',
      signal,
      ...(body === undefined ? {} : { body: new Uint8Array(body).buffer }),
    })
    const { host } = new URL(url)
    if (response.type === 'opaqueredirect' || response.status === 0) {
      throw new DownloadFailedError({ host, problem: 'this fetch hides redirects', retryable: false })
    }
    const answer: Record<string, string> = {}
    response.headers.forEach((value, name) => {
      answer[name.toLowerCase()] = value
    })
    const stream = toReadable(response.body)
    stream.on('error', () => {})
    if (isEncoded(answer)) {
      stream.destroy()
      throw new DownloadFailedError({ host, problem: 'the answer has a Content-Encoding', retryable: false })
    }
    return { status: response.status, headers: answer, body: stream }
  }
}

function toReadable(body: FetchLikeResponse['body']): Readable {
  if (body === null) return Readable.from([])
  if (body instanceof Readable) return body
  if ('getReader' in body) return Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])
  return new Readable().wrap(body)
}

/** `rawHeaders`, because `headers` drops repetitions of some names. */
function plainHeaders({ rawHeaders }: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at]?.toLowerCase(), rawHeaders[at + 1]]
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  return headers
}

function asError(reason: unknown): Error {
  return isError(reason) ? reason : new Error('aborted')
}
