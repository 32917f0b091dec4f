import { request } from 'node:http'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { signPayload } from '../webhook/signature.js'

/** One message or status of a webhook: media as `FakeCloudApi.addMedia` returns it, a text, or a status. */
export interface WebhookItem {
  /** The wire's media object, and under which name it goes. */
  media?: { type: string; object: Record<string, unknown> } | undefined
  /** The text of a text message. */
  text?: string | undefined
  /** The fate of a message that the business sent; it goes into `statuses`, with `from` as the recipient. */
  status?: 'sent' | 'delivered' | 'read' | 'failed' | undefined
  /** Default: a made-up one. */
  messageId?: string | undefined
  /** A date or ISO 8601. Default: now. */
  timestamp?: Date | string | undefined
  /** Default `15550001111`. */
  from?: string | undefined
}

/** Through which number, of which account. */
export interface WebhookOptions {
  /** Default `106540352242922`. */
  phoneNumberId?: string | undefined
  /** Default `102290129340398`. */
  businessAccountId?: string | undefined
}

const WEBHOOK_OPTIONS: OptionNames<WebhookOptions> = { phoneNumberId: true, businessAccountId: true }

/** A webhook payload on Meta's wire. */
export type BuiltWebhook = Record<string, unknown>

/** Builds the payload that Meta posts for these messages and statuses: one entry, one change. */
export function buildWebhook(items: readonly WebhookItem[], options: WebhookOptions = {}): BuiltWebhook {
  checkOptions(options, WEBHOOK_OPTIONS, { after: { items } })
  const { phoneNumberId = '106540352242922', businessAccountId = '102290129340398' } = options
  const messages: Record<string, unknown>[] = []
  const statuses: Record<string, unknown>[] = []
  for (const [index, item] of items.entries()) {
    const { media, text = '', status, from = '15550001111', timestamp = new Date() } = item
    const made = `built ${Date.now()} ${index} ${Math.random()}`
    const { messageId: id = `wamid.${Buffer.from(made).toString('base64')}` } = item
    const common = { id, timestamp: String(Math.floor(new Date(timestamp).getTime() / 1_000)) }
    if (status !== undefined) statuses.push({ ...common, status, recipient_id: from })
    else if (media !== undefined) messages.push({ from, ...common, type: media.type, [media.type]: media.object })
    else messages.push({ from, ...common, type: 'text', text: { body: text } })
  }
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
              ...(messages.length === 0 ? {} : { contacts: buildContacts(messages), messages }),
              ...(statuses.length === 0 ? {} : { statuses }),
            },
          },
        ],
      },
    ],
  }
}

function buildContacts(messages: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  const senders = new Set(messages.map(({ from }) => from))
  return [...senders].map((sender) => ({ profile: { name: 'A customer' }, wa_id: sender }))
}

/**
 * JSON as Meta writes it: slashes escaped, and everything beyond ASCII, with `<`, `>`, `%` and `@`, as lower-case
 * `\u` escapes. `JSON.stringify` of the parsed body gives other bytes, so only the raw body verifies.
 */
export function serializeWebhook(payload: unknown): string {
  return JSON.stringify(payload)
    .replaceAll('/', '\\/')
    .replace(/[^\x20-\x7e]|[<>%@]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The signed request that Meta would send. */
export function signWebhook(
  payload: unknown,
  options: { appSecret: string },
): { body: Buffer; headers: Record<string, string> } {
  const body = Buffer.from(serializeWebhook(payload))
  const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signPayload(body, options) }
  return { body, headers }
}

/** Posts a signed webhook, and returns the answer. */
export async function deliver(
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
        response.on('end', () => resolve({ status: Number(response.statusCode), body: text }))
        response.on('error', reject)
      },
    )
    post.on('error', reject)
    post.end(body)
  })
}
