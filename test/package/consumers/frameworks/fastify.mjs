// Fastify: a scope that leaves the body alone, its JSON parser with the bytes kept, a plugin that keeps them, and without.
import fastify from 'fastify'
import rawBody from 'fastify-raw-body'
import { toNodeHandler } from 'whatsapp-media-archive/webhook'
import { addressOf, handler, over, tryParsed, tryWebhook } from './webhook.mjs'

const webhook = toNodeHandler(handler)

const scopes = {
  'left alone': async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _body, done) => done(null))
    scope.all('/webhook', webhook)
  },
  'parser keeps the bytes': async (scope) => {
    scope.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
      request.rawBody = body
      done(null, JSON.parse(body))
    })
    scope.all('/webhook', webhook)
  },
  'fastify-raw-body': async (scope) => {
    await scope.register(rawBody, { global: true })
    scope.all('/webhook', webhook)
  },
  parsed: async (scope) => scope.all('/webhook', webhook),
}

for (const [name, scope] of Object.entries(scopes)) {
  const app = fastify({ bodyLimit: 4_194_304 })
  await app.register(scope)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const send = over(await addressOf(app.server))
  if (name === 'parsed') await tryParsed(`fastify, ${name}`, send, /In Fastify, keep the bytes/)
  else await tryWebhook(`fastify, ${name}`, send)
  await app.close()
}
