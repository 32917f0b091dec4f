import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { createForwarder, type Forwarder, forwarderOptionsFromEnv } from '../../examples/send.js'
import { createMemoryMediaIds } from '../../src/media-ids/memory.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { buildWebhook } from '../../src/testing/build-webhook.js'
import { type AddedMedia, createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { BYTES as NOISE } from '../sending/start-api.js'
import { runExample } from './run-example.js'

const OWN_NUMBER = { phoneNumberId: '106540352242922' }
const TO = '+15550002222'
const BYTES = Buffer.concat([Buffer.from('%PDF-1.7\n'), NOISE])

let api: FakeCloudApi
let directory: string

beforeEach(async () => {
  api = await createFakeCloudApi()
  directory = await mkdtemp(join(tmpdir(), 'send-example-'))
  return async () => {
    await api.close()
    await rm(directory, { recursive: true })
  }
})

function open(storage: ObjectStorage): Forwarder {
  const accounts = () => ({ accountId: 'pixels_internal', accessToken: api.accessToken })
  const options = { storage, accounts, cloudApi: api.cloudApi, mediaIds: createMemoryMediaIds(), waitScale: 0.001 }
  const forwarder = createForwarder({ to: TO, ...options })
  onTestFinished(() => void forwarder.close())
  return forwarder
}

const addDocument = (more: object = {}): Promise<AddedMedia> =>
  api.addMedia({
    ...{ bytes: BYTES, mimeType: 'application/pdf', mediaType: 'document', filename: 'Vertrag Müller.pdf' },
    ...{ ...OWN_NUMBER, ...more },
  })

const webhookOf = (type: 'document' | 'image', ...media: AddedMedia[]): object =>
  buildWebhook(
    media.map(({ mediaObject: object }, at) => ({ media: { type, object }, messageId: `wamid.in.${at}` })),
    OWN_NUMBER,
  )

it.each<[string, () => ObjectStorage]>([
  ['memory', () => createMemoryStorage()],
  ['files', () => createFileSystemStorage({ directory })],
])("the send example archives a customer's document and sends the same bytes on, from %s", async (_name, make) => {
  const storage = make()
  const document = await addDocument({ caption: 'Please sign' })
  const [forwarded, ...others] = await open(storage).forward(webhookOf('document', document))
  expect(others).toEqual([])
  expect(forwarded).toEqual({ receivedId: 'wamid.in.0', key: expect.any(String), messageId: expect.any(String) })
  expect(await storage.head(forwarded?.key ?? '')).toMatchObject({ sha256: document.sha256, size: BYTES.length })
  expect(api.uploads).toMatchObject([
    { mimeType: 'application/pdf', sha256: document.sha256, phoneNumberId: '106540352242922' },
  ])
  expect(api.uploads[0]?.bytes.equals(BYTES)).toBe(true)
  const id = api.uploads[0]?.mediaId
  const shown = { id, filename: 'Vertrag Müller.pdf', caption: 'Please sign' }
  expect(api.messages).toMatchObject([
    {
      messageId: forwarded?.messageId,
      phoneNumberId: '106540352242922',
      body: { to: TO, type: 'document', document: shown },
    },
  ])
})

it('the send example sends several documents in order, and photos that came as documents as such', async () => {
  const [photo, pdf] = [await addDocument({ mimeType: 'image/jpeg', filename: 'Roof.jpg' }), await addDocument()]
  const forwarded = await open(createMemoryStorage()).forward(webhookOf('document', photo, pdf, pdf))
  expect(forwarded.map(({ receivedId, error }) => [receivedId, error])).toEqual([
    ['wamid.in.0', undefined],
    ['wamid.in.1', undefined],
    ['wamid.in.2', undefined],
  ])
  expect(api.messages.map(({ type }) => type)).toEqual(['document', 'document', 'document'])
  // The third is the second again.
  expect(api.uploads).toHaveLength(2)
})

it('the send example leaves photos and texts alone', async () => {
  const { forward } = open(createMemoryStorage())
  const photo = await addDocument({ mimeType: 'image/jpeg', mediaType: 'image', filename: undefined })
  expect(await forward(webhookOf('image', photo))).toEqual([])
  expect(await forward(buildWebhook([{ text: 'hi' }], OWN_NUMBER))).toEqual([])
  expect(await forward('no webhook')).toEqual([])
  expect(api.requests).toEqual([])
})

it('the send example tells what failed and what may be sent, and goes on', async () => {
  const documents = [await addDocument(), await addDocument(), await addDocument()]
  api.fail({ on: 'download', kind: 'flip-bit', mediaId: documents[0]?.mediaId })
  api.fail({ on: 'send', kind: 'reset', times: 1 })
  const forwarded = await open(createMemoryStorage()).forward(webhookOf('document', ...documents))
  expect(forwarded).toEqual([
    { receivedId: 'wamid.in.0', error: 'integrity-mismatch' },
    { receivedId: 'wamid.in.1', key: expect.any(String), error: 'send-outcome-unknown' },
    { receivedId: 'wamid.in.2', key: expect.any(String), messageId: expect.any(String) },
  ])
  expect(api.requests.filter(({ kind }) => kind === 'send')).toHaveLength(2)
})

const ENV = {
  WHATSAPP_TO: TO,
  WHATSAPP_PHONE_NUMBER_ID: '106540352242922',
  WHATSAPP_ACCESS_TOKEN: 'example-token',
  S3_BUCKET_NAME: 'example-bucket',
  AWS_REGION: 'us-east-1',
}

it('forwarderOptionsFromEnv knows its own number only', async () => {
  const { accounts, to, storage } = forwarderOptionsFromEnv(ENV)
  expect([to, await accounts('106540352242922'), await accounts('106540352242999')]).toEqual([
    TO,
    { accountId: 'pixels_internal', accessToken: 'example-token' },
    undefined,
  ])
  expect(storage).toMatchObject({ name: 's3', bucket: 'example-bucket' })
})

it('forwarderOptionsFromEnv takes a directory, a directory of ids, an app secret and a proxy', async () => {
  const { S3_BUCKET_NAME: _bucket, ...rest } = ENV
  const more = { MEDIA_DIRECTORY: directory, MEDIA_IDS_DIRECTORY: directory, WHATSAPP_APP_SECRET: 'example-secret' }
  const options = forwarderOptionsFromEnv({ ...rest, ...more })
  expect(options).toMatchObject({ storage: { name: 'file-system' }, mediaIds: { get: expect.any(Function) } })
  expect(await options.accounts('106540352242922')).toMatchObject({ appSecret: 'example-secret' })
})

it('the send example does not start without its settings', async () => {
  const { output, ended } = runExample('examples/send.ts', { WHATSAPP_TO: TO })
  expect(await ended).toBe(1)
  expect(output()).toContain(
    'not set: WHATSAPP_PHONE_NUMBER_ID, WHATSAPP_ACCESS_TOKEN, S3_BUCKET_NAME or MEDIA_DIRECTORY',
  )
})
