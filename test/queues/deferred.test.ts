import { describe, expect, it, vi } from 'vitest'
import type { MediaReference } from '../../src/media-reference.js'
import { createDeferredQueue, type DeferredJob, type DeferredQueueOptions } from '../../src/queues/deferred.js'
import type { JobContext, JobOutcome, MediaJob, ProcessJob } from '../../src/queues.js'
import { queueConformance } from '../../src/testing/queue-conformance.js'
import { toRows } from '../conformance-rows.js'

function createStore() {
  const rows = new Map<string, DeferredJob>()
  return {
    rows,
    async save(jobs: readonly DeferredJob[]) {
      for (const job of jobs) rows.set(job.id, JSON.parse(JSON.stringify(job)))
    },
    async remove(ids: readonly string[]) {
      for (const id of ids) rows.delete(id)
    },
    async findDue({ now, limit }: { now: string; limit: number }) {
      return [...rows.values()].filter(({ dueAt }) => dueAt <= now).slice(0, limit)
    },
  }
}

const jobOf = (mediaId: string, media: Partial<MediaReference> = {}): MediaJob => ({
  version: 1,
  accountId: 'pixels',
  media: { mediaId, messageId: `wamid.${mediaId}`, timestamp: '2026-11-22T10:00:00Z', ...media } as MediaReference,
})

function retryOf(job: MediaJob, afterSeconds = 0, isAttempt = true): JobOutcome {
  return { outcome: 'retry', afterSeconds, until: '', isAttempt, job, error: new Error('later') }
}

/** A queue, and the work that its platform waits for. */
function setUp(processJob?: ProcessJob, options: Partial<DeferredQueueOptions> = {}) {
  const store = createStore()
  const works: Promise<void>[] = []
  const queue = createDeferredQueue({ store, waitUntil: (work) => works.push(work), ...options })
  if (processJob !== undefined) queue.start(processJob)
  return { queue, rows: store.rows, settle: () => Promise.all(works), works, store }
}

describe('createDeferredQueue() meets the conformance suite', () => {
  const stores = new Map<string, ReturnType<typeof createStore>>()
  const open = (name: string) => {
    const store = stores.get(name) ?? createStore()
    stores.set(name, store)
    const queue = createDeferredQueue({ store, waitUntil: () => {} })
    const work = (processJob: ProcessJob) => {
      // As a cron job does, in a process of its own.
      const cron = createDeferredQueue({ store, waitUntil: () => {}, leaseSeconds: 60 })
      cron.start(processJob)
      const timer = setInterval(() => void cron.redrive().catch(() => {}), 20)
      return {
        close(closing?: { timeoutMs?: number | undefined }) {
          clearInterval(timer)
          return cron.close(closing)
        },
      }
    }
    return { queue, work }
  }
  it.each(toRows(queueConformance({ open })))('%s', (_name, run) => run())
})

describe('enqueue', () => {
  it('saves the jobs before it resolves, runs them in waitUntil, and removes them', async () => {
    const processJob = vi.fn(async (): Promise<JobOutcome> => ({ outcome: 'done' }))
    const { queue, rows, settle, works } = setUp(processJob)
    const saved = queue.enqueue([jobOf('1'), jobOf('2'), jobOf('1')])
    expect(processJob).not.toHaveBeenCalled()
    await saved
    expect([rows.size, works.length]).toEqual([2, 1])
    await settle()
    expect([rows.size, processJob.mock.calls.length]).toEqual([0, 2])
  })

  it('keeps the download URL for its own attempt, and out of the store', async () => {
    const media = { downloadUrl: 'https://lookaside.fbsbx.com/secret', downloadUrlExpiresAt: '2026-11-22T10:05:00Z' }
    const seen: MediaJob[] = []
    const { queue, store, settle } = setUp(async (job) => {
      seen.push(job)
      return { outcome: 'done' }
    })
    const save = vi.spyOn(store, 'save')
    await queue.enqueue([jobOf('1', media)])
    await settle()
    expect(seen[0]?.media.downloadUrl).toBe(media.downloadUrl)
    expect(JSON.stringify(save.mock.calls)).not.toContain('secret')
  })

  it('rejects with what the store throws: Meta delivers again', async () => {
    const { queue, store, works } = setUp(async () => ({ outcome: 'done' }))
    store.save = () => Promise.reject(new Error('down'))
    await expect(queue.enqueue([jobOf('1')])).rejects.toThrow('down')
    expect(works).toEqual([])
  })

  it('runs no more jobs at once than it may', async () => {
    let [now, most] = [0, 0]
    const { queue, settle } = setUp(
      async () => {
        now += 1
        most = Math.max(most, now)
        await new Promise(setImmediate)
        now -= 1
        return { outcome: 'done' }
      },
      { concurrency: 3 },
    )
    const jobs = Array.from({ length: 10 }, (_, index) => jobOf(String(index)))
    await Promise.all([queue.enqueue(jobs.slice(0, 5)), queue.enqueue(jobs.slice(5))])
    await settle()
    expect(most).toBe(3)
  })
})

