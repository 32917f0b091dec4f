import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import type { MediaArchiveOptions } from 'whatsapp-media-archive'
import {
  type AppOptions,
  appOptionsFromEnv,
  createApp,
  createMemoryStore,
  type MessageStore,
  type RunningApp,
  type SavedMessage,
  start,
} from '../../examples/express.js'
import { createFileSystemStorage, type FileSystemStorage } from '../../src/storage/file-system.js'
import { type BuiltWebhook, buildWebhook, deliver, signWebhook } from '../../src/testing/build-webhook.js'
import { type AddedMedia, createFakeCloudApi, type FakeCloudApi } from '../../src/testing/fake-cloud-api.js'
import { runExample } from './run-example.js'

const SECRETS = { appSecret: 'example-app-secret', verifyToken: 'example-verify-token' }
const OWN_NUMBER = { phoneNumberId: '123' }
const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(5_000, 'jpeg')])

let api: FakeCloudApi
let storage: FileSystemStorage
const stops: RunningApp['stop'][] = []

beforeEach(async () => {
  api = await createFakeCloudApi()
  const directory = await mkdtemp(join(tmpdir(), 'express-example-'))
  storage = createFileSystemStorage({ directory, baseUrl: 'http://files.test', secret: 'a secret of the test' })
  return async () => {
    for (const stop of stops.splice(0)) await stop()
    await api.close()
    await rm(directory, { recursive: true })
  }
})

type Listed = Record<string, unknown>

interface Driven extends RunningApp {
  post(payload: BuiltWebhook, secrets?: { appSecret: string }): Promise<number>
  list(): Promise<Listed[]>
}

/** The example, running; `accessToken` is what its account answers with. */
async function startExample(
  options: Partial<AppOptions> & { drainMs?: number; accessToken?: () => Promise<string> } = {},
): Promise<Driven> {
  const { drainMs = 10_000, accessToken = async () => api.accessToken, ...appOptions } = options
  const accounts: MediaArchiveOptions['accounts'] = (phoneNumberId) =>
    phoneNumberId === '123' ? { accountId: 'pixels_internal', accessToken } : undefined
  const app = createApp({ ...SECRETS, storage, accounts, cloudApi: api.cloudApi, ...appOptions })
  const running = await start(app, { port: 0, host: '127.0.0.1', drainMs })
  let stopped: ReturnType<RunningApp['stop']> | undefined
  const stop = (): ReturnType<RunningApp['stop']> => {
    stopped ??= running.stop()
    return stopped
  }
  stops.push(stop)
  return {
    origin: running.origin,
    stop,
    post: async (payload, secrets = SECRETS) => (await deliver(`${running.origin}/webhook`, payload, secrets)).status,
    list: async () => {
      const response = await fetch(`${running.origin}/messages`)
      expect(response.headers.get('cache-control')).toBe('no-store')
      return (await response.json()) as Listed[]
    },
  }
}

function addPhoto(caption?: string): Promise<AddedMedia> {
  const told = caption === undefined ? {} : { caption }
  return api.addMedia({ bytes: JPEG, mimeType: 'image/jpeg', mediaType: 'image', ...OWN_NUMBER, ...told })
}

const webhookOf = (photos: readonly AddedMedia[]): BuiltWebhook =>
  buildWebhook(
    photos.map(({ mediaObject: object }, index) => ({ media: { type: 'image', object }, messageId: `wamid.${index}` })),
    OWN_NUMBER,
  )

it('the Express example shakes hands, saves first, archives after the answer, and signs at read time', async () => {
  let release = (_token: string): void => {}
  const token = new Promise<string>((resolve) => {
    release = resolve
  })
  const { origin, post, list } = await startExample({ accessToken: () => token })
  const handshake = await fetch(
    `${origin}/webhook?hub.mode=subscribe&hub.challenge=42&hub.verify_token=${SECRETS.verifyToken}`,
  )
  expect(await handshake.text()).toBe('42')

  const photo = await addPhoto('Our roof')
  const payload = buildWebhook(
    [
      { media: { type: 'image', object: photo.mediaObject }, messageId: 'wamid.photo' },
      { text: 'hi', messageId: 'wamid.text' },
    ],
    OWN_NUMBER,
  )
  expect(await post(payload)).toBe(200)
  const content = { mediaId: photo.mediaId, mediaType: 'image', mimeType: 'image/jpeg', caption: 'Our roof' }
  const text = { messageId: 'wamid.text', from: '15550001111', phoneNumberId: '123', content: { text: 'hi' } }
  // Until the token comes, nothing can be archived.
  expect(await list()).toMatchObject([{ messageId: 'wamid.photo', mediaStatus: 'pending', content }, text])
  release(api.accessToken)
  await vi.waitFor(async () => expect(await list()).toMatchObject([{ mediaStatus: 'archived' }, text]), 10_000)

  expect(await post(payload)).toBe(200)
  const [message, ...others] = await list()
  expect(others).toHaveLength(1)
  expect(others[0]).not.toHaveProperty('mediaStatus')
  expect(message).toMatchObject({
    mediaStatus: 'archived',
    accountId: 'pixels_internal',
    content: { ...content, sha256: photo.sha256, fileSize: JPEG.length },
  })
  const media = await storage.handler(new Request(String(message?.['signedUrl'])))
  expect(Buffer.from(await media.arrayBuffer()).equals(JPEG)).toBe(true)
})

