import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mongo } from 'mongoose'
import { beforeEach, expect, it, vi } from 'vitest'
import type { MediaArchive } from 'whatsapp-media-archive'
import { type RunningApp, start } from '../../examples/express.js'
import { createApp, Message, saveMessages } from '../../examples/mongoose.js'
import { createFileSystemStorage, type FileSystemStorage } from '../../src/storage/file-system.js'
import { type BuiltWebhook, buildWebhook, deliver, type WebhookItem } from '../../src/testing/build-webhook.js'
import { type AddedMedia, createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { runExample } from '../examples/run-example.js'
import { useDatabase } from './connection.js'

const SECRETS = { appSecret: 'example-app-secret', verifyToken: 'example-verify-token' }
const PDF = Buffer.from('%PDF-1.7 an offer')

let api: FakeCloudApi
let storage: FileSystemStorage
let archive: MediaArchive
let resume: () => Promise<void>
let running: RunningApp

const DATABASE = 'mongoose-example'

useDatabase(DATABASE)

beforeEach(async () => {
  api = await createFakeCloudApi()
  const directory = await mkdtemp(join(tmpdir(), 'mongoose-example-'))
  storage = createFileSystemStorage({ directory, baseUrl: 'http://files.test', secret: 'a secret of the test' })
  const app = createApp({
    ...SECRETS,
    storage,
    cloudApi: api.cloudApi,
    maxBytes: 10_000,
    accounts: (phoneNumberId) =>
      phoneNumberId === '123' ? { accountId: 'pixels_internal', accessToken: api.accessToken } : undefined,
  })
  archive = app.archive
  resume = app.resume
  running = await start(app, { port: 0, host: '127.0.0.1' })
  let stopped: ReturnType<RunningApp['stop']> | undefined
  const { origin, stop } = running
  running = {
    origin,
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }
  return async () => {
    await running.stop()
    await api.close()
    await rm(directory, { recursive: true })
  }
})

const addPdf = (filename: string, bytes: Uint8Array = PDF): Promise<AddedMedia> =>
  api.addMedia({ bytes, mimeType: 'application/pdf', mediaType: 'document', phoneNumberId: '123', filename })

const documentOf = ({ mediaObject: object }: AddedMedia, messageId: string): WebhookItem => ({
  media: { type: 'document', object },
  messageId,
})

const webhookOf = (items: WebhookItem[]): BuiltWebhook => buildWebhook(items, { phoneNumberId: '123' })

const post = async (payload: BuiltWebhook): Promise<number> =>
  (await deliver(`${running.origin}/webhook`, payload, SECRETS)).status

it('messageSchema has its two indexes in the database', async () => {
  const indexes = await Message.collection.listIndexes().toArray()
  expect(
    indexes.map(({ key, unique = false, partialFilterExpression }) => ({ key, unique, partialFilterExpression })),
  ).toEqual([
    { key: { _id: 1 }, unique: false, partialFilterExpression: undefined },
    {
      key: { messageId: 1, 'content.mediaId': 1 },
      unique: true,
      partialFilterExpression: { messageId: { $exists: true } },
    },
    { key: { 'content.mediaId': 1 }, unique: false, partialFilterExpression: undefined },
  ])
})

it('messageSchema lets a file of a message, and a text, be saved once only', async () => {
  const file = { messageId: 'wamid.1', content: { mediaId: '17' } }
  const text = { messageId: 'wamid.2', content: { text: 'hello' } }
  await Message.insertMany([file, text, { messageId: 'wamid.1', content: { mediaId: '18' } }])
  for (const again of [file, text]) {
    await expect(Message.collection.insertOne({ ...again })).rejects.toMatchObject({ code: 11000 })
  }
})

it('saveMessages saves media as pending, texts without a status, and changes nothing the second time', async () => {
  const offer = await addPdf('offer.pdf')
  const payload = webhookOf([documentOf(offer, 'wamid.offer'), { text: 'please sign', messageId: 'wamid.text' }])
  await saveMessages(payload)
  const common = { phoneNumberId: '123', from: '15550001111', timestamp: expect.any(Date) }
  const saved = await Message.find().sort({ messageId: 1 }).lean()
  expect(saved).toMatchObject([
    {
      ...common,
      messageId: 'wamid.offer',
      mediaStatus: 'pending',
      content: {
        mediaId: offer.mediaId,
        mediaType: 'document',
        mimeType: 'application/pdf',
        filename: 'offer.pdf',
      },
    },
    { ...common, messageId: 'wamid.text', content: { text: 'please sign' } },
  ])
  expect(saved[1]).not.toHaveProperty('mediaStatus')
  expect(saved[1]?.content).toEqual({ text: 'please sign', contact: { phone: '15550001111' } })

  await Message.updateOne({ messageId: 'wamid.offer' }, { mediaStatus: 'archived' })
  await saveMessages(payload)
  expect(await Message.find().sort({ messageId: 1 }).lean()).toEqual([
    { ...saved[0], mediaStatus: 'archived' },
    saved[1],
  ])
})

it('the Mongoose example archives at its start what an earlier process left pending', async () => {
  const offers = [await addPdf('1.pdf'), await addPdf('2.pdf')]
  await saveMessages(webhookOf(offers.map((offer, n) => documentOf(offer, `wamid.left.${n}`))))
  await Message.insertMany([{ messageId: 'wamid.old', content: { mediaId: '17' }, mediaStatus: 'pending' }])
  await resume()
  await archive.idle({ timeoutMs: 20_000 })
  const saved = await Message.find().sort({ messageId: 1 }).lean()
  expect(saved.map(({ mediaStatus }) => mediaStatus)).toEqual(['archived', 'archived', 'pending'])
  expect(saved[0]).not.toHaveProperty('reference')
})

it('saveMessages saves each message once, however many deliveries come at once', async () => {
  const items = await Promise.all([1, 2, 3].map(async (n) => documentOf(await addPdf(`${n}.pdf`), `wamid.${n}`)))
  const payload = webhookOf([...items, { text: 'three offers', messageId: 'wamid.text' }])
  const deliveries = await Promise.allSettled(Array.from({ length: 20 }, () => saveMessages(payload)))
  // This server ends some of the writes that meet with "deadlock detected": a 500, after which Meta delivers again.
  for (const { status } of deliveries) if (status === 'rejected') await saveMessages(payload)
  const saved = await Message.find().sort({ messageId: 1 }).lean()
  expect(saved.map(({ messageId }) => messageId)).toEqual(['wamid.1', 'wamid.2', 'wamid.3', 'wamid.text'])
})

it('saveMessages takes a message that another delivery has just inserted as saved, and nothing else', async () => {
  await Message.insertMany([{ messageId: 'wamid.1' }])
  const duplicate: unknown = await Message.collection
    .bulkWrite([{ insertOne: { document: { messageId: 'wamid.1' } } }], { ordered: false })
    .catch((error: unknown) => error)
  const bulkWrite = vi.spyOn(Message, 'bulkWrite')
  const payload = webhookOf([{ text: 'hello', messageId: 'wamid.1' }])
  bulkWrite.mockRejectedValueOnce(duplicate)
  await saveMessages(payload)

  if (!(duplicate instanceof mongo.MongoBulkWriteError)) throw duplicate
  const [first = null] = [duplicate.writeErrors].flat()
  // Beside the duplicate, a document that fails validation.
  duplicate.writeErrors = [Object.create(first), Object.create(first, { code: { value: 121 } })]
  bulkWrite.mockRejectedValueOnce(duplicate)
  await expect(saveMessages(payload)).rejects.toBe(duplicate)
  duplicate.writeErrors = []
  bulkWrite.mockRejectedValueOnce(duplicate)
  await expect(saveMessages(payload)).rejects.toBe(duplicate)
})

it('saveMessages makes a document for each file of a message', async () => {
  const files = ['1', '2'].map((id) => ({ id, mime_type: 'image/png' }))
  const interactive = { nfm_reply: { response_json: JSON.stringify({ photos: files }) } }
  const value = { messages: [{ id: 'wamid.flow', interactive }], metadata: { phone_number_id: '123' } }
  await saveMessages({ entry: [{ changes: [{ value }] }] })
  const saved = await Message.find({ messageId: 'wamid.flow' }).sort({ 'content.mediaId': 1 }).lean()
  expect(saved.map(({ content }) => content?.mediaId)).toEqual(['1', '2'])
})

it.each([null, 'text', { entry: 5 }, { entry: [null, { changes: [{}] }] }])(
  'saveMessages saves nothing of %j, and does not throw',
  async (payload) => {
    await saveMessages(payload)
    expect(await Message.countDocuments()).toBe(0)
  },
)

it('saveMessages passes on what the database refuses', async () => {
  const refusal = new Error('the primary has stepped down')
  vi.spyOn(Message, 'bulkWrite').mockRejectedValueOnce(refusal)
  await expect(saveMessages(webhookOf([{ text: 'hello' }]))).rejects.toBe(refusal)
})

it('the Mongoose example archives, keeps what is archived, and signs at read time', async () => {
  const offer = await addPdf('offer.pdf')
  const payload = webhookOf([documentOf(offer, 'wamid.offer'), { text: 'please sign', messageId: 'wamid.text' }])
  expect(await post(payload)).toBe(200)
  const find = () => Message.findOne({ messageId: 'wamid.offer' })
  await vi.waitFor(async () => expect((await find())?.mediaStatus).toBe('archived'), 10_000)
  expect(await post(payload)).toBe(200)

  const message = await find()
  const content = { ...message?.toObject().content }
  expect(content).toEqual({
    mediaId: offer.mediaId,
    mediaType: 'document',
    mimeType: 'application/pdf',
    filename: 'offer.pdf',
    contact: { phone: '15550001111' },
    fileSize: PDF.length,
    sha256: offer.sha256,
    s3Key: expect.stringMatching(/^whatsapp-media\/pixels_internal\/.*\.pdf$/),
    mediaUrl: `http://files.test/${content.s3Key}`,
  })
  expect(message?.mediaStatus).toBe('archived')

  const url = await message?.signedMediaUrl(archive, 'pixels_internal')
  const answer = await storage.handler(new Request(String(url)))
  expect(answer.headers.get('content-disposition')).toContain('offer.pdf')
  expect(Buffer.from(await answer.arrayBuffer()).equals(PDF)).toBe(true)
  await expect(message?.signedMediaUrl(archive, 'somebody_else')).rejects.toMatchObject({ code: 'wrong-account' })
  const text = await Message.findOne({ messageId: 'wamid.text' })
  expect(await text?.signedMediaUrl(archive, 'pixels_internal')).toBeUndefined()

  const listed = await fetch(`${running.origin}/messages`)
  expect(listed.headers.get('cache-control')).toBe('no-store')
  expect(await listed.json()).toMatchObject([
    { messageId: 'wamid.text' },
    { messageId: 'wamid.offer', signedUrl: expect.stringContaining(`${content.s3Key}?`) },
  ])
})

it('the Mongoose example marks what failed with the reason, and archives the rest', async () => {
  const [good, bad] = [await addPdf('good.pdf'), await addPdf('bad.pdf', Buffer.alloc(10_001))]
  const payload = webhookOf([documentOf(bad, 'wamid.bad'), documentOf(good, 'wamid.good')])
  expect(await post(payload)).toBe(200)
  expect(await running.stop()).toEqual([])
  const statuses = await Message.find().sort({ messageId: 1 }).lean()
  expect(statuses).toMatchObject([
    { messageId: 'wamid.bad', mediaStatus: 'failed', mediaError: 'size-limit' },
    { messageId: 'wamid.good', mediaStatus: 'archived' },
  ])
})

it('the Mongoose example forgets a failure once the media is archived', async () => {
  const offer = await addPdf('offer.pdf')
  const payload = webhookOf([documentOf(offer, 'wamid.offer')])
  await saveMessages(payload)
  await Message.updateOne({ messageId: 'wamid.offer' }, { mediaStatus: 'failed', mediaError: 'download-failed' })
  expect(await post(payload)).toBe(200)
  await running.stop()
  const message = await Message.findOne({ messageId: 'wamid.offer' }).lean()
  expect(message?.mediaStatus).toBe('archived')
  expect(message).not.toHaveProperty('mediaError')
})

it('the Mongoose example keeps archived media archived, regardless of later reports', async () => {
  const payload = webhookOf([documentOf(await addPdf('offer.pdf'), 'wamid.offer')])
  expect(await post(payload)).toBe(200)
  const find = () => Message.findOne({ messageId: 'wamid.offer' }).lean()
  await vi.waitFor(async () => expect((await find())?.mediaStatus).toBe('archived'), 10_000)
  const before = await find()
  // The same message again, now as media that Meta could not take from its sender.
  const wire = JSON.stringify(payload).replace('"type":"document"', '"type":"document","errors":[{"code":131052}]')
  expect(wire).toContain('131052')
  expect(await post(JSON.parse(wire))).toBe(200)
  expect(await find()).toEqual(before)
})

it('the Mongoose example marks media that Meta could not take, and touches no other message', async () => {
  const errors = [{ code: 131_052 }]
  const messages = [
    { id: 'wamid.known', type: 'image', image: { id: '17' }, errors },
    { id: 'wamid.unknown', type: 'image', errors },
    { id: 'wamid.text', type: 'text', text: { body: 'did you get it?' } },
  ]
  const value = { messages, metadata: { phone_number_id: '123' } }
  // A loss that concerns no message that could be named is told of, too.
  const loss = { errors: [{ code: 131_035 }], metadata: { phone_number_id: '123' } }
  expect(await post({ entry: [{ changes: [{ value }, { value: loss }] }] })).toBe(200)
  const saved = await Message.find().sort({ messageId: 1 }).lean()
  expect(saved.map(({ messageId, mediaStatus, mediaError }) => [messageId, mediaStatus, mediaError])).toEqual([
    ['wamid.known', 'failed', 'media-unavailable'],
    ['wamid.text', undefined, undefined],
    ['wamid.unknown', 'failed', 'media-unavailable'],
  ])
})

it('the Mongoose example runs by itself, and ends well at SIGTERM', async () => {
  const url = new URL(String(process.env['MONGODB_URL']))
  url.pathname = DATABASE
  const { kill, output, ended, listening } = runExample('examples/mongoose.ts', {
    MONGODB_URL: url.href,
    PORT: '0',
    S3_BUCKET_NAME: 'example-bucket',
    AWS_REGION: 'us-east-1',
    WHATSAPP_PHONE_NUMBER_ID: '123',
    WHATSAPP_ACCESS_TOKEN: 'example-token',
    WHATSAPP_APP_SECRET: SECRETS.appSecret,
    WHATSAPP_VERIFY_TOKEN: SECRETS.verifyToken,
  })
  const origin = await listening()
  const payload = webhookOf([{ text: 'hello', messageId: 'wamid.hello' }])
  expect(await deliver(`${origin}/webhook`, payload, SECRETS)).toMatchObject({ status: 200 })
  expect(await (await fetch(`${origin}/messages`)).json()).toMatchObject([{ messageId: 'wamid.hello' }])
  kill('SIGTERM')
  expect(await ended).toBe(0)
  expect(output()).toContain('stopped; 0 media are left')
  expect(await Message.countDocuments({ messageId: 'wamid.hello' })).toBe(1)
})
