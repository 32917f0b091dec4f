/**
 * NestJS on Express: the webhook before Nest's parsers, messages listed with fresh signed URLs, and an end without a
 * loss. Tried in CI with NestJS 12. `tsconfig.json` needs `experimentalDecorators`.
 *
 *   … the variables of express.ts … npx tsx examples/nest.ts
 */
import 'reflect-metadata'
import { pathToFileURL } from 'node:url'
import {
  Controller,
  type DynamicModule,
  Get,
  Header,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { toNodeHandler } from 'whatsapp-media-archive/webhook'
import {
  type AppOptions,
  type Archiving,
  appOptionsFromEnv,
  createArchiving,
  endConnectionsAtClose,
  MOST_RESUMED,
} from './express.js'

export type { Archiving } from './express.js'

/** What providers and controllers inject: `@Inject(ARCHIVING) archiving: Archiving`. */
export const ARCHIVING: unique symbol = Symbol('archiving')

@Controller('messages')
class MessagesController {
  constructor(@Inject(ARCHIVING) private readonly archiving: Archiving) {}

  /** Your own guard belongs here, and lists only the account of who asks. */
  @Get()
  @Header('cache-control', 'no-store')
  async list(): Promise<object[]> {
    const { archive, store } = this.archiving
    const messages = await store.list()
    return Promise.all(
      messages.map(async ({ reference: _, ...message }) => {
        const { accountId, content } = message
        if (accountId === undefined || content.s3Key === undefined) return message
        return { ...message, signedUrl: (await archive.signUrl(content.s3Key, { accountId })).url }
      }),
    )
  }
}

@Module({})
export class ArchivingModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(@Inject(ARCHIVING) private readonly archiving: Archiving) {}

  static forRoot(options: AppOptions): DynamicModule {
    const providers = [{ provide: ARCHIVING, useFactory: () => createArchiving(options) }]
    return { module: ArchivingModule, controllers: [MessagesController], providers, exports: [ARCHIVING], global: true }
  }

  /** Archives what an earlier process left. */
  async onApplicationBootstrap(): Promise<void> {
    const { archive, store } = this.archiving
    await archive.enqueue(await store.listPending({ limit: MOST_RESUMED }))
  }

  /** Nest has stopped the server before it calls this. */
  async onApplicationShutdown(): Promise<void> {
    const { archive, handler } = this.archiving
    await handler.close({ timeoutMs: 10_000 })
    const left = await archive.close({ timeoutMs: 10_000 })
    console.log(`stopped; ${left.length} media are left`)
  }
}

/**
 * For `main.ts` and for tests, before `app.listen` or `app.init`: Nest's parsers come after it, so that their limits and
 * `setGlobalPrefix` do not apply.
 */
export function setup(app: NestExpressApplication): void {
  const { handler }: Archiving = app.get(ARCHIVING)
  app.use('/webhook', toNodeHandler(handler))
  endConnectionsAtClose(app.getHttpServer())
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const options = appOptionsFromEnv(process.env)
  const app = await NestFactory.create<NestExpressApplication>(ArchivingModule.forRoot(options))
  setup(app)
  if (options.mediaHandler !== undefined) app.use('/media', toNodeHandler(options.mediaHandler))
  app.enableShutdownHooks() // SIGTERM and SIGINT call app.close()
  await app.listen(Number(process.env['PORT'] ?? 3000))
}
