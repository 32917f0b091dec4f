// One way to archive media, in a process of its own, so that CPU time and memory are its own. PIPELINE names the file
// in pipelines/. Messages: `{ run: { size, from, count, concurrency } }` archives media and answers what it took,
// `{ idle: true }` answers the memory after a garbage collection, `{ peak: true }` the highest that there was.
// Needs --expose-gc.
import { readFileSync } from 'node:fs'

const { PIPELINE, SOURCE, SINK, CONCURRENCY, SDK, KIND } = process.env
const { open } = await import(`./pipelines/${PIPELINE}.mjs`)
const pipeline = open({
  source: SOURCE,
  sink: SINK,
  concurrency: Number(CONCURRENCY),
  ...(SDK === undefined ? {} : { sdk: SDK }),
  ...(KIND === undefined ? {} : { kind: KIND }),
})

async function run({ size, from, count, concurrency }) {
  const times = []
  let next = from
  const worker = async () => {
    while (next < from + count) {
      const id = `${size}-${next++}`
      const startedAt = performance.now()
      await pipeline.archive(id, size)
      times.push(performance.now() - startedAt)
    }
  }
  // Nobody pays for the garbage of the round before.
  globalThis.gc()
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: concurrency }, worker))
  const wallMs = performance.now() - startedAt
  const { user, system } = process.cpuUsage(cpuBefore)
  times.sort((a, b) => a - b)
  return { cpuMs: (user + system) / 1_000, wallMs, medianMs: times[Math.floor(times.length / 2)] }
}

/** Of this process alone: getrusage can report the parent's figures, for they survive an exec. */
function peakBytes() {
  try {
    return Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1_024
  } catch {
    return process.resourceUsage().maxRSS * 1_024
  }
}

async function answer(message) {
  if (message.run !== undefined) return run(message.run)
  if (message.peak !== undefined) return { bytes: peakBytes() }
  globalThis.gc()
  return { bytes: process.memoryUsage.rss() }
}

process.on('message', (message) => {
  answer(message).then(
    (result) => process.send(result),
    (error) => process.send({ error: `${PIPELINE}: ${error.stack}` }),
  )
})
process.on('disconnect', () => process.exit())
process.send({ ready: true })
