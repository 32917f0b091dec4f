// The main job through the proxy, with the agent that the argument names, or with those of the environment's proxies.
import assert from 'node:assert/strict'
import { configFromEnv } from 'whatsapp-media-archive'
import { createNodeHttpClient } from 'whatsapp-media-archive/http'
import { createS3Storage } from 'whatsapp-media-archive/storage/s3'
import { createS3Double } from './s3-double.mjs'
import { serveNodeSecurely } from './serve.mjs'
import { startApi, startProxy } from './setting.mjs'

const [, , way] = process.argv
/** Packages that this check installs; none is a dependency of the project. */
const load = (name) => import(name)
const proxy = await startProxy()
const api = await startApi()
const store = await serveNodeSecurely(createS3Double().handle)
const direct = { api: api.origin, store: store.origin }
const hidden = { api: proxy.hide(api.origin), store: proxy.hide(store.origin) }

async function archiveThrough(agent, origins = hidden) {
  const client = createNodeHttpClient({ agent })
  const http = (request) => client({ ...request, url: api.toSecure(request.url, origins.api) })
  const place = { bucket: 'media', region: 'eu-central-1', endpoint: origins.store }
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' }
  const storage = createS3Storage({ ...place, credentials, agent })
  await api.archive(http, storage)
  client.close()
  await storage.close()
}

const WAYS = {
  async 'https-proxy-agent-7'() {
    const { HttpsProxyAgent } = await load('https-proxy-agent-7')
    return new HttpsProxyAgent(proxy.origin, { keepAlive: true })
  },
  async 'https-proxy-agent-9'() {
    const { HttpsProxyAgent } = await load('https-proxy-agent-9')
    return { https: new HttpsProxyAgent(proxy.origin) }
  },
  async 'proxy-agent-8'() {
    const { ProxyAgent } = await load('proxy-agent-8')
    return new ProxyAgent({ getProxyForUrl: () => proxy.origin })
  },
  environment: () => configFromEnv({ HTTPS_PROXY: proxy.withUser }).agent,
}

if (way === 'agentkeepalive') {
  const { HttpsAgent } = await load('agentkeepalive')
  await archiveThrough(new HttpsAgent(), direct)
  assert.deepEqual(proxy.tunnels, [])
} else if (way === 'warning') {
  const warned = new Promise((resolve) => process.once('warning', ({ message }) => resolve(message)))
  assert.equal(WAYS.environment(), undefined)
  assert.match(await warned, /HTTPS_PROXY.*option agent.*https-proxy-agent/)
  assert.doesNotMatch(await warned, /s3cret/)
} else {
  const agent = await WAYS[way]()
  await archiveThrough(agent)
  const hosts = Object.values(hidden).map((origin) => new URL(origin).host)
  assert.deepEqual([...new Set(proxy.tunnels)].sort(), hosts.sort())
  // After the client and the storage are closed, the agent is still open.
  await archiveThrough(agent)
}

if (way === 'environment') {
  const before = proxy.tunnels.length
  await archiveThrough(configFromEnv({ https_proxy: proxy.origin, NO_PROXY: '127.0.0.1' }).agent, direct)
  assert.equal(proxy.tunnels.length, before, 'NO_PROXY is respected')
}
process.exit(0)
