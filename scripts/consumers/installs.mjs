// Installing beside the packages that an app may have: old and new BullMQ, the oldest AWS SDK, none at all; by npm, pnpm and
// Yarn with strict settings. What an installation lacks is said in words. BullMQ passes the conformance suite on a real Redis.

import { cpSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { at, manifest, NO_BINARY, twoAtATime } from './tools.mjs'

/** The oldest and the newest that the peers accept, each with an ioredis that its own range takes. */
const BULLMQ = [
  ['5.5.1', '5.3.2'],
  ['5.81.5', '5.11.1'],
  [manifest.devDependencies.bullmq, manifest.devDependencies.ioredis],
]
/** The first of these packages that the range takes; not each release of the SDK has a version of each. */
const SDK_OLDEST = [
  'client-s3@3.729.0',
  's3-request-presigner@3.729.0',
  'client-sqs@3.730.0',
  'cloudfront-signer@3.734.0',
]
const PNPM = 'pnpm@10.34.9'
const YARN = '@yarnpkg/cli-dist@4.17.1'
const PROGRAMS = ['installs']

export async function checkInstalls(tools) {
  await twoAtATime([
    ...BULLMQ.map((versions) => () => checkBullMq(tools, versions)),
    () => checkBare(tools),
    () => checkOldSdk(tools),
    () => checkNotice(tools),
    () => checkPnpm(tools),
    () => checkYarn(tools),
  ])
}

/** BullMQ first, as an app has it, then the library. */
async function checkBullMq({ check, folder, npm, report, skip, tarball }, [version, ioredis]) {
  const cwd = folder(`bullmq-${version}`)
  await npm(cwd, 'install', `bullmq@${version}`)
  const label = `BullMQ ${version}`
  try {
    await npm(cwd, 'install', tarball())
    await npm(cwd, 'install', `ioredis@${ioredis}`)
    report(`${label}: npm installs the library beside it, and ioredis ${ioredis}`, true)
  } catch (error) {
    return report(`${label}: npm installs the library beside it`, false, error.message)
  }
  const suite = `${label}: passes the conformance suite of queues`
  if (process.env.REDIS_URL === undefined) return skip(suite, 'REDIS_URL is not set')
  cpSync(resolve('test/package/consumers/installs'), cwd, { recursive: true })
  await check(suite, process.execPath, ['bullmq.mjs'], { cwd })
}

async function checkBare({ check, project }) {
  const bare = await project('installs-bare', [], { programs: PROGRAMS })
  const env = { AWS_EC2_METADATA_DISABLED: 'true' }
  await check('without the AWS SDK, calls name the package to install', process.execPath, ['lacks.mjs', 'package'], {
    ...{ cwd: bare, env },
  })
  await check('the same in CommonJS', process.execPath, ['lacks.cjs', 'package'], { cwd: bare, env })
}

async function checkOldSdk({ check, project }) {
  const names = SDK_OLDEST.map((name) => `@aws-sdk/${name}`)
  const old = await project('installs-old-sdk', names, { programs: PROGRAMS })
  // Without the shared configuration of the machine that this runs on.
  const env = { AWS_EC2_METADATA_DISABLED: 'true', HOME: old, AWS_CONFIG_FILE: join(old, 'none') }
  for (const lack of ['region', 'credentials']) {
    const label = `the oldest AWS SDK: without ${lack}, calls say what to set`
    await check(label, process.execPath, ['lacks.mjs', lack], { cwd: old, env })
  }
}

/** The AWS SDK's notice about Node 20 stays out of the command line, and stays in an app. */
async function checkNotice({ node, project, report, run, skip }) {
  const bin = await node('20.19.0')
  if (bin === undefined) return skip("Node 20: the AWS SDK's notice", NO_BINARY)
  const cwd = await project('installs-notice', at('@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner'))
  const env = {
    ...{ AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: undefined, AWS_REGION: 'eu-central-1' },
    ...{ AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example', S3_ENDPOINT: 'http://127.0.0.1:1' },
  }
  const cli = join('node_modules', manifest.name, Object.values(manifest.bin)[0])
  const verify = await run(bin, [cli, 'verify', 'whatsapp-media/', '--bucket', 'media'], { cwd, env })
  const isQuiet = verify.stderr.includes('ECONNREFUSED') && !verify.stderr.includes('NodeVersionSupportWarning')
  report('Node 20: a command prints no notice of the AWS SDK', isQuiet, verify.output)
  const program = "import { S3Client } from '@aws-sdk/client-s3'; new S3Client({})"
  const app = await run(bin, ['--input-type=module', '--eval', program], { cwd, env })
  report("Node 20: an app's own client prints it", app.stderr.includes('NodeVersionSupportWarning'), app.output)
}

/** Packages that keep apart, and peers that must fit. */
async function checkPnpm({ check, folder, must, npm, tarball }) {
  const home = folder('pnpm')
  await npm(home, 'install', PNPM)
  const cwd = folder('pnpm-app', {
    type: 'module',
    dependencies: { [manifest.name]: `file:${tarball()}`, bullmq: '5.81.5' },
  })
  const args = ['--strict-peer-dependencies', '--config.auto-install-peers=false', '--ignore-scripts']
  const cli = join(home, 'node_modules', 'pnpm', 'bin', 'pnpm.cjs')
  await must(process.execPath, [cli, 'install', ...args, '--store-dir', join(home, 'store')], { cwd })
  cpSync(resolve('test/package/consumers/installs'), cwd, { recursive: true })
  await check('pnpm with strict peers, BullMQ 5 and no AWS SDK', process.execPath, ['lacks.mjs', 'package'], { cwd })
}

/** Plug'n'Play lets a package load only what it names. */
async function checkYarn({ check, folder, must, npm, tarball }) {
  const home = folder('yarn')
  await npm(home, 'install', YARN)
  const sdk = Object.fromEntries(
    ['@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner'].map((name) => [name, manifest.devDependencies[name]]),
  )
  const cwd = folder('yarn-app', { type: 'module', dependencies: { [manifest.name]: `file:${tarball()}`, ...sdk } })
  const yarn = [join(home, 'node_modules', '@yarnpkg', 'cli-dist', 'bin', 'yarn.js')]
  const env = {
    ...{ YARN_ENABLE_GLOBAL_CACHE: 'false', YARN_ENABLE_TELEMETRY: '0', YARN_ENABLE_IMMUTABLE_INSTALLS: 'false' },
    ...{ AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: join(cwd, 'none') },
  }
  const registry = (await must('npm', ['config', 'get', 'registry'], { cwd })).trim()
  await must(process.execPath, [...yarn, 'install'], { cwd, env: { ...env, YARN_NPM_REGISTRY_SERVER: registry } })
  cpSync(resolve('test/package/consumers/installs'), cwd, { recursive: true })
  await check("Yarn with Plug'n'Play signs by the AWS SDK", process.execPath, [...yarn, 'node', 'signs.mjs'], {
    cwd,
    env,
  })
}
