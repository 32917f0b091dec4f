// Every way in which a download goes wrong ends as a typed error, over plain connections and over TLS, and never as the
// end of the process.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { archiveMedia } from 'whatsapp-media-archive'
import { createNodeHttpClient } from 'whatsapp-media-archive/http'
import { createMemoryStorage } from 'whatsapp-media-archive/storage/memory'
import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
import { serveNode, serveTunnel } from './serve.mjs'

const api = await createFakeCloudApi()
const tunnel = await serveTunnel(api.origin)
const stranger = await serveNode((_request, response) => response.end('not yours'))
const bytes = randomBytes(300_000)

/** [the fault, or none; the code of the error] */
const FAULTS = [
  [undefined, 'none'],
  [{ on: 'look-up', kind: 'reset' }, 'download-failed'],
  [{ on: 'look-up', kind: 'stall' }, 'timeout'],
  [{ on: 'look-up', kind: 'malformed-json' }, 'download-failed'],
  [{ on: 'download', kind: 'reset' }, 'download-failed'],
  [{ on: 'download', kind: 'reset', afterBytes: 100_000 }, 'download-failed'],
  [{ on: 'download', kind: 'close-early' }, 'download-failed'],
  [{ on: 'download', kind: 'stall' }, 'timeout'],
  [{ on: 'download', kind: 'stall', afterBytes: 100_000 }, 'timeout'],
  [{ on: 'download', kind: 'flip-bit', offset: 200_000 }, 'integrity-mismatch'],
  [{ on: 'download', kind: 'short-body' }, 'integrity-mismatch'],
  [{ on: 'download', kind: 'long-body' }, 'integrity-mismatch'],
  [{ on: 'download', kind: 'endless' }, 'integrity-mismatch'],
  [{ on: 'download', kind: 'gzip' }, 'download-failed'],
  [{ on: 'download', kind: 'html-page' }, 'integrity-mismatch'],
  [{ on: 'download', kind: 'redirect', to: `${stranger.origin}/x` }, 'host-refused'],
  [{ on: 'download', kind: 'status', status: 503 }, 'download-failed'],
]

const client = createNodeHttpClient()
const secure = (request) => client({ ...request, url: request.url.replace(api.origin, tunnel.origin) })
const timeouts = { headersMs: 1_000, idleMs: 1_000, totalMs: 20_000 }
for (const [way, http] of Object.entries({ plain: client, TLS: secure })) {
  for (const [fault, code] of FAULTS) {
    const storage = createMemoryStorage()
    const { mediaId } = await api.addMedia({ mediaType: 'video', mimeType: 'video/mp4', bytes })
    if (fault !== undefined) api.fail(fault)
    // By the id alone, so that it is looked up.
    const options = {
      accountId: 'acme',
      mediaType: 'video',
      timestamp: new Date(),
      attempts: 1,
      storage,
      http,
      timeouts,
    }
    const outcome = await archiveMedia(mediaId, {
      ...options,
      accessToken: api.accessToken,
      cloudApi: api.cloudApi,
    }).then(
      () => ({ code: 'none' }),
      (error) => error,
    )
    api.clearFaults()
    const what = `${way}, ${JSON.stringify(fault)}: ${outcome.stack}`
    assert.equal(outcome.code, code, what)
    assert.notEqual(outcome.waitedFor, 'total', what)
    assert.equal(storage.keys().length, code === 'none' ? 1 : 0, what)
  }
}

client.close()
await tunnel.close()
await stranger.close()
await api.close()
