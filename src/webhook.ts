import { createHash, timingSafeEqual } from 'node:crypto'
import { describeSecret, describeValue } from './errors/describe.js'
import { InvalidOptionError, InvalidSignatureError, PayloadTooLargeError, TimeoutError } from './errors.js'
import { type ReadBody, readWebBody } from './webhook/body.js'
import { type ExtractedMedia, extractMedia } from './webhook/extract.js'
import type {
  IncomingWebhook,
  RejectionReason,
  WebhookAnswer,
  WebhookHandler,
  WebhookHandlerOptions,
  WebhookRejection,
} from './webhook/handler.js'
import { checkAppSecret, signatureProblem } from './webhook/signature.js'

export type { BodyLimits, ReadBody } from './webhook/body.js'
export {
  type ExtractedMedia,
  extractMedia,
  type RevokedMessage,
  type UnavailableMedia,
  type UnavailableReason,
} from './webhook/extract.js'
export type {
  IncomingWebhook,
  RejectionReason,
  WebhookAnswer,
  WebhookDelivery,
  WebhookHandler,
  WebhookHandlerOptions,
  WebhookRejection,
} from './webhook/handler.js'
export { type LambdaWebhookEvent, type LambdaWebhookResult, toLambdaHandler } from './webhook/lambda.js'
export { toNodeHandler } from './webhook/node.js'
export { signPayload, verifySignature } from './webhook/signature.js'

const STATUS_OF_REJECTION: Readonly<Record<RejectionReason, keyof typeof REASON_PHRASES>> = {
  method: 405,
  handshake: 403,
  'too-large': 413,
  'content-type': 415,
  'body-timeout': 408,
  'body-aborted': 400,
  signature: 401,
  json: 400,
  'body-already-parsed': 500,
  'handler-failed': 500,
}

const DEFAULT_MAX_BYTES = 4_194_304
const DEFAULT_BODY_TIMEOUT_MS = 10_000
const MAX_TIMEOUT_MS = 2_147_483_647

/** Meta's are numbers (Meta: Graph API webhooks, "Verification requests"); anything that could be markup is refused. */
const CHALLENGE = /^[\w-]{1,256}$/

const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/**
 * Makes the handler of the webhook's URL: Meta's handshake (GET) and its deliveries (POST).
 *
 * A delivery passes method, size, content type, body, signature and JSON, in this order: 405, 413, 415, 408 or 400,
 * 401, 400. Then `onPayload` and `onMedia` are awaited, and 200 says that both have the webhook; when one throws, 500
 * makes Meta deliver again. Every answer is plain text without a detail and without anything of the request, but for
 * the handshake's challenge.
 *
 * @throws InvalidOptionError for an empty `appSecret` or `verifyToken`, or a limit of the wrong form.
 */
export function createWebhookHandler(options: WebhookHandlerOptions): WebhookHandler {
  const { onRejected, maxBytes = DEFAULT_MAX_BYTES, bodyTimeoutMs = DEFAULT_BODY_TIMEOUT_MS } = options
  const settings: Settings = {
    ...options,
    appSecret: checkAppSecret(options.appSecret),
    verifyToken: checkVerifyToken(options.verifyToken),
    maxBytes: checkLimit('maxBytes', maxBytes, Number.MAX_SAFE_INTEGER),
    bodyTimeoutMs: checkLimit('bodyTimeoutMs', bodyTimeoutMs, MAX_TIMEOUT_MS),
  }
  const receive = async (incoming: IncomingWebhook): Promise<WebhookAnswer> => {
    const outcome = await converse(incoming, settings)
    if (outcome === OK) return ACCEPTED
    if (typeof outcome === 'string') return answer(200, outcome)
    const status = STATUS_OF_REJECTION[outcome.reason]
    // A broken logger must neither change the answer nor end the process.
    void (async () => onRejected?.({ ...outcome, status }))().catch(() => {})
    return answer(status, REASON_PHRASES[status], status === 405 ? { allow: 'GET, POST' } : {})
  }
  const handle = async (request: Request): Promise<Response> => {
    const { status, headers, body } = await receive(fromRequest(request))
    return new Response(body, { status, headers })
  }
  return Object.assign(handle, { receive })
}

interface Settings extends Required<Pick<WebhookHandlerOptions, 'verifyToken' | 'maxBytes' | 'bodyTimeoutMs'>> {
  appSecret: readonly string[]
  onPayload?: WebhookHandlerOptions['onPayload']
  onMedia?: WebhookHandlerOptions['onMedia']
}

const OK = 'OK'
const ACCEPTED = answer(200, OK)

