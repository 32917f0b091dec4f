// The installed command behind a proxy: neither the Cloud API nor the store is reached without it, both over TLS.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
import { createS3Double } from './s3-double.mjs'
import { serveNodeSecurely } from './serve.mjs'
import { startProxy } from './setting.mjs'

const proxy = await startProxy()
const bytes = Buffer.alloc(300_000, 'photo ')
let api
const graph = await serveNodeSecurely(async ({ url, method, headers }, response) => {
  const answer = await api.fetch(new URL(url, api.origin).href, { method, headers, redirect: 'manual' })
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  await pipeline(answer.body === null ? [] : Readable.fromWeb(answer.body), response)
})
const double = createS3Double()
const store = proxy.hide((await serveNodeSecurely(double.handle)).origin)
api = await createFakeCloudApi({ origin: proxy.hide(graph.origin) })
const { mediaId } = await api.addMedia({ mediaType: 'image', mimeType: 'image/jpeg', bytes })

const run = (proxies) =>
  new Promise((resolve) => {
    const args = [
      ...['node_modules/whatsapp-media-archive/dist/cli.js', 'archive', mediaId, '--account', 'acme'],
      ...[
        '--type',
        'image',
        '--timestamp',
        '2026-11-30T12:00:00Z',
        '--cloud-api',
        api.origin,
        '--media-host',
        api.origin,
      ],
      ...['--bucket', 'media', '--region', 'eu-central-1', '--endpoint', store],
    ]
    const secrets = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' }
    const env = { ...process.env, ...proxies, ...secrets, WHATSAPP_ACCESS_TOKEN: api.accessToken }
    execFile(process.execPath, args, { env, timeout: 50_000 }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr })
    })
  })

const { code, stdout, stderr } = await run({ https_proxy: proxy.withUser })
assert.equal(code, 0, stderr)
assert.match(stdout, /^whatsapp-media\/acme\/2026-11-30\/image\/\S+\.jpg\t300000\n$/)
assert.ok(double.objects.get(`/media/${stdout.split('\t')[0]}`).bytes.equals(bytes))
const hosts = [api.origin, store].map((origin) => new URL(origin).host)
assert.deepEqual([...new Set(proxy.tunnels)].sort(), hosts.sort())
assert.doesNotMatch(stderr, /s3cret/)

const before = proxy.tunnels.length
assert.notEqual((await run({ https_proxy: proxy.withUser, no_proxy: '127.0.0.1' })).code, 0)
assert.equal(proxy.tunnels.length, before, 'no_proxy is respected')
process.exit(0)
