import { Readable } from 'node:stream'
import { answerApiRequest } from './answer-api-request.js'
import type { FakeApiState } from './state.js'
import { createWebAnswer } from './web-response.js'

/** A `fetch` that a fake API answers itself. */
export type FakeFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** The part of msw's `http` that is called. The one of msw 2 and of msw 3 fit. */
export interface MswHttp<Handler> {
  /** Makes a handler of all methods for the URLs of a pattern. */
  all(
    pattern: string,
    resolver: (info: {
      /** What the app sent. */
      request: Request
    }) => Promise<Response>,
  ): Handler
}

/** Creates a `fetch` for the API's own origins. It follows no redirects, and says so. */
export function createFakeFetch(state: FakeApiState): FakeFetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const origins = listOrigins(state)
    const { origin } = new URL(request.url)
    if (!origins.includes(origin)) {
      throw new TypeError(`The fake API's fetch answers ${origins.join(' and ')}, and was asked for ${origin}`)
    }
    const response = await answerWebRequest(request, { state, decodes: true })
    if (response.status < 300 || response.status > 399 || request.redirect === 'manual') return response
    throw new TypeError("The fake API's fetch follows no redirects: ask with redirect 'manual', as fromFetch does")
  }
}

/** Creates one handler of msw for each of the API's origins. */
export function createMswHandlers<Handler>(http: MswHttp<Handler>, state: FakeApiState): Handler[] {
  const resolve = async ({ request }: { request: Request }): Promise<Response> => {
    try {
      return await answerWebRequest(request, { state, decodes: false })
    } catch (error) {
      // How msw is told that the connection broke. What it is thrown it answers with 500, and prints.
      if (error instanceof TypeError || request.signal.aborted) return Response.error()
      throw error
    }
  }
  return listOrigins(state).map((origin) => http.all(`${origin}/*`, resolve))
}

function listOrigins({ origin, mediaOrigin, flowOrigin }: FakeApiState): string[] {
  return [...new Set([origin, mediaOrigin, flowOrigin])]
}

function answerWebRequest(
  { method, url, headers, signal, body }: Request,
  { state, decodes }: { state: FakeApiState; decodes: boolean },
): Promise<Response> {
  const { pathname, search } = new URL(url)
  const request = {
    method,
    url: `${pathname}${search}`,
    headers: Object.fromEntries(headers),
    body: body ?? Readable.from([]),
  }
  const { response, answered } = createWebAnswer({ signal, decodes })
  // Its failures reach the reader through `answered` and the body.
  void answerApiRequest({ request, response }, state).catch(() => response.breakOff('reset'))
  return answered
}
