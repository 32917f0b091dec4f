import { types } from 'node:util'
import { describeValue } from '../errors/describe.js'
import {
  InvalidOptionError,
  InvalidSignatureError,
  MemoryLimitError,
  PayloadTooLargeError,
  TimeoutError,
} from '../errors.js'
import { parseJson } from '../json.js'
import { within } from '../timing/abort.js'
import { checkBytes, type ReadBody } from './body.js'
import type { IncomingWebhook, WebhookDelivery, WebhookHandlerOptions, WebhookRejection } from './handler.js'
import { type HandshakeSettings, shakeHands } from './handshake.js'
import { adviseOnParsedBody, type BodyTaker } from './parsed-body.js'
import { explainMisfit, isSignedBySome, parseHeader, type SignatureRefusal } from './signature.js'
import type { UnsignedBytes } from './unsigned-bytes.js'

/** The settings of the conversation: the handler's options, checked, and its callbacks. */
export interface ConversationSettings extends HandshakeSettings {
  maxBytes: number
  maxUnsignedBytes: number
  bodyTimeoutMs: number
  contentType: WebhookHandlerOptions['contentType']
  unsigned: UnsignedBytes
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
  const { method } = incoming
  if (method === 'GET') return shakeHands(incoming.query, settings)
  if (method !== 'POST') return refuse('method', { option: 'request.method', problem: describeMethod(method) })
  if (Number(incoming.header('content-length')) > settings.maxBytes) return rejectBody('too-large', settings)
  // Before the body is read: strangers choose how long it is, and how slowly it comes.
  const claimed = parseHeader(incoming.header('x-hub-signature-256'))
  if (!types.isUint8Array(claimed)) return rejectSignature(claimed)
  const type = incoming.header('content-type')
  const body = await readInTime(incoming, settings)
  if (body.outcome === 'body-already-parsed') return rejectParsed(body.taker)
  if (body.outcome !== 'read') return rejectBody(body.outcome, settings)
  const bytes = checkBytes(body.bytes)
  if (bytes.byteLength > settings.maxBytes) return rejectBody('too-large', settings)
  const { appSecret } = settings
  const signed = [bytes, ...(body.others ?? [])].find((sent) => isSignedBySome(sent, claimed, appSecret))
  if (signed === undefined) return rejectSignature(explainMisfit(bytes, claimed, appSecret))
  return handOverJson(signed, { type, settings })
}

function rejectSignature(refusal: SignatureRefusal): WebhookOutcome {
  return { outcome: 'rejected', reason: 'signature', error: new InvalidSignatureError(refusal) }
}

/** An adapter may forget the time limit: its request would then wait for ever, and `close` with it. */
function readInTime(incoming: IncomingWebhook, settings: ConversationSettings): Promise<ReadBody> {
  const { maxBytes, bodyTimeoutMs, unsigned } = settings
  const read = async (): Promise<ReadBody> => incoming.readBody({ maxBytes, timeoutMs: bodyTimeoutMs, unsigned })
  return within(bodyTimeoutMs, read(), { otherwise: (): ReadBody => ({ outcome: 'body-timeout' }) })
}

function rejectBody(
  reason: Exclude<ReadBody['outcome'], 'read' | 'body-already-parsed'>,
  { maxBytes, maxUnsignedBytes, bodyTimeoutMs }: ConversationSettings,
): WebhookOutcome {
  switch (reason) {
    case 'memory-limit':
      return { outcome: 'rejected', reason, error: new MemoryLimitError({ limitBytes: maxUnsignedBytes }) }
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

function refuseType(type: unknown): WebhookOutcome {
  const got = typeof type === 'string' ? describeValue(type.split(';', 1)[0]?.trim().toLowerCase()) : 'none'
  const problem = `must be application/json, as Meta sends it, got ${got}`
  return refuse('content-type', { option: "request's content-type", problem })
}

function rejectParsed(taker: BodyTaker = 'node'): WebhookOutcome {
  const error = new InvalidOptionError({ option: 'request.body', problem: adviseOnParsedBody(taker) })
  return { outcome: 'rejected', reason: 'body-already-parsed', error }
}

async function handOverJson(
  rawBody: Uint8Array,
  { type, settings }: { type: unknown; settings: ConversationSettings },
): Promise<WebhookOutcome> {
  const isJsonType = JSON_TYPE.test(String(type))
  if (settings.contentType === 'json' && !isJsonType) return refuseType(type)
  const receivedAt = new Date().toISOString()
  const text = Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength).toString('utf8')
  const payload = parseJson(text)
  if (payload !== undefined) return settings.handOver(payload, { rawBody, receivedAt })
  if (!isJsonType) return refuseType(type)
  const problem = `must be JSON. Its signature fits, but its ${rawBody.byteLength} bytes are none`
  return refuse('json', { option: 'request.body', problem })
}
