import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildWebhook, createFakeCloudApi, type FakeCloudApi } from '../../../src/testing.js'
import { readSendStatuses } from '../../../src/webhook.js'

const NUMBER = '106540352242922'
const MB = 1_048_576

let clock = Date.UTC(2026, 4, 1, 12)
let api: FakeCloudApi
beforeEach(async () => {
  api = await createFakeCloudApi({ now: () => clock, phoneNumberIds: [NUMBER, '2000'], appSecret: 'of a test' })
})
afterEach(() => api.close())

const post = async (body: unknown, { number = NUMBER, token = api.accessToken, query = '' } = {}) => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`${api.origin}/v25.0/${number}/messages${query}`, { method: 'POST', headers, body: text })
  return { status: answer.status, json: JSON.parse(await answer.text()) }
}

const base = { messaging_product: 'whatsapp', recipient_type: 'individual', to: '+15550001111', type: 'image' }
const link = { link: 'https://a.example/a.png' }

const add = async (
  mediaType: 'image' | 'video' | 'audio' | 'document' | 'sticker',
  mimeType: string,
  bytes: Uint8Array,
) => (await api.addMedia({ bytes, mimeType, mediaType })).mediaId

describe('a message is refused', () => {
  it.each<[string, object, string]>([
    ['without a product', { messaging_product: undefined }, 'messaging_product is required'],
    ['for nobody', { to: undefined }, 'parameter to is required'],
    ['for a word', { to: 'Paul' }, 'not a valid phone number'],
    ['for a number as a number', { to: 15550001111 }, 'not a valid phone number'],
    ['for a user id of another form', { to: undefined, recipient: '2081978709342942' }, 'business-scoped user ID'],
    ['for another kind of recipient', { recipient_type: 'channel' }, 'recipient_type must be one of'],
    ['for a group without an id', { recipient_type: 'group', to: '' }, 'ID of a group'],
    ['of an unknown type', { type: 'gif' }, 'Param type must be one of'],
    ['of no type by name', { type: 'constructor' }, 'Param type must be one of'],
    ['of a type that is no text', { type: 7 }, 'Param type must be one of'],
    ['without its media', { image: undefined }, 'The parameter image is required.'],
    ['without its text', { type: 'text' }, 'The parameter text is required.'],
    ['with neither id nor link', { image: {} }, 'Either one of media ID or link must be present'],
    ['with both', { image: { id: '1', ...link } }, 'Only one of media ID or link'],
    ['with a number as id', { image: { id: 1 } }, "image['id'] must be a string"],
    ['with a link that is none', { image: { link: 'a.example/a.png' } }, 'is not a valid URI'],
    ['with a link of another kind', { image: { link: 'ftp://a.example/a.png' } }, 'is not a valid URI'],
    ['with a long caption', { image: { ...link, caption: 'x'.repeat(1_025) } }, 'at most 1024 characters'],
    ['with a caption that is no text', { image: { ...link, caption: 7 } }, 'at most 1024 characters'],
    ['with a name', { image: { ...link, filename: 'a.png' } }, 'Unexpected key "filename" on param "image".'],
    ['with a caption of a sound', { type: 'audio', audio: { ...link, caption: 'a' } }, 'Unexpected key "caption"'],
    [
      'with a caption of a sticker',
      { type: 'sticker', sticker: { ...link, caption: 'a' } },
      'Unexpected key "caption"',
    ],
    ['with a voice of a video', { type: 'video', video: { ...link, voice: true } }, 'Unexpected key "voice"'],
    ['with a text for yes', { type: 'audio', audio: { ...link, voice: 'true' } }, 'must be a boolean'],
    ['with a name that is no text', { type: 'document', document: { ...link, filename: 7 } }, 'must be a string'],
    ['with a reply to nothing', { context: {} }, "context['message_id'] is required"],
    ['with too much data', { biz_opaque_callback_data: 'x'.repeat(513) }, 'at most 512 characters'],
    ['with data that is no text', { biz_opaque_callback_data: 7 }, 'at most 512 characters'],
    ['with an unknown id', { image: { id: '1' } }, "Param image['id'] is not a valid whatsapp business account media"],
  ])('%s', async (_name, more, message) => {
    const { status, json } = await post({ ...base, image: link, ...more })
    expect([status, json.error.code, json.error.type]).toEqual([400, 100, 'OAuthException'])
    expect(json.error.message).toContain(message)
    expect(api.messages).toEqual([])
  })

  it('that is no JSON', async () => {
    expect(await post('{')).toMatchObject({ status: 400, json: { error: { code: 100 } } })
  })

  it.each<[string, Parameters<typeof post>[1], object]>([
    ['with another token', { token: 'of nobody' }, { status: 401, json: { error: { code: 190 } } }],
    ['with a wrong proof', { query: '?appsecret_proof=00' }, { status: 400, json: { error: { code: 100 } } }],
    ['of another number', { number: '3000' }, { status: 400, json: { error: { code: 100, error_subcode: 33 } } }],
  ])('%s', async (_name, call, form) => {
    expect(await post({ ...base, image: link }, call)).toMatchObject(form)
    expect(api.messages).toEqual([])
  })

  it("with another number's media, or expired media", async () => {
    const id = await add('image', 'image/png', Buffer.from('png'))
    expect(await post({ ...base, image: { id } }, { number: '2000' })).toMatchObject({ status: 400 })
    expect(await post({ ...base, image: { id } })).toMatchObject({ status: 200 })
    clock += 604_800_001
    expect(await post({ ...base, image: { id } })).toMatchObject({ status: 400 })
  })
})

