import type { BodyLimits, ReadBody } from './body.js'
import type { ExtractedMedia } from './extract.js'

/** The options of a webhook handler, and the callbacks that it calls. */
export interface WebhookHandlerOptions {
  /** The app's secret, or several while one is being replaced. */
  appSecret: string | readonly string[]
  /** The token that was entered in the App Dashboard beside the webhook's URL. */
  verifyToken: string
  /**
   * Gets every authentic webhook, texts and statuses too, before `onMedia`. One of the two is needed. It is awaited: when it throws, the answer
   * is 500 and Meta delivers again. Meta batches up to 1,000 updates into one payload, and repeats itself.
   */
  onPayload?: ((payload: unknown, delivery: WebhookDelivery) => unknown) | undefined
  /**
   * Gets the result of `extractMedia`, when it found anything: `archive.enqueue` fits. Awaited like `onPayload`, so
   * resolve when the media is safe with you, not when it is archived.
   */
  onMedia?: ((extracted: ExtractedMedia) => unknown) | undefined
  /**
   * Hears why a request was refused or failed: for logs. The sender never learns it. Errors that it throws are ignored.
   * Default: the failures of status 500 go to `console.error`, each reason once a minute at most.
   */
  onRejected?: ((rejection: WebhookRejection) => unknown) | undefined
  /** Largest body, in bytes. Default 4,194,304 (4 MiB): Meta sends up to 3 MB (Meta: Webhooks overview), and slack. */
  maxBytes?: number | undefined
  /**
   * Most memory that all bodies hold together while they are read, in bytes. Above it the largest body ends with 503 and a
   * MemoryLimitError, for nobody has proven yet who sent it. Default 67,108,864 (64 MiB), or `maxBytes` where that is more.
   */
  maxUnsignedBytes?: number | undefined
  /** How long a body may take to arrive, in milliseconds. Default 10,000. */
  bodyTimeoutMs?: number | undefined
  /**
   * The content types of deliveries, looked at once the signature fits. `any`: a signed body of JSON is taken whatever
   * its type says, for proxies and providers change it. `json`: only `application/json`, as Meta sends it; others get 415.
   * Default `any`.
   */
  contentType?: 'any' | 'json' | undefined
  /**
   * How long `onPayload` and `onMedia` together may take, in milliseconds. Default 8,000; `Infinity` is no limit. Then
   * the answer is 500, and Meta delivers again; `onMedia` is not called any more, and `close` awaits the work that
   * still runs.
   */
  callbackTimeoutMs?: number | undefined
}

/** The delivery that a payload came in. */
export interface WebhookDelivery {
  /** The bytes that were signed. Meta has no way to ask for a webhook again: keep them, and nothing is lost. */
  rawBody: Uint8Array
  /** ISO 8601. */
  receivedAt: string
}

/** Why a request was refused, or failed. */
export interface WebhookRejection {
  /** The circumstance. */
  reason: RejectionReason
  /** The HTTP status of the answer. */
  status: number
  /**
   * InvalidSignatureError, PayloadTooLargeError, MemoryLimitError, TimeoutError, an InvalidOptionError that says what came and what was
   * expected, or the error that `onPayload`, `onMedia` or the adapter threw. What was thrown and is no error is the `cause`
   * of one. Absent of `body-aborted`.
   */
  error?: Error | undefined
}

/**
 * - `method` 405, `handshake` 403, `too-large` 413, `content-type` 415, `body-timeout` 408, `body-aborted` 400,
 *   `signature` 401, `json` 400: the request was refused.
 * - `memory-limit` 503: all bodies together held more than `maxUnsignedBytes`, and this one the most.
 * - `body-already-parsed` 500: something before the handler took the body; the error says how to fix it.
 * - `handler-failed` 500: `onPayload` or `onMedia` threw, before the answer or, when it was late, after it.
 * - `handler-timeout` 500: `onPayload` and `onMedia` did not end within `callbackTimeoutMs`; the error names which.
 * - `adapter-failed` 500: the framework or the adapter threw when the request was read, or gave a body that is no bytes.
 */
export type RejectionReason =
  | 'method'
  | 'handshake'
  | 'too-large'
  | 'memory-limit'
  | 'content-type'
  | 'body-timeout'
  | 'body-aborted'
  | 'signature'
  | 'json'
  | 'body-already-parsed'
  | 'handler-failed'
  | 'handler-timeout'
  | 'adapter-failed'

/**
 * A web-standard handler: Hono (`c.req.raw`), Next.js route handlers, Deno, Bun and workers call it as it is;
 * `toNodeHandler` and `toLambdaHandler` fit it to the rest.
 */
export interface WebhookHandler {
  (request: Request): Promise<Response>
  /** The conversation itself, without `Request` and `Response`. Never rejects. For adapters. */
  receive(incoming: IncomingWebhook): Promise<WebhookAnswer>
  /**
   * Resolves when all that the handler called has ended: `onPayload` and `onMedia`, those too whose delivery was answered
   * with 500 because they were late, and `onRejected`. Call it when your server takes no more requests, before you close
   * the archive. `timeoutMs` ends the wait; default without end. Do not await
   * it in a callback without `timeoutMs`: it would wait for that callback.
   *
   * @throws InvalidOptionError for a `timeoutMs` that is no time.
   */
  close(options?: {
    /** The longest wait, in milliseconds; default without end. */
    timeoutMs?: number | undefined
  }): Promise<void>
}

/** A request, as much of it as the conversation needs. An error that a part of it throws is answered with 500. */
export interface IncomingWebhook {
  /** In capitals. */
  method: string
  /** The query of the URL, with or without the `?`. */
  query: string
  /** By lower-case name; several values as an array or joined. */
  header(name: string): unknown
  /** Reads the body, keeping no more than `maxBytes` of it. Called once at most. */
  readBody(limits: BodyLimits): ReadBody | Promise<ReadBody>
}

/** The answer to the sender. */
export interface WebhookAnswer {
  /** The HTTP status. */
  status: number
  /** By lower-case name. */
  headers: Readonly<Record<string, string>>
  /** ASCII text. */
  body: string
}
