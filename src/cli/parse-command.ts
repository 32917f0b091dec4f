import { parseArgs } from 'node:util'
import { findNearestName } from '../errors/nearest-name.js'
import { type Command, type CommandInput, type OptionHelp, UsageError } from './command.js'
import { toCamelCase } from './flags.js'

/** The meaning of a command line. */
export type CommandLine =
  | { asks: 'version' }
  | { asks: 'help'; command?: Command | undefined }
  | { asks: 'run'; command: Command; input: CommandInput }

/** The options of every command. */
export const COMMON_OPTIONS = {
  help: ['-h, --help', 'Display this message'],
  version: ['-v, --version', 'Display version number'],
} as const satisfies Readonly<Record<string, OptionHelp>>

/** The command that `argv` (without Node and the script) names. Its options may stand before the name. */
export function findCommand(argv: readonly string[], commands: readonly Command[]): Command | undefined {
  const isNamed = ({ name, options }: Command): boolean => {
    const [first, second] = readTokens(argv, options).args
    return (first === HELP ? second : first) === name
  }
  return commands.find(isNamed)
}

/** `help verify` is `verify --help`. */
const HELP = 'help'

/**
 * Reads a command line. Values stay the texts that were typed: account 007 is not account 7.
 *
 * @throws UsageError for unknown commands and options, options without their value or with two, and too few or too many
 * arguments.
 */
export function parseCommand(
  argv: readonly string[],
  { command, commands }: { command: Command | undefined; commands: readonly Command[] },
): CommandLine {
  const known = command?.options ?? commands.flatMap(({ options }) => options)
  const { args, options } = readTokens(argv, known)
  if (args[0] === HELP || options.some(isAskingForHelp)) return describeAsked(args, { command, commands })
  if (options.some(({ name }) => name === 'version')) return { asks: 'version' }
  if (command === undefined) return describeAsked(args, { options, known, commands })
  const flags: Record<string, boolean | string | string[]> = {}
  for (const option of options) {
    const name = toCamelCase(option.name)
    const [before, value] = [flags[name], readValue(option, command.options)]
    flags[name] = typeof value === 'boolean' || before === undefined ? value : [before, value].flat().map(String)
  }
  checkRepeats(options, command.options)
  return { asks: 'run', command, input: { args: checkArguments(args.slice(1), command), flags } }
}

/** `--account --help` asks for help, and is no account of that name. */
function isAskingForHelp({ name, value, isInline }: TypedOption): boolean {
  return name === 'help' || (!isInline && (value === '--help' || value === '-h'))
}

/** The help that is asked for. @throws UsageError for what names no command. */
function describeAsked(
  args: readonly string[],
  {
    command,
    commands,
    options = [],
    known = [],
  }: {
    command?: Command | undefined
    commands: readonly Command[]
    options?: readonly TypedOption[] | undefined
    known?: readonly OptionHelp[] | undefined
  },
): CommandLine {
  const [name] = args[0] === HELP ? args.slice(1) : args
  if (command !== undefined) return { asks: 'help', command }
  if (name !== undefined) {
    for (const option of options) readValue(option, known)
    const nearest = suggestNearest(name, [...commands.map((each) => each.name), HELP])
    throw new UsageError(`Unknown command \`${name}\`${nearest}`)
  }
  for (const option of options) readValue(option, known)
  if (options.length > 0) throw new UsageError('A command is missing')
  return { asks: 'help' }
}

/** `; did you mean …?`, where a name is near. */
function suggestNearest(typed: string, names: readonly string[]): string {
  const nearest = findNearestName(typed, names)
  return nearest === undefined ? '' : `; did you mean \`${nearest}\`?`
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

function readValue({ name, rawName, value, isInline }: TypedOption, options: readonly OptionHelp[]): string | true {
  const [usage] = options.find(([each]) => getOptionName(each) === name && rawName.startsWith('--')) ?? []
  if (usage === undefined) {
    const names = [...options, ...Object.values(COMMON_OPTIONS)].map(([each]) => `--${getOptionName(each)}`)
    throw new UsageError(`Unknown option \`${rawName}\`${suggestNearest(rawName, names)}`)
  }
  if (!hasValue(usage)) {
    if (value !== undefined) throw new UsageError(`option \`${usage}\` takes no value`)
    return true
  }
  // `--account --type image` lacks the account; `--account=--type` gives one.
  if (value === undefined) throw new UsageError(`option \`${usage}\` value is missing`)
  if (!isInline && /^-./.test(value)) {
    const problem = `value is missing, or is it ${value}? Then write --${name}=${value}`
    throw new UsageError(`option \`${usage}\` ${problem}`)
  }
  return value
}

/** A second value would replace the first, and nobody would see it. */
function checkRepeats(typed: readonly TypedOption[], options: readonly OptionHelp[]): void {
  for (const [usage, _description, times] of options) {
    const given = typed.filter(({ name }) => name === getOptionName(usage)).length
    if (given > 1 && hasValue(usage) && times !== 'repeatable') {
      throw new UsageError(`option \`${usage}\` was given ${given} times, and takes one value`)
    }
  }
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
  return usage.replace(/^(?:-\w, )?--| .*$/g, '')
}

function hasValue(usage: string): boolean {
  return usage.includes(' <')
}
