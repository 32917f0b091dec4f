import type { IncomingHttpHeaders } from 'node:http'

/** A request, by whichever way it came. */
export interface ApiRequest {
  method: string
  /** Path and query. */
  url: string
  headers: IncomingHttpHeaders
  body: AsyncIterable<Uint8Array>
}

/** The answer as it is being sent, by whichever way it goes. */
export interface ApiResponse {
  /** Sets a header of an answer that has not begun. */
  setHeader(name: string, value: string): void
  /** Begins the answer. */
  writeHead(status: number, headers: Record<string, string | number>): ApiResponse
  /** Resolves when more can be taken. Never rejects. */
  write(piece: Uint8Array): Promise<void>
  end(last?: string | Uint8Array): void
  /** Ends the connection without the end of the answer: by a reset, or as if that were the end. */
  breakOff(how: 'reset' | 'close-early'): void
  /** Nobody reads it any more. */
  readonly destroyed: boolean
  /** Undefined until the answer has begun. */
  readonly status: number | undefined
}

/** A request, and the response to write. */
export interface FakeExchange {
  request: ApiRequest
  response: ApiResponse
}

/** An exchange whose URL has been read. */
export interface RoutedExchange extends FakeExchange {
  url: URL
}
