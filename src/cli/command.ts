import type { EventEmitter } from 'node:events'
import type { Readable } from 'node:stream'
import { WhatsAppMediaError } from '../errors.js'
import type { Terminal } from './progress.js'

/** What a command has of its process. Results go to `stdout`, all else to `stderr`. */
export interface CommandContext {
  env: Readonly<Record<string, string | undefined>>
  stdin: Readable
  stdout: { write(text: string): unknown }
  stderr: Terminal
  interrupts: Interrupts
}

export interface Interrupts {
  /** The first Ctrl-C (or SIGTERM): start nothing more, finish what is under way. */
  stop: AbortSignal
  /** The second: drop what is under way. */
  abort: AbortSignal
}

/** The exit codes of all commands. */
export const EXIT = {
  /** All went well. */
  done: 0,
  /** The command ran to its end, and something is not as it should be: gone, failed, unreadable, damaged. */
  incomplete: 1,
  /** An option, the configuration, the input, the journal or the storage is of no use. */
  unusable: 2,
  /** Stopped by Ctrl-C or SIGTERM. What a shell says of a process that SIGINT has ended. */
  interrupted: 130,
} as const

/** Hears Ctrl-C and SIGTERM until `end()`. */
export function listenForInterrupts(process: Pick<EventEmitter, 'on' | 'off'>): Interrupts & { end(): void } {
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

/** What a command that threw ends with: options, settings and storages are to be mended before it can work. */
export function exitCodeOf(error: unknown): number {
  const isUnusable = WhatsAppMediaError.is(error)
    ? error.code === 'invalid-option' || error.code === 'storage-failed'
    : error instanceof Error && error.name === 'CACError'
  return isUnusable ? EXIT.unusable : EXIT.incomplete
}

/** A text from outside on one line of a terminal: a key or a name must not move the cursor. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