it('the Express example marks a failed download with its reason, and archives the others', async () => {
  const { post, list } = await startExample({ maxBytes: 10_000 })
  const big = { bytes: Buffer.alloc(10_001), mimeType: 'application/pdf', mediaType: 'document' as const }
  const photos = [await addPhoto(), await api.addMedia({ ...big, ...OWN_NUMBER }), await addPhoto()]
  const expected = [
    { mediaStatus: 'archived' },
    { mediaStatus: 'failed', mediaError: 'size-limit' },
    { mediaStatus: 'archived' },
  ]
  expect(await post(webhookOf(photos))).toBe(200)
  await vi.waitFor(async () => expect(await list()).toMatchObject(expected), 10_000)
})

it('the Express example keeps archived media archived, regardless of later reports', async () => {
  const { post, list, stop } = await startExample()
  const payload = webhookOf([await addPhoto()])
  expect(await post(payload)).toBe(200)
  await vi.waitFor(async () => expect(await list()).toMatchObject([{ mediaStatus: 'archived' }]), 10_000)
  // The same message again, now as media that Meta could not take from its sender.
  const wire = JSON.stringify(payload).replace('"type":"image"', '"type":"image","errors":[{"code":131052}]')
  expect(wire).toContain('131052')
  expect(await post(JSON.parse(wire))).toBe(200)
  expect(await list()).toMatchObject([{ mediaStatus: 'archived' }])
  expect(await stop()).toEqual([])
})

it('the Express example forgets a failure once the media is archived', async () => {
  const { post, list } = await startExample()
  const payload = webhookOf([await addPhoto()])
  const wire = JSON.stringify(payload).replace('"type":"image"', '"type":"image","errors":[{"code":131052}]')
  expect(await post(JSON.parse(wire))).toBe(200)
  expect(await list()).toMatchObject([{ mediaStatus: 'failed', mediaError: 'media-unavailable' }])
  expect(await post(payload)).toBe(200)
  await vi.waitFor(async () => expect(await list()).toMatchObject([{ mediaStatus: 'archived' }]), 10_000)
  expect((await list())[0]).not.toHaveProperty('mediaError')
})

it('the Express example marks a message whose media Meta could not take', async () => {
  const { post, list } = await startExample()
  const messages = [{ id: 'wamid.lost', type: 'image', errors: [{ code: 131_052 }] }]
  const value = { messages, metadata: { phone_number_id: '123' } }
  expect(await post({ entry: [{ id: '1', changes: [{ field: 'messages', value }] }] })).toBe(200)
  expect(await list()).toMatchObject([
    { messageId: 'wamid.lost', mediaStatus: 'failed', mediaError: 'media-unavailable' },
  ])
})

it('the Express example takes a loss that concerns no message that could be named', async () => {
  const { post, list } = await startExample()
  const value = { errors: [{ code: 131_035 }], metadata: { phone_number_id: '123' } }
  expect(await post({ entry: [{ id: '1', changes: [{ field: 'messages', value }] }] })).toBe(200)
  expect(await list()).toEqual([])
})

it('the Express example refuses a forged webhook and saves nothing of it', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { post, list } = await startExample()
  expect(await post(webhookOf([await addPhoto()]), { appSecret: 'forged' })).toBe(401)
  expect(await list()).toEqual([])
  expect(warn).toHaveBeenCalledExactlyOnceWith('signature', 401, expect.stringContaining('app secret'))
})

it('the Express example archives nothing for a number that is not its own', async () => {
  const { post, list, stop } = await startExample()
  const { mediaObject: object } = await addPhoto()
  expect(await post(buildWebhook([{ media: { type: 'image', object } }], { phoneNumberId: '999' }))).toBe(200)
  expect(await list()).toMatchObject([{ mediaStatus: 'failed', mediaError: 'unknown-number' }])
  await stop()
  expect(api.requests).toEqual([])
})

