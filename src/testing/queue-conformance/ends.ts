import assert from 'node:assert/strict'
import { once } from 'node:events'
import { WhatsAppMediaError } from '../../errors.js'
import type { JobOutcome, MediaJob } from '../../queues.js'
import type { Requirement } from '../conformance.js'
import {
  buildSampleDeadLetter,
  buildSampleJob,
  buildSampleRetry,
  createProcessor,
  isSameJob,
  type QueueCase,
} from './context.js'
import { runTwice } from './jobs.js'

/** Engines' timers are not exact. */
const EARLY_MS = 100
/** More than engines that count deliveries allow by default. */
const MANY_PAUSES = 6

/** A job after a run, and the queue at its end. */
export const endRequirements: readonly Requirement<QueueCase>[] = [
  {
    name: 'a retry is run again as the next attempt, and not before its time',
    async check(context) {
      const opened = await context.open()
      const processor = createProcessor(({ job, index }) =>
        index === 0 ? buildSampleRetry(job, { afterSeconds: 1 }) : { outcome: 'done' },
      )
      context.start(opened, processor.processJob)
      await opened.queue.enqueue([buildSampleJob('1')])
      await processor.until((runs) => runs.length > 1)
      const [first, second] = processor.runs
      assert.deepEqual([first?.attempt, second?.attempt], [1, 2])
      assert.ok(Number(second?.at) - Number(first?.at) >= 1_000 - EARLY_MS, 'the retry came too early')
    },
  },
  {
    name: 'a retry keeps the job that the outcome holds',
    async check(context) {
      const opened = await context.open()
      const counted = (job: MediaJob): MediaJob => ({ ...job, faults: { 'media-gone': 1 } })
      const processor = createProcessor(({ job, index }) =>
        index === 0 ? buildSampleRetry(counted(job)) : { outcome: 'done' },
      )
      context.start(opened, processor.processJob)
      const job = buildSampleJob('1')
      await opened.queue.enqueue([job])
      await processor.until((runs) => runs.length > 1)
      assert.deepEqual(processor.runs[1]?.job, counted(job))
    },
  },
  {
    name: 'a retry that is no attempt keeps its number',
    async check(context) {
      const opened = await context.open()
      const processor = createProcessor(({ job, index }) =>
        index < 2 ? buildSampleRetry(job, { isAttempt: index === 0 }) : { outcome: 'done' },
      )
      context.start(opened, processor.processJob)
      await opened.queue.enqueue([buildSampleJob('1')])
      await processor.until((runs) => runs.length > 2)
      assert.deepEqual(
        processor.runs.slice(0, 3).map(({ attempt }) => attempt),
        [1, 2, 2],
      )
    },
  },
  {
    // A pause may last for days: its jobs come and go, and are never given up for that.
    name: 'jobs that pause again and again are neither lost nor counted, and hold up no other job',
    async check(context) {
      const opened = await context.open()
      const paused = ['1', '2', '3'].map((id) => buildSampleJob(id))
      const other = buildSampleJob('4')
      const processor = createProcessor(({ job, index }) =>
        isSameJob(job, other) || index === MANY_PAUSES
          ? { outcome: 'done' }
          : buildSampleRetry(job, { isAttempt: false }),
      )
      context.start(opened, processor.processJob)
      await opened.queue.enqueue([...paused, other])
      await processor.until(() => paused.every((job) => processor.getRuns(job).length > MANY_PAUSES))
      assert.equal(processor.getRuns(other).length > 0, true, 'a job that does not pause was held up')
      assert.deepEqual(new Set(processor.runs.map(({ attempt }) => attempt)), new Set([1]))
    },
  },
  {
    name: 'a retry that waits holds up no other job',
    async check(context) {
      const opened = await context.open()
      const [waiting, ...others] = ['1', '2', '3'].map((id) => buildSampleJob(id))
      assert.ok(waiting)
      const processor = createProcessor(({ job }) =>
        isSameJob(job, waiting) ? buildSampleRetry(job, { afterSeconds: 3_600 }) : { outcome: 'done' },
      )
      context.start(opened, processor.processJob)
      await opened.queue.enqueue([waiting, ...others])
      await processor.until(() => others.every((job) => processor.getRuns(job).length > 0))
    },
  },
  {
    name: 'a dead letter leaves the queue, keeps the reason, and no download URL or keys',
    async check(context) {
      const opened = await context.open()
      const job = buildSampleJob('1', {
        downloadUrl: 'https://lookaside.fbsbx.com/secret',
        downloadUrlExpiresAt: 'soon',
        encryption: { encryptedSha256: '0'.repeat(64), encryptionKey: 'secret', iv: 'secret', hmacKey: 'secret' },
      })
      const processor = createProcessor((run) =>
        isSameJob(run.job, job) ? buildSampleDeadLetter(run.job) : { outcome: 'done' },
      )
      const worker = context.start(opened, processor.processJob)
      await opened.queue.enqueue([job])
      await processor.until((runs) => runs.length > 0)
      await opened.queue.enqueue([buildSampleJob('2')])
      await processor.until(() => processor.runs.length > 1)
      // Time for a second run, which must not happen.
      await new Promise((resolve) => setTimeout(resolve, 50))
      await worker.close()
      assert.equal(processor.getRuns(job).length, 1, 'a dead letter was run again')
      const letters = await opened.deadLetters?.()
      if (letters === undefined) return
      const { downloadUrl, downloadUrlExpiresAt, encryption, ...media } = job.media
      assert.deepEqual(
        letters.map((letter) => letter.job),
        [{ ...job, media }],
      )
      const text = JSON.stringify(letters)
      assert.ok(text.includes('media-gone'), 'the dead letter has no reason')
      assert.ok(!text.includes('secret'), 'the dead letter holds a download URL, or keys')
    },
  },
  {
    name: 'a job that became a dead letter can be enqueued again',
    async check(context) {
      const opened = await context.open()
      const job = buildSampleJob('1')
      const processor = createProcessor((run) =>
        run.index === 0 ? buildSampleDeadLetter(run.job) : { outcome: 'done' },
      )
      context.start(opened, processor.processJob)
      await runTwice({ job, processor, enqueue: (each) => opened.queue.enqueue([each]) })
    },
  },
  {
    name: 'a dead letter that is re-driven is run as a first attempt, and is none any more',
    async check(context) {
      const opened = await context.open()
      const { deadLetters, redrive } = opened
      if (deadLetters === undefined || redrive === undefined) return
      const processor = createProcessor((run) =>
        run.index < 2 ? decideRetryThenDeath(run.job, run.index) : { outcome: 'done' },
      )
      const worker = context.start(opened, processor.processJob)
      await opened.queue.enqueue([buildSampleJob('1')])
      await processor.until((runs) => runs.length > 1)
      await worker.close()
      assert.equal((await deadLetters()).length, 1)
      await redrive()
      assert.deepEqual(await deadLetters(), [])
      const again = context.start(opened, processor.processJob)
      await processor.until((runs) => runs.length > 2)
      await again.close()
      assert.equal(processor.runs[2]?.attempt, 1)
      assert.deepEqual(await deadLetters(), [])
    },
  },
  {
    name: 'close waits for the jobs under way',
    async check(context) {
      const opened = await context.open()
      const end = new AbortController()
      const ended = once(end.signal, 'abort')
      const processor = createProcessor(async () => {
        await ended
        return { outcome: 'done' }
      })
      const worker = context.start(opened, processor.processJob)
      await opened.queue.enqueue([buildSampleJob('1')])
      await processor.until((runs) => runs.length > 0)
      let isClosed = false
      const closed = worker.close().then((left) => {
        isClosed = true
        return left
      })
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.ok(!isClosed, 'close did not wait for a job under way')
      end.abort()
      assert.deepEqual(await closed, [])
    },
  },
  {
    name: 'close stops a job that takes longer than it may, and does not lose it',
    async check(context) {
      const opened = await context.open()
      const processor = createProcessor(async ({ job, index, signal }) => {
        if (index > 0) return { outcome: 'done' }
        assert.ok(signal, 'a run has no signal to stop it')
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        return buildSampleRetry(job, { isAttempt: false })
      })
      const worker = context.start(opened, processor.processJob)
      const job = buildSampleJob('1')
      await opened.queue.enqueue([job])
      await processor.until((runs) => runs.length > 0)
      const left = await worker.close({ timeoutMs: 1 })
      if (!context.isDurable) {
        assert.deepEqual(left, [job])
        return
      }
      context.start(opened, processor.processJob)
      await processor.until((runs) => runs.length > 1)
      assert.deepEqual([processor.runs[1]?.job, processor.runs[1]?.attempt], [job, 1])
    },
  },
  {
    name: 'a closed queue takes nothing, and says that it can be tried again',
    async check(context) {
      const { queue } = await context.open()
      await queue.close?.()
      await assert.rejects(queue.enqueue([buildSampleJob('1')]), (error: unknown) => {
        assert.ok(WhatsAppMediaError.is(error))
        assert.match(error.code, /^queue-(?:full|failed)$/)
        return error.retryable
      })
    },
  },
]

function decideRetryThenDeath(job: MediaJob, index: number): JobOutcome {
  return index === 0 ? buildSampleRetry(job) : buildSampleDeadLetter(job)
}
