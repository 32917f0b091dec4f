import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { readField } from '../../../errors/thrown.js'
import type { HttpAgents } from '../../../http/agents.js'
import { endIdleSockets } from '../../../http/reused-socket.js'
import { createTransports, readHost } from '../../../http/transport.js'
import { abortable } from '../../../timing/abort.js'
import { findPage } from '../../refusal.js'
import { buildPath } from '../encode.js'
import type { S3PutAnswer } from '../object.js'
import { rememberSignature } from '../secrets.js'
import type { S3Clock } from './clock.js'
import { toSdkError } from './error-answer.js'
import { createS3Feed, type S3Feed } from './feed.js'
import type { S3Address, S3Credentials, S3Signer } from './signature-v4.js'

export interface HttpPutRequest {
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

/**
 * PutObject over `node:http(s)`: the request that the AWS SDK would send, signed here, for a third of its CPU time. One
 * plain body with its length, never chunked, without a wait for "100 Continue".
 */
export interface HttpPut {
  /**
   * Sends `body`, and resolves with an answer of success.
   *
   * Rejects with the body's own error, the signal's reason, an `IntegrityMismatchError` for a body of another size
   * (whose last chunk is never sent). The store's own errors come in the SDK's form: `Code`, `message`, `$metadata`,
   * `$response`.
   */
  put(body: Readable, request: HttpPutRequest): Promise<S3PutAnswer>
  /** Ends its connections, those in use too, but for those of an agent that was given. */
  close(): void
}

export function createHttpPut({
  signer,
  clock,
  agent,
}: {
  signer: S3Signer
  clock: S3Clock
  agent: HttpAgents | undefined
}): HttpPut {
  const transports = createTransports({ agent })

  const prepare = async (request: HttpPutRequest): Promise<PreparedPut> => {
    const { address, credentials, key, size, sha256, headers } = request
    const url = new URL(address.origin)
    const { module, agent } = await transports.open(url.protocol)
    const unsigned = { ...headers, 'content-length': String(size), 'user-agent': 'whatsapp-media-archive' }
    const target = {
      agent,
      host: readHost(url),
      port: url.port,
      method: 'PUT',
      path: buildPath(address.path, key),
    } as const
    let signed: Readonly<Record<string, string>> = {}
    const begin = (): ClientRequest => {
      signed = signer.signHeaders(
        { method: 'PUT', key, headers: unsigned, sha256, signedAt: clock.now() },
        address,
        credentials,
      )
      return module.request({ ...target, headers: signed })
    }
    return { begin, agent, findSigned: () => signed }
  }

  return {
    async put(body, request) {
      const prepared = await prepare(request)
      const { response, text, isEarly } = await sendBody(prepared, createS3Feed(body, request), request.signal)
      clock.correct(response.headers)
      if (!isSuccess(response)) {
        const error = toSdkError({ status: response.statusCode, headers: response.headers }, text)
        throw rememberSignature(error, prepared.findSigned())
      }
      return { ...readSuccess(response), isEarly }
    },
    close: transports.close,
  }
}

interface PreparedPut {
  /** Begins the request: once, or again on another connection. */
  begin: () => ClientRequest
  agent: Agent
  /** The headers of the last request. */
  findSigned(): Readonly<Record<string, string>>
}

interface HttpPutAnswer {
  response: IncomingMessage
  text: string
  /** It came before the body's end was sent. */
  isEarly: boolean
}

/** Sends one body, and brings its answer. */
async function sendBody(
  { begin, agent }: PreparedPut,
  feed: S3Feed,
  signal: AbortSignal | undefined,
): Promise<HttpPutAnswer> {
  let request: ClientRequest | undefined
  let answer: HttpPutAnswer | undefined
  try {
    signal?.throwIfAborted()
    while (answer === undefined) {
      request = begin()
      feed.into(request)
      try {
        answer = await abortable(Promise.race([readPutAnswer(request, feed), feed.broken]), signal)
      } catch (error) {
        const isDead = isDeadConnection(request, error)
        // Those beside it have most likely met the same end.
        if (isDead || (signal?.aborted === true && request.reusedSocket)) endIdleSockets(agent)
        if (!isDead || !feed.isRepeatable()) throw error
      }
    }
    return answer
  } finally {
    feed.stop()
    // A connection on which something is still due serves no other request.
    if (answer === undefined || answer.isEarly || !answer.response.complete) request?.destroy()
  }
}

/**
 * The store had closed an idle connection and said so while the body was on its way, or the network had forgotten it:
 * another connection serves.
 */
function isDeadConnection({ reusedSocket }: ClientRequest, error: unknown): boolean {
  const code = readField(error, 'code')
  return reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')
}

/** S3's own answers to a PUT have less than 1 KB. */
const MAX_ANSWER_BYTES = 65_536

/** The answer with its text. A status stands, even when the connection breaks after it. */
function readPutAnswer(request: ClientRequest, feed: S3Feed): Promise<HttpPutAnswer> {
  return new Promise((resolve, reject) => {
    let isAnswered = false
    // It stays: a request that was given up may still fail.
    request.on('error', (error) => {
      if (!isAnswered) reject(error)
    })
    // After a 101 that nobody asked for, Node closes the connection, and reports neither an answer nor an error.
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

function readSuccess({ headers, statusCode: status }: IncomingMessage): Omit<S3PutAnswer, 'isEarly'> {
  const { etag, 'x-amz-checksum-sha256': checksum } = headers
  const page = findPage(headers)
  return {
    etag,
    checksum: typeof checksum === 'string' ? checksum : undefined,
    ...(page === undefined ? {} : { page: { ...page, status } }),
  }
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300
}

function withCode(error: Error, code: string): Error {
  return Object.assign(error, { code })
}
