import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { onTestFinished } from 'vitest'
import type { CommandContext } from '../../src/cli/command.js'

export interface TestContext extends CommandContext {
  out(): string
  err(): string
  /** Ctrl-C. */
  interrupt(): void
}

/** A command's surroundings in this process. */
export function createContext(
  options: { env?: Record<string, string>; stdin?: readonly string[]; isTTY?: boolean; columns?: number } = {},
): TestContext {
  const { env = {}, stdin = [], ...terminal } = options
  const [stop, abort] = [new AbortController(), new AbortController()]
  const written = { out: '', err: '' }
  return {
    env,
    stdin: Readable.from(
      stdin.map((text) => Buffer.from(text)),
      { objectMode: false },
    ),
    stdout: { write: (text) => (written.out += text) },
    stderr: { ...terminal, write: (text) => (written.err += text) },
    interrupts: { stop: stop.signal, abort: abort.signal },
    out: () => written.out,
    err: () => written.err,
    interrupt: () => (stop.signal.aborted ? abort : stop).abort(new Error('interrupted')),
  }
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cli-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
