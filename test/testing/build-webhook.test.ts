import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildWebhook, deliver, serializeWebhook, signWebhook } from '../../src/testing/build-webhook.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { extractMedia } from '../../src/webhook/extract.js'
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

describe('buildWebhook with what addMedia returned', () => {
  let api: FakeCloudApi
  const now = Date.UTC(2026, 4, 1, 12)
  const add = (more: object = {}) =>
    api.addMedia({ bytes: Buffer.from('photo'), mimeType: 'image/jpeg', mediaType: 'image', ...more })
  /** The times of receipt differ, and nothing else may. */
  const extract = (payload: unknown) => extractMedia(payload).media.map(({ receivedAt, ...media }) => media)
  const strip = ({ receivedAt, downloadUrlExpiresAt, ...media }: Awaited<ReturnType<typeof add>>['reference']) => media

  beforeEach(async () => {
    api = await createFakeCloudApi({ now: () => now })
  })
  afterEach(() => api.close())

  it.each([
    { mediaType: 'image', mimeType: 'image/jpeg', caption: 'Grüße' },
    { mediaType: 'video', mimeType: 'video/mp4' },
    { mediaType: 'audio', mimeType: 'audio/ogg; codecs=opus', voice: true },
    { mediaType: 'document', mimeType: 'application/pdf', filename: 'a.pdf' },
    { mediaType: 'sticker', mimeType: 'image/webp', animated: true },
    { announceSha256: false },
    { phoneNumberId: '7777777' },
  ])('gives a webhook from which its reference is extracted: %o', async (more) => {
    const added = await add(more)
    for (const items of [added, [added], { media: added }, [{ media: added }]]) {
      const [media, ...others] = extract(buildWebhook(items))
      expect(others).toEqual([])
      expect(media).toMatchObject(JSON.parse(JSON.stringify(strip(added.reference))))
    }
  })

  it('takes it among texts and statuses', async () => {
    const [one, two] = [await add(), await add({ mediaType: 'document', mimeType: 'text/plain' })]
    const status = { status: 'read', messageId: 'wamid.ours' } as const
    const value = changeValue(buildWebhook([{ text: 'before' }, one, status, two, { text: 'after' }]))
    expect(value).toMatchObject({
      messages: [{ type: 'text' }, { type: 'image' }, { type: 'document' }, { type: 'text' }],
      statuses: [{ id: 'wamid.ours', status: 'read' }],
    })
  })

  it('takes a text or a status alone', () => {
    expect(changeValue(buildWebhook({ text: 'Hello' }))).toMatchObject({ messages: [{ text: { body: 'Hello' } }] })
    expect(changeValue(buildWebhook({ status: 'sent' }))).toMatchObject({ statuses: [{ status: 'sent' }] })
  })

  it('takes id, time and sender of its own beside it', async () => {
    const added = await add()
    const [media] = extract(
      buildWebhook({ media: added, messageId: 'wamid.mine', from: '15557778888', timestamp: '2026-01-02T03:04:05Z' }),
    )
    expect(media).toMatchObject({
      mediaId: added.mediaId,
      messageId: 'wamid.mine',
      from: '15557778888',
      timestamp: '2026-01-02T03:04:05.000Z',
    })
  })

  it('makes a change for each number, and puts the rest with the first media', async () => {
    const items = [{ text: 'x' }, await add({ phoneNumberId: '111' }), await add({ phoneNumberId: '222' }), await add()]
    const payload = buildWebhook(items)
    const { changes } = JSON.parse(JSON.stringify(payload)).entry[0]
    expect(
      changes.map(({ value }: { value: { metadata: { phone_number_id: string }; messages: { type: string }[] } }) => [
        value.metadata.phone_number_id,
        ...value.messages.map(({ type }) => type),
      ]),
    ).toEqual([
      ['111', 'text', 'image'],
      ['222', 'image'],
      ['106540352242922', 'image'],
    ])
    expect(extract(buildWebhook(items, { phoneNumberId: '333' })).map((media) => media.phoneNumberId)).toEqual([
      '333',
      '333',
      '333',
    ])
  })

  it('builds a webhook without updates from no items', () => {
    expect(extract(buildWebhook([]))).toEqual([])
    expect(changeValue(buildWebhook([]))).toMatchObject({ metadata: { phone_number_id: '106540352242922' } })
  })

  it.each([
    ['a promise', () => add(), 'items must be what addMedia gives, got a promise of it: await addMedia'],
    ['a promise in a list', () => [{ text: '' }, add()], 'items[1] must be what addMedia gives, got a promise'],
    ['a text', () => 'Hello', 'items must be media, a text or a status, got a string of 5 characters'],
    [
      'nothing',
      () => undefined,
      'items is missing; it must be media, a text or a status, got a value of type undefined',
    ],
    ['null in a list', () => [null], 'items[0] must be media, a text or a status, got a value of type object'],
    ['a list in a list', () => [[]], 'items[0] must be media'],
    ['a reference', () => ({ mediaId: '1', mediaType: 'image' }), 'items must be the whole of what addMedia gave'],
    ['a media object', () => [{ media: { id: '1' } }], 'items[0].media must be what addMedia gave'],
    ['media without an object', () => ({ media: { type: 'image' } }), 'items.media must be what addMedia gave'],
    ['media of no type', () => ({ media: { type: 1, object: {} } }), 'items.media must be what addMedia gave'],
    ['no date', () => ({ timestamp: 'yesterday' }), 'items.timestamp must be a date or ISO 8601, got a string of 9'],
  ])('refuses %s', (_, build, message) => {
    const built: unknown = build()
    expect(() => buildWebhook(built as Parameters<typeof buildWebhook>[0])).toThrow(
      expect.objectContaining({ code: 'invalid-option', message: expect.stringContaining(message) }),
    )
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
  it('gives bytes that are Buffer, Uint8Array and bytes of a plain ArrayBuffer', async () => {
    const { body, headers } = signWebhook({ entry: [] }, { appSecret: 'app secret' })
    const asBuffer: Buffer = body
    const asBytes: Uint8Array = body
    const plain: ArrayBuffer = body.buffer
    expect([asBuffer.toString(), asBytes.byteLength, plain]).toEqual(['{"entry":[]}', 12, expect.any(ArrayBuffer)])
    expect(await new Request('http://app.test', { method: 'POST', body, headers }).text()).toBe('{"entry":[]}')
  })

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
