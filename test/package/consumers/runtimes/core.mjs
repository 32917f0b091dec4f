// The main job on any runtime: webhooks come in, their media is archived into memory, files and S3, and read back.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createMediaArchive } from 'whatsapp-media-archive'
import { createInProcessQueue } from 'whatsapp-media-archive/queues/in-process'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { buildWebhook, createFakeCloudApi, deliver, signWebhook } from 'whatsapp-media-archive/testing'
import { createWebhookHandler, toNodeHandler } from 'whatsapp-media-archive/webhook'
import { createS3Double } from './s3-double.mjs'
import { serveFetch, serveNode, serveNodeSecurely } from './serve.mjs'

const appSecret = 'app-secret'
const api = await createFakeCloudApi()
const photo = randomBytes(700_000)
const media = [
  await api.addMedia({ mediaType: 'image', mimeType: 'image/jpeg', bytes: photo }),
  await api.addMedia({
    mediaType: 'document',
    mimeType: 'text/plain',
    filename: 'grüße.txt',
    bytes: Buffer.from('hello'),
  }),
]
const webhook = buildWebhook(
  media.map(({ mediaObject: object, reference }) => ({ media: { type: reference.mediaType, object } })),
)

/** Archives the webhook into a storage, over the runtime's own server and over node:http. */
async function archiveInto(storage) {
  const archived = []
  const failed = []
  // A delivery of media that is still a job adds no job, so there are two objects, and two calls or more.
  let noteAll
  const all = new Promise((resolve) => {
    noteAll = () => new Set(archived.map(({ key }) => key)).size + failed.length === 2 && resolve()
  })
  const archive = createMediaArchive({
    storage,
    accounts: () => ({ accountId: 'acme', accessToken: api.accessToken }),
    cloudApi: api.cloudApi,
    queue: createInProcessQueue({ concurrency: 4 }),
    onArchived: (item) => noteAll(archived.push(item)),
    onFailed: (failure) => noteAll(failed.push(failure)),
  })
  const rejected = []
  const handler = createWebhookHandler({
    appSecret,
    verifyToken: 'verify-token',
    onMedia: archive.enqueue,
    onRejected: ({ reason }) => rejected.push(reason),
  })
  const node = await serveNode(toNodeHandler(handler))
  const own = serveFetch(handler) ?? node

  for (const { origin } of [node, own]) {
    const handshake = '?hub.mode=subscribe&hub.verify_token=verify-token&hub.challenge=42'
    assert.equal(await (await fetch(`${origin}/webhook${handshake}`)).text(), '42')
    assert.equal((await deliver(`${origin}/webhook`, webhook, { appSecret })).status, 200)
    assert.equal((await deliver(`${origin}/webhook`, webhook, { appSecret: 'wrong' })).status, 401)
  }
  const { body, headers } = signWebhook(webhook, { appSecret })
  const direct = await handler(new Request('https://app.example/webhook', { method: 'POST', body, headers }))
  assert.equal(direct.status, 200)
  await all

  assert.deepEqual(failed, [])
  assert.deepEqual(rejected, ['signature', 'signature'])
  const keys = [...new Set(archived.map(({ key }) => key))].sort()
  assert.equal(keys.length, 2, 'three deliveries of two files are two objects')
  for (const item of archived) assert.equal(item.integrity, 'announced')
  const key = keys.find((each) => each.includes('/image/'))
  const document = await storage.get(keys.find((each) => each.includes('/document/')))
  assert.equal(await text(document.body), 'hello')
  assert.equal((await storage.head(key)).size, photo.length)
  assert.equal(await storage.head(`${key}-missing`), null)

  // Fetched by the reader, before everything closes.
  const readBack = async () => {
    const { url } = await archive.signUrl(key, { accountId: 'acme' })
    const answer = await fetch(url)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-type'), 'image/jpeg')
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(photo), 'the signed URL reads the photo')
  }
  const close = async () => {
    await node.close()
    await own.close()
    await handler.close()
    assert.deepEqual(await archive.close(), [], 'no job is left')
  }
  return { readBack, close }
}

/** Serves a storage's signed URLs, on the runtime's own server too. */
async function archiveAndServe(createStorage) {
  let storage
  const serve = (request) => storage.handler(request)
  const shelf = serveFetch(serve) ?? (await serveNode((request, response) => serveOnNode(serve, { request, response })))
  storage = createStorage({ baseUrl: `${shelf.origin}/media`, secret: 'of-sixteen-letters' })
  const { readBack, close } = await archiveInto(storage)
  await readBack()
  await close()
  await shelf.close()
}

async function serveOnNode(serve, { request, response }) {
  const answer = await serve(new Request(new URL(request.url, 'http://127.0.0.1'), { method: request.method }))
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()))
}

await archiveAndServe(createMemoryStorage)

const directory = mkdtempSync(join(tmpdir(), 'runtimes-'))
await archiveAndServe((options) => createFileSystemStorage({ directory, ...options }))
rmSync(directory, { recursive: true })

const double = createS3Double()
const store = await serveNodeSecurely(double.handle)
const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' }
const bucket = await archiveInto(
  createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint: store.origin, credentials }),
)
await bucket.readBack()
await bucket.close()
await store.close()
assert.equal(double.objects.size, 2)
assert.deepEqual(double.refusals, [])

await api.close()
