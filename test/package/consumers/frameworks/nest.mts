// NestJS on Express and on Fastify: in main.ts before Nest's parsers, and as a controller with rawBody.
import 'reflect-metadata'
import assert from 'node:assert/strict'
import { All, Controller, Module, Req, Res } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express'
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify'
import { toNodeHandler } from 'whatsapp-media-archive/webhook'
import { addressOf, handler, over, tryParsed, tryWebhook } from './webhook.mjs'

@Controller()
class WebhookController {
  private readonly answer = toNodeHandler(handler)

  @All('webhook')
  receive(@Req() request: never, @Res() response: never): Promise<void> {
    return this.answer(request, response)
  }
}

@Module({ controllers: [WebhookController] })
class AppModule {}

@Module({})
class EmptyModule {}

type App = NestExpressApplication & NestFastifyApplication
// The parsers take 100 KB (Express) or 1 MB (Fastify); Meta sends up to 3 MB.
const adapters = {
  express: () => new ExpressAdapter(),
  fastify: () => new FastifyAdapter({ bodyLimit: 4_194_304 }),
}

for (const [name, adapter] of Object.entries(adapters)) {
  const open = async (module: unknown, options: { rawBody?: boolean }, prepare: (app: App) => unknown) => {
    const app = await NestFactory.create<App>(module, adapter() as never, { logger: false, ...options })
    await prepare(app)
    await app.listen(0, '127.0.0.1')
    return { app, url: await addressOf(app.getHttpServer()) }
  }
  const widen = (app: App) => (name === 'express' ? app.useBodyParser('json', { limit: '4mb' }) : undefined)

  const main = await open(EmptyModule, {}, (app) => app.use('/webhook', toNodeHandler(handler)))
  await tryWebhook(`nest, ${name}, app.use`, over(main.url))
  await main.app.close()
  const controller = await open(AppModule, { rawBody: true }, widen)
  await tryWebhook(`nest, ${name}, controller with rawBody`, over(controller.url))
  await controller.app.close()
  const parsed = await open(AppModule, {}, widen)
  await tryParsed(
    `nest, ${name}, parsed`,
    over(parsed.url),
    /in NestJS, NestFactory\.create\(AppModule, \{ rawBody: true \}\)/,
  )
  await parsed.app.close()
}
const narrow = await NestFactory.create(AppModule, { rawBody: true, logger: false })
await narrow.listen(0, '127.0.0.1')
await tryWebhook('nest, default limit', over(await addressOf(narrow.getHttpServer()))).then(
  () => assert.fail('the docs say that 100 KB is the limit'),
  (error: Error) => assert.match(error.message, /default limit: 400 images/),
)
await narrow.close()
