// Every way in which a store goes wrong ends as a typed error, or as an object that is really there.
import assert from 'node:assert/strict'
import { archiveMedia } from 'whatsapp-media-archive'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
import { createS3Double } from './s3-double.mjs'
import { serveNode, serveTunnel } from './serve.mjs'

const api = await createFakeCloudApi()
const bytes = Buffer.alloc(3_000_000, 'media ')
const refuse = (status, code) => (_request, response) => {
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`)
}
const reset = (request) => request.socket.resetAndDestroy()

/** [what the store does with a put, the code of the error, what it says] */
const FAULTS = {
  'stores it': [undefined, 'none'],
  'refuses at once': [refuse(403, 'AccessDenied'), 'storage-failed', 403],
  'is busy': [refuse(503, 'SlowDown'), 'storage-failed', 503],
  'resets at once': [reset, 'storage-failed'],
  'resets in the middle': [(request) => request.once('data', () => reset(request)), 'storage-failed'],
  'resets after the body': [(request) => request.resume().once('end', () => reset(request)), 'storage-failed'],
  'closes in the middle': [(request) => request.once('data', () => request.socket.destroy()), 'storage-failed'],
  'never answers': [(request) => request.resume(), 'timeout'],
  'takes it for a page': [
    (request, response) => request.resume().once('end', () => response.end('<html>')),
    'storage-failed',
  ],
}

let spoil
let double
const store = await serveNode((request, response) =>
  request.method === 'PUT' && spoil !== undefined ? spoil(request, response) : double.handle(request, response),
)
const tunnel = await serveTunnel(store.origin)
for (const endpoint of [store.origin, tunnel.origin]) {
  for (const [name, [fault, code, status]] of Object.entries(FAULTS)) {
    double = createS3Double()
    spoil = fault
    const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' }
    const storage = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint, credentials })
    const { reference } = await api.addMedia({ mediaType: 'video', mimeType: 'video/mp4', bytes })
    const outcome = await archiveMedia(reference, {
      ...{ storage, accountId: 'acme', accessToken: api.accessToken, cloudApi: api.cloudApi, attempts: 1 },
      timeouts: { storageMs: 2_000, totalMs: 20_000 },
    }).then(
      () => ({ code: 'none' }),
      (error) => error,
    )
    await storage.close()
    const what = `${endpoint}, a store that ${name}: ${outcome.stack}`
    assert.equal(outcome.code, code, what)
    assert.notEqual(outcome.waitedFor, 'total', what)
    if (status !== undefined) assert.equal(outcome.status, status, what)
    assert.equal(double.objects.size, code === 'none' ? 1 : 0, what)
    assert.deepEqual(double.refusals, [])
  }
}

// A store that closes connections between two puts: the next one goes over a new connection.
spoil = undefined
for (const end of ['end', 'destroy', 'resetAndDestroy']) {
  double = createS3Double()
  const connections = new Set()
  const idle = await serveNode((request, response) => {
    connections.add(request.socket)
    return double.handle(request, response)
  })
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' }
  const storage = createS3Storage({ bucket: 'media', region: 'eu-central-1', endpoint: idle.origin, credentials })
  for (let round = 1; round <= 3; round += 1) {
    const { reference } = await api.addMedia({
      mediaType: 'image',
      mimeType: 'image/png',
      bytes: Buffer.from(`photo ${round}`),
    })
    const options = { storage, accountId: 'acme', accessToken: api.accessToken, cloudApi: api.cloudApi, attempts: 1 }
    await archiveMedia(reference, options)
    assert.equal(double.objects.size, round)
    for (const connection of connections) connection[end]()
    connections.clear()
  }
  await storage.close()
  await idle.close()
}

await tunnel.close()
await store.close()
await api.close()
