import { parseArgs } from 'node:util'
import { defined } from '../json.js'
import { type Command, type CommandInput, type OptionHelp, UsageError } from './command.js'
import { toCamelCase } from './flags.js'

/** The meaning of a command line. */
export type CommandLine =
  | { asks: 'version' }
  /** `isMistake`: something was typed that is no command. */
  | { asks: 'help'; command?: Command | undefined; isMistake: boolean }
  | { asks: 'run'; command: Command; input: CommandInput }

/** The options of every command. */
export const COMMON_OPTIONS = {
  help: ['-h, --help', 'Display this message'],
  version: ['-v, --version', 'Display version number'],
} as const satisfies Readonly<Record<string, OptionHelp>>

/** The command that `argv` (without Node and the script) names. Its options may stand before the name. */
export function findCommand(argv: readonly string[], commands: readonly Command[]): Command | undefined {
  return commands.find((command) => readTokens(argv, command.options).args[0] === command.name)
}

/**
 * Reads a command line. Values stay the texts that were typed: account 007 is not account 7.
 *
 * @throws UsageError for unknown options, options without their value, and too few or too many arguments.
 */
export function parseCommand(argv: readonly string[], command: Command | undefined): CommandLine {
  const { args, options } = readTokens(argv, command?.options ?? [])
  if (options.some(({ name }) => name === 'help')) return describeAsked(command, false)
  if (options.some(({ name }) => name === 'version')) return { asks: 'version' }
  if (command === undefined) return describeAsked(command, args.length > 0)
  const flags: Record<string, boolean | string | string[]> = {}
  for (const option of options) {
    const name = toCamelCase(option.name)
    const [before, value] = [flags[name], readValue(option, command)]
    flags[name] = typeof value === 'boolean' || before === undefined ? value : [before, value].flat().map(String)
  }
  return { asks: 'run', command, input: { args: checkArguments(args.slice(1), command), flags } }
}

function describeAsked(command: Command | undefined, isMistake: boolean): CommandLine {
  return defined({ asks: 'help', isMistake, command } as const)
}

interface TypedOption {
  name: string
  /** As it was typed: `-h`, `--help`. */
  rawName: string
  value: string | undefined
  isInline: boolean
}

/** Node's parser without its own checks, whose messages take several lines. */
function readTokens(
  argv: readonly string[],
  options: readonly OptionHelp[],
): { args: string[]; options: TypedOption[] } {
  const known = options.map(
    ([usage]) => [getOptionName(usage), { type: hasValue(usage) ? 'string' : 'boolean' }] as const,
  )
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(known),
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
    allowPositionals: true,
    strict: false,
    tokens: true,
  })
  return {
    args: tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : [])),
    options: tokens.flatMap((token) =>
      token.kind === 'option'
        ? [{ name: token.name, rawName: token.rawName, value: token.value, isInline: token.inlineValue === true }]
        : [],
    ),
  }
}

function readValue({ name, rawName, value, isInline }: TypedOption, { options }: Command): string | true {
  const [usage] = options.find(([each]) => getOptionName(each) === name && rawName.startsWith('--')) ?? []
  if (usage === undefined) throw new UsageError(`Unknown option \`${rawName}\``)
  if (!hasValue(usage)) {
    if (value !== undefined) throw new UsageError(`option \`${usage}\` takes no value`)
    return true
  }
  // `--account --type image` lacks the account; `--account=--type` gives one.
  const isMissing = value === undefined || (!isInline && /^-./.test(value))
  if (isMissing) throw new UsageError(`option \`${usage}\` value is missing`)
  return value
}

function checkArguments(args: readonly string[], { name, argument }: Command): readonly string[] {
  if (argument !== undefined && args.length === 0)
    throw new UsageError(`missing required args for command \`${name} ${argument}\``)
  const most = argument === undefined ? 0 : argument.startsWith('<...') ? args.length : 1
  const unused = args.slice(most)
  if (unused.length === 0) return args
  throw new UsageError(`Unused args: ${unused.map((arg) => `\`${arg}\``).join(', ')}`)
}

/** `public-endpoint` for `--public-endpoint <url>`. */
function getOptionName(usage: string): string {
  return usage.replace(/^--| .*$/g, '')
}

function hasValue(usage: string): boolean {
  return usage.includes(' <')
}