it('the Express example archives at its start what an earlier process left pending', async () => {
  const store = createMemoryStore()
  const earlier = await startExample({ store, accessToken: () => new Promise(() => {}), drainMs: 50 })
  const payload = webhookOf([await addPhoto(), await addPhoto('Our roof')])
  expect(await earlier.post(payload)).toBe(200)
  expect(await earlier.stop()).toHaveLength(2)
  // As JSON, which is what most databases give back.
  const saved: SavedMessage[] = JSON.parse(JSON.stringify(await store.list()))
  const [reference, ...others] = await store.listPending({ limit: 1 })
  expect(others).toEqual([])
  expect(saved[0]?.reference).toEqual(reference)

  const database = createMemoryStore()
  await database.save(saved.map((message) => ({ ...message, mediaStatus: 'pending' })))
  const { list, stop } = await startExample({ store: database })
  await vi.waitFor(
    async () => expect(await list()).toMatchObject([{ mediaStatus: 'archived' }, { mediaStatus: 'archived' }]),
    10_000,
  )
  expect((await list())[0]).not.toHaveProperty('reference')
  expect(await database.listPending({ limit: 10 })).toEqual([])
  expect(await stop()).toEqual([])
})

it('stop of the Express example works off what is under way', async () => {
  const { origin, post, stop } = await startExample()
  expect(await post(webhookOf([await addPhoto()]))).toBe(200)
  expect(await stop()).toEqual([])
  expect(api.requests.map(({ kind }) => kind)).toContain('download')
  await expect(fetch(`${origin}/messages`)).rejects.toThrow()
})

it('stop of the Express example lets a webhook that is arriving come in, and archives its media', async () => {
  const { origin, stop } = await startExample()
  const { body, headers } = signWebhook(webhookOf([await addPhoto()]), SECRETS)
  const incoming = request(`${origin}/webhook`, {
    method: 'POST',
    headers: { ...headers, 'content-length': body.length, expect: '100-continue' },
  })
  incoming.flushHeaders()
  // The server has read the headers, and nothing else.
  await once(incoming, 'continue')
  const stopped = stop()
  incoming.end(body)
  const [response] = await once(incoming, 'response')
  expect(response.statusCode).toBe(200)
  response.resume()
  expect(await stopped).toEqual([])
  expect(api.requests.map(({ kind }) => kind)).toContain('download')
})

/** Posts on the connection of `agent`, as a reverse proxy does; undefined when the connection or the server is closed. */
async function postOver(agent: Agent, origin: string, payload: BuiltWebhook): Promise<number | undefined> {
  const { body, headers } = signWebhook(payload, SECRETS)
  const outgoing = request(`${origin}/webhook`, { method: 'POST', agent, headers })
  try {
    outgoing.end(body)
    const [response] = await once(outgoing, 'response')
    await once(response.resume(), 'end')
    return response.statusCode
  } catch {
    return undefined
  }
}

it.each([0, 1, 5])(
  'stop of the Express example ends a busy kept-alive connection after %i webhooks, and loses none of them',
  async (before) => {
    const store = createMemoryStore()
    const signals = new EventEmitter()
    const saving = once(signals, 'saving')
    const released = once(signals, 'release')
    const answered: string[] = []
    let held = false
    const save: MessageStore['save'] = async (messages) => {
      if (answered.length === before && !held) {
        held = true
        signals.emit('saving')
        await released
      }
      await store.save(messages)
    }
    const { origin, stop } = await startExample({ store: { ...store, save } })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const sending = (async () => {
      for (let sent = 0; sent < before + 30; sent++) {
        const messageId = `wamid.busy.${sent}`
        const { mediaObject: object } = await addPhoto()
        const payload = buildWebhook([{ media: { type: 'image', object }, messageId }], OWN_NUMBER)
        if ((await postOver(agent, origin, payload)) === 200) answered.push(messageId)
      }
    })()
    await saving
    // One webhook is being answered; its connection is kept alive, and the next one comes at once.
    const stopped = stop()
    signals.emit('release')
    expect(await stopped).toEqual([])
    await sending
    agent.destroy()
    expect(answered.length).toBeGreaterThan(before)
    expect(answered.length).toBeLessThanOrEqual(before + 2)
    const archived = (await store.list()).filter(({ mediaStatus }) => mediaStatus === 'archived')
    expect(archived.map(({ messageId }) => messageId)).toEqual(answered)
  },
)

it('stop of the Express example cuts off a webhook that never ends, and still works off the jobs', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { origin, post, stop } = await startExample({ drainMs: 2_000 })
  const { body, headers } = signWebhook(webhookOf([]), SECRETS)
  const endless = request(`${origin}/webhook`, {
    method: 'POST',
    headers: { ...headers, 'content-length': body.length, expect: '100-continue' },
  })
  const cut = once(endless, 'response').catch((error: NodeJS.ErrnoException) => error.code)
  endless.flushHeaders()
  await once(endless, 'continue')
  expect(await post(webhookOf([await addPhoto()]))).toBe(200)
  expect(await stop()).toEqual([])
  expect(await cut).toBe('ECONNRESET')
})

