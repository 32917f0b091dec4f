import { EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { DEFAULT_TRANSFERS, WINDOW_ENTRIES } from '../../src/cli/backfill.js'
import { runCommand } from '../../src/cli/run-command.js'
import { MAY_BE_SENT, RECIPIENT_VARIABLE } from '../../src/cli/send.js'
import { DEFAULT_READS } from '../../src/cli/verify.js'
import { resolveCloudApi } from '../../src/download/cloud-api.js'
import { checkPrefix } from '../../src/key.js'
import { getSignedUrl } from '../../src/signed-url.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import type { ObjectStorage } from '../../src/storage.js'
import { temporaryFolder } from './command-context.js'

async function run(
  argv: readonly string[],
  { env = {}, terminal = {} }: { env?: Record<string, string>; terminal?: { isTTY?: boolean } } = {},
) {
  const written = { out: '', err: '' }
  const code = await runCommand(argv, {
    env,
    stdin: Readable.from([]),
    stdout: { ...terminal, write: (text) => (written.out += text) },
    stderr: { ...terminal, write: (text) => (written.err += text) },
    signals: new EventEmitter(),
    exit: () => expect.unreachable(),
    version: '1.2.3',
    samples: fileURLToPath(new URL('../../samples/', import.meta.url)),
  })
  return { code, ...written }
}

const NAMES = ['demo', 'archive', 'backfill', 'verify', 'sign', 'send', 'doctor']

it.each([
  ['no arguments', []],
  ['--help', ['--help']],
  ['help', ['help']],
])('runCommand lists all commands for %s', async (_name, argv) => {
  const { code, out, err } = await run(argv)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(
    /^whatsapp-media-archive\/1\.2\.3\n\nUsage:\n {2}\$ whatsapp-media-archive <command> \[options\]\n/,
  )
  for (const name of NAMES) expect(out).toContain(`  $ whatsapp-media-archive ${name} --help\n`)
  expect(out).toMatch(/\n {2}archive <\.\.\.mediaIds> {2}Archive media by their ids; /)
  expect(out).toMatch(/\nExamples:\n {2}\$ whatsapp-media-archive demo\n/)
  expect(out).toMatch(/\nExit codes:\n {2}0 /)
  expect(out).toMatch(/\n {2}-h, --help {5}Display this message\n {2}-v, --version {2}Display version number\n$/)
})

it.each([
  ['verfy', 'Unknown command `verfy`; did you mean `verify`?'],
  ['archive-everything', 'Unknown command `archive-everything`; did you mean `archive`?'],
  ['docter', 'Unknown command `docter`; did you mean `doctor`?'],
  ['back-fill', 'Unknown command `back-fill`; did you mean `backfill`?'],
  ['xyzzy', 'Unknown command `xyzzy`'],
])('runCommand names the unknown command %s, and shows the help where misuse is told', async (name, message) => {
  const { code, out, err } = await run([name, '--bucket', 'b'])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err.startsWith(`${message}\n\nwhatsapp-media-archive/1.2.3\n\nUsage:\n`)).toBe(true)
})

it.each(NAMES)('runCommand describes the options of %s', async (name) => {
  const { code, out } = await run([name, '--help'])
  expect(code).toBe(0)
  expect(out).toMatch(/^whatsapp-media-archive\/1\.2\.3\n\n\S.*\.\n\nUsage:\n/)
  expect(out).toContain(`\n\nUsage:\n  $ whatsapp-media-archive ${name}`)
  expect(out).toMatch(
    /\n\nOptions:\n(?: {2}--[a-z-]+(?: <[a-z]+>)? {2,}\S.*\n)+ {2}-h, --help +Display this message\n\nExamples:\n/,
  )
  expect(out).toMatch(/\n\nExit codes:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n(?: {2}3 .*\n)? {2}130 .*\n$/)
  expect(await run(['help', name])).toMatchObject({ code: 0, out, err: '' })
})

const GRAPH = new URL(resolveCloudApi().buildLookUpUrl('1', { accessToken: 'of-a-test' })).origin
/** Refused, if it were another than the default. */
const MEDIA = resolveCloudApi().checkMediaUrl('https://lookaside.fbsbx.com/x')

