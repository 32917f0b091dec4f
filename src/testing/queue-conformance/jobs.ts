import assert from 'node:assert/strict'
import type { MediaJob } from '../../queues.js'
import type { Requirement } from '../conformance.js'
import { buildSampleJob, createProcessor, isSameJob, type Processor, type QueueCase } from './context.js'

/** More than a batch of any engine's, and no multiple of it. */
const MANY = 53

/** A job between `enqueue` and its first run. */
export const jobRequirements: readonly Requirement<QueueCase>[] = [
  {
    // The download URL, which expires in 5 minutes, may be left out.
    name: 'enqueue hands a job to a worker as it was, as its first attempt',
    async check(context) {
      const { queue, processor } = await openAndStart(context)
      const job = buildSampleJob('1761000000000001', {
        caption: 'Größe: 5 "m²"\n\u2028 ✓ 🏠 </script>',
        filename: 'a\\b: c?.pdf',
        voice: false,
      })
      await queue.enqueue([job])
      await processor.until((runs) => runs.length > 0)
      const [run] = processor.runs
      assert.deepEqual(run?.job, job)
      assert.equal(run?.attempt, 1)
    },
  },
  {
    name: 'enqueue of nothing resolves',
    async check(context) {
      const { queue } = await context.open()
      await queue.enqueue([])
    },
  },
  {
    name: 'enqueue takes a batch of many jobs whole',
    async check(context) {
      const { queue, processor } = await openAndStart(context)
      const jobs = Array.from({ length: MANY }, (_, index) => buildSampleJob(String(index)))
      await queue.enqueue(jobs)
      await processor.until(() => jobs.every((job) => processor.getRuns(job).length > 0))
      assert.ok(processor.runs.every(({ job }) => jobs.some((known) => isSameJob(known, job))))
    },
  },
  {
    name: 'jobs wait for a worker, if durable beyond the queue’s end',
    async check(context) {
      const job = buildSampleJob('1')
      const first = await context.open()
      await first.queue.enqueue([job])
      if (context.isDurable) await first.queue.close?.()
      const processor = createProcessor()
      context.start(context.isDurable ? await context.open() : first, processor.processJob)
      await processor.until((runs) => runs.length > 0)
      assert.deepEqual(processor.runs[0]?.job, job)
    },
  },
  {
    name: 'a job that is enqueued three times is run, and holds up no other',
    async check(context) {
      const { queue, processor } = await openAndStart(context)
      const [job, other] = [buildSampleJob('1'), buildSampleJob('2')]
      await queue.enqueue([job, job])
      await queue.enqueue([job, other])
      await processor.until(() => [job, other].every((each) => processor.getRuns(each).length > 0))
      assert.ok(processor.getRuns(job).length <= 3, 'the job was run more often than it was enqueued')
    },
  },
  {
    name: 'two messages about the same media are two jobs',
    async check(context) {
      const { queue, processor } = await openAndStart(context)
      const jobs = ['wamid.a', 'wamid.b'].map((messageId) => buildSampleJob('1', { messageId }))
      await queue.enqueue(jobs)
      await processor.until(() => jobs.every((job) => processor.getRuns(job).length > 0))
    },
  },
  {
    name: 'a job that is done can be enqueued again',
    async check(context) {
      const { queue, processor } = await openAndStart(context)
      const job = buildSampleJob('1')
      await runTwice({ job, processor, enqueue: (each) => queue.enqueue([each]) })
    },
  },
]

/** Enqueues a job until it has been run twice: an engine may take a moment to let go of it after its first run. */
export async function runTwice(options: {
  job: MediaJob
  processor: Processor
  enqueue: (job: MediaJob) => Promise<void>
}): Promise<void> {
  const { job, processor, enqueue } = options
  await enqueue(job)
  await processor.until(() => processor.getRuns(job).length === 1)
  const twice = processor.until(() => processor.getRuns(job).length > 1)
  let isRun = false
  void twice.then(() => {
    isRun = true
  })
  while (!isRun) {
    await enqueue(job)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.equal(processor.getRuns(job)[1]?.attempt, 1, 'a job that was enqueued anew is not at its first attempt')
}

async function openAndStart(
  context: QueueCase,
): Promise<{ queue: Awaited<ReturnType<QueueCase['open']>>['queue']; processor: Processor }> {
  const opened = await context.open()
  const processor = createProcessor()
  context.start(opened, processor.processJob)
  return { queue: opened.queue, processor }
}