it('stop of the Express example hands back what it could not work off in time', async () => {
  const { post, stop } = await startExample({ accessToken: () => new Promise(() => {}), drainMs: 50 })
  const photo = await addPhoto()
  expect(await post(webhookOf([photo]))).toBe(200)
  expect(await stop()).toMatchObject([{ accountId: 'pixels_internal', media: { mediaId: photo.mediaId } }])
})

const ENV = {
  S3_BUCKET_NAME: 'example-bucket',
  AWS_REGION: 'us-east-1',
  S3_ENDPOINT: 'http://127.0.0.1:1',
  WHATSAPP_MEDIA_PREFIX: 'media/',
  WHATSAPP_PHONE_NUMBER_ID: '123',
  WHATSAPP_ACCESS_TOKEN: 'example-token',
  WHATSAPP_APP_SECRET: SECRETS.appSecret,
  WHATSAPP_VERIFY_TOKEN: SECRETS.verifyToken,
}

it('appOptionsFromEnv of the Express example knows its own number only', async () => {
  const { accounts, prefix } = appOptionsFromEnv(ENV)
  expect(prefix).toBe('media/')
  expect(await accounts('123')).toEqual({ accountId: 'pixels_internal', accessToken: 'example-token' })
  expect(await accounts('124')).toBeUndefined()
})

it.each(Object.keys(ENV).filter((name) => !/REGION|ENDPOINT|PREFIX/.test(name)))(
  'appOptionsFromEnv of the Express example names %s when it is missing',
  (name) => {
    expect(() => appOptionsFromEnv({ ...ENV, [name]: undefined })).toThrow(`${name} is not set`)
  },
)

it('appOptionsFromEnv of the Express example names all that is missing at once', () => {
  const { S3_BUCKET_NAME: _bucket, WHATSAPP_APP_SECRET: _secret, ...rest } = ENV
  expect(() => appOptionsFromEnv(rest)).toThrow('WHATSAPP_APP_SECRET, S3_BUCKET_NAME are not set')
  expect(() => appOptionsFromEnv({ ...rest, MEDIA_DIRECTORY: 'media', WHATSAPP_APP_SECRET: ' ' })).toThrow(
    'WHATSAPP_APP_SECRET, WHATSAPP_MEDIA_URL_SECRET are not set',
  )
})

it('the Express example serves the files of a directory, to those who have a signed URL', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'express-example-files-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const { S3_BUCKET_NAME: _bucket, ...rest } = ENV
  const files = { MEDIA_DIRECTORY: directory, WHATSAPP_MEDIA_URL_SECRET: 'a secret of the test' }
  const { storage, mediaHandler } = appOptionsFromEnv({ ...rest, ...files, PUBLIC_URL: 'https://app.test' })
  const { origin, post, list } = await startExample({ storage, ...(mediaHandler && { mediaHandler }) })
  expect(await post(webhookOf([await addPhoto()]))).toBe(200)
  await vi.waitFor(async () => expect(await list()).toMatchObject([{ mediaStatus: 'archived' }]), 10_000)
  const [message] = await list()
  const url = new URL(String(message?.['signedUrl']))
  expect(url.origin).toBe('https://app.test')
  const signed = await fetch(`${origin}${url.pathname}${url.search}`)
  expect(Buffer.from(await signed.arrayBuffer()).equals(JPEG)).toBe(true)
  expect((await fetch(`${origin}${url.pathname}`)).status).toBe(403)
})

it.each(['SIGTERM', 'SIGINT'] as const)('the Express example runs by itself, and ends well at %s', async (signal) => {
  const { kill, output, ended, listening } = runExample('examples/express.ts', { ...ENV, PORT: '0' })
  const origin = await listening()
  const payload = buildWebhook([{ text: 'hello', messageId: 'wamid.hello' }], OWN_NUMBER)
  expect(await deliver(`${origin}/webhook`, payload, SECRETS)).toMatchObject({ status: 200 })
  const messages = await (await fetch(`${origin}/messages`)).json()
  expect(messages).toMatchObject([{ messageId: 'wamid.hello', content: { text: 'hello' } }])
  kill(signal)
  expect(await ended).toBe(0)
  expect(output()).toContain('stopped; 0 media are left')
})

it('the Express example does not start without its settings', async () => {
  const { output, ended } = runExample('examples/express.ts', {})
  expect(await ended).toBe(1)
  expect(output()).toContain(
    'WHATSAPP_PHONE_NUMBER_ID, WHATSAPP_ACCESS_TOKEN, WHATSAPP_APP_SECRET, WHATSAPP_VERIFY_TOKEN, S3_BUCKET_NAME are not set',
  )
})
