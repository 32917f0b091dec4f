import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { readOwn } from '../json.js'
import { type BodyLimits, type ReadBody, readKeptBodies } from './body.js'
import type { WebhookHandler } from './handler.js'
import { findKeptBodies } from './parsed-body.js'

/**
 * Lambda's event from a Function URL, an HTTP API (payload format 1.0 or 2.0), a REST API or an Application Load
 * Balancer, as far as it matters here (AWS: Lambda developer guide, "Function URLs"; API Gateway developer guide, "Payload
 * format"; Application Load Balancers user guide, "Lambda functions as targets").
 */
export interface LambdaWebhookEvent {
  /** Format 1.0, REST and load balancers. */
  httpMethod?: string | undefined
  /** Format 2.0 has the method in `http.method`; a load balancer names itself in `elb`. */
  requestContext?: unknown
  /** In lower case, or as the sender wrote them. */
  headers?: Readonly<Record<string, string | undefined>> | null | undefined
  /** REST: every value of a header that came more than once. Load balancers may send these alone. */
  multiValueHeaders?: Readonly<Record<string, readonly string[] | undefined>> | null | undefined
  /** Format 2.0. */
  rawQueryString?: string | undefined
  /** Format 1.0 and REST, decoded; of load balancers as it came. */
  queryStringParameters?: Readonly<Record<string, string | undefined>> | null | undefined
  /** Of load balancers that send several values. */
  multiValueQueryStringParameters?: Readonly<Record<string, readonly string[] | undefined>> | null | undefined
  /** The body, as text or in base64. One that a middleware has parsed can't be checked. */
  body?: unknown
  /** The text as it came, where a middleware keeps it beside the parsed body. */
  rawBody?: unknown
  /** True when `body` is in base64. */
  isBase64Encoded?: boolean | undefined
}

/** The function's result for Lambda. */
export interface LambdaWebhookResult {
  /** The HTTP status. */
  statusCode: number
  /** By lower-case name. */
  headers: Record<string, string>
  /** For load balancers that send several values: they read no others. */
  multiValueHeaders?: Record<string, string[]> | undefined
  /** Plain text. */
  body: string
  isBase64Encoded: false
}

/**
 * Fits a webhook handler to AWS Lambda: Function URLs, HTTP APIs, REST APIs and Application Load Balancers, base64 bodies
 * included. Set no mapping template: the body must arrive as Meta signed it.
 *
 * Lambda freezes the process after the answer, so `onMedia` needs a queue outside of it.
 *
 * @returns a handler that answers every event and never rejects.
 * @throws InvalidOptionError for anything but a webhook handler.
 * @example
 * ```ts
 * import { createWebhookHandler, toLambdaHandler } from 'whatsapp-media-archive/webhook'
 *
 * const webhook = createWebhookHandler({ appSecret: 'app-secret', verifyToken: 'verify-token', onPayload: console.log })
 * const handler = toLambdaHandler(webhook) // export it from the function's file
 * // Meta's handshake, as a Function URL passes it on.
 * const { statusCode, body } = await handler({
 *   requestContext: { http: { method: 'GET' } },
 *   rawQueryString: 'hub.mode=subscribe&hub.verify_token=verify-token&hub.challenge=1158201444',
 * })
 * console.log(statusCode, body) // 200 1158201444
 * ```
 */
export function toLambdaHandler(
  handler: Pick<WebhookHandler, 'receive'>,
): (event: LambdaWebhookEvent) => Promise<LambdaWebhookResult> {
  if (typeof handler?.receive !== 'function') {
    const problem = `must be the one that createWebhookHandler makes, got ${describeValue(handler)}`
    throw new InvalidOptionError({ option: 'handler', problem })
  }
  return async (given) => {
    // A function that is tried out by hand may get nothing.
    const event: LambdaWebhookEvent = given ?? {}
    const { status, headers, body } = await handler.receive({
      get method() {
        return String(event.httpMethod ?? readOwn(readOwn(event.requestContext, 'http'), 'method'))
      },
      get query() {
        return buildQuery(event)
      },
      header: (name) => findEventHeader(event, name),
      readBody: (limits) => readEventBody(event, limits),
    })
    const result: LambdaWebhookResult = { statusCode: status, headers: { ...headers }, body, isBase64Encoded: false }
    if (wantsMultiValueHeaders(event)) {
      result.multiValueHeaders = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))
    }
    return result
  }
}

/** Of load balancers that send several values. An event whose parts throw was answered with 500: any form will do. */
function wantsMultiValueHeaders(event: LambdaWebhookEvent): boolean {
  try {
    return event.headers === undefined && Boolean(event.multiValueHeaders)
  } catch {
    return false
  }
}

function buildQuery(event: LambdaWebhookEvent): string {
  const { rawQueryString, queryStringParameters, multiValueQueryStringParameters, requestContext } = event
  if (rawQueryString !== undefined) return rawQueryString
  if (readOwn(requestContext, 'elb') !== undefined) {
    // Still encoded as the client sent them.
    const all = { ...queryStringParameters, ...multiValueQueryStringParameters }
    const pairs = Object.entries(all).flatMap(([name, values]) =>
      [values ?? ''].flat().map((value) => `${name}=${value}`),
    )
    return pairs.join('&')
  }
  const query = new URLSearchParams()
  for (const [name, value = ''] of Object.entries(queryStringParameters ?? {})) query.append(name, value)
  return query.toString()
}

/** Names come in the sender's case through REST APIs, in lower case else. */
function findEventHeader({ headers, multiValueHeaders }: LambdaWebhookEvent, name: string): unknown {
  const all = { ...headers, ...multiValueHeaders }
  const values = Object.entries(all).flatMap(([key, value]) => (key.toLowerCase() === name ? (value ?? []) : []))
  return values.length > 1 ? values : values[0]
}

/** A body that a middleware has parsed is left where that or another middleware has kept its text. */
function readEventBody(event: LambdaWebhookEvent, limits: BodyLimits): ReadBody {
  const { body, rawBody, isBase64Encoded } = event
  const texts = [body, rawBody].filter((text) => typeof text === 'string')
  if (texts.length === 0 && (body ?? undefined) === undefined) return { outcome: 'read', bytes: new Uint8Array() }
  const decoded = isBase64Encoded === true ? texts.map((text) => Buffer.from(text, 'base64')) : []
  // A middleware that decodes the body seldom clears the flag.
  const kept = [...decoded, ...findKeptBodies(event)]
  return kept.length === 0 ? { outcome: 'body-already-parsed', taker: 'lambda' } : readKeptBodies(kept, limits)
}
