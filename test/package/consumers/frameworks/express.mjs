// Express 4 and 5: nothing before the webhook, and each parser before it. The files of the file-system storage.
import assert from 'node:assert/strict'
import { getSignedUrl, uploadToS3 } from 'whatsapp-media-archive'
import { createFileSystemStorage } from 'whatsapp-media-archive/storage/file-system'
import { toNodeHandler } from 'whatsapp-media-archive/webhook'
import { addressOf, handler, over, tryParsed, tryWebhook } from './webhook.mjs'

const keep = (form) => (request, _response, bytes) => {
  request.rawBody = form(bytes)
}
const limit = '4mb'

for (const version of ['express', 'express4']) {
  const { default: express } = await import(version)
  const open = async (...before) => {
    const app = express()
    if (before.length > 0) app.use(...before)
    app.all('/webhook', toNodeHandler(handler))
    app.use(express.json())
    const server = app.listen(0, '127.0.0.1')
    return { app, server, url: await addressOf(server) }
  }
  const befores = {
    'nothing before': [],
    raw: [express.raw({ type: '*/*', limit })],
    text: [express.text({ type: '*/*', limit })],
    'json, verify keeps bytes': [express.json({ limit, verify: keep((bytes) => bytes) })],
    'json, verify keeps text': [express.json({ limit, verify: keep(String) })],
  }
  for (const [name, before] of Object.entries(befores)) {
    const { server, url } = await open(...before)
    await tryWebhook(`${version}, ${name}`, over(url))
    server.close()
  }
  const parsed = await open(express.json({ limit }))
  await tryParsed(`${version}, json`, over(parsed.url), /before express\.json\(\)/)
  const baseUrl = parsed.url.replace('webhook', 'media')
  const storage = createFileSystemStorage({ directory: `files-${version}`, baseUrl, secret: 'at least 16 characters' })
  parsed.app.use('/media', toNodeHandler(storage.handler))
  const { key } = await uploadToS3(Buffer.from('a file'), { storage, accountId: 'acme', mimeType: 'text/plain' })
  const part = await fetch(await getSignedUrl(key, { storage, accountId: 'acme' }), { headers: { range: 'bytes=2-5' } })
  assert.deepEqual([part.status, await part.text()], [206, 'file'])
  parsed.server.close()
}
