#!/usr/bin/env node
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Command, cac } from 'cac'
import { CLOUD_API_OPTIONS } from './cli/accounts.js'
import { runArchive } from './cli/archive.js'
import { runBackfill } from './cli/backfill.js'
import { type CommandContext, EXIT, exitCodeOf, listenForInterrupts } from './cli/command.js'
import { runDemo } from './cli/demo.js'
import { parseDoctorOptions } from './cli/doctor/options.js'
import { jsonReport } from './cli/doctor/report.js'
import { runDoctor } from './cli/doctor.js'
import { asTyped, type Flags, markStdin } from './cli/flags.js'
import { STORAGE_OPTIONS } from './cli/open-storage.js'
import { runSign } from './cli/sign.js'
import { runVerify } from './cli/verify.js'
import { configFromEnv } from './config-from-env.js'
import { probeS3 } from './storage/s3.js'

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

/** Time for what is under way to remove its temporary files. */
const GRACE_MS = 2_000

/** A command of the archive's own: its options come as they were typed, and it ends with the code that it returns. */
async function run(
  parsed: Record<string, unknown>,
  command: (flags: Flags, context: CommandContext) => Promise<number>,
): Promise<void> {
  const { env, stdin, stdout, stderr } = process
  const interrupts = listenForInterrupts(process)
  // Whatever does not heed the second Ctrl-C is left behind.
  const leave = (): void => void setTimeout(() => process.exit(EXIT.interrupted), GRACE_MS).unref()
  interrupts.abort.addEventListener('abort', leave)
  const code = await command(asTyped(parsed, process.argv), { env, stdin, stdout, stderr, interrupts }).finally(
    interrupts.end,
  )
  process.exitCode = code
  // A library's socket or a terminal that is still read must not hold up whoever pressed Ctrl-C.
  if (code === EXIT.interrupted) process.exit()
}

function withOptions(command: Command, ...groups: (typeof STORAGE_OPTIONS)[]): Command {
  return groups.flat().reduce((each, [option, description]) => each.option(option, description), command)
}

const archiveCommand = cli
  .command('archive <...mediaIds>', 'Archive media by their ids; prints key and size. Token: WHATSAPP_ACCESS_TOKEN')
  .option('--account <id>', 'The account (tenant) that the media is archived for')
  .option('--type <type>', 'image, video, audio, document or sticker; default by MIME type')
  .option('--timestamp <time>', 'When the message was sent, ISO 8601; makes the key stable')
  .option('--filename <name>', "The sender's name for the file")
withOptions(archiveCommand, STORAGE_OPTIONS, CLOUD_API_OPTIONS).action((mediaIds: string[], parsed) =>
  run(parsed, (flags, context) => runArchive(mediaIds, flags, context)),
)

const backfillCommand = cli
  .command(
    'backfill <file>',
    'Archive all media of saved webhooks, media ids or message documents, one JSON a line; - for stdin',
  )
  .option('--account <id>', 'The account of all entries; its token: WHATSAPP_ACCESS_TOKEN')
  .option('--accounts <file>', 'Accounts by phone number id, with the names of the variables that have their tokens')
  .option('--journal <file>', 'What is finished, for the next run; default <file>.journal')
  .option('--report <file>', 'Write the report as JSON')
  .option('--concurrency <n>', 'Transfers at once; default 8')
  .option('--max-gone-per-hour <n>', 'Look-ups of gone media at which an account rests; default: no limit')
  .option('--window <n>', 'Entries in hand, sorted by time left; default 10000')
withOptions(backfillCommand, STORAGE_OPTIONS, CLOUD_API_OPTIONS).action((file: string, parsed) =>
  run(parsed, (flags, context) => runBackfill(file, flags, context)),
)

const verifyCommand = cli
  .command('verify <prefix>', 'Read all objects whose keys start so, and compare their SHA-256 with the recorded one')
  .option('--concurrency <n>', 'Objects at once; default 4')
  .option('--json', 'One JSON object a line: the problems, then the counts')
withOptions(verifyCommand, STORAGE_OPTIONS).action((prefix: unknown, parsed) =>
  run(parsed, (flags, context) => runVerify(String(prefix), flags, context)),
)

const signCommand = cli
  .command('sign <key>', 'Print a URL that reads an object for a while')
  .option('--account <id>', 'The account (tenant) that asks; the key must be its own')
  .option('--expires <seconds>', 'How long it lives; default 3600')
  .option('--filename <name>', 'The name a download gets')
  .option('--disposition <how>', 'inline or attachment')
withOptions(signCommand, STORAGE_OPTIONS).action((key: unknown, parsed) =>
  run(parsed, (flags, context) => runSign(String(key), flags, context)),
)
cli
  .command(
    'doctor',
    'Check the access token, the bucket and what the store really does; print what mends what is wrong',
  )
  .option('--bucket <name>', 'Default: S3_BUCKET_NAME')
  .option('--region <name>', 'Default: AWS_REGION, or what the AWS SDK finds')
  .option('--endpoint <url>', 'An S3-compatible store. Default: S3_ENDPOINT, else AWS')
  .option('--public-endpoint <url>', 'The endpoint that readers of signed URLs reach. Default: the endpoint')
  .option('--prefix <prefix>', 'What keys start with. Default: WHATSAPP_MEDIA_PREFIX, else whatsapp-media/')
  .option('--origin <origin>', 'A page that reads signed URLs by script, such as https://app.example.com; repeatable')
  .option('--phone-number-id <id>', 'Check that the token may read it')
  .option('--graph-url <url>', "Another base URL than Meta's")
  .option('--no-probe', 'Leave out the probe, which writes some objects to see what the store keeps of its word')
  .option('--json', 'For machines')
  .action((parsed: Record<string, unknown>) =>
    run(parsed, async (_flags, { env, stdout, interrupts }) => {
      const settings = parseDoctorOptions(process.argv.slice(2), env)
      // What is written is removed first.
      return runDoctor({ settings, output: stdout, probe: probeS3, signal: interrupts.stop }).catch(
        (error: unknown) => {
          if (!interrupts.stop.aborted) throw error
          process.stderr.write('Interrupted.\n')
          return EXIT.interrupted
        },
      )
    }),
  )

cli.help()
cli.version(version)

// Whoever reads only the first lines (`| head`) closes the pipe, and the work goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

try {
  cli.parse(markStdin(process.argv), { run: false })
  if (cli.matchedCommand === undefined && !cli.options['help'] && !cli.options['version']) {
    cli.outputHelp()
    process.exitCode = cli.args.length === 0 ? 0 : 2
  } else await cli.runMatchedCommand()
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${message}\n`)
  if (cli.matchedCommandName === 'doctor' && process.argv.includes('--json')) {
    process.stdout.write(jsonReport([{ check: 'settings', severity: 'error', finding: message }]))
  }
  // A doctor that cannot even begin must not look like one with mere warnings.
  process.exitCode = cli.matchedCommandName === 'doctor' ? 2 : exitCodeOf(error)
}
