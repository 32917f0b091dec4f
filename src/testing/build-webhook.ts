import { request } from 'node:http'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { describeSecret } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'
import { isObject } from '../json.js'
import { signPayload } from '../webhook/signature.js'
import { buildStatusUpdate, type StatusFacts } from './build-webhook/status-update.js'
import type { AddedMedia } from './fake-cloud-api.js'

export type { StatusFacts } from './build-webhook/status-update.js'

/** One message or status of a webhook: a media message, a text, or a status. */
export interface WebhookItem extends StatusFacts {
  /**
   * What `FakeCloudApi.addMedia` returned, or the wire's media object and under which name it goes. What `addMedia`
   * returned also gives the message's id, time, sender and number, where they are not named here.
   */
  media?:
    | AddedMedia
    | {
        /** The message's type. */
        type: string
        /** The media as the webhook's `image`, `document` and so on has it. */
        object: Record<string, unknown>
      }
    | undefined
  /** The text of a text message. */
  text?: string | undefined
  /** Default: that of the media, else a made-up one. */
  messageId?: string | undefined
  /** A date or ISO 8601. Default: that of the media, else now. */
  timestamp?: Date | string | undefined
  /** The customer's phone number. Default: that of the media, else `15550001111`. */
  from?: string | undefined
  /** Default: that of the media, else the one of the whole webhook. */
  phoneNumberId?: string | undefined
}

/** Through which number, of which account. */
export interface WebhookOptions {
  /** Default: that of the media, else `106540352242922`. */
  phoneNumberId?: string | undefined
  /** Default `102290129340398`. */
  businessAccountId?: string | undefined
}

const WEBHOOK_OPTIONS: OptionNames<WebhookOptions> = { phoneNumberId: true, businessAccountId: true }

/** A webhook payload on Meta's wire. */
export type BuiltWebhook = Record<string, unknown>

/** One message or status on the wire. */
interface WireUpdate {
  list: 'messages' | 'statuses'
  update: Record<string, unknown>
  /** Absent: any. */
  phoneNumberId: string | undefined
}

/**
 * Builds the payload that Meta posts for these messages and statuses: one entry, with one change for each phone number.
 *
 * @param items what `FakeCloudApi.addMedia` returned, texts and statuses: one, or several in any mixture.
 * @throws InvalidOptionError for anything else, such as a promise of what `addMedia` returns.
 * @example
 * ```ts
 * import { buildWebhook, createFakeCloudApi } from 'whatsapp-media-archive/testing'
 * import { extractMedia } from 'whatsapp-media-archive/webhook'
 *
 * const api = await createFakeCloudApi()
 * const photo = await api.addMedia({ bytes: Buffer.from('…'), mimeType: 'image/jpeg', mediaType: 'image' })
 * const payload = buildWebhook([photo, { text: 'Look!' }, { status: 'read', messageId: 'wamid.ours' }])
 * console.log(extractMedia(payload).media.length) // 1
 * await api.close()
 * ```
 */
export function buildWebhook(
  items: WebhookItem | AddedMedia | readonly (WebhookItem | AddedMedia)[],
  options: WebhookOptions = {},
): BuiltWebhook {
  checkOptions(options, WEBHOOK_OPTIONS, { after: { items } })
  const { phoneNumberId, businessAccountId = '102290129340398' } = options
  const updates = isList(items) ? items.map((item, index) => toUpdate(item, index)) : [toUpdate(items)]
  const usual = phoneNumberId ?? updates.find((each) => each.phoneNumberId)?.phoneNumberId ?? '106540352242922'
  const byNumber = new Map<string, WireUpdate[]>(updates.length === 0 ? [[usual, []]] : [])
  for (const each of updates) {
    const number = phoneNumberId ?? each.phoneNumberId ?? usual
    byNumber.set(number, [...(byNumber.get(number) ?? []), each])
  }
  const changes = [...byNumber].map(([number, own]) => ({ field: 'messages', value: buildValue(number, own) }))
  return { object: 'whatsapp_business_account', entry: [{ id: businessAccountId, changes }] }
}

