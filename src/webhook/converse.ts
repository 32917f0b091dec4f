import { createHash, timingSafeEqual } from 'node:crypto'
import { InvalidOptionError, InvalidSignatureError, PayloadTooLargeError, TimeoutError } from '../errors.js'
import { parseJson } from '../json.js'
import { within } from '../timing/abort.js'
import { checkBytes, type ReadBody } from './body.js'
import type { IncomingWebhook, WebhookDelivery, WebhookRejection } from './handler.js'
import { findSignatureProblem } from './signature.js'

/** The settings of the conversation: the handler's options, checked, and its callbacks. */
export interface ConversationSettings {
  appSecret: readonly string[]
  verifyToken: string
  maxBytes: number
  bodyTimeoutMs: number
  /** Gets authentic payloads. Never rejects. */
  handOver(payload: unknown, delivery: WebhookDelivery): Promise<WebhookOutcome>
}

/** How a request ends. */
export type WebhookOutcome =
  | { outcome: 'accepted' }
  | { outcome: 'challenged'; challenge: string }
  | ({ outcome: 'rejected' } & Omit<WebhookRejection, 'status'>)

/** Meta's are numbers (Meta: Graph API webhooks, "Verification requests"); anything that could be markup is refused. */
const CHALLENGE = /^[\w-]{1,256}$/

const JSON_TYPE = /^application\/json\s*(?:;|$)/i

/** Takes a request from its method to the callbacks. Rejects only with an error that `incoming` throws. */
export async function converse(incoming: IncomingWebhook, settings: ConversationSettings): Promise<WebhookOutcome> {
  const { maxBytes } = settings
  const { method } = incoming
  if (method === 'GET') return shakeHands(incoming.query, settings)
  if (method !== 'POST') return { outcome: 'rejected', reason: 'method' }
  if (Number(incoming.header('content-length')) > maxBytes) return rejectBody('too-large', settings)
  if (!JSON_TYPE.test(String(incoming.header('content-type')))) return { outcome: 'rejected', reason: 'content-type' }
  const body = await readInTime(incoming, settings)
  if (body.outcome !== 'read') return rejectBody(body.outcome, settings)
  const bytes = checkBytes(body.bytes)
  if (bytes.byteLength > maxBytes) return rejectBody('too-large', settings)
  const problem = findSignatureProblem(bytes, incoming.header('x-hub-signature-256'), settings.appSecret)
  if (problem !== undefined) {
    return { outcome: 'rejected', reason: 'signature', error: new InvalidSignatureError({ reason: problem }) }
  }
  return handOverJson(bytes, settings)
}

/** An adapter may forget the time limit: its request would then wait for ever, and `close` with it. */
function readInTime(incoming: IncomingWebhook, { maxBytes, bodyTimeoutMs }: ConversationSettings): Promise<ReadBody> {
  const read = async (): Promise<ReadBody> => incoming.readBody({ maxBytes, timeoutMs: bodyTimeoutMs })
  return within(bodyTimeoutMs, read(), { otherwise: (): ReadBody => ({ outcome: 'body-timeout' }) })
}

function shakeHands(query: string, { verifyToken }: ConversationSettings): WebhookOutcome {
  const asked = new URLSearchParams(query)
  const [challenge = '', ...others] = asked.getAll('hub.challenge')
  const isMeta = asked.get('hub.mode') === 'subscribe' && isSameSecret(asked.get('hub.verify_token') ?? '', verifyToken)
  if (isMeta && others.length === 0 && CHALLENGE.test(challenge)) return { outcome: 'challenged', challenge }
  return { outcome: 'rejected', reason: 'handshake' }
}

/** By their hashes, which have one length: neither the time nor an error shows how much of the token was right. */
function isSameSecret(given: string, expected: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(expected))
}

function rejectBody(
  reason: Exclude<ReadBody['outcome'], 'read'>,
  { maxBytes, bodyTimeoutMs }: ConversationSettings,
): WebhookOutcome {
  switch (reason) {
    case 'too-large':
      return { outcome: 'rejected', reason, error: new PayloadTooLargeError({ limitBytes: maxBytes }) }
    case 'body-timeout':
      return { outcome: 'rejected', reason, error: new TimeoutError({ waitedFor: 'body', limitMs: bodyTimeoutMs }) }
    case 'body-already-parsed': {
      const error = new InvalidOptionError({ option: 'request.body', problem: ALREADY_PARSED })
      return { outcome: 'rejected', reason, error }
    }
    default:
      // Also for an adapter that gives no outcome of these.
      return { outcome: 'rejected', reason: 'body-aborted' }
  }
}

const ALREADY_PARSED =
  "was read before the webhook handler got it, so its signature can't be checked. Mount the handler before " +
  'express.json() and every other body parser; in Fastify, give its route a content type parser that leaves the ' +
  "stream alone; in Next.js pages, set api.bodyParser to false; or keep the bytes with express.raw({ type: '*/*' })"

async function handOverJson(rawBody: Uint8Array, { handOver }: ConversationSettings): Promise<WebhookOutcome> {
  const receivedAt = new Date().toISOString()
  const text = Buffer.from(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength).toString('utf8')
  const payload = parseJson(text)
  if (payload === undefined) return { outcome: 'rejected', reason: 'json' }
  return handOver(payload, { rawBody, receivedAt })
}
