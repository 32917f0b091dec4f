import { afterEach, describe, expect, it } from 'vitest'
import { StorageFailedError } from '../../src/errors.js'
import {
  type OutboundMessage,
  type SendMessageOptions,
  sendMediaMessage,
  uploadMediaToWhatsApp,
  uploadToS3,
} from '../../src/index.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { FakeCloudApi } from '../../src/testing.js'
import { callOptions, catchError, createApis, phoneNumberId, streamInPieces } from './start-api.js'

const apis = createApis()
afterEach(apis.close)

const PDF = Buffer.from('%PDF-1.7 example')
const pdf = { body: PDF, mimeType: 'application/pdf' }
const to = '+1 (555) 000-1111'

const send = (api: FakeCloudApi, message: Partial<OutboundMessage> | object, more: Partial<SendMessageOptions> = {}) =>
  // Wrong messages are given on purpose.
  sendMediaMessage({ to, media: pdf, ...message } as OutboundMessage, { ...callOptions(api), phoneNumberId, ...more })

async function storePdf() {
  const storage = createMemoryStorage({ baseUrl: 'https://app.example/media', secret: 'a secret of a test' })
  await uploadToS3(PDF, { storage, key: 'a/b.pdf', mimeType: 'application/pdf' })
  return storage
}

const onWire = (api: FakeCloudApi): unknown => api.messages.map(({ body }) => body)

describe('sendMediaMessage', () => {
  it('uploads a file, and sends it by its id', async () => {
    const api = await apis.start()
    const sent = await send(api, { caption: 'Your invoice', filename: 'Invoice.pdf', replyTo: 'wamid.HBg=' })
    const { mediaId } = api.uploads[0] ?? {}
    expect(sent).toEqual({
      ...{ messageId: api.messages[0]?.messageId, mediaType: 'document', mediaId },
      contact: { phone: '15550001111' },
    })
    expect(onWire(api)).toEqual([
      {
        messaging_product: 'whatsapp',
        recipient_type: 'individual',
        to,
        type: 'document',
        document: { id: mediaId, caption: 'Your invoice', filename: 'Invoice.pdf' },
        context: { message_id: 'wamid.HBg=' },
        biz_opaque_callback_data: `wma1:${mediaId}`,
      },
    ])
  })

  it.each([
    [
      'a customer without a number',
      { to: undefined, recipient: 'IN.2081978709342942' },
      { recipient: 'IN.2081978709342942' },
    ],
    ['a parent id', { to: undefined, recipient: 'US.ENT.11815799212886844830' }, {}],
    [
      'a group',
      { to: undefined, group: 'Y2FwaV9ncm91cDoxNzA1NTU1MDEz' },
      { recipient_type: 'group', to: 'Y2FwaV9ncm91cDoxNzA1NTU1MDEz' },
    ],
  ])('sends to %s', async (_name, recipient, wire) => {
    const api = await apis.start()
    await send(api, recipient)
    expect(onWire(api)).toEqual([expect.objectContaining(wire)])
  })

  it('sends by an id that Meta has', async () => {
    const api = await apis.start()
    const { mediaId } = await uploadMediaToWhatsApp(pdf, { ...callOptions(api), phoneNumberId })
    const sent = await send(api, { media: { mediaId, mediaType: 'document' }, caption: '', callbackData: 'row 7' })
    expect(sent).toMatchObject({ mediaId, mediaType: 'document' })
    expect(onWire(api)).toEqual([
      expect.objectContaining({ document: { id: mediaId }, biz_opaque_callback_data: `row 7\nwma1:${mediaId}` }),
    ])
    expect(api.uploads).toHaveLength(1)
  })

  it('sends by a link', async () => {
    const api = await apis.start()
    const link = 'https://files.example/a.png?v=2'
    expect(await send(api, { media: { link, mediaType: 'image' } })).not.toHaveProperty('mediaId')
    expect(onWire(api)).toEqual([expect.objectContaining({ type: 'image', image: { link } })])
  })

  it('sends an object by a signed URL, for as long as it is asked', async () => {
    const api = await apis.start()
    const storage = await storePdf()
    await send(api, { media: { storage, key: 'a/b.pdf', by: 'link', expiresIn: 700, filename: 'Invoice.pdf' } })
    expect(onWire(api)).toMatchObject([{ type: 'document', document: { filename: 'Invoice.pdf' } }])
    const { link }: { link: string } = Object(api.messages[0]?.body['document'])
    const lives = (Number(new URL(link).searchParams.get('expires')) - Date.now()) / 1_000
    expect(lives).toBeGreaterThan(600)
    expect(lives).toBeLessThanOrEqual(700)
    expect(await (await storage.handler(new Request(link))).text()).toBe(PDF.toString())
    expect(api.uploads).toEqual([])
  })

  it.each([
    ['as its type says', {}, { type: 'image' }],
    ['as a document', { mediaType: 'document' }, { type: 'document', document: { filename: 'roof.png' } }],
  ])('sends a picture %s', async (_name, more, wire) => {
    const api = await apis.start()
    await send(api, { media: { body: Buffer.from('png'), mimeType: 'image/png', filename: 'roof.png', ...more } })
    expect(onWire(api)).toMatchObject([wire])
    expect(api.messages[0]).not.toHaveProperty('errorCode')
  })

  it('sends a voice note', async () => {
    const api = await apis.start()
    const body = Buffer.from(`OggS${'\0'.repeat(22)}\x01\x13OpusHead`, 'latin1')
    await send(api, { media: { body, mimeType: 'audio/opus', filename: 'note.opus' }, voice: true })
    expect(onWire(api)).toEqual([expect.objectContaining({ audio: { id: api.uploads[0]?.mediaId, voice: true } })])
    expect(api.messages[0]).not.toHaveProperty('errorCode')
    expect(api.uploads[0]?.filename).toMatch(/\.ogg$/)
  })

  it('sends an object by its key, also one that may not be asked for', async () => {
    const api = await apis.start()
    const storage = await storePdf()
    await send(api, { media: { storage, key: 'a/b.pdf', mimeType: 'application/pdf' }, voice: false })
    const forbidden = new StorageFailedError({
      operation: 'head',
      key: 'a/b.pdf',
      reason: 'no',
      retryable: false,
      status: 403,
    })
    const silent = { ...storage, head: () => Promise.reject(forbidden) }
    await send(api, { media: { storage: silent, key: 'a/b.pdf', by: 'link' } })
    expect(api.messages.map(({ type }) => type)).toEqual(['document', 'document'])
  })

  it('asks a storage again that failed once', async () => {
    const api = await apis.start()
    const storage = await storePdf()
    let asked = 0
    const head: typeof storage.head = (key, options) => {
      asked += 1
      return asked === 1 ? Promise.reject(new Error('reset')) : storage.head(key, options)
    }
    await send(api, { media: { storage: { ...storage, head }, key: 'a/b.pdf' } })
    expect([asked, api.messages.length]).toEqual([2, 1])
  })
})

