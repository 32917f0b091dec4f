import { Readable } from 'node:stream'
import { DownloadFailedError } from '../errors.js'
import { readHeaders } from './headers.js'

/**
 * One request, one answer. An implementation never follows redirects, never decodes bodies and never retries what a
 * server may have answered: the library does the first and the last itself, with its own rules, and refuses encoded
 * bodies. It rejects when no answer comes,
 * with the signal's reason when that aborted. The library reads or destroys the body.
 */
export type HttpClient = (request: HttpRequest) => Promise<HttpResponse>

/** One request of the library. */
export interface HttpRequest {
  /** The HTTP method. */
  method: 'GET' | 'POST' | 'DELETE'
  /** Absolute, http or https. */
  url: string
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  /**
   * Bytes are sent with their length. A stream is sent once, as its bytes come: its `content-length` is among the headers.
   * The client reads or destroys it, and rejects with its error when it fails. Default: none.
   */
  body?: Uint8Array | Readable | undefined
  /** Ends the request, and the body of its answer. */
  signal: AbortSignal
  /**
   * A hint, in milliseconds: a connection that served others before and stays silent for so long may be taken for
   * forgotten by the network. The default client then sends a GET again, once, on a new one. Default: the client's own.
   */
  silentMs?: number | undefined
}

/** One answer, as it came. */
export interface HttpResponse {
  /** The HTTP status, of a redirect too. */
  status: number
  /** Lower-case names; repeated headers joined by a comma and a space. */
  headers: Readonly<Record<string, string>>
  /** The bytes, not decoded. */
  body: Readable
}

/**
 * Asks with any client: one that throws, or gives no answer, rejects as one does that found the network down. Made here,
 * the request's headers can't throw elsewhere.
 */
export async function sendRequest(http: HttpClient, makeRequest: () => HttpRequest): Promise<HttpResponse> {
  const request = makeRequest()
  const response: Partial<HttpResponse> | null | undefined = await http(request)
  const { status, headers, body } = response ?? {}
  if (typeof status === 'number' && body instanceof Readable && headers !== undefined && Object(headers) === headers) {
    return { status, headers: readHeaders(headers), body }
  }
  const problem = 'the HTTP client gave no answer with status, headers and a Node stream as body'
  throw new DownloadFailedError({ host: new URL(request.url).host, problem })
}