describe('redrive', () => {
  it('runs the jobs of a function that was stopped between the answer and the archive', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      const store = createStore()
      const stopped = createDeferredQueue({ store, waitUntil: () => {}, leaseSeconds: 300 })
      stopped.start(() => new Promise(() => {}))
      await stopped.enqueue([jobOf('1'), jobOf('2')])
      const contexts: JobContext[] = []
      const cron = createDeferredQueue({ store, waitUntil: () => {}, leaseSeconds: 300 })
      cron.start(async (_job, context) => {
        contexts.push(context)
        return { outcome: 'done' }
      })
      vi.advanceTimersByTime(299_000)
      expect(await cron.redrive()).toEqual({ done: 0, waiting: 0, failed: 0 })
      vi.advanceTimersByTime(1_000)
      expect(await cron.redrive({ limit: 1 })).toEqual({ done: 1, waiting: 0, failed: 0 })
      expect(await cron.redrive()).toEqual({ done: 1, waiting: 0, failed: 0 })
      expect(contexts.map(({ attempt }) => attempt)).toEqual([1, 1])
      expect(store.rows.size).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('counts attempts, keeps the outcome’s job, and counts the ends', async () => {
    const counted = { ...jobOf('1'), faults: { 'media-gone': 1 } }
    const outcomes: JobOutcome[] = [
      retryOf(counted),
      retryOf(counted, 0, false),
      { outcome: 'dead-letter', job: counted, error: new Error('gone') as never },
    ]
    const seen: [MediaJob, number][] = []
    const { queue, rows, settle } = setUp(async (job, { attempt }) => {
      seen.push([job, attempt])
      return outcomes[seen.length - 1] ?? { outcome: 'done' }
    })
    await queue.enqueue([jobOf('1')])
    await settle()
    expect(await queue.redrive()).toEqual({ done: 0, waiting: 1, failed: 0 })
    expect(await queue.redrive()).toEqual({ done: 0, waiting: 0, failed: 1 })
    expect(seen).toEqual([
      [jobOf('1'), 1],
      [counted, 2],
      [counted, 2],
    ])
    expect(rows.size).toBe(0)
  })

  it('stops jobs at its time limit, begins no more, and keeps all of them', async () => {
    const { queue, rows } = setUp(undefined, { concurrency: 1, leaseSeconds: 300 })
    await queue.enqueue([jobOf('1'), jobOf('2')])
    for (const row of rows.values()) row.dueAt = '2026-01-01T00:00:00.000Z'
    const processJob = vi.fn(async (job: MediaJob, { signal }: JobContext) => {
      await new Promise((resolve) => signal?.addEventListener('abort', resolve))
      return retryOf(job, 0, false)
    })
    queue.start(processJob)
    expect(await queue.redrive({ timeoutMs: 20 })).toEqual({ done: 0, waiting: 2, failed: 0 })
    expect(processJob).toHaveBeenCalledOnce()
    const now = new Date().toISOString()
    expect([...rows.values()].map(({ attempt, dueAt }) => [attempt, dueAt <= now])).toEqual([
      [1, true],
      [1, true],
    ])
  })

  it('keeps a job whose processor throws, and one whose store fails', async () => {
    const onError = vi.fn(() => Promise.reject(new Error('broken logger')))
    const { queue, rows, store, settle } = setUp(() => Promise.reject(new Error('bug')), { onError })
    await queue.enqueue([jobOf('1')])
    await settle()
    expect([...rows.values()]).toMatchObject([{ attempt: 2 }])
    expect(onError).not.toHaveBeenCalled()
    queue.start(async () => ({ outcome: 'done' }))
    store.remove = () => Promise.reject(new Error('down'))
    await queue.enqueue([jobOf('1')])
    await settle()
    expect(rows.size).toBe(1)
    expect(onError).toHaveBeenCalledWith(new Error('down'))
  })

  it('keeps a job without onError, too', async () => {
    const { queue, rows, store, settle } = setUp(async () => ({ outcome: 'done' }))
    store.remove = () => Promise.reject(new Error('down'))
    await queue.enqueue([jobOf('1')])
    await settle()
    expect(rows.size).toBe(1)
  })

  it('is refused without an archive, after close, and with limits of the wrong form', async () => {
    const { queue } = setUp()
    await expect(queue.redrive()).rejects.toMatchObject({ code: 'queue-failed', reason: 'no archive' })
    await expect(queue.redrive({ limit: 0 })).rejects.toThrow(/^limit must be/)
    await expect(queue.redrive({ timeoutMs: -1 })).rejects.toThrow(/^timeoutMs must be/)
    await queue.close()
    await expect(queue.redrive()).rejects.toMatchObject({ code: 'queue-failed', reason: 'closed' })
  })
})

it.each<[string, unknown, RegExp]>([
  ['no waitUntil', { waitUntil: undefined }, /^waitUntil is missing; it must be a function, got undefined/],
  ['no store', { store: undefined }, /^store is missing; it must be a store of jobs, got undefined/],
  [
    'half a store',
    { store: { save() {}, remove() {} } },
    /^store must be a store of jobs, and lacks the functions findDue/,
  ],
  ['a lease that no media outlives', { leaseSeconds: 9e15 }, /^leaseSeconds must be/],
  ['no concurrency', { concurrency: 0 }, /^concurrency must be/],
  ['no lease', { leaseSeconds: 0.5 }, /^leaseSeconds must be/],
])('createDeferredQueue refuses %s', (_name, wrong, told) => {
  const options = { store: createStore(), waitUntil: () => {}, ...(wrong as object) }
  expect(() => createDeferredQueue(options)).toThrow(told)
})

describe('createDeferredQueue(), given what a database and a platform really give', () => {
  const done: ProcessJob = async () => ({ outcome: 'done' })
  const dueAt = '2026-11-22T10:00:00.000Z'

  it.each<[string, object, Partial<DeferredJob>]>([
    ['a job as JSON text', { job: JSON.stringify(jobOf('1')) }, {}],
    ['an attempt as digits', { attempt: '2' }, { attempt: 2 }],
    ['an attempt that is none', { attempt: 'soon' }, { attempt: 1 }],
    ['no attempt', { attempt: null }, { attempt: 1 }],
    ['columns of its own', { created: 1 }, {}],
  ])('runs a row with %s, under its own id', async (_what, column, row) => {
    const { queue, rows, store } = setUp()
    const runs: [MediaJob, JobContext][] = []
    queue.start(async (...run) => {
      runs.push(run)
      return retryOf(run[0], 60)
    })
    store.findDue = async () => [{ id: 'own', job: jobOf('1'), attempt: 3, dueAt, ...column } as DeferredJob]
    expect(await queue.redrive()).toEqual({ done: 0, waiting: 1, failed: 0 })
    const attempt = row.attempt ?? 3
    expect(runs).toMatchObject([[jobOf('1'), { attempt }]])
    expect([...rows.values()]).toMatchObject([{ id: 'own', job: jobOf('1'), attempt: attempt + 1 }])
  })

  it.each([
    undefined,
    null,
    'row',
    {},
    { id: '', job: jobOf('1') },
    { id: 'x' },
    { id: 'x', job: '{' },
    { id: 'x', job: 7 },
  ])('reports the row %j, and runs the others', async (row) => {
    const onError = vi.fn()
    const { queue, store } = setUp(done, { onError })
    store.findDue = async () => [row as unknown as DeferredJob, { id: 'good', job: jobOf('1'), attempt: 1, dueAt }]
    expect(await queue.redrive()).toEqual({ done: 1, waiting: 0, failed: 0 })
    expect(onError).toHaveBeenCalledOnce()
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: 'invalid-option', option: 'store.findDue' }))
  })

  it('refuses a store that gives no list, and what is no job', async () => {
    const { queue, store } = setUp(done)
    store.findDue = async () => undefined as never
    await expect(queue.redrive()).rejects.toThrow(/^store\.findDue must be/)
    for (const odd of ['x', [{}], [null]]) {
      await expect(queue.enqueue(odd as never)).rejects.toMatchObject({ code: 'invalid-option' })
    }
  })

  it('takes a time longer than any timer as none', async () => {
    const { queue, settle } = setUp()
    await queue.enqueue([jobOf('1'), jobOf('2')])
    queue.start(done)
    expect(await queue.redrive({ timeoutMs: Number.POSITIVE_INFINITY })).toEqual({ done: 2, waiting: 0, failed: 0 })
    await settle()
  })

  it('hears of a promise of the platform that rejects', async () => {
    const onError = vi.fn()
    const { queue } = setUp(done, { onError, waitUntil: () => Promise.reject(new Error('outside of a request')) })
    await queue.enqueue([jobOf('1')])
    await vi.waitFor(() => expect(onError).toHaveBeenCalledWith(new Error('outside of a request')))
  })

  it('is idle when each job is settled', async () => {
    const { queue, rows } = setUp(done, { concurrency: 1 })
    await queue.enqueue([jobOf('1'), jobOf('2'), jobOf('3')])
    expect(queue.countJobs()).toEqual({ open: 3, waiting: 0 })
    await queue.idle()
    expect(queue.countJobs()).toEqual({ open: 0, waiting: 0 })
    expect(rows.size).toBe(0)
    await queue.enqueue([jobOf('4')])
    await expect(queue.idle({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    await queue.idle()
  })
})
