// Hono on Node, and any other server of web-standard requests.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { addressOf, handler, over, tryParsed, tryWebhook } from './webhook.mjs'

async function open(before) {
  const app = new Hono()
  if (before !== undefined) app.use(before)
  app.all('/webhook', (context) => handler(context.req.raw))
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  return { server, url: await addressOf(server) }
}

const right = await open()
await tryWebhook('hono', over(right.url))
right.server.close()
const read = async (context, next) => {
  await context.req.json()
  await next()
}
const parsed = await open(read)
await tryParsed('hono, read before', over(parsed.url), /request\.clone\(\)/)
parsed.server.close()
