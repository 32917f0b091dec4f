// A proxy that counts its tunnels, and the main job through it: the Cloud API and the store are reached over TLS.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { archiveMedia } from 'whatsapp-media-archive'
import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
import { serveTunnel } from './serve.mjs'

/**
 * A proxy that knows CONNECT only. `tunnels` has the host and the port of each. `hide` gives a server an origin at which
 * nobody listens: the proxy alone knows the way.
 */
export async function startProxy() {
  const tunnels = []
  const hidden = new Map()
  const server = createServer((_request, response) => response.writeHead(405).end())
  server.on('connect', ({ url }, client) => {
    tunnels.push(url)
    const { hostname, port } = new URL(`http://${url}`)
    const target = connect(Number(hidden.get(port) ?? port), hostname, () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      target.pipe(client).pipe(target)
    })
    target.on('error', () => client.destroy())
    client.on('error', () => target.destroy())
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  const hide = (origin) => {
    const [url, place] = [new URL(origin), String(1_130 + hidden.size)]
    hidden.set(place, url.port)
    url.port = place
    return url.origin
  }
  return { tunnels, hide, origin: `http://127.0.0.1:${port}`, withUser: `http://user:s3cret@127.0.0.1:${port}` }
}

/** A Cloud API behind TLS. `archive` archives a photo over the client, and returns the outcome. */
export async function startApi() {
  const api = await createFakeCloudApi()
  const secure = await serveTunnel(api.origin)
  const bytes = Buffer.alloc(300_000, 'photo ')
  return {
    origin: secure.origin,
    toSecure: (url, origin = secure.origin) => url.replace(api.origin, origin),
    async archive(http, storage) {
      const { mediaId } = await api.addMedia({ mediaType: 'image', mimeType: 'image/jpeg', bytes })
      const options = { accountId: 'acme', accessToken: api.accessToken, cloudApi: api.cloudApi, attempts: 1 }
      const { key } = await archiveMedia(mediaId, { ...options, storage, http })
      const { body } = await storage.get(key)
      assert.ok((await buffer(body)).equals(bytes))
      return key
    },
  }
}
