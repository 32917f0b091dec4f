import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { appOptionsFromEnv } from './express'
import { ArchivingModule, setup } from './nest'

async function bootstrap() {
  const app = await NestFactory.create<NestExpressApplication>(ArchivingModule.forRoot(appOptionsFromEnv(process.env)))
  setup(app)
  app.enableShutdownHooks()
  await app.listen(process.env['PORT'] ?? 3000)
}
void bootstrap()
