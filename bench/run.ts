// Measures this library against others and writes what it found. Needs `npm run build` first.
//   npm run bench                     everything: bench/results.json, docs/performance.md and its plot
//   npm run bench -- --short          two cells, three pipelines, three rounds; with --gate, exits 1 when a CPU ratio
//                                     is over 1.5 x its bound three times
//   npm run bench -- --rounds=1       everything, with fewer rounds, into temp/bench.json
//   npm run bench -- --only=signing   one section
//   npm run bench:upload              the uploads alone, into bench/results.json and docs/performance.md beside the rest
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { judge, SLACK, tooDear, type Verdict } from './bounds.js'
import { measureLatency } from './latency.js'
import { labelOf } from './pipelines.js'
import { fullPlans, type Plans, shortPlans } from './plans.js'
import { plot } from './plot.js'
import { startServer } from './processes.js'
import { cellTable, report, startTable, verdictTable } from './report.js'
import type { Results, TransferCell } from './results.js'
import { measureSigning } from './signing.js'
import { measureBundles, measureStart } from './start.js'
import { significant } from './statistics.js'
import { measureMemory, measureTransfers, type TransferPlan, type TransferServers } from './transfers.js'
import { measureUploads } from './uploads.js'

const SECTIONS = ['transfers', 'memory', 'latency', 'uploads', 'signing', 'start', 'bundles'] as const
const TRIES = 3

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    gate: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const wanted: readonly string[] = values.only?.split(',') ?? (values.short ? ['transfers'] : SECTIONS)
const unknown = wanted.find((name) => !SECTIONS.some((section) => section === name))
if (unknown !== undefined) throw new Error(`--only knows ${SECTIONS.join(', ')}, not ${unknown}`)
const plans = values.short
  ? shortPlans()
  : fullPlans(values.rounds === undefined ? {} : { rounds: Number(values.rounds) })

prepare()
if (values.gate) await gate()
else finish(await measure(plans))

function pathOf(file: string): string {
  return fileURLToPath(new URL(`../${file}`, import.meta.url))
}

function prepare(): void {
  if (!existsSync(pathOf('dist/index.js'))) throw new Error('there is no dist/: run `npm run build` first')
  mkdirSync(pathOf('temp'), { recursive: true })
  if (existsSync(pathOf('bench/node_modules/@aws-sdk/client-s3'))) return
  const { status } = spawnSync('npm', ['ci', '--prefix', pathOf('bench'), '--no-audit'], { stdio: 'inherit' })
  if (status !== 0) throw new Error('the packages to compare with could not be installed')
}

async function measure(plans: Plans): Promise<Results> {
  const startedAt = Date.now()
  const results: Results = {
    measuredAt: new Date().toISOString(),
    minutes: 0,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    versions: versions(),
    transfers: [],
    memory: [],
    latency: { roundTripMs: 0, cells: [] },
    signing: { urls: 0, rows: [] },
    start: [],
    bundles: [],
  }
  // What needs no server comes first, while nothing else of this run is in memory.
  if (wanted.includes('signing')) results.signing = await measureSigning({ rounds: plans.rounds.signing })
  for (const { way, microsPerUrl } of results.signing.rows) console.log(`signed URL, ${way}: ${microsPerUrl} µs`)
  if (wanted.includes('start')) results.start = await measureStart({ rounds: plans.rounds.start })
  if (wanted.includes('bundles')) results.bundles = await measureBundles({ rounds: plans.rounds.start })
  if (results.start.length + results.bundles.length > 0) console.log(startTable(results))
  await withServers(async (servers) => {
    if (wanted.includes('transfers')) results.transfers = await cells(plans.transfers, servers)
    for (const plan of wanted.includes('memory') ? plans.memory : []) {
      const cell = await measureMemory(plan, servers)
      results.memory.push(cell)
      for (const { pipeline, aboveIdleMb } of cell.rows) {
        console.log(
          `${cell.concurrency} × ${cell.size / 1_000_000} MB, ${labelOf(pipeline)}: ${aboveIdleMb} MB above idle`,
        )
      }
    }
    if (wanted.includes('latency')) results.latency = await measureLatency(plans.latency, servers, show)
  })
  if (wanted.includes('uploads') && plans.uploads.length > 0)
    results.uploads = await measureUploads(plans.uploads, show)
  results.minutes = significant((Date.now() - startedAt) / 60_000)
  return results
}

async function withServers(work: (servers: TransferServers) => Promise<void>): Promise<void> {
  const source = await startServer('./media-source.mjs')
  const sink = await startServer('./s3-sink.mjs')
  try {
    await work({ source, sink })
  } finally {
    await Promise.all([source.stop(), sink.stop()])
  }
}

async function cells(plans: readonly TransferPlan[], servers: TransferServers): Promise<TransferCell[]> {
  const measured: TransferCell[] = []
  for (const plan of plans) {
    const cell = await measureTransfers(plan, servers)
    show(cell)
    measured.push(cell)
  }
  return measured
}

function show(cell: TransferCell): void {
  console.log(`\n${cellTable(cell)}`)
}

/** The versions that bench/package.json pins. */
function versions(): Record<string, string> {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(pathOf('bench/package.json'), 'utf8'),
  )
  return dependencies
}

function finish(results: Results): void {
  const verdicts = judge(results)
  console.log(`\n${verdictTable(verdicts)}`)
  console.log(`\n${results.minutes} minutes`)
  if (values.keep && results.uploads !== undefined) {
    const kept: Results = {
      ...JSON.parse(readFileSync(pathOf('bench/results.json'), 'utf8')),
      uploads: results.uploads,
    }
    writeFileSync(pathOf('bench/results.json'), `${JSON.stringify(kept, null, 2)}\n`)
    writeReport(kept)
    return
  }
  const isWhole = !values.short && values.only === undefined && values.rounds === undefined
  const json = `${JSON.stringify(results, null, 2)}\n`
  writeFileSync(pathOf(isWhole ? 'bench/results.json' : 'temp/bench.json'), json)
  if (isWhole) writeReport(results)
}

function writeReport(results: Results): void {
  writeFileSync(pathOf('docs/performance.md'), report(results))
  writeFileSync(pathOf('docs/performance.svg'), plot(results))
}

async function gate(): Promise<void> {
  const tries: Verdict[][] = []
  do {
    const results = await measure(plans)
    tries.push(judge(results))
    finish(results)
  } while (tooDear(tries).length > 0 && tries.length < TRIES)
  for (const { what, value, bound, reached = bound } of tooDear(tries)) {
    console.error(`${what}: ${significant(value)}, over ${SLACK} × ${reached} in ${tries.length} tries`)
    process.exitCode = 1
  }
}