function isList(items: unknown): items is readonly (WebhookItem | AddedMedia)[] {
  return Array.isArray(items)
}

/** @param index absent for an item outside a list. */
function toUpdate(given: WebhookItem | AddedMedia, index?: number): WireUpdate {
  const option = index === undefined ? 'items' : `items[${index}]`
  checkItem(given, option)
  const item: WebhookItem = isAddedMedia(given) ? { media: given } : given
  const { media, text = '', status } = item
  const reference = isAddedMedia(media) ? media.reference : undefined
  const { from = reference?.from ?? '15550001111', timestamp = reference?.timestamp ?? new Date() } = item
  const made = `built ${Date.now()} ${index} ${Math.random()}`
  const id = item.messageId ?? reference?.messageId ?? `wamid.${Buffer.from(made).toString('base64')}`
  const time = new Date(timestamp).getTime()
  if (Number.isNaN(time)) throw describeMisuse(`${option}.timestamp`, 'must be a date or ISO 8601', timestamp)
  const common = { id, timestamp: String(Math.floor(time / 1_000)) }
  const phoneNumberId = item.phoneNumberId ?? reference?.phoneNumberId
  if (status !== undefined) {
    return { list: 'statuses', update: { ...common, ...buildStatusUpdate(item, from) }, phoneNumberId }
  }
  const content = media === undefined ? { type: 'text', text: { body: text } } : buildContent(media, option)
  return { list: 'messages', update: { from, ...common, ...content }, phoneNumberId }
}

function checkItem(item: unknown, option: string): void {
  if (!isObject(item)) throw describeMisuse(option, 'must be media, a text or a status', item)
  if ('then' in item) {
    throw new InvalidOptionError({
      option,
      problem: 'must be what addMedia gives, got a promise of it: await addMedia',
    })
  }
  if ('mediaId' in item && !isAddedMedia(item)) {
    const problem = 'must be the whole of what addMedia gave, got a part of it, such as its reference'
    throw new InvalidOptionError({ option, problem })
  }
}

function isAddedMedia(media: unknown): media is AddedMedia {
  return isObject(media) && isObject(media['reference']) && isObject(media['mediaObject'])
}

function buildContent(media: NonNullable<WebhookItem['media']>, option: string): Record<string, unknown> {
  const { type, object } = isAddedMedia(media) ? { type: media.reference.mediaType, object: media.mediaObject } : media
  if (typeof type === 'string' && isObject(object)) return { type, [type]: object }
  throw describeMisuse(`${option}.media`, 'must be what addMedia gave, or have a type and an object', media)
}

/** Media and texts are personal, so what came shows as its type. */
function describeMisuse(option: string, rule: string, value: unknown): InvalidOptionError {
  return new InvalidOptionError({ option, problem: `${rule}, got ${describeSecret(value)}` })
}

function buildValue(phoneNumberId: string, updates: readonly WireUpdate[]): Record<string, unknown> {
  const pick = (list: WireUpdate['list']): Record<string, unknown>[] =>
    updates.filter((each) => each.list === list).map(({ update }) => update)
  const [messages, statuses] = [pick('messages'), pick('statuses')]
  return {
    messaging_product: 'whatsapp',
    metadata: { display_phone_number: '15550002222', phone_number_id: phoneNumberId },
    ...(messages.length === 0 ? {} : { contacts: buildContacts(messages), messages }),
    ...(statuses.length === 0 ? {} : { statuses }),
  }
}

function buildContacts(messages: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  const senders = new Set(messages.map(({ from }) => from))
  return [...senders].map((sender) => ({ profile: { name: 'A customer' }, wa_id: sender }))
}

/**
 * JSON as Meta writes it: slashes escaped, and everything beyond ASCII, with `<`, `>`, `%` and `@`, as lower-case
 * `\u` escapes. `JSON.stringify` of the parsed body gives other bytes, so only the raw body verifies.
 *
 * @throws InvalidOptionError for what JSON can't hold, and for a body that is serialized already.
 * @example
 * ```ts
 * import { serializeWebhook } from 'whatsapp-media-archive/testing'
 *
 * console.log(serializeWebhook({ text: 'ü/@' })) // {"text":"\u00fc\/\u0040"}
 * ```
 */
