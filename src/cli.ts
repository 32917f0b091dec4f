#!/usr/bin/env node
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cac } from 'cac'
import { runDemo } from './cli/demo.js'
import { configFromEnv } from './config-from-env.js'

/** The package's root: this file is one level below it, as source and when built. */
const root = new URL('../', import.meta.url)

const { version }: { version: string } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

const cli = cac('whatsapp-media-archive')

cli
  .command('demo', 'Archive sample media from a fake Cloud API and read them back; into S3_BUCKET_NAME if that is set')
  .option('--keep', 'Stay up until Ctrl-C, with a page that shows the archived media')
  .action(async ({ keep }: { keep?: boolean }) => {
    await runDemo({
      samples: fileURLToPath(new URL('samples/', root)),
      output: process.stdout,
      config: configFromEnv(process.env),
      ...(keep === true ? { keepUntil: () => Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]) } : {}),
    })
  })

cli.help()
cli.version(version)

try {
  cli.parse(process.argv, { run: false })
  if (cli.matchedCommand === undefined && !cli.options['help'] && !cli.options['version']) {
    cli.outputHelp()
    process.exitCode = cli.args.length === 0 ? 0 : 2
  } else await cli.runMatchedCommand()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