/** The text of a 200, or why there is none. */
type Outcome = string | Omit<WebhookRejection, 'status'>

async function converse(incoming: IncomingWebhook, settings: Settings): Promise<Outcome> {
  const { maxBytes, bodyTimeoutMs } = settings
  if (incoming.method === 'GET') return shakeHands(incoming.query, settings)
  if (incoming.method !== 'POST') return { reason: 'method' }
  if (Number(incoming.header('content-length')) > maxBytes) return bodyRefusal('too-large', settings)
  if (!JSON_TYPE.test(String(incoming.header('content-type')))) return { reason: 'content-type' }
  const body = await incoming.readBody({ maxBytes, timeoutMs: bodyTimeoutMs })
  if (typeof body === 'string') return bodyRefusal(body, settings)
  const problem = signatureProblem(body, incoming.header('x-hub-signature-256'), settings.appSecret)
  if (problem !== undefined) return { reason: 'signature', error: new InvalidSignatureError({ reason: problem }) }
  return await handOver(body, settings)
}

function shakeHands(query: string, { verifyToken }: Settings): Outcome {
  const asked = new URLSearchParams(query)
  const [challenge = '', ...others] = asked.getAll('hub.challenge')
  const isMeta = asked.get('hub.mode') === 'subscribe' && isSameSecret(asked.get('hub.verify_token') ?? '', verifyToken)
  return isMeta && others.length === 0 && CHALLENGE.test(challenge) ? challenge : { reason: 'handshake' }
}

/** By their hashes, which have one length: neither the time nor an error tells how much of the token was right. */
function isSameSecret(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(expected))
}

async function handOver(rawBody: Uint8Array, { onPayload, onMedia }: Settings): Promise<Outcome> {
  const receivedAt = new Date().toISOString()
  let payload: unknown
  try {
    payload = JSON.parse(Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength).toString('utf8'))
  } catch {
    return { reason: 'json' }
  }
  try {
    // Before onPayload, which may change what it is given.
    const extracted = onMedia === undefined ? undefined : extractMedia(payload, { receivedAt })
    await onPayload?.(payload, { rawBody, receivedAt })
    if (extracted !== undefined && hasFindings(extracted)) await onMedia?.(extracted)
    return OK
  } catch (error) {
    return { reason: 'handler-failed', error }
  }
}

function hasFindings({ media, unavailable, revoked }: ExtractedMedia): boolean {
  return media.length + unavailable.length + revoked.length > 0
}

const REASON_PHRASES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
} as const

/** All bodies are ASCII, so their length is their Content-Length. */
function answer(status: number, body: string, headers: Record<string, string> = {}): WebhookAnswer {
  return {
    status,
    // A browser that is lured here must not take any of it for a page.
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': `${body.length}`,
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    body,
  }
}

function bodyRefusal(reason: Extract<ReadBody, string>, { maxBytes, bodyTimeoutMs }: Settings): Outcome {
  switch (reason) {
    case 'too-large':
      return { reason, error: new PayloadTooLargeError({ limitBytes: maxBytes }) }
    case 'body-timeout':
      return { reason, error: new TimeoutError({ waitedFor: 'body', limitMs: bodyTimeoutMs }) }
    case 'body-already-parsed':
      return { reason, error: new InvalidOptionError({ option: 'request.body', problem: ALREADY_PARSED }) }
    case 'body-aborted':
      return { reason }
  }
}

const ALREADY_PARSED =
  "was read before the webhook handler got it, so its signature can't be checked. Mount the handler before " +
  'express.json() and every other body parser; in Fastify, give its route a content type parser that leaves the ' +
  "stream alone; in Next.js pages, set api.bodyParser to false; or keep the bytes with express.raw({ type: '*/*' })"

function checkVerifyToken(verifyToken: unknown): string {
  if (typeof verifyToken === 'string' && verifyToken.trim() !== '') return verifyToken
  throw new InvalidOptionError({
    option: 'verifyToken',
    problem: `must be the token entered in the App Dashboard, got ${describeSecret(verifyToken)}`,
  })
}

function checkLimit(option: string, value: number, largest: number): number {
  if (Number.isSafeInteger(value) && value > 0 && value <= largest) return value
  throw new InvalidOptionError({
    option,
    problem: `must be a whole number from 1 to ${largest}, got ${describeValue(value)}`,
  })
}

/** Adapts a `Request`. */
function fromRequest(request: Request): IncomingWebhook {
  return {
    method: request.method,
    query: new URL(request.url).search,
    header: (name) => request.headers.get(name),
    readBody: (limits) => readWebBody(request, limits),
  }
}
