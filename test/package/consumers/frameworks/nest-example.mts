// examples/nest.ts as an app: a photo of a webhook comes back behind its signed URL, and the end loses nothing.
import assert from 'node:assert/strict'
import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { buildWebhook, createFakeCloudApi, deliver } from 'whatsapp-media-archive/testing'
import { ARCHIVING, type Archiving, ArchivingModule, setup } from './examples/nest.js'

const api = await createFakeCloudApi()
const storage = createMemoryStorage({ baseUrl: 'https://files.test', secret: 'a secret for tests' })
const appSecret = 'app-secret'
const options = {
  storage,
  accounts: () => ({ accountId: 'acme', accessToken: api.accessToken }),
  cloudApi: api.cloudApi,
  appSecret,
  verifyToken: 'verify-token',
}
const app = await NestFactory.create<NestExpressApplication>(ArchivingModule.forRoot(options), { logger: false })
app.setGlobalPrefix('api')
setup(app)
await app.listen(0, '127.0.0.1')
const origin = await app.getUrl()
const send = async (caption: string) => {
  const bytes = Buffer.from(`a photo of ${caption}`)
  const photo = await api.addMedia({ bytes, mimeType: 'image/jpeg', mediaType: 'image', caption })
  assert.equal(
    (await deliver(`${origin}/webhook`, buildWebhook([photo, { text: 'Look!' }]), { appSecret })).status,
    200,
  )
}

const archiving: Archiving = app.get(ARCHIVING)
await send('a roof')
await archiving.archive.idle()
const messages = (await (await fetch(`${origin}/api/messages`)).json()) as Record<string, unknown>[]
assert.deepEqual(
  messages.map(({ mediaStatus }) => mediaStatus),
  ['archived', undefined],
)
const photo = await storage.handler(new Request(String(messages[0]?.['signedUrl'])))
assert.equal(await photo.text(), 'a photo of a roof')

await send('a door')
await app.close()
const statuses = (await archiving.store.list()).map(({ mediaStatus }) => mediaStatus)
assert.deepEqual(statuses, ['archived', undefined, 'archived', undefined])
await api.close()
