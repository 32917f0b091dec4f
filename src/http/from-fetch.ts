import { Readable } from 'node:stream'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFunction, checkMethods } from '../errors/checks.js'
import { describeSecret } from '../errors/describe.js'
import { DownloadFailedError } from '../errors.js'
import type { HttpClient, HttpRequest } from './client.js'
import { muteBody } from './feed-request.js'
import { isEncoded } from './headers.js'

/**
 * The part of `fetch` that this library calls. `globalThis.fetch`, undici's, node-fetch's and most wrappers fit.
 *
 * An upload's `body` is a Node `Readable`, with `duplex: 'half'`: all of them take it, and their types have no name for it
 * in common.
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

/** The part of a `fetch`'s answer that this library reads. */
export interface FetchLikeResponse {
  /** The HTTP status. */
  status: number
  /** `opaqueredirect` where the fetch hides a redirect. */
  type?: string | undefined
  /** As `Headers` has them. */
  headers: {
    /** Calls with each header. */
    forEach(callback: (value: string, name: string) => void): void
  }
  /** A web stream, or a Node stream. */
  body: ReadableStream<Uint8Array> | NodeJS.ReadableStream | null
}

/** Options of `fromFetch`. */
export interface FromFetchOptions {
  /**
   * Goes with each request to the `fetch`: a `ProxyAgent`, `Agent` or `Pool` of undici, for the `fetch` of the same undici.
   * It stays yours to close. Default: none.
   */
  dispatcher?: object | undefined
}

const FETCH_OPTIONS: OptionNames<FromFetchOptions> = { dispatcher: true }

/**
 * Adapts a `fetch` that shows redirects (`redirect: 'manual'` with a real 3xx, as Node's does).
 *
 * A `fetch` decodes encoded bodies behind our back, after which neither Content-Length nor caps mean anything; so an
 * answer with a Content-Encoding header is refused.
 *
 * The global `fetch`, undici's (5 to 8) and node-fetch's (2 and 3) are tried. node-fetch takes an `agent` in place of a
 * `dispatcher`: `fromFetch((url, init) => nodeFetch(url, { ...init, agent }))`.
 *
 * @example
 * ```ts
 * import { fromFetch } from 'whatsapp-media-archive/http'
 *
 * const http = fromFetch(globalThis.fetch)
 * console.log(typeof http) // function
 * ```
 *
 * @throws InvalidOptionError for a `fetch` or `dispatcher` of another kind. The client throws a DownloadFailedError when
 * the fetch hides a redirect, or the answer has a Content-Encoding.
 */
export function fromFetch(fetch: FetchLike, options: FromFetchOptions = {}): HttpClient {
  checkFunction('fetch', fetch)
  checkOptions(options, FETCH_OPTIONS)
  const { dispatcher } = options
  if (dispatcher !== undefined) {
    checkMethods('dispatcher', dispatcher, { kind: "one of undici's dispatchers", methods: ['dispatch'] })
  }
  const send = async ({ method, url, headers, body, signal }: HttpRequest): Promise<FetchLikeResponse> => {
    if (body instanceof Readable) muteBody(body)
    // In a variable: see FetchLike.
    const streamed: object = body instanceof Readable ? { body, duplex: 'half' } : {}
    const init = {
      ...({ method, headers: { ...headers }, redirect: 'manual', signal } as const),
      ...(types.isUint8Array(body) ? { body: new Uint8Array(body).buffer } : {}),
      ...streamed,
      // Only undici's own types know it.
      ...(dispatcher === undefined ? {} : { dispatcher }),
    }
    try {
      return checkResponse(await fetch(url, init), new URL(url).host)
    } catch (error) {
      // node-fetch rejects with an error of its own.
      throw signal.aborted ? signal.reason : error
    }
  }
  return async (request) => {
    const response = await send(request)
    const { url } = request
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

/** A wrapper that swallows the errors of its fetch resolves with nothing: another attempt may bring more. */
function checkResponse(response: FetchLikeResponse | undefined, host: string): FetchLikeResponse {
  const { status, headers, body }: Partial<FetchLikeResponse> = Object(response)
  const isResponse = typeof status === 'number' && typeof headers?.forEach === 'function' && isBody(body)
  if (response !== undefined && isResponse) return response
  throw new DownloadFailedError({ host, problem: `the fetch gave no Response, but ${describeSecret(response)}` })
}

/** By their methods: streams, like responses, come from any realm. */
function isBody(body: unknown): boolean {
  const { getReader, on }: { getReader?: unknown; on?: unknown } = Object(body)
  return body === null || typeof getReader === 'function' || typeof on === 'function'
}

function toReadable(body: FetchLikeResponse['body']): Readable {
  if (body === null) return Readable.from([])
  if (body instanceof Readable) return body
  if ('getReader' in body) return Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0])
  return new Readable().wrap(body)
}
