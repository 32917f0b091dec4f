import { request } from 'node:http'
import { signPayload } from '../signature.js'

/** One message of a webhook: media as `FakeCloudApi.addMedia` returns it, or a text. */
export interface WebhookItem {
  /** The wire's media object, and under which name it goes. */
  media?: { type: string; object: Record<string, unknown> }
  text?: string
  /** Default: a made-up one. */
  messageId?: string
  /** Unix seconds, milliseconds' Date or ISO 8601. Default: now. */
  timestamp?: Date | string
  /** Default `15550001111`. */
  from?: string
}

export interface WebhookOptions {
  /** Default `106540352242922`. */
  phoneNumberId?: string
  /** Default `102290129340398`. */
  businessAccountId?: string
}

/** A webhook payload on Meta's wire. */
export type BuiltWebhook = Record<string, unknown>

/** Builds the payload that Meta posts for these messages: one entry, one change. */
export function buildWebhook(items: readonly WebhookItem[], options: WebhookOptions = {}): BuiltWebhook {
  const { phoneNumberId = '106540352242922', businessAccountId = '102290129340398' } = options
  const messages = items.map(({ media, text, messageId, timestamp = new Date(), from = '15550001111' }, index) => ({
    from,
    id: messageId ?? `wamid.${Buffer.from(`built ${Date.now()} ${index} ${Math.random()}`).toString('base64')}`,
    timestamp: String(Math.floor(new Date(timestamp).getTime() / 1_000)),
    ...(media === undefined
      ? { type: 'text', text: { body: text ?? '' } }
      : { type: media.type, [media.type]: media.object }),
  }))
  return {
    object: 'whatsapp_business_account',
    entry: [
      {
        id: businessAccountId,
        changes: [
          {
            field: 'messages',
            value: {
              messaging_product: 'whatsapp',
              metadata: { display_phone_number: '15550002222', phone_number_id: phoneNumberId },
              contacts: [{ profile: { name: 'A customer' }, wa_id: '15550001111' }],
              messages,
            },
          },
        ],
      },
    ],
  }
}

/** JSON as Meta writes it: slashes escaped, and everything beyond ASCII as lower-case `\u` escapes. */
export function serializeWebhook(payload: unknown): string {
  return JSON.stringify(payload)
    .replaceAll('/', '\\/')
    .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The signed request that Meta would send. */
export function signWebhook(
  payload: unknown,
  { appSecret }: { appSecret: string },
): { body: Buffer; headers: Record<string, string> } {
  const body = Buffer.from(serializeWebhook(payload))
  const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signPayload(body, { appSecret }) }
  return { body, headers }
}

/** Posts a signed webhook, and tells the answer. */
export function deliver(
  url: string,
  payload: unknown,
  options: { appSecret: string },
): Promise<{ status: number; body: string }> {
  const { body, headers } = signWebhook(payload, options)
  return new Promise((resolve, reject) => {
    const post = request(
      url,
      { method: 'POST', headers: { ...headers, 'content-length': body.length } },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
        response.on('error', reject)
      },
    )
    post.on('error', reject)
    post.end(body)
  })
}
