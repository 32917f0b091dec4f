import { EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { runCommand } from '../../src/cli/run-command.js'
import { temporaryFolder } from './command-context.js'

async function run(argv: readonly string[], { env = {} }: { env?: Record<string, string> } = {}) {
  const written = { out: '', err: '' }
  const code = await runCommand(argv, {
    env,
    stdin: Readable.from([]),
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    signals: new EventEmitter(),
    exit: () => expect.unreachable(),
    version: '1.2.3',
    samples: fileURLToPath(new URL('../../samples/', import.meta.url)),
  })
  return { code, ...written }
}

const NAMES = ['demo', 'archive', 'backfill', 'verify', 'sign', 'doctor']

it.each([
  ['no arguments', [], 0],
  ['--help', ['--help'], 0],
  ['an unknown command', ['archive-everything'], 2],
])('runCommand lists all commands for %s', async (_name, argv, expected) => {
  const { code, out, err } = await run(argv)
  expect({ code, err }).toEqual({ code: expected, err: '' })
  expect(out).toMatch(
    /^whatsapp-media-archive\/1\.2\.3\n\nUsage:\n {2}\$ whatsapp-media-archive <command> \[options\]\n/,
  )
  for (const name of NAMES) expect(out).toContain(`  $ whatsapp-media-archive ${name} --help\n`)
  expect(out).toMatch(/\n {2}archive <\.\.\.mediaIds> {2}Archive media by their ids; /)
  expect(out).toMatch(/\n {2}-h, --help {5}Display this message\n {2}-v, --version {2}Display version number\n$/)
})

it.each(NAMES)('runCommand describes the options of %s', async (name) => {
  const { code, out } = await run([name, '--help'])
  expect(code).toBe(0)
  expect(out).toMatch(new RegExp(`^whatsapp-media-archive/1\\.2\\.3\n\nUsage:\n {2}\\$ whatsapp-media-archive ${name}`))
  expect(out).toMatch(
    /\n\nOptions:\n(?: {2}--[a-z-]+(?: <[a-z]+>)? {2,}\S.*\n)+ {2}-h, --help +Display this message\n$/,
  )
})

it('runCommand prints the version, and what it runs on', async () => {
  const { out } = await run(['--version'])
  expect(out).toBe(`whatsapp-media-archive/1.2.3 ${process.platform}-${process.arch} node-${process.version}\n`)
})

it.each([
  [['archive', '1'], '--account is needed\n'],
  [['backfill', '-'], '--journal is needed when the input is a stream\n'],
  [['sign', '1', '--account', '007'], '--bucket is needed (or S3_BUCKET_NAME), or --directory\n'],
  [['verify', 'x', '--nothing'], 'Unknown option `--nothing`\n'],
  [['doctor', '--endpoint', 'x'], '--endpoint must be an http(s) URL, got a string of 1 characters\n'],
])('runCommand reports %j in one line, and ends with 2', async (argv, message) => {
  expect(await run(argv)).toEqual({ code: 2, out: '', err: message })
})

it('runCommand runs a command with its arguments and options', async () => {
  const directory = temporaryFolder()
  const { code, out, err } = await run(['verify', '--json', '2026', '--directory', directory])
  expect(code).toBe(1)
  expect(JSON.parse(out)).toMatchObject({ objects: 0, complete: true })
  expect(err).toBe('No key starts with 2026\n')
})

it('runCommand reports what the doctor could not begin with as a finding, too', async () => {
  const { code, out, err } = await run(['doctor', '--json', '--bogus'])
  expect({ code, err }).toEqual({ code: 2, err: 'Unknown option `--bogus`\n' })
  expect(JSON.parse(out)).toEqual({
    exitCode: 2,
    findings: [{ check: 'settings', severity: 'error', finding: 'Unknown option `--bogus`' }],
  })
})

it('runCommand gives the doctor the environment', async () => {
  const { code, out } = await run(['doctor', '--json'])
  expect(code).toBe(2)
  expect(JSON.parse(out).findings).toMatchObject([
    { check: 'access token', severity: 'note' },
    { check: 'bucket', severity: 'note' },
    { check: 'settings', severity: 'error' },
  ])
})

it('runCommand runs the demo to its end, without --keep', async () => {
  const { code, out, err } = await run(['demo'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toContain('Delivered again, in one webhook: all 8 were there already')
}, 60_000)

it('runCommand keeps the demo up until Ctrl-C with --keep', async () => {
  const signals = new EventEmitter()
  let out = ''
  const ended = runCommand(['demo', '--keep'], {
    env: {},
    stdin: Readable.from([]),
    stdout: { write: (text) => (out += text) },
    stderr: { write() {} },
    signals,
    exit: () => expect.unreachable(),
    version: '1.2.3',
    samples: fileURLToPath(new URL('../../samples/', import.meta.url)),
  })
  await vi.waitFor(() => expect(signals.listenerCount('SIGINT')).toBe(1), { timeout: 50_000 })
  const [, folder = ''] = /^archived into (\/.+)$/m.exec(out) ?? []
  expect(existsSync(folder)).toBe(true)
  signals.emit('SIGTERM')
  expect(await ended).toBe(0)
  expect(existsSync(folder)).toBe(false)
  expect(signals.listenerCount('SIGINT')).toBe(0)
}, 60_000)
