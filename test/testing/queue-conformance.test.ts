import { describe, expect, it } from 'vitest'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import type { JobContext, JobOutcome, MediaJob, ProcessJob } from '../../src/queues.js'
import type { OpenQueue } from '../../src/testing/queue-conformance/context.js'
import { queueConformance } from '../../src/testing/queue-conformance.js'

/** What a queue does otherwise than it should. */
interface Lie {
  /** What it keeps of a batch. */
  enqueue?: (jobs: readonly MediaJob[]) => readonly MediaJob[]
  /** What it makes of a run. */
  run?: (job: MediaJob, context: JobContext) => [job: MediaJob, context: JobContext]
  /** What it makes of its outcome. */
  settle?: (outcome: JobOutcome, job: MediaJob) => JobOutcome
  close?: (left: MediaJob[]) => MediaJob[]
  open?: (opened: OpenQueue, letters: Set<MediaJob>) => Partial<OpenQueue>
}

/** The in-process queue with a memory for dead letters, but for the lie. */
function openLying(lie: Lie): OpenQueue {
  const { enqueue = (jobs) => jobs, run = (job, context) => [job, context] } = lie
  const { settle = (outcome) => outcome, close = (left) => left, open = () => ({}) } = lie
  const inner = createInProcessQueue()
  const letters = new Set<MediaJob>()
  const wrap =
    (processJob: ProcessJob): ProcessJob =>
    async (job, context) => {
      const outcome = settle(await processJob(...run(job, context)), job)
      if (outcome.outcome === 'dead-letter') {
        const { downloadUrl, downloadUrlExpiresAt, encryption, ...media } = outcome.job.media
        letters.add({ ...outcome.job, media })
      }
      return outcome
    }
  const honest: OpenQueue = {
    queue: {
      enqueue: async (jobs) => inner.enqueue(enqueue(jobs)),
      start: (processJob) => inner.start(wrap(processJob)),
      close: async (options) => close(await inner.close(options)),
    },
  }
  return { ...honest, ...open(honest, letters) }
}

/** The names of the cases that the queue fails. */
async function failuresOf(lie: Lie): Promise<string[]> {
  const cases = queueConformance({ open: () => openLying(lie), isDurable: false, limitMs: 3_000 })
  const failed = await Promise.all(
    cases.map(async ({ name, run }) =>
      run().then(
        () => [],
        () => [name],
      ),
    ),
  )
  return failed.flat()
}

const retriedWith = (change: (outcome: Extract<JobOutcome, { outcome: 'retry' }>, job: MediaJob) => object): Lie => ({
  settle: (outcome, job) => (outcome.outcome === 'retry' ? { ...outcome, ...change(outcome, job) } : outcome),
})

const lettersOf = (letter: (job: MediaJob) => unknown, redrive?: () => Promise<void>): Lie => ({
  open: (_opened, letters) => ({
    deadLetters: async () => [...letters].map((job) => ({ job, error: 'media-gone', ...(letter(job) as object) })),
    ...(redrive === undefined ? {} : { redrive }),
  }),
})

describe('queueConformance() catches a queue that', () => {
  it.each<[string, Lie, RegExp[]]>([
    ['does nothing wrong', {}, []],
    ['forgets a job of many', { enqueue: (jobs) => jobs.slice(0, 50) }, [/batch of many/]],
    [
      'changes a job',
      { run: (job, context) => [{ ...job, media: { ...job.media, caption: 'Grüße' } }, context] },
      [/as it was/, /wait for a worker/, /keeps the job/, /close stops/],
    ],
    [
      'counts from zero',
      { run: (job, context) => [job, { ...context, attempt: context.attempt - 1 }] },
      [/first attempt$/, /done can be/, /next attempt/, /no attempt/, /pause again/, /dead letter can be/],
    ],
    ['retries too early', retriedWith(() => ({ afterSeconds: 0 })), [/not before its time/]],
    ['keeps an old job', retriedWith((_outcome, job) => ({ job })), [/keeps the job/]],
    [
      'counts what was no attempt',
      retriedWith(() => ({ isAttempt: true })),
      [/no attempt keeps its number/, /pause again/],
    ],
    [
      'forgets retries',
      { settle: () => ({ outcome: 'done' }) },
      [/not before/, /keeps the job/, /no attempt/, /pause again/, /close stops/],
    ],
    [
      'runs dead letters again',
      {
        settle: (outcome, job) =>
          outcome.outcome === 'dead-letter'
            ? { outcome: 'retry', afterSeconds: 0, until: '', isAttempt: true, job, error: undefined }
            : outcome,
      },
      [/dead letter leaves the queue/, /dead letter can be/],
    ],
    ['keeps download URLs', lettersOf((job) => ({ note: 'secret', job })), [/no download URL/]],
    ['reports no reason', lettersOf(() => ({ error: 'failed' })), [/keeps the reason/]],
    [
      're-drives nothing',
      lettersOf(
        () => ({}),
        async () => {},
      ),
      [/re-driven/],
    ],
    ['hands nothing back', { close: () => [] }, [/close stops/]],
    [
      'closes at once',
      { open: ({ queue }) => ({ queue: { ...queue, close: async () => [] } }) },
      [/close waits/, /close stops/, /closed queue/],
    ],
    [
      'refuses with an error of its own',
      {
        open: ({ queue }) => ({
          queue: { ...queue, enqueue: (jobs) => queue.enqueue(jobs).catch(() => Promise.reject(new Error('no'))) },
        }),
      },
      [/closed queue/],
    ],
  ])('%s', async (_name, lie, expected) => {
    const failures = await failuresOf(lie)
    for (const pattern of expected) expect(failures).toContainEqual(expect.stringMatching(pattern))
    expect(failures).toHaveLength(expected.length)
  })

  it('neither starts nor closes', async () => {
    const queue = { enqueue: async () => {} }
    const cases = queueConformance({ open: () => ({ queue }), isDurable: false, limitMs: 50 })
    const results = await Promise.allSettled(cases.map(({ run }) => run()))
    const passed = cases.filter((_, index) => results[index]?.status === 'fulfilled').map(({ name }) => name)
    // Of the second nothing can be told without a way to the dead letters.
    expect(passed).toEqual(['enqueue of nothing resolves', expect.stringContaining('re-driven')])
  })

  it('reports what a case found, not that the queue did not close after it', async () => {
    const queue = { enqueue: () => Promise.reject(new Error('full')), close: () => Promise.reject(new Error('open')) }
    const [first] = queueConformance({ open: () => ({ queue }), isDurable: false })
    await expect(first?.run()).rejects.toThrow('full')
  })

  it('fails a case after which the queue does not end', async () => {
    const open = (): OpenQueue =>
      openLying({ open: ({ queue }) => ({ queue: { ...queue, close: () => new Promise(() => {}) } }) })
    const [first] = queueConformance({ open, isDurable: false, limitMs: 100 })
    await expect(first?.run()).rejects.toThrow('The queue did not settle within 100 ms')
  })
})
