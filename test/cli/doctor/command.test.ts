import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { build } from 'tsup'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { createFakeCloudApi } from '../../../src/testing/fake-cloud-api.js'
import configs from '../../../tsup.config.js'
import { createBucketStandIn, type Question, type Scripted } from '../bucket-stand-in.js'
import { CREDENTIALS } from './run.js'

/** Two installations of the built command: one beside the AWS SDK, one without. */
const installations = { complete: '', bare: '' }
const root = new URL('../../../', import.meta.url).pathname

beforeAll(async () => {
  const command = [configs].flat().find((config) => typeof config === 'object' && 'cli' in Object(config.entry))
  const directory = await mkdtemp(join(tmpdir(), 'doctor-command-'))
  for (const name of ['complete', 'bare'] as const) {
    installations[name] = join(directory, name)
    await build({ ...command, config: false, silent: true, outDir: join(installations[name], 'dist') })
    await copyFile(join(root, 'package.json'), join(installations[name], 'package.json'))
  }
  await symlink(join(root, 'node_modules'), join(installations.complete, 'node_modules'))
  // The library's own dependency is there without the SDK, too.
  const dependency = 'node_modules/content-disposition'
  await mkdir(join(installations.bare, 'node_modules'))
  await symlink(join(root, dependency), join(installations.bare, dependency))
}, 60_000)

afterAll(() => rm(join(installations.bare, '..'), { recursive: true, force: true }))

function spawnCommand(args: readonly string[], env: object, installation: keyof typeof installations = 'complete') {
  const child = spawn(process.execPath, [join(installations[installation], 'dist/cli.js'), 'doctor', ...args], {
    env: { PATH: process.env['PATH'], AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', ...env },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function runCommand(
  args: readonly string[],
  { env = {}, installation = 'complete' }: { env?: object; installation?: keyof typeof installations } = {},
) {
  const child = spawnCommand(args, env, installation)
  const [output, errors, exitCode] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => {
      child.on('close', resolve)
    }),
  ])
  return { output, errors, exitCode }
}

async function startServers(scripted: Partial<Record<Question, Scripted>> = {}) {
  const api = await createFakeCloudApi({ appSecret: 'canary-app-secret', requireProof: true })
  onTestFinished(() => api.close())
  const store = await createBucketStandIn(scripted)
  onTestFinished(() => store.close())
  const env = {
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_REGION: 'eu-central-1',
    S3_BUCKET_NAME: 'archive',
    S3_ENDPOINT: store.endpoint,
    WHATSAPP_ACCESS_TOKEN: api.accessToken,
    WHATSAPP_APP_SECRET: 'canary-app-secret',
  }
  return { env, api, store }
}

it('the command doctor takes its settings from the environment, prints a table and no secret', async () => {
  const { env, api, store } = await startServers()
  const args = ['--graph-url', api.origin, '--phone-number-id', '106540352242922', '--no-probe']
  const { output, errors, exitCode } = await runCommand(args, { env })
  expect(errors).toBe('')
  expect(output).toMatch(/^ok {7}access token {9}Never expires, for app \d+\n/)
  expect(output).toContain('phone number id')
  expect(output).toMatch(/\nok {7}lifecycle .*\n\nAll is well\.\n$/)
  for (const secret of [api.accessToken, 'canary', CREDENTIALS.accessKeyId, 'X-Amz']) {
    expect(output).not.toContain(secret)
  }
  expect(exitCode).toBe(0)
  expect(store.objects).toEqual([])
})

it('the command doctor probes the store by default, and exits with the severity', async () => {
  const { env, api } = await startServers()
  const { output, exitCode } = await runCommand(['--json', '--graph-url', api.origin], {
    env: { ...env, WHATSAPP_ACCESS_TOKEN: 'canary-token' },
  })
  const { findings, exitCode: told } = JSON.parse(output)
  expect(findings[0]).toMatchObject({ check: 'access token', severity: 'error' })
  expect(findings.map(({ check }: { check: string }) => check)).toContain('probe: conditional-create')
  expect(output).not.toContain('canary')
  expect([exitCode, told]).toEqual([2, 2])
})

it('the command doctor exits with 1 for warnings', async () => {
  const { env, api } = await startServers({ encryption: { status: 404, code: 'NoSuchEncryption' } })
  const { output, exitCode } = await runCommand(['--no-probe', '--graph-url', api.origin], { env })
  expect(output).toContain('warning  default encryption')
  expect(exitCode).toBe(1)
})

it.each([
  [['--everything'], /Unknown option/],
  [['--endpoint', 'canary'], /^--endpoint must be an http\(s\) URL, got a string of 6 characters\n$/],
])('the command doctor exits with 2 when it cannot begin: %j', async (args, words) => {
  const { output, errors, exitCode } = await runCommand(args)
  expect(output).toBe('')
  expect(errors).toMatch(words)
  expect(exitCode).toBe(2)
})

it('the command doctor removes what it wrote when it is interrupted', async () => {
  const { env, store } = await startServers()
  const child = spawnCommand([], { ...env, WHATSAPP_ACCESS_TOKEN: '' })
  await vi.waitUntil(() => store.objects.some((path) => path.endsWith('/object')), { timeout: 20_000, interval: 1 })
  child.kill('SIGINT')
  const [errors, exitCode] = await Promise.all([text(child.stderr), once(child, 'close')])
  expect(errors).toBe('Interrupted.\n')
  expect(exitCode).toEqual([130, null])
  expect(store.objects).toEqual([])
})

it.each([['--everything'], ['--endpoint', 'canary'], ['--bucket'], ['stray'], ['--prefix', 'no-slash']])(
  'the command doctor prints JSON for machines also when it cannot begin: %j %j',
  async (...args) => {
    const { output, errors, exitCode } = await runCommand([...args, '--json'])
    expect(JSON.parse(output)).toEqual({
      exitCode: 2,
      findings: [{ check: 'settings', severity: 'error', finding: errors.split('\n')[0] }],
    })
    expect(output).not.toContain('canary')
    expect(exitCode).toBe(2)
  },
)

it('the command doctor says that the AWS SDK is missing', async () => {
  const { output, exitCode } = await runCommand(['--bucket', 'archive'], { installation: 'bare' })
  expect(output).toContain('npm install @aws-sdk/client-s3 @aws-sdk/s3-request-presigner')
  expect(exitCode).toBe(2)
})
