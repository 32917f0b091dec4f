// Bundled by wrangler, run in workerd: the whole way of a file, from its webhook to its signed URL.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { buildWebhook, createFakeCloudApi, signWebhook } from 'whatsapp-media-archive/testing'
import { createS3Double } from './s3-double.mjs'

const [date, ...parts] = process.argv.slice(2)
const BYTES = Buffer.alloc(3_000_000, 'x')
const api = await createFakeCloudApi({ accessToken: 'token' })
const s3 = await createS3Double()
const worker = new Miniflare(
  convertV4MiniflareOptions({
    modules: [{ type: 'ESModule', path: 'worker.js', contents: readFileSync(`bundle-${date}/worker.js`, 'utf8') }],
    ...{ compatibilityDate: date, compatibilityFlags: ['nodejs_compat'], r2Buckets: ['MEDIA'] },
    bindings: { CLOUD_API: api.origin, S3: s3.origin },
    ...{ host: '127.0.0.1', port: 0, log: undefined },
  }),
)
const ask = async (path, init) => {
  const response = await worker.dispatchFetch(`http://worker.example${path}`, init)
  return { status: response.status, headers: response.headers, text: await response.text() }
}
const askJson = async (path) => JSON.parse((await ask(path)).text)

/** Delivers a webhook with one file. */
async function deliverFile(query) {
  const file = await api.addMedia({ bytes: BYTES, mimeType: 'application/pdf', mediaType: 'document' })
  const { body, headers } = signWebhook(buildWebhook(file), { appSecret: 'app-secret' })
  const answer = await ask(`/webhook?${query}`, { method: 'POST', body, headers })
  assert.equal(answer.status, 200, answer.text)
}

/** Delivers a webhook with one file, and waits until the Worker has logged its end. */
async function archive(storage) {
  const before = (await askJson('/log')).length
  await deliverFile(`storage=${storage}`)
  for (;;) {
    const [ended] = (await askJson('/log')).slice(before)
    if (ended === undefined) continue
    assert.deepEqual({ ...ended, archived: '' }, { archived: '', size: BYTES.length, integrity: 'announced' })
    return ended.archived
  }
}

const checks = {
  async webhook() {
    const query = 'hub.mode=subscribe&hub.verify_token=verify-token&hub.challenge=7'
    assert.equal((await ask(`/webhook?${query}`)).text, '7')
    assert.equal((await ask(`/webhook?${query.replace('verify-token', 'other')}`)).status, 403)
    const { body, headers } = signWebhook(buildWebhook([{ text: 'hello' }]), { appSecret: 'another secret' })
    assert.equal((await ask('/webhook', { method: 'POST', body, headers })).status, 401)
  },
  async memory() {
    await archive('memory')
  },
  async r2() {
    const key = await archive('r2')
    const { url } = await askJson(`/sign?key=${key}`)
    const { pathname, search } = new URL(url)
    const whole = await ask(pathname + search)
    assert.equal(whole.headers.get('content-type'), 'application/pdf')
    assert.ok(whole.text === BYTES.toString())
    const part = await ask(pathname + search, { headers: { range: 'bytes=10-19' } })
    assert.deepEqual([part.status, part.text], [206, 'xxxxxxxxxx'])
    assert.equal((await ask(pathname)).status, 403)
  },
  async s3() {
    const key = await archive('s3')
    const { headers, body } = s3.objects.get(`/media/${key}`)
    assert.ok(body.equals(BYTES))
    assert.match(headers.authorization, /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//)
    assert.equal(headers['if-none-match'], '*')
    assert.equal(
      Buffer.from(headers['x-amz-checksum-sha256'], 'base64').toString('hex'),
      headers['x-amz-content-sha256'],
    )
    assert.ok((await ask(`/read?key=${key}`)).text === BYTES.toString())
    assert.equal((await ask(`/read?key=${key}.other`)).text, 'none')
    const { url } = await askJson(`/sign?storage=s3&key=${key}`)
    assert.match(url, new RegExp(`^${s3.origin}/media/whatsapp-media/acme/.*X-Amz-Signature=`))
  },
  async deferred() {
    await archive('r2&deferred')
    while ((await askJson('/rows')).length > 0);
    // After the answer Meta fails; the attempt is made again in the request of a cron job.
    api.fail({ on: 'look-up', kind: 'status', status: 500 })
    await deliverFile('storage=r2&deferred')
    while ((await askJson('/rows'))[0]?.attempt !== 2);
    api.clearFaults()
    // The Worker is stopped after the answer.
    api.fail({ on: 'look-up', kind: 'stall', times: 1 })
    await deliverFile('storage=r2&deferred&stopped')
    assert.deepEqual(
      (await askJson('/rows')).map(({ attempt }) => attempt),
      [2, 1],
    )
    assert.deepEqual(await askJson('/redrive?deferred'), { done: 2, waiting: 0, failed: 0 })
    assert.deepEqual(await askJson('/rows'), [])
  },
  async conformance() {
    const { cases, failures } = await askJson('/conformance')
    assert.deepEqual(failures, [])
    assert.ok(cases >= 30, `${cases} cases`)
  },
  async refusals() {
    await ask('/keep?deferred')
    const refusals = await askJson('/refusals')
    assert.match(refusals.outside, /archive must be made in the request/)
    assert.match(refusals.another, /archive must be made in the request.*waitUntil/)
    assert.match(refusals.redrive, /queue must be made in the request.*waitUntil/)
    assert.match(refusals.queue, /queue must not be in-process on Cloudflare Workers/)
    assert.match(refusals['file-system'], /createR2Storage/)
  },
}

for (const part of parts.length > 0 ? parts : Object.keys(checks)) await checks[part]()
await worker.dispose()
await api.close()
s3.close()
