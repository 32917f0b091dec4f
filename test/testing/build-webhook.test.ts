import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { buildWebhook, deliver, serializeWebhook, signWebhook } from '../../src/testing/build-webhook.js'
import { verifySignature } from '../../src/webhook/signature.js'

const appSecret = 'test_app_secret'
const photo = { id: '1', mime_type: 'image/png', sha256: 'x' }

const changeValue = (payload: ReturnType<typeof buildWebhook>): Record<string, unknown> =>
  JSON.parse(JSON.stringify(payload)).entry[0].changes[0].value

describe('buildWebhook', () => {
  it('makes one entry with one change', () => {
    const timestamp = '2026-05-01T12:00:00.900Z'
    const items = [{ media: { type: 'image', object: photo }, messageId: 'wamid.A', timestamp }]
    expect(buildWebhook(items)).toEqual({
      object: 'whatsapp_business_account',
      entry: [
        {
          id: '102290129340398',
          changes: [
            {
              field: 'messages',
              value: {
                messaging_product: 'whatsapp',
                metadata: { display_phone_number: '15550002222', phone_number_id: '106540352242922' },
                contacts: [{ profile: { name: 'A customer' }, wa_id: '15550001111' }],
                messages: [
                  { from: '15550001111', id: 'wamid.A', timestamp: '1777636800', type: 'image', image: photo },
                ],
              },
            },
          ],
        },
      ],
    })
  })

  it('takes texts, and the number and account they go to', () => {
    const payload = buildWebhook([{ text: 'Hello' }, {}], { phoneNumberId: '7', businessAccountId: '8' })
    expect(payload).toMatchObject({ entry: [{ id: '8' }] })
    expect(changeValue(payload)).toMatchObject({
      metadata: { phone_number_id: '7' },
      messages: [
        { type: 'text', text: { body: 'Hello' } },
        { type: 'text', text: { body: '' } },
      ],
    })
  })

  it('puts statuses beside messages, or alone', () => {
    const status = { status: 'delivered', messageId: 'wamid.B', timestamp: new Date(5_000) } as const
    const alone = changeValue(buildWebhook([status]))
    expect(alone['statuses']).toEqual([
      { id: 'wamid.B', status: 'delivered', timestamp: '5', recipient_id: '15550001111' },
    ])
    expect(Object.keys(alone)).not.toContain('messages')
    expect(Object.keys(alone)).not.toContain('contacts')
    const both = changeValue(buildWebhook([{ text: 'Hello' }, status]))
    expect(both).toMatchObject({ messages: [{ type: 'text' }], statuses: [{ id: 'wamid.B' }] })
  })

  it('names each sender once among the contacts', () => {
    const items = ['15550001111', '15550003333', '15550001111'].map((from) => ({ from }))
    expect(changeValue(buildWebhook(items))['contacts']).toMatchObject([
      { wa_id: '15550001111' },
      { wa_id: '15550003333' },
    ])
  })

  it('makes up another id for each message, and takes the time from the clock', () => {
    const before = Math.floor(Date.now() / 1_000)
    const { messages } = changeValue(buildWebhook([{}, {}])) as { messages: { id: string; timestamp: string }[] }
    expect(new Set(messages.map(({ id }) => id)).size).toBe(2)
    expect(messages[0]?.id).toMatch(/^wamid\.[\w+/=]+$/)
    expect(Number(messages[0]?.timestamp)).toBeGreaterThanOrEqual(before)
  })
})

describe('serializeWebhook', () => {
  it('escapes as Meta does', () => {
    expect(serializeWebhook({ a: 'Grüße/😀 <b>%@\u007f' })).toBe(
      '{"a":"Gr\\u00fc\\u00dfe\\/\\ud83d\\ude00 \\u003cb\\u003e\\u0025\\u0040\\u007f"}',
    )
  })

  it('changes nothing that JSON.parse can see', () => {
    const payload = { 'ä/ö': ['\\/', '"', '\n', '\u2028', '\\u00e4', '//', 1.5, null, true] }
    expect(JSON.parse(serializeWebhook(payload))).toEqual(payload)
  })
})

describe('signWebhook', () => {
  it('signs the bytes as they go out, and only them', () => {
    const payload = buildWebhook([{ text: 'Grüße' }])
    const { body, headers } = signWebhook(payload, { appSecret })
    const signature = headers['x-hub-signature-256']
    expect(String(body)).toBe(serializeWebhook(payload))
    expect(headers['content-type']).toBe('application/json')
    expect(() => verifySignature(body, signature, { appSecret })).not.toThrow()
    expect(() => verifySignature(JSON.stringify(payload), signature, { appSecret })).toThrow()
  })

  it('gives the published signature', () => {
    // No character of this body is escaped, so the vector holds as it is.
    const { headers } = signWebhook({ object: 'whatsapp_business_account', entry: [] }, { appSecret })
    expect(headers['x-hub-signature-256']).toBe(
      'sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756',
    )
  })
})

describe('deliver', () => {
  let server: Server | undefined

  const listen = async (handler: RequestListener): Promise<string> => {
    const started = createServer(handler)
    server = started
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(started.address() as AddressInfo).port}/webhook`
  }

  afterEach(() => {
    server?.closeAllConnections()
    server?.close()
  })

  it('posts the signed body, and returns status and body of the answer', async () => {
    const payload = buildWebhook([{ text: 'Grüße 😀' }])
    const url = await listen(async (request, response) => {
      const body = await text(request)
      verifySignature(body, request.headers['x-hub-signature-256'], { appSecret })
      response.writeHead(202).end(JSON.stringify([request.method, request.headers['content-length'], JSON.parse(body)]))
    })
    const { status, body } = await deliver(url, payload, { appSecret })
    expect(status).toBe(202)
    expect(JSON.parse(body)).toEqual([
      'POST',
      String(serializeWebhook(payload).length),
      JSON.parse(JSON.stringify(payload)),
    ])
  })

  it('rejects when no answer comes', async () => {
    const url = await listen((request) => void request.socket.destroy())
    await expect(deliver(url, {}, { appSecret })).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('rejects when the answer breaks off', async () => {
    const url = await listen((_request, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('part', () => response.destroy())
    })
    await expect(deliver(url, {}, { appSecret })).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})
