// The main job over the fetches that the arguments name, through the proxy but for the global one, and the error of a fetch
// that throws before it sends anything.
import assert from 'node:assert/strict'
import { fromFetch } from 'whatsapp-media-archive/http'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { startApi, startProxy } from './setting.mjs'

/** Packages that this check installs; none is a dependency of the project. */
const load = (name) => import(name)
const proxy = await startProxy()
const api = await startApi()
const hidden = proxy.hide(api.origin)

async function createClient(name) {
  if (name === 'global') return fromFetch((url, init) => fetch(api.toSecure(url), init))
  const loaded = await load(name)
  if (name.startsWith('node-fetch')) {
    const { HttpsProxyAgent } = await load('https-proxy-agent-7')
    const agent = new HttpsProxyAgent(proxy.origin)
    return fromFetch((url, init) => loaded.default(api.toSecure(url, hidden), { ...init, agent }))
  }
  const dispatcher = new loaded.ProxyAgent(proxy.origin)
  return fromFetch((url, init) => loaded.fetch(api.toSecure(url, hidden), init), { dispatcher })
}

for (const name of process.argv.slice(2)) {
  try {
    await api.archive(await createClient(name), createMemoryStorage())
  } catch (error) {
    throw new Error(name, { cause: error })
  }
}

const broken = fromFetch((_url, init) => fetch('no url?token=s3cret', init))
const failure = await api.archive(broken, createMemoryStorage()).catch((error) => error)
assert.match(failure.message, /failed: it could not be sent: TypeError ERR_INVALID_URL$/)
assert.doesNotMatch(JSON.stringify(failure), /s3cret/)
process.exit(0)
