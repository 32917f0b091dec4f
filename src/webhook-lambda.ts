import { field } from './json.js'
import type { WebhookHandler } from './webhook.js'
import type { BodyLimits, ReadBody } from './webhook-body.js'

/**
 * What Lambda gets from a Function URL, an HTTP API (payload format 1.0 or 2.0) or a REST API, as far as it matters
 * here (AWS: Lambda developer guide, "Function URLs"; API Gateway developer guide, "Payload format").
 */
export interface LambdaWebhookEvent {
  /** Format 1.0 and REST. */
  httpMethod?: string
  /** Format 2.0 has the method in `http.method`. */
  requestContext?: unknown
  headers?: Readonly<Record<string, string | undefined>> | null
  /** REST: every value of a header that came more than once. */
  multiValueHeaders?: Readonly<Record<string, readonly string[] | undefined>> | null
  /** Format 2.0. */
  rawQueryString?: string
  /** Format 1.0 and REST, decoded. */
  queryStringParameters?: Readonly<Record<string, string | undefined>> | null
  body?: string | null
  isBase64Encoded?: boolean
}

export interface LambdaWebhookResult {
  statusCode: number
  headers: Record<string, string>
  body: string
  isBase64Encoded: false
}

/**
 * Fits a webhook handler to AWS Lambda: Function URLs, HTTP APIs and REST APIs, base64 bodies included. Set no mapping
 * template: the body must arrive as Meta signed it.
 *
 * Lambda freezes the process after the answer, so `onMedia` needs a queue outside of it.
 *
 * @returns a handler that answers every event and never rejects.
 */
export function toLambdaHandler(
  handler: Pick<WebhookHandler, 'receive'>,
): (event: LambdaWebhookEvent) => Promise<LambdaWebhookResult> {
  return async (asGiven) => {
    // Whoever tries a function out by hand may send it nothing.
    const event: LambdaWebhookEvent = asGiven ?? {}
    const { status, headers, body } = await handler.receive({
      method: String(event.httpMethod ?? field(field(event.requestContext, 'http'), 'method')),
      query: queryOf(event),
      header: (name) => headerOf(event, name),
      readBody: (limits) => readEventBody(event, limits),
    })
    return { statusCode: status, headers: { ...headers }, body, isBase64Encoded: false }
  }
}

function queryOf({ rawQueryString, queryStringParameters }: LambdaWebhookEvent): string {
  if (rawQueryString !== undefined) return rawQueryString
  const query = new URLSearchParams()
  for (const [name, value = ''] of Object.entries(queryStringParameters ?? {})) query.append(name, value)
  return query.toString()
}

/** Names come in the sender's case through REST APIs, in lower case else. */
function headerOf({ headers, multiValueHeaders }: LambdaWebhookEvent, name: string): unknown {
  const all = { ...headers, ...multiValueHeaders }
  const values = Object.entries(all).flatMap(([key, value]) => (key.toLowerCase() === name ? (value ?? []) : []))
  return values.length > 1 ? values : values[0]
}

function readEventBody({ body, isBase64Encoded }: LambdaWebhookEvent, { maxBytes }: BodyLimits): ReadBody {
  if (body === undefined || body === null) return new Uint8Array()
  if (typeof body !== 'string') return 'body-already-parsed'
  const encoding = isBase64Encoded === true ? 'base64' : 'utf8'
  return Buffer.byteLength(body, encoding) > maxBytes ? 'too-large' : Buffer.from(body, encoding)
}
