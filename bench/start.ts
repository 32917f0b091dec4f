import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { number } from './processes.js'
import type { BundleRow, StartRow } from './results.js'
import { median, rotated, significant } from './statistics.js'

const STARTS = ['root', 'webhook', 'first-url', 'client-s3', 'sdk-first-url']
const BUNDLES = ['ours', 'by-hand'].flatMap((what) => (['esm', 'cjs'] as const).map((format) => ({ what, format })))

const ENVIRONMENT = { AWS_REGION: 'us-east-1', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }

const folder = fileURLToPath(new URL('./', import.meta.url))
const run = promisify(execFile)

/** What importing and first calls cost in fresh processes, above a process that does nothing: medians. */
export async function measureStart({ rounds }: { rounds: number }): Promise<StartRow[]> {
  return measure(
    STARTS.map((what) => ({ what, script: `start/${what}.mjs`, environment: {} })),
    rounds,
  )
}

/** A Lambda function in one file, made without a banner: its size, and its start until it has answered its first webhook. */
export async function measureBundles({ rounds }: { rounds: number }): Promise<BundleRow[]> {
  const bundles = []
  for (const { what, format } of BUNDLES) bundles.push({ what, format, file: await bundle(what, format) })
  const rows = await measure(
    bundles.map(({ what, file }) => ({ what, script: 'start/bundle.mjs', environment: { BUNDLE: file } })),
    rounds,
  )
  return bundles.flatMap(({ format, file }, at) => {
    const [row, code] = [rows[at], readFileSync(file)]
    return row === undefined ? [] : [{ ...row, format, bytes: code.length, gzipBytes: gzipSync(code).length }]
  })
}

async function bundle(what: string, format: 'esm' | 'cjs'): Promise<string> {
  const file = fileURLToPath(
    new URL(`../temp/bench-bundles/${what}.${format === 'esm' ? 'mjs' : 'cjs'}`, import.meta.url),
  )
  await run(
    `${folder}node_modules/.bin/esbuild`,
    [
      `lambda/${what}.mjs`,
      '--bundle',
      '--minify',
      '--platform=node',
      '--target=node20',
      // The SDK's own ES modules, which need no require().
      '--main-fields=module,main',
      `--format=${format}`,
      `--outfile=${file}`,
      '--log-level=error',
    ],
    { cwd: folder },
  )
  return file
}

interface Start {
  what: string
  script: string
  environment: Record<string, string>
}

async function measure(starts: readonly Start[], rounds: number): Promise<StartRow[]> {
  const empty = { what: 'empty', script: 'start/empty.mjs', environment: {} }
  const all = [empty, ...starts].map((start) => ({ ...start, cpu: Array.of<number>(), wall: Array.of<number>() }))
  // The first of each only brings its files into the system's cache.
  for (let round = -1; round < rounds; round++) {
    for (const { script, environment, cpu, wall } of rotated(all, Math.max(0, round))) {
      const { stdout } = await run(process.execPath, [script], {
        cwd: folder,
        env: { ...process.env, ...ENVIRONMENT, ...environment },
      })
      const answer: unknown = JSON.parse(stdout)
      if (round < 0) continue
      cpu.push(number(answer, 'cpuMs'))
      wall.push(number(answer, 'wallMs'))
    }
  }
  const [nothing, ...rest] = all.map(({ what, cpu, wall }) => ({ what, cpuMs: median(cpu), wallMs: median(wall) }))
  return rest.map(({ what, cpuMs, wallMs }) => ({
    what,
    cpuMs: significant(cpuMs - (nothing?.cpuMs ?? 0)),
    wallMs: significant(wallMs - (nothing?.wallMs ?? 0)),
  }))
}
