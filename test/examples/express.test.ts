import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createApp } from '../../examples/express.js'
import { createFileSystemStorage } from '../../src/storage/file-system.js'
import { buildWebhook, deliver } from '../../src/testing/build-webhook.js'
import { createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'

const secrets = { appSecret: 'example-app-secret', verifyToken: 'example-verify-token' }
const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(5_000, 'jpeg')])

let api: FakeCloudApi
let directory: string
let server: Server

beforeEach(async () => {
  api = await createFakeCloudApi()
  directory = await mkdtemp(join(tmpdir(), 'express-example-'))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await api.close()
  await rm(directory, { recursive: true })
})

async function listen(app: Parameters<typeof createServer>[1]): Promise<string> {
  server = createServer(app as never)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

it('the Express example answers, archives, and lists messages with signed URLs', async () => {
  const storage = createFileSystemStorage({ directory, baseUrl: 'http://files.test', secret: 'a secret of the test' })
  const { app, archive } = createApp({ ...secrets, storage, accessToken: api.accessToken, cloudApi: api.cloudApi })
  const origin = await listen(app as never)
  const photo = await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image', caption: 'Our roof' })
  const payload = buildWebhook([
    { media: { type: 'image', object: photo.mediaObject }, messageId: 'wamid.photo' },
    { text: 'hi' },
  ])

  const handshake = await fetch(
    `${origin}/webhook?hub.mode=subscribe&hub.challenge=42&hub.verify_token=${secrets.verifyToken}`,
  )
  expect(await handshake.text()).toBe('42')
  expect(await deliver(`${origin}/webhook`, payload, secrets)).toMatchObject({ status: 200 })
  const list = async (): Promise<{ signedUrl?: string }[]> => (await fetch(`${origin}/messages`)).json() as never
  await vi.waitFor(async () => expect(await list()).toMatchObject([{ mediaStatus: 'archived' }]), { timeout: 10_000 })
  expect(await deliver(`${origin}/webhook`, payload, secrets)).toMatchObject({ status: 200 })
  const [message] = await list()
  expect(message).toMatchObject({
    messageId: 'wamid.photo',
    mediaStatus: 'archived',
    content: { mediaId: photo.mediaId, sha256: photo.sha256, fileSize: jpeg.length, caption: 'Our roof' },
  })
  const media = await storage.handler(new Request(message?.signedUrl ?? ''))
  expect(Buffer.from(await media.arrayBuffer()).equals(jpeg)).toBe(true)
  expect(await archive.close()).toEqual([])
})

it('the Express example keeps a message whose media failed, and refuses a forged webhook', async () => {
  const storage = createFileSystemStorage({ directory })
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { app, archive } = createApp({
    ...secrets,
    storage,
    accessToken: api.accessToken,
    cloudApi: api.cloudApi,
    maxBytes: 10,
  })
  const origin = await listen(app as never)
  const photo = await api.addMedia({ bytes: jpeg, mimeType: 'image/jpeg', mediaType: 'image' })
  const payload = buildWebhook([{ media: { type: 'image', object: photo.mediaObject } }])
  expect(await deliver(`${origin}/webhook`, payload, { appSecret: 'forged' })).toMatchObject({ status: 401 })
  expect(await deliver(`${origin}/webhook`, payload, secrets)).toMatchObject({ status: 200 })
  await archive.close()
  expect(await (await fetch(`${origin}/messages`)).json()).toMatchObject([
    { mediaStatus: 'failed', mediaError: 'size-limit' },
  ])
})
