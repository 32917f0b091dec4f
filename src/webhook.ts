import { checkOptions, type OptionNames } from './errors/check-options.js'
import { checkFunction, checkMilliseconds, checkOneOf, checkWhole } from './errors/checks.js'
import { describeSecret } from './errors/describe.js'
import { toError } from './errors/thrown.js'
import { InvalidOptionError } from './errors.js'
import { checkGlobals } from './runtime.js'
import { MAX_TIMER_MS, within } from './timing/abort.js'
import { type ClosingOptions, checkClosing } from './timing/closing.js'
import { readWebBody } from './webhook/body.js'
import { callInTurn } from './webhook/call-in-turn.js'
import { type ConversationSettings, converse, type UnheardRejection, type WebhookOutcome } from './webhook/converse.js'
import type {
  IncomingWebhook,
  RejectionReason,
  WebhookAnswer,
  WebhookHandler,
  WebhookHandlerOptions,
  WebhookRejection,
} from './webhook/handler.js'
import { createRejectionLog } from './webhook/rejection-log.js'
import { checkAppSecret } from './webhook/signature.js'
import { trackWork } from './webhook/track-work.js'
import { limitUnsignedBytes } from './webhook/unsigned-bytes.js'

export type { BodyLimits, ReadBody } from './webhook/body.js'
export type { SentMediaTag } from './webhook/callback-data.js'
export {
  type ExtractedMedia,
  extractMedia,
  type RevokedMessage,
  type UnavailableMedia,
  type UnavailableReason,
} from './webhook/extract.js'
export type { SendFailureKind } from './webhook/failure-advice.js'
export type { FrameworkRequest, FrameworkResponse } from './webhook/framework.js'
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
export { type NodeHandler, toNodeHandler } from './webhook/node.js'
export type { BodyTaker } from './webhook/parsed-body.js'
export type { MessageLocation } from './webhook/payload.js'
export { type ChatMessage, readMessages } from './webhook/read-messages.js'
export {
  readSendStatuses,
  type SendFailure,
  type SendStatus,
  type SendStatusDetails,
} from './webhook/send-status.js'
export type { WebHandler } from './webhook/serve-web.js'
export { signPayload, verifySignature } from './webhook/signature.js'
export type { UnsignedBody, UnsignedBytes } from './webhook/unsigned-bytes.js'

const REJECTION_STATUS: Readonly<Record<RejectionReason, keyof typeof REASON_PHRASES>> = {
  method: 405,
  handshake: 403,
  'too-large': 413,
  'memory-limit': 503,
  'content-type': 415,
  'body-timeout': 408,
  'body-aborted': 400,
  signature: 401,
  json: 400,
  'body-already-parsed': 500,
  'handler-failed': 500,
  'handler-timeout': 500,
  'adapter-failed': 500,
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
  503: 'Service Unavailable',
} as const

const WEBHOOK_HANDLER_OPTIONS: OptionNames<WebhookHandlerOptions> = {
  ...{ appSecret: true, verifyToken: true, onPayload: true, onMedia: true, onRejected: true },
  ...{ maxBytes: true, maxUnsignedBytes: true, bodyTimeoutMs: true, contentType: true, callbackTimeoutMs: true },
}

const DEFAULT_MAX_BYTES = 4_194_304
const DEFAULT_MAX_UNSIGNED_BYTES = 67_108_864
const DEFAULT_BODY_TIMEOUT_MS = 10_000
const DEFAULT_CALLBACK_TIMEOUT_MS = 8_000

/**
 * Makes the handler of the webhook's URL: Meta's handshake (GET) and its deliveries (POST).
 *
 * A delivery passes six checks, in this order:
 * - method -> 405
 * - size -> 413
 * - the signature's header -> 401
 * - body: late -> 408, aborted -> 400, too much of all together -> 503
 * - signature -> 401
 * - JSON -> 400, content type -> 415
 *
 * Then `onPayload` and `onMedia` are awaited, and 200 says that both have the webhook; when one throws or is late, 500
 * makes Meta deliver again. Every answer is plain text without a detail and without anything of the request, but for the
 * handshake's challenge. Without `onRejected`, the reason of a 500 goes to `console.error`, each once a minute at most.
 *
 * @returns the handler, a function of `Request`, with `receive` for adapters and `close` for the end of the process.
 * @throws InvalidOptionError for an empty `appSecret` or `verifyToken`, without both `onPayload` and `onMedia`, or for a
 * limit of the wrong form.
 * @example
 * ```ts
 * import { buildWebhook, signWebhook } from 'whatsapp-media-archive/testing'
 * import { createWebhookHandler } from 'whatsapp-media-archive/webhook'
 *
 * const handler = createWebhookHandler({
 *   appSecret: 'app-secret',
 *   verifyToken: 'verify-token',
 *   onMedia: ({ media }) => console.log(media.map(({ mediaId }) => mediaId)), // or archive.enqueue
 *   onRejected: ({ reason, error }) => console.warn(reason, error),
 * })
 * // Meta's delivery.
 * const image = { type: 'image', object: { id: '1234567890', mime_type: 'image/jpeg' } }
 * const { body, headers } = signWebhook(buildWebhook([{ media: image }]), { appSecret: 'app-secret' })
 * const response = await handler(new Request('https://app.example/webhook', { method: 'POST', body, headers }))
 * console.log(response.status) // 200
 * await handler.close()
 * ```
 */
