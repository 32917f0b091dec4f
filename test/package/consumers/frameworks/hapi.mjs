// Hapi: a route that leaves the body alone, one that keeps it, and one that parses it.
import Hapi from '@hapi/hapi'
import { toNodeHandler } from 'whatsapp-media-archive/webhook'
import { addressOf, handler, over, tryParsed, tryWebhook } from './webhook.mjs'

const webhook = toNodeHandler(handler)
const maxBytes = 4_194_304

async function open(payload) {
  const server = Hapi.server({ port: 0, host: '127.0.0.1' })
  const answer = async (request, h) => {
    await webhook(request, request.raw.res)
    return h.abandon
  }
  server.route({ method: 'GET', path: '/webhook', handler: answer })
  server.route({ method: 'POST', path: '/webhook', options: { payload }, handler: answer })
  await server.start()
  return { server, url: await addressOf(server.listener) }
}

for (const output of ['stream', 'data']) {
  const { server, url } = await open({ parse: false, output, maxBytes })
  await tryWebhook(`hapi, parse: false, output: ${output}`, over(url))
  await server.stop()
}
const parsed = await open({ maxBytes })
await tryParsed('hapi, parsed', over(parsed.url), /In Hapi, give the route/)
await parsed.server.stop()
