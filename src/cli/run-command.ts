import { once } from 'node:events'
import { configFromEnv } from '../config-from-env.js'
import { CLOUD_API_ROWS, GRAPH_ROW } from './accounts.js'
import { runArchive } from './archive.js'
import { DEFAULT_TRANSFERS, runBackfill, WINDOW_ENTRIES } from './backfill.js'
import {
  type Command,
  type CommandHost,
  decideExitCode,
  describeThrown,
  EXIT,
  listenForInterrupts,
  makeInterruptible,
  UsageError,
} from './command.js'
import { runDemo } from './demo.js'
import { reportDoctorError, runDoctorCommand } from './doctor.js'
import { describeHelp, describeVersion, PROGRAM } from './help.js'
import { STORAGE_OPTIONS } from './open-storage.js'
import { choosePaint } from './paint.js'
import { findCommand, parseCommand } from './parse-command.js'
import { MAY_BE_SENT, RECIPIENT_VARIABLE, runSend } from './send.js'
import { runSign } from './sign.js'
import { DEFAULT_READS, runVerify } from './verify.js'

const COMMANDS: readonly Command[] = [
  {
    name: 'demo',
    description: 'Archive sample media from a fake Cloud API and read them back; into S3_BUCKET_NAME if that is set',
    options: [['--keep', 'Stay up until Ctrl-C, with a page that shows the archived media']],
    examples: ['demo', 'demo --keep'],
    async run({ flags }, { env, stdout, signals, samples }) {
      const keep = flags['keep'] === true ? { keepUntil: () => waitForInterrupt(signals) } : {}
      await runDemo({ samples, output: stdout, config: configFromEnv(env), paint: choosePaint(stdout, env), ...keep })
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
      ['--timestamp <time>', 'When the message was sent, ISO 8601; makes the key stable; default now'],
      ['--filename <name>', "The sender's name for the file"],
      ...STORAGE_OPTIONS,
      ...CLOUD_API_ROWS,
    ],
    examples: [
      'archive 1761000000000001 --account acme --type image --timestamp 2026-11-22T10:00:00Z --bucket my-media',
      'archive 1761000000000001 1761000000000002 --account acme --directory ./media',
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
      ['--report <file>', 'Write the report as JSON; default: it is printed only'],
      ['--concurrency <n>', `Transfers at once; default ${DEFAULT_TRANSFERS}`],
      ['--max-gone-per-hour <n>', 'Look-ups of gone media after which an account pauses; default: no limit'],
      ['--window <n>', `Entries in memory, sorted by time left; default ${WINDOW_ENTRIES}`],
      ...STORAGE_OPTIONS,
      ...CLOUD_API_ROWS,
    ],
    examples: [
      'backfill saved-webhooks.jsonl --account acme --bucket my-media --report report.json',
      'backfill - --accounts accounts.json --journal saved.journal --bucket my-media < saved.jsonl',
    ],
    run: makeInterruptible(({ args: [file = ''], flags }, context) => runBackfill(file, flags, context)),
  },
  {
    name: 'verify',
    argument: '<prefix>',
    description: 'Read all objects whose keys start so, and compare their SHA-256 with the recorded one',
    options: [
      ['--concurrency <n>', `Objects at once; default ${DEFAULT_READS}`],
      ['--json', 'One JSON object a line: the problems, then the counts'],
      ...STORAGE_OPTIONS,
    ],
    examples: ['verify whatsapp-media/acme/ --bucket my-media', 'verify whatsapp-media/ --directory ./media --json'],
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
      ['--disposition <how>', 'inline or attachment; default by the type of the file'],
      ...STORAGE_OPTIONS,
    ],
    examples: [
      'sign whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg --account acme --bucket my-media --expires 600',
    ],
    run: makeInterruptible(({ args: [key = ''], flags }, context) => runSign(key, flags, context)),
  },
  {
    name: 'send',
    argument: '<file>',
    description: 'Store a file, then send it by WhatsApp; prints key and message id. Token: WHATSAPP_ACCESS_TOKEN',
    options: [
      ['--account <id>', 'The account (tenant) that the file is stored for'],
      ['--phone-number-id <id>', "Meta's id of the business number that sends"],
      ['--to <number>', `Who gets it, with country code; - reads a line of stdin; default ${RECIPIENT_VARIABLE}`],
      ['--recipient <id>', 'A business-scoped user id in place of a number; - reads a line of stdin'],
      ['--group <id>', 'A group in place of a number; - reads a line of stdin'],
      ['--key', 'The argument is the key of a stored object, and nothing is stored'],
      ['--caption <text>', 'The text below an image, a video or a document'],
      ['--filename <name>', "The name that readers see; default the file's own"],
      ['--type <type>', 'image, video, audio, document or sticker; default by MIME type'],
      ['--mime <type>', 'The MIME type; default by the extension, of a stored object its own'],
      ['--voice', 'Send it as a voice note: Ogg with Opus'],
      ['--reply-to <id>', 'The id of the message that it answers'],
      ['--media-ids <directory>', 'Remember what Meta has, and do not upload it again for 30 days'],
      ...STORAGE_OPTIONS,
      GRAPH_ROW,
    ],
    examples: [
      // Other users see a command line in `ps`, and the shell keeps it.
      'send offer.pdf --account acme --phone-number-id 106540352242922 --to - --bucket my-media < number.txt',
      'send whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg --key --account acme --phone-number-id 106540352242922 --recipient IN.2081978709342942 --bucket my-media',
    ],
    exitCodes: [
      ['0', 'Meta has accepted the message'],
      ['1', 'it was not sent'],
      ['2', "an option, the settings, the file or the storage can't be used; it was not sent"],
      [`${MAY_BE_SENT}`, 'it may be sent or not, for the answer was lost: look in the chat before you send it again'],
      ['130', 'stopped by Ctrl-C or SIGTERM'],
    ],
    run: makeInterruptible(({ args: [file = ''], flags }, context) => runSend(file, flags, context)),
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
      [
        '--origin <origin>',
        'A page that reads signed URLs by script, such as https://app.example.com; repeatable',
        'repeatable',
      ],
      ['--phone-number-id <id>', 'Check that the token may read it'],
      ['--graph-url <url>', 'Graph API of your provider. Default: https://graph.facebook.com'],
      ['--no-probe', "Leave out the probe, which writes some objects to test each of the store's promises"],
      ['--json', 'For machines'],
    ],
    examples: ['doctor --bucket my-media --origin https://app.example.com', 'doctor --json --no-probe'],
    exitCodes: [
      ['0', 'nothing to repair'],
      ['1', 'warnings'],
      ['2', 'errors, or the doctor could not begin'],
      ['130', 'stopped by Ctrl-C or SIGTERM'],
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
  const { env, stdout, version } = host
  const command = findCommand(argv, COMMANDS)
  try {
    const line = parseCommand(argv, { command, commands: COMMANDS })
    if (line.asks === 'run') return await line.command.run(line.input, host)
    const paint = choosePaint(stdout, env)
    const help = { commands: COMMANDS, command: line.asks === 'help' ? line.command : undefined, paint }
    stdout.write(line.asks === 'version' ? describeVersion(version) : describeHelp(version, help))
    return EXIT.done
  } catch (error) {
    const code = (command?.reportError ?? reportError)(error, { argv, host })
    if (error instanceof UsageError) showWay(command, host)
    return code
  }
}

function reportError(error: unknown, { host }: { host: CommandHost }): number {
  const paint = choosePaint(host.stderr, host.env)
  host.stderr.write(`${paint('bad', describeThrown(error))}\n`)
  return decideExitCode(error)
}

/** After a slip of the pen: where the options are told, or which commands there are. */
function showWay(command: Command | undefined, { stderr, env, version }: CommandHost): void {
  const paint = choosePaint(stderr, env)
  if (command === undefined) stderr.write(`\n${describeHelp(version, { commands: COMMANDS, paint })}`)
  else stderr.write(`Options and examples: ${PROGRAM} ${command.name} --help\n`)
}

/** Resolves at the first Ctrl-C or SIGTERM. */
async function waitForInterrupt(signals: CommandHost['signals']): Promise<void> {
  const { stop, end } = listenForInterrupts(signals)
  await once(stop, 'abort')
  end()
}
