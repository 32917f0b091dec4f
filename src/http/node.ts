import type { Agent, IncomingMessage } from 'node:http'
import type { OnReadOpts, Socket } from 'node:net'
import { isError } from '../errors/thrown.js'
import type { HttpClient } from './client.js'

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
