// A real Next.js server gets 400 images, is killed right after its answer, and loses none: the cron job archives them.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildWebhook, createFakeCloudApi, deliver } from 'whatsapp-media-archive/testing'

const api = await createFakeCloudApi()
// Meta takes the call and never answers: the server is killed with every job under way.
const silent = createServer(() => {}).listen(0, '127.0.0.1')
await once(silent, 'listening')
const silentApi = { ...api.cloudApi, baseUrl: `http://127.0.0.1:${silent.address().port}` }

async function start(cloudApi) {
  const env = { ...process.env, CLOUD_API: JSON.stringify(cloudApi), WHATSAPP_ACCESS_TOKEN: api.accessToken }
  const server = spawn('node_modules/.bin/next', ['start', '-p', '0', '-H', '127.0.0.1'], { env, detached: true })
  let printed = ''
  server.stderr.pipe(process.stderr)
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    printed += chunk
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(printed) ?? []
    if (url !== undefined && printed.includes('Ready')) return { url, kill: () => process.kill(-server.pid, 'SIGKILL') }
  }
  throw new Error(`next start ended: ${printed}`)
}
const list = (directory, form) =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    (each) => each.isFile() && form.test(each.name),
  )

const items = []
for (let index = 0; index < 400; index++) {
  const bytes = Buffer.from([0xff, 0xd8, 0xff, 0xe0, ...Buffer.from(String(index))])
  const { mediaObject: object } = await api.addMedia({ bytes, mimeType: 'image/jpeg', mediaType: 'image' })
  items.push({ media: { type: 'image', object: { ...object, caption: 'ä/@'.repeat(50) } } })
}
const { WHATSAPP_APP_SECRET: appSecret, WHATSAPP_VERIFY_TOKEN: token, ROWS_DIRECTORY, FILES_DIRECTORY } = process.env

const first = await start(silentApi)
const query = `hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=7`
assert.equal(await (await fetch(`${first.url}/api/webhook?${query}`)).text(), '7')
const deliverWith = (secret) => deliver(`${first.url}/api/webhook`, buildWebhook(items), { appSecret: secret })
assert.equal((await deliverWith('another secret')).status, 401)
assert.equal((await deliverWith(appSecret)).status, 200)
first.kill()
assert.equal(list(ROWS_DIRECTORY, /\.json$/).length, 400)

const second = await start(api.cloudApi)
const total = { done: 0, failed: 0 }
while (list(ROWS_DIRECTORY, /\.json$/).length > 0) {
  const { done, failed } = await (await fetch(`${second.url}/api/cron`)).json()
  total.done += done
  total.failed += failed
  await sleep(200)
}
assert.deepEqual(total, { done: 400, failed: 0 })
assert.equal(list(FILES_DIRECTORY, /\.jpg$/).length, 400)

// And without a crash: archived after the answer, by the same call.
const { mediaObject: object } = await api.addMedia({
  bytes: Buffer.from('%PDF-1.7'),
  mimeType: 'application/pdf',
  mediaType: 'document',
})
const last = buildWebhook([{ media: { type: 'document', object } }])
assert.equal((await deliver(`${second.url}/api/webhook`, last, { appSecret })).status, 200)
while (list(FILES_DIRECTORY, /\.pdf$/).length === 0 || list(ROWS_DIRECTORY, /\.json$/).length > 0) await sleep(50)
second.kill()
silent.close()
silent.closeAllConnections()
await api.close()
