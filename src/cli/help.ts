import type { Command, OptionHelp } from './command.js'
import { COMMON_OPTIONS } from './parse-command.js'

const PROGRAM = 'whatsapp-media-archive'

/** The program with its version, and the runtime's. */
export function describeVersion(version: string): string {
  return `${PROGRAM}/${version} ${process.platform}-${process.arch} node-${process.version}\n`
}

/** The help of one command, or of all. */
export function describeHelp(version: string, commands: readonly Command[], command?: Command): string {
  const parts = command === undefined ? describeAll(commands) : describeOne(command)
  return `${[`${PROGRAM}/${version}`, ...parts].join('\n\n')}\n`
}

function describeAll(commands: readonly Command[]): string[] {
  return [
    `Usage:\n  $ ${PROGRAM} <command> [options]`,
    `Commands:\n${describeRows(commands.map((each) => [describeUsage(each), each.description]))}`,
    `For more info, run any command with the \`--help\` flag:\n${commands
      .map(({ name }) => `  $ ${PROGRAM} ${name} --help`)
      .join('\n')}`,
    `Options:\n${describeRows(Object.values(COMMON_OPTIONS))}`,
  ]
}

function describeOne(command: Command): string[] {
  return [
    `Usage:\n  $ ${PROGRAM} ${describeUsage(command)}`,
    `Options:\n${describeRows([...command.options, COMMON_OPTIONS.help])}`,
  ]
}

function describeUsage({ name, argument }: Command): string {
  return argument === undefined ? name : `${name} ${argument}`
}

/** Two columns. */
function describeRows(rows: readonly OptionHelp[]): string {
  const width = Math.max(...rows.map(([usage]) => usage.length))
  return rows.map(([usage, description]) => `  ${usage.padEnd(width)}  ${description}`).join('\n')
}