it.each([
  ['backfill', '--concurrency', String(DEFAULT_TRANSFERS)],
  ['backfill', '--window', String(WINDOW_ENTRIES)],
  ['backfill', '--cloud-api', GRAPH],
  ['backfill', '--media-host', MEDIA.hostname],
  ['archive', '--cloud-api', GRAPH],
  ['send', '--cloud-api', GRAPH],
  ['send', '--to', RECIPIENT_VARIABLE],
  ['doctor', '--graph-url', GRAPH],
  ['doctor', '--prefix', checkPrefix({})],
  ['verify', '--concurrency', String(DEFAULT_READS)],
  ['verify', '--region', 'AWS_REGION'],
  ['verify', '--bucket', 'S3_BUCKET_NAME'],
  ['verify', '--endpoint', 'S3_ENDPOINT'],
])('the help of %s tells the default of %s that the code has', async (command, option, expected) => {
  const { out } = await run([command, '--help'])
  const [line = ''] = out.split('\n').filter((each) => each.startsWith(`  ${option} `))
  expect(line.split(/default:? /i)[1]).toContain(expected)
})

it('the help of send tells that a lost answer has an exit code of its own', async () => {
  const { out } = await run(['send', '--help'])
  expect(out).toMatch(new RegExp(`\\n {2}${MAY_BE_SENT} +it may be sent or not`))
})

it('the help of sign tells how long a URL works by default', async () => {
  const { out } = await run(['sign', '--help'])
  const storage = createMemoryStorage()
  const expiresIn: number[] = []
  const signedUrl: ObjectStorage['signedUrl'] = async (_key, options) => {
    expiresIn.push(options.expiresIn)
    return { url: 'https://s.test/', expiresAt: new Date() }
  }
  await getSignedUrl('k', { storage: { ...storage, signedUrl }, anyAccount: true })
  expect(out).toContain(`How long the URL works; default ${expiresIn[0]}\n`)
})

it.each([
  ['a terminal', { isTTY: true }, {}, true],
  ['a terminal with NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, false],
  ['a terminal that knows none', { isTTY: true }, { TERM: 'dumb' }, false],
  ['a pipe', {}, {}, false],
  ['a pipe with FORCE_COLOR', {}, { FORCE_COLOR: '1' }, true],
])('runCommand colours for %s: %j %j', async (_what, terminal, env, isColoured) => {
  const { out } = await run(['--help'], { env, terminal })
  expect(out.includes('\u001b[1mUsage:\u001b[')).toBe(isColoured)
  expect(out.includes('\u001b')).toBe(isColoured)
  const { err } = await run(['archive', '1'], { env, terminal })
  expect(err.startsWith('\u001b[31m--account is needed')).toBe(isColoured)
})

it('runCommand prints the version, and what it runs on', async () => {
  const { out } = await run(['--version'])
  expect(out).toBe(`whatsapp-media-archive/1.2.3 ${process.platform}-${process.arch} node-${process.version}\n`)
})

it.each([
  [['archive', '1'], '--account is needed\n'],
  [['backfill', '-'], '--journal is needed when the input is a stream\n'],
  [['send', 'x.pdf'], '--account is needed\n'],
  [['sign', '1', '--account', '007'], '--bucket is needed (or S3_BUCKET_NAME), or --directory\n'],
  [
    ['verify', 'x', '--nothing'],
    'Unknown option `--nothing`\nOptions and examples: whatsapp-media-archive verify --help\n',
  ],
  [
    ['sign', 'k', '--acount', '7'],
    'Unknown option `--acount`; did you mean `--account`?\nOptions and examples: whatsapp-media-archive sign --help\n',
  ],
  [
    ['verify', 'x', '--directory', '/none/at/all'],
    '--directory can not be read, there is no such folder (ENOENT): /none/at/all\n',
  ],
  [
    ['sign', 'x', '--account', 'a', '--directory', '/dev/null'],
    '--directory can not be read, a part of the path is a file and no folder (ENOTDIR): /dev/null\n',
  ],
  [['doctor', '--endpoint', 'x'], '--endpoint must be an http(s) URL, got a string of 1 characters\n'],
])('runCommand reports %j in words, and ends with 2', async (argv, message) => {
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
  expect({ code, err }).toEqual({
    code: 2,
    err: 'Unknown option `--bogus`\nOptions and examples: whatsapp-media-archive doctor --help\n',
  })
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
