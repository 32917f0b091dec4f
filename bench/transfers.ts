import { BUFFERED_BYTES, type Pipeline, pipelinesOf } from './pipelines.js'
import { number, type Process, type Server, startClient } from './processes.js'
import type { MemoryCell, TransferCell, TransferRow, UploadKind } from './results.js'
import { median, rotated, significant } from './statistics.js'

/** One measurement: objects of a size, so many at once, in each round. */
export interface TransferPlan {
  size: number
  concurrency: number
  objects: number
  /** Archived before the first round, for code that has not run often is slow code. */
  warmUp: number
  rounds: number
  pipelines: readonly string[]
  /** How rivals set up the SDK. Default `tuned`. */
  sdk?: 'tuned' | 'defaults'
  /** Of uploads: what is uploaded. */
  kind?: UploadKind
}

export interface TransferServers {
  source: Server
  sink: Server
  /** Where clients reach the sink. Default: its own origin. */
  sinkOrigin?: string
}

interface Measured {
  pipeline: Pipeline
  client: Process
  idle: number
  rounds: { cpuMs: number; wallMs: number; objectMs: number }[]
}

/** Media ids are never used twice: what is stored already costs less. */
let nextMedia = 0

/** Runs the rounds of all pipelines in turns, each in a process of its own. */
export async function measureTransfers(plan: TransferPlan, servers: TransferServers): Promise<TransferCell> {
  const { size, concurrency, objects, rounds, warmUp } = plan
  const all: Measured[] = []
  try {
    for (const pipeline of pipelinesFor(plan)) {
      const client = await startTransferClient(pipeline, plan, servers)
      await archive(1, { client, pipeline, plan, servers })
      const idle = number(await client.ask({ idle: true }), 'bytes')
      all.push({ pipeline, client, idle, rounds: [] })
    }
    for (const { client, pipeline } of all) await archive(warmUp, { client, pipeline, plan, servers })
    for (let round = 0; round < rounds; round++) {
      for (const { client, pipeline, rounds } of rotated(all, round)) {
        rounds.push(await archive(objects, { client, pipeline, plan, servers }))
      }
    }
    const rows: TransferRow[] = []
    for (const measured of all) rows.push(await summarize(measured, objects))
    return { size, concurrency, objects, rounds, rows }
  } finally {
    for (const { client } of all) await client.stop()
  }
}

/** The highest memory above idle of each pipeline, in fresh processes: the median of so many. */
export async function measureMemory(plan: TransferPlan, servers: TransferServers): Promise<MemoryCell> {
  const { size, concurrency, objects, rounds } = plan
  const rows: MemoryCell['rows'] = []
  for (const pipeline of pipelinesFor(plan)) {
    const peaks: number[] = []
    for (let round = 0; round < rounds; round++) {
      const client = await startTransferClient(pipeline, plan, servers)
      try {
        await archive(1, { client, pipeline, plan: { ...plan, size: 100_000 }, servers })
        const idle = number(await client.ask({ idle: true }), 'bytes')
        await archive(objects, { client, pipeline, plan, servers })
        peaks.push(number(await client.ask({ peak: true }), 'bytes') - idle)
      } finally {
        await client.stop()
      }
    }
    rows.push({ pipeline: pipeline.name, aboveIdleMb: Math.round(median(peaks) / 1_000_000) })
  }
  return { size, concurrency, rows }
}

function pipelinesFor({ size, concurrency, pipelines }: TransferPlan): Pipeline[] {
  const isTooMuch = size * concurrency > BUFFERED_BYTES
  return pipelinesOf(pipelines).filter(({ isBuffering = false }) => !(isBuffering && isTooMuch))
}

function startTransferClient(
  { name }: Pipeline,
  { concurrency, sdk, kind }: TransferPlan,
  { source, sink, sinkOrigin = sink.origin }: TransferServers,
): Promise<Process> {
  return startClient('./client.mjs', {
    PIPELINE: name,
    SOURCE: source.origin,
    SINK: sinkOrigin,
    CONCURRENCY: String(concurrency),
    ...(sdk === undefined ? {} : { SDK: sdk }),
    ...(kind === undefined ? {} : { KIND: kind }),
  })
}

interface Run {
  client: Process
  pipeline: Pipeline
  plan: TransferPlan
  servers: TransferServers
}

/** One round, and the proof that the sink got it: whole objects of the right bytes, signed, and under their condition. */
async function archive(count: number, { client, pipeline, plan, servers }: Run): Promise<Measured['rounds'][number]> {
  const { size, concurrency } = plan
  const from = nextMedia
  nextMedia += count
  const answer = await client.ask({ run: { size, from, count, concurrency } })
  const stored = await servers.sink.ask({ take: true })
  const problems = [
    number(stored, 'objects') === count ? '' : `${number(stored, 'objects')} of ${count} objects`,
    number(stored, 'bytes') === count * size ? '' : `${number(stored, 'bytes')} of ${count * size} bytes`,
    number(stored, 'refused') === 0 ? '' : `${number(stored, 'refused')} requests refused`,
    pipeline.isUnproven || number(stored, 'unconditional') === 0 ? '' : 'without a condition',
    pipeline.isUnproven || number(stored, 'unhashed') === 0 ? '' : 'without a hash',
  ].filter((problem) => problem !== '')
  if (problems.length > 0) throw new Error(`${pipeline.name} stored ${problems.join(', ')}`)
  return { cpuMs: number(answer, 'cpuMs'), wallMs: number(answer, 'wallMs'), objectMs: number(answer, 'medianMs') }
}

async function summarize({ pipeline, client, idle, rounds }: Measured, objects: number): Promise<TransferRow> {
  const peak = number(await client.ask({ peak: true }), 'bytes')
  const cpu = rounds.map(({ cpuMs }) => cpuMs / objects)
  return {
    pipeline: pipeline.name,
    cpuMs: significant(median(cpu)),
    cpuMsRange: [significant(Math.min(...cpu)), significant(Math.max(...cpu))],
    objectsPerSecond: significant(median(rounds.map(({ wallMs }) => (objects / wallMs) * 1_000))),
    objectMs: significant(median(rounds.map(({ objectMs }) => objectMs))),
    aboveIdleMb: Math.round((peak - idle) / 1_000_000),
  }
}
