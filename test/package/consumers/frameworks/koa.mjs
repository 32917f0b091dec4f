// Koa: before the body parsers, and after them with the text that they keep.

import { bodyParser as newParser } from '@koa/bodyparser'
import Koa from 'koa'
import oldParser from 'koa-bodyparser'
import { toNodeHandler } from 'whatsapp-media-archive/webhook'
import { addressOf, handler, over, tryParsed, tryWebhook } from './webhook.mjs'

const webhook = toNodeHandler(handler)

async function open(...middlewares) {
  const app = new Koa()
  for (const middleware of middlewares) app.use(middleware)
  const server = app.listen(0, '127.0.0.1')
  return { server, url: await addressOf(server) }
}

const mount = (pick) => async (ctx, next) => {
  if (ctx.path !== '/webhook') return next()
  ctx.respond = false
  await webhook(pick(ctx), ctx.res)
}
const jsonLimit = '4mb'

const first = await open(
  mount((ctx) => ctx.req),
  newParser(),
)
await tryWebhook('koa, before bodyParser()', over(first.url))
first.server.close()
for (const [name, parser] of Object.entries({ '@koa/bodyparser': newParser, 'koa-bodyparser': oldParser })) {
  const after = await open(
    parser({ jsonLimit }),
    mount((ctx) => ctx.request),
  )
  await tryWebhook(`koa, ctx.request after ${name}`, over(after.url))
  after.server.close()
}
const emptied = async (ctx, next) => {
  delete ctx.request.rawBody
  delete ctx.request.body
  await next()
}
const parsed = await open(
  newParser({ jsonLimit }),
  emptied,
  mount((ctx) => ctx.request),
)
await tryParsed('koa, parsed', over(parsed.url), /In Koa/)
parsed.server.close()