export function serializeWebhook(payload: unknown): string {
  return stringify(payload)
    .replaceAll('/', '\\/')
    .replace(/[^\x20-\x7e]|[<>%@]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function stringify(payload: unknown): string {
  if (typeof payload === 'string' || types.isUint8Array(payload)) {
    throw describeMisuse('payload', 'must be the object, before it is serialized', payload)
  }
  const rule = 'must be what JSON can hold, such as what buildWebhook gives'
  if (types.isPromise(payload)) throw describeMisuse('payload', rule, payload)
  let json: string | undefined
  try {
    json = JSON.stringify(payload)
  } catch {
    // A circle, or a bigint.
  }
  if (json === undefined) throw describeMisuse('payload', rule, payload)
  return json
}

/** A webhook as Meta sends it. It fits the options of `fetch` and of `new Request`. */
export interface SignedWebhook {
  /** The raw bytes that were signed. The types of browsers ask for bytes of a plain `ArrayBuffer`. */
  body: Buffer & {
    /** The memory of the bytes. */
    readonly buffer: ArrayBuffer
  }
  /** By lower-case name. */
  headers: Record<string, string>
}

/**
 * The signed request that Meta would send.
 *
 * @returns the raw body, and the headers with its signature: the example hands both on.
 * @throws InvalidOptionError for a payload that `serializeWebhook` refuses, and an app secret that is none.
 * @example
 * ```ts
 * import { buildWebhook, signWebhook } from 'whatsapp-media-archive/testing'
 * import { createWebhookHandler } from 'whatsapp-media-archive/webhook'
 *
 * const appSecret = 'app secret'
 * const handler = createWebhookHandler({ appSecret, verifyToken: 'verify token', onPayload: () => {} })
 * const signed = signWebhook(buildWebhook({ text: 'Hello' }), { appSecret })
 * const response = await handler(new Request('https://app.example.com/webhook', { method: 'POST', ...signed }))
 * console.log(response.status) // 200
 * ```
 */
export function signWebhook(
  payload: unknown,
  options: {
    /** The app's secret. */
    appSecret: string
  },
): SignedWebhook {
  const body = Buffer.from(serializeWebhook(payload))
  const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signPayload(body, options) }
  return { body, headers }
}

/**
 * Posts a signed webhook, as Meta does, and returns the answer.
 *
 * @param to where your app listens, http only; or its handler, such as `createWebhookHandler` makes. @throws the error of
 * `node:http` when no answer comes.
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { buildWebhook, deliver } from 'whatsapp-media-archive/testing'
 * import { createWebhookHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'
 *
 * const appSecret = 'app secret'
 * const handler = createWebhookHandler({ appSecret, verifyToken: 'verify token', onPayload: () => {} })
 * const server = createServer(toNodeHandler(handler)).listen(0)
 * await once(server, 'listening')
 * const address = server.address()
 * const port = typeof address === 'object' ? address?.port : undefined
 * const { status } = await deliver(`http://127.0.0.1:${port}/webhook`, buildWebhook({ text: 'Hello' }), { appSecret })
 * console.log(status) // 200
 * server.close()
 * ```
 */
export async function deliver(
  to: string | ((request: Request) => Promise<Response>),
  payload: unknown,
  options: {
    /** The app's secret. */
    appSecret: string
  },
): Promise<{
  /** The answer's HTTP status. */
  status: number
  /** The answer's text. */
  body: string
}> {
  const { body, headers } = signWebhook(payload, options)
  if (typeof to === 'function') {
    const answer = await to(new Request('https://app.test/webhook', { method: 'POST', headers, body }))
    return { status: answer.status, body: await answer.text() }
  }
  return new Promise((resolve, reject) => {
    const post = request(to, { method: 'POST', headers: { ...headers, 'content-length': body.length } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve({ status: Number(response.statusCode), body: text }))
      response.on('error', reject)
    })
    post.on('error', reject)
    post.end(body)
  })
}
