import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { ROOT } from '../package/documents.js'

/** An example in a process of its own. */
export interface RunningExample {
  kill(signal: NodeJS.Signals): void
  /** What it has written so far. */
  output(): string
  /** Resolves with its exit code, or the signal that ended it. */
  ended: Promise<unknown>
  /** Its origin on the loopback, once it listens. */
  listening(): Promise<string>
}

/** Does what `npx tsx <command>` does in `directory` (default: this project), with no environment but this one. */
export function runExample(
  command: string,
  env: Record<string, string>,
  { directory = ROOT }: { directory?: string } = {},
): RunningExample {
  const { PATH = '', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = '' } = process.env
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), ...command.split(' ')], {
    cwd: directory,
    // Which source the package's name stands for.
    env: {
      TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'),
      PATH,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED,
      ...env,
    },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += String(chunk)
    })
  }
  return {
    kill: (signal) => void child.kill(signal),
    output: () => text,
    ended: new Promise((resolve) => {
      child.on('close', (code, signal) => resolve(signal ?? code))
    }),
    listening: () =>
      vi.waitFor(() => {
        const [, port] = /^listening at http:\/\/0\.0\.0\.0:(\d+)$/m.exec(text) ?? []
        expect(port, text).toBeDefined()
        return `http://127.0.0.1:${port}`
      }, 15_000),
  }
}

/** A port of the loopback that nobody listens at. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (typeof address !== 'object' || address === null) throw new Error('a TCP server has a port')
  return address.port
}
