import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, it, onTestFinished, vi } from 'vitest'

interface RunningCommand {
  kill(signal: NodeJS.Signals): void
  output(): string
  /** Resolves with the exit code, or the signal that ended it. */
  ended: Promise<unknown>
}

function runCommand(...args: string[]): RunningCommand {
  const { PATH = '', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = '' } = process.env
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args], {
    env: { PATH, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += String(chunk)
    })
  }
  const ended = new Promise((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code))
  })
  return { kill: (signal) => void child.kill(signal), output: () => text, ended }
}

it('the command demo --keep shows its page until Ctrl-C, and then removes its files', async () => {
  const { kill, output, ended } = runCommand('demo', '--keep')
  const page = await vi.waitFor(
    () => {
      const [, found] = /shown at (\S+) until Ctrl-C/.exec(output()) ?? []
      expect(found, output()).toBeDefined()
      return String(found)
    },
    { timeout: 60_000, interval: 100 },
  )
  expect(await (await fetch(page)).text()).toContain('8 files')
  const [, folder = ''] = /^archived into (\/.+)$/m.exec(output()) ?? []
  expect(existsSync(folder)).toBe(true)
  kill('SIGINT')
  expect(await ended).toBe(0)
  expect(existsSync(folder)).toBe(false)
}, 90_000)

it('the command without a name shows what there is; an unknown one fails', async () => {
  const [help, unknown] = [runCommand(), runCommand('archive-everything')]
  expect(await help.ended).toBe(0)
  expect(help.output()).toContain('demo')
  expect(await unknown.ended).toBe(2)
})

it('the commands take options as they were typed, and end with 2 when they can not be used', async () => {
  const [typed, missing, unknown, none] = [
    runCommand('sign', '1', '--account', '007', '--directory', tmpdir(), '--public-endpoint', 'http://127.0.0.1:1'),
    runCommand('archive'),
    runCommand('verify', 'x', '--nothing'),
    runCommand('verify', '--json', '2026', '--directory', '/none'),
  ]
  expect([await typed.ended, await missing.ended, await unknown.ended, await none.ended]).toEqual([2, 2, 2, 2])
  expect(typed.output()).toContain('goes with --directory only where WHATSAPP_MEDIA_URL_SECRET is set')
  expect(missing.output()).toContain('missing required args for command `archive <...mediaIds>`')
  expect(unknown.output()).toContain('Unknown option `--nothing`')
  expect(none.output()).toBe('--directory can not be read, there is no such folder (ENOENT): /none\n')
  expect(typed.output().trim().split('\n')).toHaveLength(1)
  for (const { output } of [missing, unknown]) expect(output().trim().split('\n')).toHaveLength(2)
})
