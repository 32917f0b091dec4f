import type { Command, OptionHelp } from './command.js'
import type { Paint } from './paint.js'
import { COMMON_OPTIONS } from './parse-command.js'

export const PROGRAM = 'whatsapp-media-archive'

/** The program with its version, and the runtime's. */
export function describeVersion(version: string): string {
  return `${PROGRAM}/${version} ${process.platform}-${process.arch} node-${process.version}\n`
}

/** The exit codes of a command without codes of its own. */
const EXIT_CODES: readonly OptionHelp[] = [
  ['0', 'all went well'],
  ['1', 'it ran to its end, and something is gone, failed, unreadable or damaged'],
  ['2', "an option, the settings, the input or the storage can't be used"],
  ['130', 'stopped by Ctrl-C or SIGTERM'],
]

/** The help of one command, or of all. */
export function describeHelp(
  version: string,
  { commands, command, paint }: { commands: readonly Command[]; command?: Command | undefined; paint: Paint },
): string {
  const sections = command === undefined ? describeAll(commands) : describeOne(command)
  const parts = sections.map(([heading, ...lines]) => `${paint('heading', `${heading}:`)}\n${lines.join('\n')}`)
  const title = [`${PROGRAM}/${version}`, ...(command === undefined ? [] : [`${command.description}.`])]
  return `${[...title, ...parts].join('\n\n')}\n`
}

type Section = [heading: string, ...lines: string[]]

function describeAll(commands: readonly Command[]): Section[] {
  return [
    ['Usage', `  $ ${PROGRAM} <command> [options]`],
    ['Commands', ...describeRows(commands.map((each) => [describeUsage(each), each.description]))],
    [
      'For more info, run any command with the `--help` flag',
      ...commands.map(({ name }) => `  $ ${PROGRAM} ${name} --help`),
    ],
    ['Examples', ...commands.map(({ examples: [first] }) => `  $ ${PROGRAM} ${first}`)],
    ['Exit codes', ...describeRows(EXIT_CODES)],
    ['Options', ...describeRows(Object.values(COMMON_OPTIONS))],
  ]
}

function describeOne(command: Command): Section[] {
  return [
    ['Usage', `  $ ${PROGRAM} ${describeUsage(command)}`],
    ['Options', ...describeRows([...command.options, COMMON_OPTIONS.help])],
    ['Examples', ...command.examples.map((example) => `  $ ${PROGRAM} ${example}`)],
    ['Exit codes', ...describeRows(command.exitCodes ?? EXIT_CODES)],
  ]
}

function describeUsage({ name, argument }: Command): string {
  return argument === undefined ? name : `${name} ${argument}`
}

/** Two columns. */
function describeRows(rows: readonly OptionHelp[]): string[] {
  const width = Math.max(...rows.map(([usage]) => usage.length))
  return rows.map(([usage, description]) => `  ${usage.padEnd(width)}  ${description}`)
}
