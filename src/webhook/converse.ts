import { describeValue } from '../errors/describe.js'
import {
  InvalidOptionError,
  InvalidSignatureError,
  PayloadTooLargeError,
  type SignatureProblem,
  TimeoutError,
} from '../errors.js'
import { parseJson } from '../json.js'
import { within } from '../timing/abort.js'
import { checkBytes, type ReadBody } from './body.js'
import type { IncomingWebhook, WebhookDelivery, WebhookRejection } from './handler.js'
import { type HandshakeSettings, shakeHands } from './handshake.js'
import { adviseOnParsedBody, type BodyTaker } from './parsed-body.js'
import { findSignatureProblem } from './signature.js'

/** The settings of the conversation: the handler's options, checked, and its callbacks. */
export interface ConversationSettings extends HandshakeSettings {
  maxBytes: number
  bodyTimeoutMs: number
  /** Gets authentic payloads. Never rejects. */
  handOver(payload: unknown, delivery: WebhookDelivery): Promise<WebhookOutcome>
}

/** A refusal or failure, with what was thrown as it came. */
export interface UnheardRejection extends Pick<WebhookRejection, 'reason'> {
  error?: unknown
}

/** How a request ends. */
export type WebhookOutcome =
  | { outcome: 'accepted' }
  | { outcome: 'challenged'; challenge: string }
  | ({ outcome: 'rejected' } & UnheardRejection)

const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/** Takes a request from its method to the callbacks. Rejects only with an error that `incoming` throws. */
export async function converse(incoming: IncomingWebhook, settings: ConversationSettings): Promise<WebhookOutcome> {
  const { maxBytes } = settings
  const { method } = incoming
  if (method === 'GET') return shakeHands(incoming.query, settings)
  if (method !== 'POST') return refuse('method', { option: 'request.method', problem: describeMethod(method) })
  if (Number(incoming.header('content-length')) > maxBytes) return rejectBody('too-large', settings)
  const type = incoming.header('content-type')
  if (!JSON_TYPE.test(String(type))) {
    return refuse('content-type', { option: "request's content-type", problem: describeType(type) })
  }
  const body = await readInTime(incoming, settings)
  if (body.outcome === 'body-already-parsed') return rejectParsed(body.taker)
  if (body.outcome !== 'read') return rejectBody(body.outcome, settings)
  const bytes = checkBytes(body.bytes)
  if (bytes.byteLength > maxBytes) return rejectBody('too-large', settings)
  const header = incoming.header('x-hub-signature-256')
  const findProblem = (sent: Uint8Array): SignatureProblem | undefined =>
    findSignatureProblem(sent, header, settings.appSecret)
  const problem = findProblem(bytes)
  if (problem === undefined) return handOverJson(bytes, settings)
  const other = body.others?.find((sent) => findProblem(sent) === undefined)
  if (other !== undefined) return handOverJson(other, settings)
  return { outcome: 'rejected', reason: 'signature', error: new InvalidSignatureError({ reason: problem }) }
}

/** An adapter may forget the time limit: its request would then wait for ever, and `close` with it. */
function readInTime(incoming: IncomingWebhook, { maxBytes, bodyTimeoutMs }: ConversationSettings): Promise<ReadBody> {
  const read = async (): Promise<ReadBody> => incoming.readBody({ maxBytes, timeoutMs: bodyTimeoutMs })
  return within(bodyTimeoutMs, read(), { otherwise: (): ReadBody => ({ outcome: 'body-timeout' }) })
}

function rejectBody(
  reason: Exclude<ReadBody['outcome'], 'read' | 'body-already-parsed'>,
  { maxBytes, bodyTimeoutMs }: ConversationSettings,
): WebhookOutcome {
  switch (reason) {
    case 'too-large':
      return { outcome: 'rejected', reason, error: new PayloadTooLargeError({ limitBytes: maxBytes }) }
    case 'body-timeout':
      return { outcome: 'rejected', reason, error: new TimeoutError({ waitedFor: 'body', limitMs: bodyTimeoutMs }) }
    default:
      // Also for an adapter that gives no outcome of these.
      return { outcome: 'rejected', reason: 'body-aborted' }
  }
}

function refuse(
  reason: 'method' | 'content-type' | 'json',
  problem: { option: string; problem: string },
): WebhookOutcome {
  return { outcome: 'rejected', reason, error: new InvalidOptionError(problem) }
}

function describeMethod(method: unknown): string {
  return `must be GET, for Meta's handshake, or POST, for its webhooks, got ${describeValue(method)}`
}

function describeType(type: unknown): string {
  const got = typeof type === 'string' ? describeValue(type.split(';', 1)[0]?.trim().toLowerCase()) : 'none'
  return `must be application/json, as Meta sends it, got ${got}`
}

function rejectParsed(taker: BodyTaker = 'node'): WebhookOutcome {
  const error = new InvalidOptionError({ option: 'request.body', problem: adviseOnParsedBody(taker) })
  return { outcome: 'rejected', reason: 'body-already-parsed', error }
}

async function handOverJson(rawBody: Uint8Array, { handOver }: ConversationSettings): Promise<WebhookOutcome> {
  const receivedAt = new Date().toISOString()
  const text = Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength).toString('utf8')
  const payload = parseJson(text)
  if (payload === undefined) {
    const problem = `must be JSON. Its signature fits, but its ${rawBody.byteLength} bytes are none`
    return refuse('json', { option: 'request.body', problem })
  }
  return handOver(payload, { rawBody, receivedAt })
}