describe('a message is accepted', () => {
  it.each<[string, object, object]>([
    ['by link', { image: link }, { input: '+15550001111', wa_id: '15550001111' }],
    ['without the kind of recipient', { recipient_type: undefined, image: link }, {}],
    [
      'for a user id',
      { to: undefined, recipient: 'IN.2081978709342942', image: link },
      { user_id: 'IN.2081978709342942' },
    ],
    ['for both', { recipient: 'IN.2081978709342942', image: link }, { wa_id: '15550001111' }],
    ['for a group', { recipient_type: 'group', to: 'Y2FwaQ', image: link }, { input: 'Y2FwaQ' }],
    ['of text', { type: 'text', text: { body: 'Hello' } }, {}],
    ['of text without a type', { type: undefined, text: { body: 'Hello' } }, {}],
  ])('%s', async (_name, more, contact) => {
    const { status, json } = await post({ ...base, ...more })
    expect([status, json.messaging_product]).toEqual([200, 'whatsapp'])
    expect(json.contacts).toMatchObject([contact])
    expect(api.messages).toMatchObject([{ messageId: json.messages[0].id, phoneNumberId: NUMBER }])
  })
})

describe('media that Meta would not send fails later', () => {
  const animated = Buffer.concat([Buffer.from('RIFFxxxxWEBPVP8X\0\0\0\0\x02', 'latin1'), Buffer.alloc(102_400)])
  it.each<[string, Parameters<typeof add>, string, number | undefined]>([
    ['an image of 5 MB', ['image', 'image/png', Buffer.alloc(5 * MB)], 'image', undefined],
    ['a larger image', ['image', 'image/png', Buffer.alloc(5 * MB + 1)], 'image', 131053],
    ['an image as a document', ['image', 'image/png', Buffer.alloc(5 * MB + 1)], 'document', undefined],
    ['a GIF', ['image', 'image/gif', Buffer.from('gif')], 'image', 131053],
    ['a video of 16 MB', ['video', 'video/mp4', Buffer.alloc(16 * MB)], 'video', undefined],
    ['a larger video', ['video', 'video/mp4', Buffer.alloc(16 * MB + 1)], 'video', 131053],
    ['a sound with parameters', ['audio', 'audio/ogg; codecs=opus', Buffer.from('ogg')], 'audio', undefined],
    ['a larger sound', ['audio', 'audio/mpeg', Buffer.alloc(16 * MB + 1)], 'audio', 131053],
    ['a video as a sound', ['video', 'video/mp4', Buffer.from('mp4')], 'audio', 131053],
    ['a static sticker of 100 KB', ['sticker', 'image/webp', Buffer.alloc(102_400)], 'sticker', undefined],
    ['a larger static sticker', ['sticker', 'image/webp', Buffer.alloc(102_401)], 'sticker', 131053],
    ['an animated sticker of the same size', ['sticker', 'image/webp', animated], 'sticker', undefined],
    ['a sticker that is cut off', ['sticker', 'image/webp', animated.subarray(0, 16)], 'sticker', undefined],
    ['an image as a sticker', ['image', 'image/png', Buffer.from('png')], 'sticker', 131053],
  ])('%s', async (_name, media, type, errorCode) => {
    const id = await add(...media)
    expect(await post({ ...base, type, [type]: { id } })).toMatchObject({ status: 200 })
    expect(api.messages[0]?.errorCode).toBe(errorCode)
    const [first] = readSendStatuses(buildWebhook(api.takeStatuses()))
    expect(first).toMatchObject(
      errorCode === undefined ? { status: 'sent' } : { failure: { kind: 'media', errorCode } },
    )
  })

  it('a made sticker is static', async () => {
    const { mediaId: id } = await api.addMedia({
      ...{ mimeType: 'image/webp', mediaType: 'sticker' },
      bytes: {
        size: 102_401,
        sha256: 'a'.repeat(64),
        stream: () => {
          throw new Error('not read')
        },
      },
    })
    await post({ ...base, type: 'sticker', sticker: { id } })
    expect(api.messages[0]?.errorCode).toBe(131053)
  })

  it('an upload whose name says another type', async () => {
    const form = new FormData()
    form.set('messaging_product', 'whatsapp')
    form.set('type', 'audio/ogg')
    form.set('file', new Blob(['ogg'], { type: 'audio/ogg' }), 'note.mp4')
    const headers = { authorization: `Bearer ${api.accessToken}` }
    const uploaded = await fetch(`${api.origin}/v25.0/${NUMBER}/media`, { method: 'POST', headers, body: form })
    const { id }: { id: string } = JSON.parse(await uploaded.text())
    await post({ ...base, type: 'audio', audio: { id, voice: true } })
    expect(api.messages[0]?.errorCode).toBe(131053)
  })
})

