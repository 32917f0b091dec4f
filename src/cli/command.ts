import type { EventEmitter } from 'node:events'
import type { Readable } from 'node:stream'
import { isError } from '../errors/thrown.js'
import { WhatsAppMediaError } from '../errors.js'
import type { Flags } from './flags.js'
import type { Terminal } from './progress.js'

/**
 * An option's usage, such as `--bucket <name>` or `--json`, and its text in the help. An option with a value may be given
 * once, if it is not repeatable.
 */
export type OptionHelp = readonly [usage: string, description: string, times?: 'repeatable']

/** One command of the command line. */
export interface Command {
  name: string
  /** The argument as the help shows it: `<file>` for one, `<...mediaIds>` for one or more. Absent for none. */
  argument?: string | undefined
  description: string
  options: readonly OptionHelp[]
  /** Whole command lines, without the program's name. */
  examples: readonly [string, ...string[]]
  /** Codes and their meanings, where they are not those of all commands. */
  exitCodes?: readonly OptionHelp[] | undefined
  /** @returns the exit code. */
  run(input: CommandInput, host: CommandHost): Promise<number>
  /** Reports an error that `run` threw, or the options themselves. Default: the message goes to `stderr`. */
  reportError?(error: unknown, input: { argv: readonly string[]; host: CommandHost }): number
}

/** The arguments and options of a command. */
export interface CommandInput {
  args: readonly string[]
  flags: Flags
}

/** The process that a command runs in. Results go to `stdout`, all else to `stderr`. */
export interface CommandHost {
  env: Readonly<Record<string, string | undefined>>
  stdin: Readable
  stdout: Terminal
  stderr: Terminal
  /** Emits SIGINT and SIGTERM. */
  signals: Pick<EventEmitter, 'on' | 'off'>
  exit(code: number): unknown
  /** The package's version. */
  version: string
  /** The folder with the demo's sample files. */
  samples: string
}

/** The process as a command sees it that finishes its work on Ctrl-C. */
export interface CommandContext extends Pick<CommandHost, 'env' | 'stdin' | 'stdout' | 'stderr'> {
  interrupts: Interrupts
}

export interface Interrupts {
  /** The first Ctrl-C (or SIGTERM): start nothing more, finish the work under way. */
  stop: AbortSignal
  /** The second: drop the work under way. */
  abort: AbortSignal
}

/** The exit codes of all commands. */
export const EXIT = {
  /** All went well. */
  done: 0,
  /** The command ran to its end, and something is gone, failed, unreadable or damaged. */
  incomplete: 1,
  /** An option, the configuration, the input, the journal or the storage can't be used. */
  unusable: 2,
  /** Stopped by Ctrl-C or SIGTERM. A shell gives this code to a process that SIGINT ended. */
  interrupted: 130,
} as const

/** The command line was typed wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Time for the work under way to remove its temporary files. */
const GRACE_MS = 2_000

/** Runs a command that finishes its work on the first Ctrl-C. After the second the process ends within two seconds. */
export function makeInterruptible(
  run: (input: CommandInput, context: CommandContext) => Promise<number>,
): Command['run'] {
  return async (input, { env, stdin, stdout, stderr, signals, exit }) => {
    const interrupts = listenForInterrupts(signals)
    interrupts.abort.addEventListener('abort', () => void setTimeout(() => exit(EXIT.interrupted), GRACE_MS).unref())
    return run(input, { env, stdin, stdout, stderr, interrupts }).finally(interrupts.end)
  }
}

/** Listens for Ctrl-C and SIGTERM until `end()`. */
export function listenForInterrupts(process: CommandHost['signals']): Interrupts & { end(): void } {
  const stop = new AbortController()
  const abort = new AbortController()
  const interrupt = (): void => (stop.signal.aborted ? abort : stop).abort(new Error('interrupted'))
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return {
    stop: stop.signal,
    abort: abort.signal,
    end() {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
  }
}

const UNUSABLE: ReadonlySet<string> = new Set([
  ...['invalid-option', 'storage-failed', 'wrong-account', 'outbound-type', 'outbound-limit'],
])

/** The exit code of a command that threw: 2 when options, settings or the storage have to be repaired first. */
export function decideExitCode(error: unknown): number {
  const isUnusable = WhatsAppMediaError.is(error) ? UNUSABLE.has(error.code) : error instanceof UsageError
  return isUnusable ? EXIT.unusable : EXIT.incomplete
}

/** The message of an error, or another thrown value as text. */
export function describeThrown(error: unknown): string {
  return isError(error) ? error.message : String(error)
}

/** A text from outside on one line of a terminal: a key or a name must not move the cursor. */
export function toOneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