describe('refuses before anything is sent', () => {
  const media = { mediaId: '1234567890123456', mediaType: 'image' }
  const sticker = { body: Buffer.from('webp'), mimeType: 'image/webp' }
  const sound = { body: Buffer.from('mp3'), mimeType: 'audio/mpeg' }
  it.each<[string, object, object]>([
    ['nobody', { to: undefined }, { option: 'message.to', message: expect.stringContaining('got none') }],
    [
      'two recipients',
      { recipient: 'IN.1' },
      { option: 'message.to', message: expect.stringContaining('to and recipient') },
    ],
    ['a word', { to: 'Paul' }, { option: 'message.to' }],
    ['a number as a number', { to: 15550001111 }, { option: 'message.to' }],
    ['a short number', { to: '+1555' }, { option: 'message.to' }],
    ['a number with a line end', { to: '+15550001111\n' }, { option: 'message.to' }],
    [
      'a user id as a number',
      { to: 'IN.2081978709342942' },
      { message: expect.stringContaining('goes into recipient') },
    ],
    ['a number as a user id', { to: undefined, recipient: '+15550001111' }, { option: 'message.recipient' }],
    ['a user id with a blank', { to: undefined, recipient: 'IN.2081 9787' }, { option: 'message.recipient' }],
    ['a group without an id', { to: undefined, group: '' }, { option: 'message.group' }],
    [
      'a caption that is too long',
      { caption: 'x'.repeat(1_025) },
      { message: expect.stringMatching(/at most 1024 .*got 1025; send/) },
    ],
    ['a caption of a sticker', { media: sticker, caption: 'a' }, { message: expect.stringContaining('this sticker') }],
    ['a caption of a sound', { media: sound, caption: 'a' }, { option: 'message.caption' }],
    ['a caption that is no text', { caption: 7 }, { option: 'message.caption' }],
    ['a name of a picture', { media, filename: 'a.png' }, { option: 'message.filename' }],
    ['a picture as a voice note', { media, voice: true }, { option: 'message.voice' }],
    ['a text for yes', { media, voice: 'true' }, { option: 'message.voice' }],
    ['an MP3 as a voice note', { media: sound, voice: true }, { code: 'outbound-type', kind: 'voice note' }],
    ['a reply to nothing', { replyTo: '' }, { option: 'message.replyTo' }],
    ['data that is too long', { callbackData: 'x'.repeat(65) }, { option: 'message.callbackData' }],
    ['data that is no ASCII', { callbackData: 'für Paul' }, { option: 'message.callbackData' }],
    ['a slip', { captoin: 'a' }, { message: expect.stringContaining('did you mean message.caption?') }],
    ['no media', { media: undefined }, { option: 'message.media' }],
    ['media without a kind', { media: { mediaId: '1234567890123456' } }, { option: 'message.media.mediaType' }],
    ['media without an id', { media: { mediaId: '', mediaType: 'image' } }, { option: 'message.media.mediaId' }],
    ['an id and a link', { media: { ...media, link: 'https://a.example' } }, { option: 'message.media.link' }],
    ['an id and a file', { media: { ...media, ...pdf } }, { option: 'message.media.body' }],
    [
      'a link that is none',
      { media: { link: 'files.example/a.png', mediaType: 'image' } },
      { option: 'message.media.link' },
    ],
    [
      'a link of another kind',
      { media: { link: 'file:///etc/passwd', mediaType: 'image' } },
      { option: 'message.media.link' },
    ],
    [
      'a link with a user',
      { media: { link: 'https://u:p@a.example/a', mediaType: 'image' } },
      { option: 'message.media.link' },
    ],
    ['a link without a kind', { media: { link: 'https://a.example/a' } }, { option: 'message.media.mediaType' }],
    ['a kind that is none', { media: { ...pdf, mediaType: 'pdf' } }, { option: 'message.media.mediaType' }],
    ['another kind', { media: { ...pdf, mediaType: 'image' } }, { code: 'outbound-type', kind: 'image' }],
    [
      'a type that WhatsApp does not take',
      { media: { ...pdf, mimeType: 'application/zip' } },
      { code: 'outbound-type' },
    ],
    ['too many bytes', { media: { body: Buffer.alloc(5_242_881), mimeType: 'image/png' } }, { code: 'outbound-limit' }],
    [
      'a large static sticker',
      { media: { body: Buffer.alloc(102_401), mimeType: 'image/webp' } },
      { kind: 'static sticker' },
    ],
  ])('%s', async (_name, message, form) => {
    const api = await apis.start()
    expect(await catchError(send(api, message))).toMatchObject(form)
    expect([api.messages, api.uploads]).toEqual([[], []])
  })

  it.each<[string, object, object]>([
    ['another way than by link', { by: 'id' }, { option: 'message.media.by' }],
    ['a URL that ends too soon', { expiresIn: 599 }, { option: 'message.media.expiresIn' }],
    ['a URL that lives too long', { expiresIn: 604_801 }, { option: 'message.media.expiresIn' }],
    ['a kind that is none', { mediaType: 'pdf' }, { option: 'message.media.mediaType' }],
    ['another kind', { mediaType: 'image' }, { code: 'outbound-type' }],
    ['no such object', { key: 'a/c.pdf' }, { code: 'storage-failed', operation: 'head' }],
    ['a key that is none', { key: '' }, { option: 'source.key' }],
    ['a storage that is none', { storage: {} }, { option: 'storage' }],
  ])('of an object by link: %s', async (_name, more, form) => {
    const api = await apis.start()
    const media = { storage: await storePdf(), key: 'a/b.pdf', by: 'link', ...more }
    expect(await catchError(send(api, { media }))).toMatchObject(form)
    expect(api.messages).toEqual([])
  })

  it('an object over the limit, by link', async () => {
    const api = await apis.start()
    const storage = await storePdf()
    const head: typeof storage.head = async (key) => ({
      ...{ key, size: 104_857_601, contentType: 'application/pdf', metadata: {} },
    })
    const media = { storage: { ...storage, head }, key: 'a/b.pdf', by: 'link' }
    expect(await catchError(send(api, { media }))).toMatchObject({ code: 'outbound-limit', limitBytes: 104_857_600 })
  })

  it('a URL that the signing credentials end', async () => {
    const api = await apis.start()
    const storage = await storePdf()
    const signedUrl = async () => ({ url: 'https://a.example/b', expiresAt: new Date(Date.now() + 300_000) })
    const media = { storage: { ...storage, signedUrl }, key: 'a/b.pdf', by: 'link' }
    expect(await catchError(send(api, { media }))).toMatchObject({
      code: 'storage-failed',
      operation: 'sign',
      retryable: true,
    })
  })

  it('a storage that can not sign', async () => {
    const api = await apis.start()
    const media = { storage: { ...(await storePdf()), signedUrl: undefined }, key: 'a/b.pdf', by: 'link' }
    expect(await catchError(send(api, { media }))).toMatchObject({ code: 'invalid-option', option: 'storage' })
  })

  it.each<[string, Partial<SendMessageOptions>, object]>([
    ['the number itself', { phoneNumberId: '+15550001111' }, { option: 'phoneNumberId' }],
    ['a time that is too short', { ttlMinutes: 59 }, { option: 'ttlMinutes' }],
    ['no token', { accessToken: undefined }, { code: 'access-token', reason: 'missing' }],
    ['no attempts', { attempts: 0 }, { option: 'attempts' }],
  ])('%s', async (_name, options, form) => {
    const api = await apis.start()
    expect(await catchError(send(api, {}, options))).toMatchObject(form)
    expect(api.messages).toEqual([])
  })

  it('a stream, which it ends', async () => {
    const api = await apis.start()
    const body = streamInPieces(PDF)
    expect(await catchError(send(api, { media: { body, mimeType: 'audio/mpeg' }, caption: 'a' }))).toHaveProperty(
      'code',
    )
    expect(body.destroyed).toBe(true)
    const other = streamInPieces(PDF)
    expect(await catchError(send(api, { media: { body: other, mimeType: 'application/zip' } }))).toHaveProperty('code')
    expect(other.destroyed).toBe(true)
  })
})