describe('statuses', () => {
  it('come once, for whom the message was', async () => {
    await post({ ...base, image: link, biz_opaque_callback_data: 'row 7' })
    await post({ ...base, to: undefined, recipient: 'IN.2081978709342942', image: link }, { number: '2000' })
    await post({ ...base, recipient_type: 'group', to: 'Y2FwaQ', image: link })
    const found = readSendStatuses(buildWebhook(api.takeStatuses()))
    expect(found.map(({ status, to, toUserId, groupId }) => [status, to ?? toUserId, groupId])).toEqual([
      ['sent', '15550001111', undefined],
      ['delivered', '15550001111', undefined],
      ['sent', '15550001111', 'Y2FwaQ'],
      ['delivered', '15550001111', 'Y2FwaQ'],
      ['sent', 'IN.2081978709342942', undefined],
      ['delivered', 'IN.2081978709342942', undefined],
    ])
    expect(found.map(({ phoneNumberId }) => phoneNumberId)).toEqual([NUMBER, NUMBER, NUMBER, NUMBER, '2000', '2000'])
    expect(found[0]).toMatchObject({ callbackData: 'row 7' })
    expect(api.takeStatuses()).toEqual([])
  })

  it('fail with a code', () => {
    const failed = [{ status: 'failed', errorCode: 1 }, { status: 'failed' }] as const
    expect(readSendStatuses(buildWebhook(failed))).toMatchObject([
      { failure: { errorCode: 1, title: 'Error' } },
      { failure: { errorCode: 131026, title: 'Message undeliverable' } },
    ])
  })
})

it('a fault hits the messages of its media alone', async () => {
  const id = await add('image', 'image/png', Buffer.from('png'))
  api.fail({ on: 'send', kind: 'status', status: 503, mediaId: id, times: 1 })
  expect(await post({ ...base, image: link })).toMatchObject({ status: 200 })
  expect(await post({ ...base, image: { id } })).toMatchObject({ status: 503 })
  expect(await post({ ...base, image: { id } })).toMatchObject({ status: 200 })
})