export function createWebhookHandler(options: WebhookHandlerOptions): WebhookHandler {
  checkGlobals()
  checkOptions(options, WEBHOOK_HANDLER_OPTIONS)
  const { onPayload, onMedia, onRejected, callbackTimeoutMs = DEFAULT_CALLBACK_TIMEOUT_MS } = options
  checkMilliseconds('callbackTimeoutMs', callbackTimeoutMs)
  const { track, waitForAll } = trackWork()
  const log = createRejectionLog()
  const hear = (rejection: UnheardRejection): unknown =>
    onRejected === undefined ? log(rejection) : onRejected(toRejection(rejection))
  const report = (rejection: UnheardRejection): void => {
    // A broken logger must neither change the answer nor end the process.
    void track((async () => hear(rejection))().catch(() => {}))
  }
  const onLateFailure = (error: unknown): void => report({ reason: 'handler-failed', error })
  const turnOptions = { onPayload, onMedia, callbackTimeoutMs, onLateWork: track, onLateFailure }
  const settings: ConversationSettings = {
    appSecret: checkAppSecret(options.appSecret),
    verifyToken: checkVerifyToken(options.verifyToken),
    ...checkBodyOptions(options),
    handOver: (payload, delivery) => callInTurn(payload, delivery, turnOptions),
  }
  checkHandlerCallbacks({ onPayload, onMedia, onRejected })

  const answer = async (incoming: IncomingWebhook): Promise<WebhookAnswer> => {
    const ended = await converse(incoming, settings).catch(blameAdapter)
    if (ended.outcome === 'accepted') return ACCEPTED
    if (ended.outcome === 'challenged') return buildAnswer(200, ended.challenge)
    const { outcome, ...rejection } = ended
    const status = REJECTION_STATUS[rejection.reason]
    report(rejection)
    return buildAnswer(status, REASON_PHRASES[status], status === 405 ? { allow: 'GET, POST' } : {})
  }
  const receive = (incoming: IncomingWebhook): Promise<WebhookAnswer> => track(answer(incoming))
  const handle = async (request: Request): Promise<Response> => {
    const { status, headers, body } = await receive(toIncomingWebhook(request))
    return new Response(body, { status, headers })
  }
  const close = async (closeOptions?: ClosingOptions): Promise<void> => {
    const timeoutMs = checkClosing(closeOptions)
    await within(timeoutMs, waitForAll(), { otherwise: () => undefined })
  }
  return Object.assign(handle, { receive, close })
}

const ACCEPTED = buildAnswer(200, 'OK')

function checkBodyOptions(
  options: WebhookHandlerOptions,
): Omit<ConversationSettings, 'handOver' | 'appSecret' | 'verifyToken'> {
  const { maxBytes = DEFAULT_MAX_BYTES, bodyTimeoutMs = DEFAULT_BODY_TIMEOUT_MS, contentType = 'any' } = options
  checkWhole('maxBytes', maxBytes, { most: Number.MAX_SAFE_INTEGER })
  checkWhole('bodyTimeoutMs', bodyTimeoutMs, { most: MAX_TIMER_MS })
  checkOneOf('contentType', contentType, ['any', 'json'])
  const { maxUnsignedBytes = Math.max(maxBytes, DEFAULT_MAX_UNSIGNED_BYTES) } = options
  // Less would let no body of maxBytes pass.
  checkWhole('maxUnsignedBytes', maxUnsignedBytes, { least: maxBytes, most: Number.MAX_SAFE_INTEGER })
  return { maxBytes, bodyTimeoutMs, contentType, maxUnsignedBytes, unsigned: limitUnsignedBytes(maxUnsignedBytes) }
}

function checkHandlerCallbacks(callbacks: Pick<WebhookHandlerOptions, 'onPayload' | 'onMedia' | 'onRejected'>): void {
  for (const [option, value] of Object.entries(callbacks)) {
    if (value !== undefined) checkFunction(option, value)
  }
  if (callbacks.onPayload !== undefined || callbacks.onMedia !== undefined) return
  const problem = 'or onPayload is needed, such as archive.enqueue: without both, each webhook is confirmed and lost'
  throw new InvalidOptionError({ option: 'onMedia', problem })
}

function toRejection({ reason, ...thrown }: UnheardRejection): WebhookRejection {
  const status = REJECTION_STATUS[reason]
  return 'error' in thrown ? { reason, status, error: toError(thrown.error) } : { reason, status }
}

function blameAdapter(error: unknown): WebhookOutcome {
  return { outcome: 'rejected', reason: 'adapter-failed', error }
}

/** All bodies are ASCII, so their length is their Content-Length. */
function buildAnswer(status: number, body: string, headers: Record<string, string> = {}): WebhookAnswer {
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

function checkVerifyToken(verifyToken: unknown): string {
  // A token from a file keeps the file's line end, and then fits no handshake.
  if (typeof verifyToken === 'string' && verifyToken !== '' && verifyToken.trim() === verifyToken) return verifyToken
  throw new InvalidOptionError({
    option: 'verifyToken',
    problem: `must be the token entered in the App Dashboard, without white space around, got ${describeSecret(verifyToken)}`,
  })
}

/** Read on demand: an error that a framework's `Request` throws must reach the conversation. */
function toIncomingWebhook(request: Request): IncomingWebhook {
  return {
    get method() {
      return request.method
    },
    get query() {
      return new URL(request.url).search
    },
    header: (name) => request.headers.get(name),
    readBody: (limits) => readWebBody(request, limits),
  }
}
