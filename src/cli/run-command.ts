import { once } from 'node:events'
import { configFromEnv } from '../config-from-env.js'
import { CLOUD_API_OPTIONS } from './accounts.js'
import { runArchive } from './archive.js'
import { runBackfill } from './backfill.js'
import {
  type Command,
  type CommandHost,
  decideExitCode,
  describeThrown,
  EXIT,
  listenForInterrupts,
  makeInterruptible,
} from './command.js'
import { runDemo } from './demo.js'
import { reportDoctorError, runDoctorCommand } from './doctor.js'
import { describeHelp, describeVersion } from './help.js'
import { STORAGE_OPTIONS } from './open-storage.js'
import { findCommand, parseCommand } from './parse-command.js'
import { runSign } from './sign.js'
import { runVerify } from './verify.js'

const COMMANDS: readonly Command[] = [
  {
    name: 'demo',
    description: 'Archive sample media from a fake Cloud API and read them back; into S3_BUCKET_NAME if that is set',
    options: [['--keep', 'Stay up until Ctrl-C, with a page that shows the archived media']],
    async run({ flags }, { env, stdout, signals, samples }) {
      const keep = flags['keep'] === true ? { keepUntil: () => waitForInterrupt(signals) } : {}
      await runDemo({ samples, output: stdout, config: configFromEnv(env), ...keep })
      return EXIT.done
    },
  },
  {
    name: 'archive',
    argument: '<...mediaIds>',
    description: 'Archive media by their ids; prints key and size. Token: WHATSAPP_ACCESS_TOKEN',
    options: [
      ['--account <id>', 'The account (tenant) that the media is archived for'],
      ['--type <type>', 'image, video, audio, document or sticker; default by MIME type'],
      ['--timestamp <time>', 'When the message was sent, ISO 8601; makes the key stable'],
      ['--filename <name>', "The sender's name for the file"],
      ...STORAGE_OPTIONS,
      ...CLOUD_API_OPTIONS,
    ],
    run: makeInterruptible(({ args, flags }, context) => runArchive(args, flags, context)),
  },
  {
    name: 'backfill',
    argument: '<file>',
    description: 'Archive all media of saved webhooks, media ids or message documents, one JSON a line; - for stdin',
    options: [
      ['--account <id>', 'The account of all entries; its token: WHATSAPP_ACCESS_TOKEN'],
      ['--accounts <file>', 'Accounts by phone number id, with the names of the variables that have their tokens'],
      ['--journal <file>', 'The finished entries, for the next run; default <file>.journal'],
      ['--report <file>', 'Write the report as JSON'],
      ['--concurrency <n>', 'Transfers at once; default 8'],
      ['--max-gone-per-hour <n>', 'Look-ups of gone media after which an account pauses; default: no limit'],
      ['--window <n>', 'Entries in memory, sorted by time left; default 10000'],
      ...STORAGE_OPTIONS,
      ...CLOUD_API_OPTIONS,
    ],
    run: makeInterruptible(({ args: [file = ''], flags }, context) => runBackfill(file, flags, context)),
  },
  {
    name: 'verify',
    argument: '<prefix>',
    description: 'Read all objects whose keys start so, and compare their SHA-256 with the recorded one',
    options: [
      ['--concurrency <n>', 'Objects at once; default 4'],
      ['--json', 'One JSON object a line: the problems, then the counts'],
      ...STORAGE_OPTIONS,
    ],
    run: makeInterruptible(({ args: [prefix = ''], flags }, context) => runVerify(prefix, flags, context)),
  },
  {
    name: 'sign',
    argument: '<key>',
    description: 'Print a URL that reads an object for a while',
    options: [
      ['--account <id>', 'The account (tenant) that the key must belong to'],
      ['--expires <seconds>', 'How long the URL works; default 3600'],
      ['--filename <name>', 'The name of the downloaded file'],
      ['--disposition <how>', 'inline or attachment'],
      ...STORAGE_OPTIONS,
    ],
    run: makeInterruptible(({ args: [key = ''], flags }, context) => runSign(key, flags, context)),
  },
  {
    name: 'doctor',
    description: "Check the access token, the bucket and the store's real behaviour; print the fix for each problem",
    options: [
      ['--bucket <name>', 'Default: S3_BUCKET_NAME'],
      ['--region <name>', 'Default: AWS_REGION, or the region that the AWS SDK finds'],
      ['--endpoint <url>', 'An S3-compatible store. Default: S3_ENDPOINT, else AWS'],
      ['--public-endpoint <url>', 'The endpoint that readers of signed URLs reach. Default: the endpoint'],
      ['--prefix <prefix>', 'The start of all keys. Default: WHATSAPP_MEDIA_PREFIX, else whatsapp-media/'],
      ['--origin <origin>', 'A page that reads signed URLs by script, such as https://app.example.com; repeatable'],
      ['--phone-number-id <id>', 'Check that the token may read it'],
      ['--graph-url <url>', "Another base URL than Meta's"],
      ['--no-probe', "Leave out the probe, which writes some objects to test each of the store's promises"],
      ['--json', 'For machines'],
    ],
    run: makeInterruptible(({ flags }, context) => runDoctorCommand(flags, context)),
    reportError: reportDoctorError,
  },
]

/**
 * Runs the command that `argv` (without Node and the script) names, prints its help or the version.
 *
 * @returns the exit code.
 */
export async function runCommand(argv: readonly string[], host: CommandHost): Promise<number> {
  const command = findCommand(argv, COMMANDS)
  try {
    const line = parseCommand(argv, command)
    if (line.asks === 'run') return await line.command.run(line.input, host)
    const text = line.asks === 'version' ? describeVersion(host.version) : describeHelp(host.version, COMMANDS, command)
    host.stdout.write(text)
    return line.asks === 'help' && line.isMistake ? EXIT.unusable : EXIT.done
  } catch (error) {
    return (command?.reportError ?? reportError)(error, { argv, host })
  }
}

function reportError(error: unknown, { host }: { host: CommandHost }): number {
  host.stderr.write(`${describeThrown(error)}\n`)
  return decideExitCode(error)
}

/** Resolves at the first Ctrl-C or SIGTERM. */
async function waitForInterrupt(signals: CommandHost['signals']): Promise<void> {
  const { stop, end } = listenForInterrupts(signals)
  await once(stop, 'abort')
  end()
}
