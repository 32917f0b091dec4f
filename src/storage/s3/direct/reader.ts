import type { Readable } from 'node:stream'
import type { HttpAgents } from '../../../http/agents.js'
import type { HttpResponse } from '../../../http/client.js'
import { isWholeAnswer } from '../../../http/headers.js'
import { createNodeHttpClient } from '../../../http/node.js'
import { defined } from '../../../json.js'
import { buildPath } from '../encode.js'
import type { ObjectOutput } from '../object.js'
import { rememberSignature } from '../secrets.js'
import type { S3Clock } from './clock.js'
import { toSdkError } from './error-answer.js'
import type { S3Address, S3Credentials, S3Signer } from './signature-v4.js'

export interface S3ReadRequest {
  address: S3Address
  credentials: S3Credentials
  key: string
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  signal: AbortSignal | undefined
}

/** GetObject over `node:http(s)`: a large object for half of the SDK's CPU time. */
export interface S3Reader {
  /**
   * Resolves with an answer of success, whose body is still to be read.
   *
   * Rejects with the signal's reason, and with the store's own errors in the SDK's form, as `HttpPut` does.
   */
  get(request: S3ReadRequest): Promise<ObjectOutput & { body: Readable }>
  /** Ends its connections, those in use too, but for those of an agent that was given. */
  close(): void
}

/** SHA-256 of no bytes. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

export function createS3Reader({
  signer,
  clock,
  agent,
}: {
  signer: S3Signer
  clock: S3Clock
  agent: HttpAgents | undefined
}): S3Reader {
  const http = createNodeHttpClient(defined({ agent }))
  return {
    async get({ address, credentials, key, headers: given, signal = new AbortController().signal }) {
      const unsigned = { ...given, 'user-agent': 'whatsapp-media-archive' }
      const headers = signer.signHeaders(
        { method: 'GET', key, headers: unsigned, sha256: EMPTY_SHA256, signedAt: clock.now() },
        address,
        credentials,
      )
      const url = `${address.origin}${buildPath(address.path, key)}`
      const response = await http({ method: 'GET', url, headers, signal })
      clock.correct(response.headers)
      if (!isWholeAnswer(response.status, response.headers)) {
        throw rememberSignature(toSdkError(response, await readErrorText(response)), headers)
      }
      return { ...readOutput(response), body: response.body }
    },
    close: http.close,
  }
}

/** S3's own have less than 1 KB. */
const MAX_ERROR_BYTES = 65_536

/** As much of it as came: a status stands, even when the connection breaks after it. */
async function readErrorText({ body }: HttpResponse): Promise<string> {
  let text = ''
  body.setEncoding('utf8')
  try {
    for await (const part of body) {
      text += String(part)
      if (text.length > MAX_ERROR_BYTES) break
    }
  } catch {
    // What came is enough.
  }
  return text
}

const METADATA_PREFIX = 'x-amz-meta-'

/** The headers of an answer as the SDK names them (AWS: GetObject). */
function readOutput({ headers }: HttpResponse): ObjectOutput {
  const length = headers['content-length'] ?? ''
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith(METADATA_PREFIX))
  return defined({
    ContentLength: /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    ContentType: headers['content-type'],
    ContentDisposition: headers['content-disposition'],
    ETag: headers['etag'],
    ChecksumSHA256: headers['x-amz-checksum-sha256'],
    Metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice(METADATA_PREFIX.length), value])),
  })
}
