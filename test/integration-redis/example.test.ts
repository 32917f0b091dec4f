import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { redrive, type Shared, startWeb, startWorker } from '../../examples/bullmq.js'
import { createBullMqQueue } from '../../src/queues/bullmq.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { buildWebhook, deliver } from '../../src/testing/build-webhook.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { runExample } from '../examples/run-example.js'
import { redisUrl, usePrefix } from './redis.js'

const SECRETS = { appSecret: 'example-app-secret', verifyToken: 'example-verify-token' }
const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(5_000, 'jpeg')])
const prefix = usePrefix()

let api: FakeCloudApi
let shared: Shared
let number = 0

beforeEach(async () => {
  api = await createFakeCloudApi()
  const directory = await mkdtemp(join(tmpdir(), 'bullmq-example-'))
  shared = {
    redis: { connection: redisUrl(), prefix, name: `example-${number++}` },
    archive: {
      storage: createFileSystemStorage({ directory }),
      accounts: () => ({ accountId: 'pixels_internal', accessToken: api.accessToken }),
      cloudApi: api.cloudApi,
    },
  }
  return async () => {
    await api.close()
    await rm(directory, { recursive: true })
  }
})

async function webhookOfPhoto(): Promise<ReturnType<typeof buildWebhook>> {
  const { mediaObject: object } = await api.addMedia({ bytes: JPEG, mimeType: 'image/jpeg', mediaType: 'image' })
  return buildWebhook([{ media: { type: 'image', object }, messageId: 'wamid.photo' }])
}

it('the BullMQ example takes webhooks in one process and archives in another', async () => {
  const web = await startWeb({ ...shared, ...SECRETS, port: 0, host: '127.0.0.1' })
  onTestFinished(web.stop)
  const payload = await webhookOfPhoto()
  expect((await deliver(`${web.origin}/`, payload, SECRETS)).status).toBe(200)
  expect(api.requests).toEqual([])
  const archived = vi.fn()
  const worker = startWorker({ ...shared, onArchived: archived })
  await vi.waitFor(() => expect(archived).toHaveBeenCalled(), 10_000)
  await worker.stop()
  expect(archived).toHaveBeenCalledExactlyOnceWith('wamid.photo', expect.objectContaining({ fileSize: JPEG.length }))
})

it('the BullMQ example archives a dead letter once it is re-driven, and takes a new webhook for it before', async () => {
  const web = await startWeb({ ...shared, ...SECRETS, port: 0, host: '127.0.0.1' })
  onTestFinished(web.stop)
  const queue = createBullMqQueue(shared.redis)
  onTestFinished(async () => void (await queue.close()))
  const payload = await webhookOfPhoto()
  const failed = vi.fn()
  const strict = startWorker({ ...shared, archive: { ...shared.archive, maxBytes: 1_000 }, onFailed: failed })
  for (const times of [1, 2]) {
    expect((await deliver(`${web.origin}/`, payload, SECRETS)).status).toBe(200)
    await vi.waitFor(async () => expect(await queue.deadLetters()).toHaveLength(times), 10_000)
  }
  await strict.stop()
  expect(failed.mock.calls).toEqual([
    ['wamid.photo', 'size-limit'],
    ['wamid.photo', 'size-limit'],
  ])

  expect(await redrive(shared, ['access-token'])).toEqual([])
  expect(await redrive(shared, ['size-limit'])).toHaveLength(2)
  const archived = vi.fn()
  const worker = startWorker({ ...shared, onArchived: archived })
  await vi.waitFor(() => expect(archived).toHaveBeenCalled(), 10_000)
  await worker.stop()
  expect(await queue.deadLetters()).toEqual([])
})

it('the BullMQ example answers 500 while Redis is away, so that Meta delivers again', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const away = { ...shared, redis: { connection: { host: '127.0.0.1', port: 1 }, timeoutMs: 300 } }
  const web = await startWeb({ ...away, ...SECRETS, port: 0, host: '127.0.0.1' })
  onTestFinished(web.stop)
  expect((await deliver(`${web.origin}/`, await webhookOfPhoto(), SECRETS)).status).toBe(500)
  expect(warn).toHaveBeenCalledWith('The queue failed to connect: ECONNREFUSED')
})

const ENV = {
  S3_BUCKET_NAME: 'example-bucket',
  AWS_REGION: 'us-east-1',
  S3_ENDPOINT: 'http://127.0.0.1:1',
  WHATSAPP_PHONE_NUMBER_ID: '123',
  WHATSAPP_ACCESS_TOKEN: 'example-token',
  WHATSAPP_APP_SECRET: SECRETS.appSecret,
  WHATSAPP_VERIFY_TOKEN: SECRETS.verifyToken,
  PORT: '0',
}

it.each([
  ['web', 'listening at'],
  ['worker', 'working'],
])('the BullMQ example runs by itself as %s, and ends well at SIGTERM', async (command, ready) => {
  // A Redis of nobody's: the example uses the default names.
  const env = { ...ENV, REDIS_URL: 'redis://127.0.0.1:1' }
  const { kill, output, ended } = runExample(`examples/bullmq.ts ${command}`, env)
  await vi.waitFor(() => expect(output()).toContain(ready), 20_000)
  kill('SIGTERM')
  expect(await ended).toBe(0)
  expect(output()).toContain('stopped')
})

it('the BullMQ example lists its settings', async () => {
  const { output, ended } = runExample('examples/bullmq.ts nonsense', { ...ENV, REDIS_URL: 'redis://127.0.0.1:1' })
  expect(await ended).toBe(1)
  expect(output()).toContain('say web, worker or redrive')
})
