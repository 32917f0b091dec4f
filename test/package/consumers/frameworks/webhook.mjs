// What every program here shares: a webhook handler, and Meta's side of the conversation with 400 images.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { buildWebhook, signWebhook } from 'whatsapp-media-archive/testing'
import { createWebhookHandler } from 'whatsapp-media-archive/webhook'

const appSecret = 'app-secret'
const verifyToken = 'verify-token'
let media = []
let rejections = []

export const handler = createWebhookHandler({
  appSecret,
  verifyToken,
  onMedia: (extracted) => void media.push(...extracted.media),
  onRejected: (rejection) => void rejections.push(rejection),
})

const ids = Array.from({ length: 400 }, (_, index) => String(1_761_000_000_000_000 + index))
const items = ids.map((id) => ({
  media: { type: 'image', object: { id, mime_type: 'image/jpeg', caption: 'ä/@'.repeat(50) } },
}))
const signed = signWebhook(buildWebhook(items), { appSecret })
assert.ok(signed.body.length > 100_000, 'the webhook is over the 100 KB that many parsers take')
const forged = { ...signed, headers: { ...signed.headers, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` } }
const query = `hub.mode=subscribe&hub.verify_token=${verifyToken}&hub.challenge=1158201444`

/** `send({ method, query, headers, body })` gives `{ status, text }`. */
export async function tryWebhook(name, send) {
  ;[media, rejections] = [[], []]
  const shaken = await send({ method: 'GET', query, headers: {} })
  assert.deepEqual([shaken.status, shaken.text], [200, '1158201444'], `${name}: the handshake`)
  const { status } = await send({ method: 'POST', query: '', ...signed })
  assert.equal(status, 200, `${name}: 400 images, ${rejections[0]?.error}`)
  const found = media.map(({ mediaId }) => mediaId)
  assert.deepEqual(found, ids, `${name}: the media list`)
  assert.equal((await send({ method: 'POST', query: '', ...forged })).status, 401, `${name}: a forged signature`)
  assert.equal(media.length, 400, `${name}: the forged one was handed over`)
  console.log(`${name}: 200, 401, ${media.length} images`)
}

/** A body that was parsed and not kept: 500, and advice. */
export async function tryParsed(name, send, advice) {
  ;[media, rejections] = [[], []]
  assert.equal((await send({ method: 'POST', query: '', ...signed })).status, 500, `${name}: status`)
  assert.match(String(rejections[0]?.error), advice, `${name}: advice`)
  console.log(`${name}: 500 with advice`)
}

/** `send` over HTTP. */
export const over =
  (url) =>
  async ({ method, query, headers, body }) => {
    const answer = await fetch(`${url}${query && `?${query}`}`, { method, headers, body })
    return { status: answer.status, text: await answer.text() }
  }

/** The address of a `node:http` server. */
export async function addressOf(server) {
  if (!server.listening) await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}/webhook`
}
