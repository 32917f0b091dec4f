import { connect, disconnect } from 'mongoose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createInProcessQueue,
  createMediaArchive,
  createWebhookHandler,
  type MediaArchive,
  toContent,
} from 'whatsapp-media-archive'
import { Message, saveMessages } from '../../examples/mongoose.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { buildWebhook, signWebhook } from '../../src/testing/build-webhook.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { createGeneratedBytes } from '../../src/testing/generated-bytes.js'

const [appSecret, verifyToken] = ['example-app-secret', 'example-verify-token']
let api: FakeCloudApi
let storage: ObjectStorage
let archive: MediaArchive

beforeAll(async () => {
  const { MONGODB_URL: url } = process.env
  if (url === undefined)
    throw new Error('MONGODB_URL is not set: start scripts/servers/start-mongo.sh and export what it prints')
  await connect(url)
  await Message.createIndexes()
})
afterAll(disconnect)

beforeEach(async () => {
  api = await createFakeCloudApi()
  process.env['WHATSAPP_TOKEN'] = api.accessToken
  const memory = createMemoryStorage()
  const expiresAt = new Date(Date.now() + 3_600_000)
  storage = { ...memory, signedUrl: async (key) => ({ url: `https://signed.example/${key}`, expiresAt }) }
  await Message.deleteMany({})
})
afterEach(async () => {
  await archive.close()
  await api.close()
})

/** The integration as the README and the design tell it. */
function integrate(): (payload: object) => Promise<number> {
  archive = createMediaArchive({
    storage,
    cloudApi: api.cloudApi,
    accounts: (phoneNumberId) =>
      phoneNumberId === '123'
        ? { accountId: 'pixels_internal', accessToken: process.env['WHATSAPP_TOKEN'] }
        : undefined,
    queue: createInProcessQueue({ concurrency: 8 }),
    onArchived: (media) =>
      Message.updateOne(
        { messageId: media.messageId, 'content.mediaId': media.mediaId },
        { $set: { ...toContent(media, 'content.'), mediaStatus: 'archived' } },
      ),
    onFailed: ({ media, error }) =>
      Message.updateOne(
        { messageId: media.messageId, 'content.mediaId': media.mediaId, mediaStatus: { $ne: 'archived' } },
        { $set: { mediaStatus: 'failed', mediaError: error.code } },
      ),
  })
  const handler = createWebhookHandler({ appSecret, verifyToken, onPayload: saveMessages, onMedia: archive.enqueue })
  return async (payload) => {
    const { body, headers } = signWebhook(payload, { appSecret })
    return (await handler(new Request('https://app.example/webhook', { method: 'POST', body, headers }))).status
  }
}

const pdf = (seed: number) =>
  api.addMedia({
    bytes: createGeneratedBytes({ size: 2_000 + seed, seed }),
    mimeType: 'application/octet-stream',
    mediaType: 'document',
    phoneNumberId: '123',
    filename: `offer-${seed}.bin`,
  })

const webhook = (items: Parameters<typeof buildWebhook>[0]) => buildWebhook(items, { phoneNumberId: '123' })

describe('the Mongoose example', () => {
  it('saves first, archives once, and signs at read time', async () => {
    const post = integrate()
    const files = await Promise.all([pdf(1), pdf(2), pdf(3)])
    const payload = webhook([
      ...files.map(({ mediaObject }, n) => ({
        media: { type: 'document', object: mediaObject },
        messageId: `wamid.${n}`,
      })),
      { text: 'two files follow', messageId: 'wamid.text' },
    ])
    expect(await Promise.all([post(payload), post(payload)])).toEqual([200, 200])
    expect(await post(payload)).toBe(200)
    await archive.close()
    expect(await Message.countDocuments()).toBe(4)
    for (const [n, { mediaId, sha256, size }] of files.entries()) {
      const message = await Message.findOne({ messageId: `wamid.${n}` })
      expect(message?.toObject()).toMatchObject({
        mediaStatus: 'archived',
        content: { mediaId, sha256, fileSize: size, filename: `offer-${n + 1}.bin`, mediaType: 'document' },
      })
    }
    const text = await Message.findOne({ messageId: 'wamid.text' })
    expect(text?.content?.text).toBe('two files follow')
    expect(await text?.signedMediaUrl(archive, 'pixels_internal')).toBeUndefined()
  })

  it('signs for an archived message', async () => {
    const post = integrate()
    const { mediaObject } = await pdf(4)
    await post(webhook([{ media: { type: 'document', object: mediaObject }, messageId: 'wamid.signed' }]))
    await expect.poll(async () => (await Message.findOne({ messageId: 'wamid.signed' }))?.mediaStatus).toBe('archived')
    const message = await Message.findOne({ messageId: 'wamid.signed' })
    const url = await message?.signedMediaUrl(archive, 'pixels_internal')
    expect(url).toBe(`https://signed.example/${message?.content?.s3Key}`)
  })

  it('marks a failure with its reason, keeps the rest, and never turns archived back', async () => {
    const post = integrate()
    const [good, bad] = [await pdf(5), await pdf(6)]
    api.fail({ on: 'download', kind: 'status', status: 400, mediaId: bad.mediaId })
    api.fail({ on: 'look-up', kind: 'status', status: 403, mediaId: bad.mediaId })
    const payload = webhook(
      [good, bad].map(({ mediaObject }, n) => ({
        media: { type: 'document', object: mediaObject },
        messageId: `wamid.f${n}`,
      })),
    )
    expect(await post(payload)).toBe(200)
    await archive.close()
    expect(await Message.findOne({ messageId: 'wamid.f0' })).toMatchObject({ mediaStatus: 'archived' })
    expect(await Message.findOne({ messageId: 'wamid.f1' })).toMatchObject({
      mediaStatus: 'failed',
      mediaError: 'graph-api',
    })
    await saveMessages(payload)
    expect(await Message.findOne({ messageId: 'wamid.f0' })).toMatchObject({ mediaStatus: 'archived' })
  })
})
