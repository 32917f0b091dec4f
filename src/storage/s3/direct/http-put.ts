import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { untilAborted } from '../sdk/body.js'
import { answerError } from './error-answer.js'
import { createS3Feed, type S3Feed } from './feed.js'
import { pathOf, type S3Address, type S3Credentials, type S3Signer } from './signature-v4.js'

export interface S3PutRequest {
  address: S3Address
  credentials: S3Credentials
  key: string
  /** Bytes in the body. */
  size: number
  /** SHA-256 of the body, lowercase hex: signed, so that stores that know no checksums refuse other bytes too. */
  sha256: string
  /** Lower-case names, without Content-Length. */
  headers: Readonly<Record<string, string>>
  signal: AbortSignal | undefined
}

/** What a store says of an object that it took. */
export interface S3PutAnswer {
  etag: string | undefined
  /** The store's own SHA-256, in base64. */
  checksum: string | undefined
  /** It came before the body's end was sent, so it can't speak of the whole. */
  isEarly: boolean
}

/**
 * PutObject over `node:http(s)`: what the AWS SDK would send, signed here, for a third of its CPU time. One plain body
 * with its length, never chunked, without a wait for "100 Continue".
 */
export interface S3Put {
  /**
   * Sends `body`, and resolves with an answer of success.
   *
   * Rejects with the body's own error, the signal's reason, an `IntegrityMismatchError` for a body of another size
   * (whose last chunk is never sent). The store's own errors come in the SDK's form: `Code`, `message`, `$metadata`,
   * `$response`.
   */
  put(body: Readable, request: S3PutRequest): Promise<S3PutAnswer>
  /** Ends its connections, those in use too. */
  close(): void
}

/** S3 refuses what is signed 15 minutes off (AWS: Authenticating requests); the SDK corrects its clock from 4 on. */
const SKEW_MS = 240_000

export function createS3Put(signer: S3Signer): S3Put {
  const transports = new Map<string, Transport>()
  /** By how much the store's clock is ahead of ours, in milliseconds. */
  let clockOffset = 0

  const transportFor = async ({ origin }: S3Address): Promise<Transport> => {
    const { protocol, hostname, port } = new URL(origin)
    // The module's object, not its names: tracers and test tools patch that.
    const { default: module } = await (protocol === 'http:' ? import('node:http') : import('node:https'))
    // Nagle's algorithm would hold small writes back until the peer's delayed acknowledgement, 40 ms each.
    const agent = new module.Agent({ keepAlive: true, noDelay: true })
    // Node's own name lists every option of TLS, for each request anew.
    agent.getName = () => origin
    // A URL has an IPv6 address in brackets.
    const transport = transports.get(origin) ?? { module, agent, host: hostname.replace(/^\[|\]$/g, ''), port }
    transports.set(origin, transport)
    return transport
  }

  const open = async (request: S3PutRequest): Promise<Open> => {
    const { address, credentials, key, size, sha256, headers } = request
    const { module, ...connection } = transports.get(address.origin) ?? (await transportFor(address))
    const unsigned = { ...headers, 'content-length': String(size), 'user-agent': 'whatsapp-media-archive' }
    return () => {
      const signedAt = new Date(Date.now() + clockOffset)
      const signed = signer.signHeaders(
        { method: 'PUT', key, headers: unsigned, sha256, signedAt },
        address,
        credentials,
      )
      return module.request({ ...connection, method: 'PUT', path: pathOf(address, key), headers: signed })
    }
  }

  const correctClock = ({ headers }: IncomingMessage): void => {
    // A cache answers with the time of another day.
    const offset = headers.age === undefined ? Date.parse(headers.date ?? '') - Date.now() : Number.NaN
    if (Math.abs(offset - clockOffset) >= SKEW_MS) clockOffset = offset
  }

  return {
    async put(body, request) {
      const answer = await exchange(await open(request), createS3Feed(body, request), request.signal)
      correctClock(answer.response)
      if (!isSuccess(answer.response)) throw answerError(answer.response, answer.text)
      const { etag, 'x-amz-checksum-sha256': checksum } = answer.response.headers
      return { etag, checksum: typeof checksum === 'string' ? checksum : undefined, isEarly: answer.isEarly }
    },
    close() {
      for (const { agent } of transports.values()) agent.destroy()
    },
  }
}

/** What the connections to one origin have in common. */
interface Transport {
  module: Pick<typeof import('node:http'), 'request'>
  agent: Agent
  host: string
  port: string
}

/** Begins the request: once, or again on another connection. */
type Open = () => ClientRequest

interface Answer {
  response: IncomingMessage
  text: string
  /** It came before the body's end was sent. */
  isEarly: boolean
}

/** Sends one body, and brings its answer. */
async function exchange(open: Open, feed: S3Feed, signal: AbortSignal | undefined): Promise<Answer> {
  let request: ClientRequest | undefined
  let answer: Answer | undefined
  try {
    signal?.throwIfAborted()
    for (;;) {
      request = open()
      feed.into(request)
      try {
        answer = await untilAborted(Promise.race([answerTo(request, feed), feed.broken]), signal)
        return answer
      } catch (error) {
        // The store had closed an idle connection, and told us while we sent.
        if (!request.reusedSocket || !feed.isRepeatable() || !isDeadConnection(error)) throw error
      }
    }
  } finally {
    feed.stop()
    // A connection on which something is still due serves no other request.
    if (answer === undefined || answer.isEarly || !answer.response.complete) request?.destroy()
  }
}

/** S3's own answers to a PUT have less than 1 KB. */
const MAX_ANSWER_BYTES = 65_536

/** The answer with its text. A status stands, whatever happens to the connection after it. */
function answerTo(request: ClientRequest, feed: S3Feed): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let isAnswered = false
    // It stays: a request that was given up may still fail.
    request.on('error', (error) => {
      if (!isAnswered) reject(error)
    })
    // After a 101 that nobody asked for, Node closes the connection, and tells of neither an answer nor an error.
    request.once('close', () => {
      if (!isAnswered) reject(withCode(new Error('the connection closed without an answer'), 'ECONNRESET'))
    })
    request.once('response', (response) => {
      isAnswered = true
      const isEarly = !feed.isWhole()
      if (isEarly) feed.stop()
      let text = ''
      const done = (): void => resolve({ response, text, isEarly })
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > MAX_ANSWER_BYTES) done()
      })
      response.once('end', done)
      response.once('error', () => {
        if (!isSuccess(response)) done()
        else reject(withCode(new Error('the answer broke off'), 'ERR_STREAM_PREMATURE_CLOSE'))
      })
    })
  })
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}

function withCode(error: Error, code: string): Error {
  return Object.assign(error, { code })
}

function isDeadConnection(error: unknown): boolean {
  const code: unknown = Reflect.get(Object(error), 'code')
  return code === 'ECONNRESET' || code === 'EPIPE'
}
