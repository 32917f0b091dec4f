import { afterEach, describe, expect, it, vi } from 'vitest'
import type { MediaReference } from '../../src/media-reference.js'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import type { JobContext, JobOutcome, MediaJob } from '../../src/queues.js'

const job = (mediaId: string, messageId = `wamid.${mediaId}`): MediaJob => ({
  version: 1,
  accountId: 'pixels',
  media: { mediaId, messageId, timestamp: '2026-11-22T10:00:00Z' } as MediaReference,
})

const done: JobOutcome = { outcome: 'done' }

const later = (afterSeconds: number, error: unknown, isAttempt = true, kept = job('1')): JobOutcome => ({
  outcome: 'retry',
  afterSeconds,
  until: '2026-11-29T10:00:00.000Z',
  isAttempt,
  job: kept,
  error,
})

/** A processor whose jobs end when told to. */
function gate() {
  const calls: { job: MediaJob; context: JobContext; end: (outcome?: JobOutcome) => void }[] = []
  const process = (each: MediaJob, context: JobContext): Promise<JobOutcome> =>
    new Promise((resolve) => {
      calls.push({ job: each, context, end: (outcome = done) => resolve(outcome) })
    })
  return { calls, process }
}

/** Counts the steps of all iterations over maps and sets, from now on. */
function countSteps(): { stop(): number } {
  let steps = 0
  const restore = [new Map().values(), new Set().values()].map((iterator) => {
    const prototype = Object.getPrototypeOf(iterator) as { next(): IteratorResult<unknown> }
    const { next } = prototype
    prototype.next = function countedNext(this: unknown) {
      steps++
      return next.call(this)
    }
    return () => {
      prototype.next = next
    }
  })
  return {
    stop() {
      for (const undo of restore) undo()
      return steps
    },
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('createInProcessQueue', () => {
  it('answers first and works after', async () => {
    const { calls, process } = gate()
    const queue = createInProcessQueue()
    queue.start(process)
    await queue.enqueue([job('1')])
    expect(calls).toHaveLength(0)
    await turn()
    expect(calls).toMatchObject([{ job: job('1'), context: { attempt: 1 } }])
    calls[0]?.end()
    expect(await queue.close()).toEqual([])
  })

  it('lets accounts take turns, so that thousands of one hold up no other', async () => {
    const queue = createInProcessQueue({ concurrency: 1 })
    const ran: string[] = []
    let settle: (outcome: JobOutcome) => void = () => {}
    queue.start((each) => {
      ran.push(`${each.accountId} ${each.media.mediaId}`)
      return new Promise((resolve) => {
        settle = resolve
      })
    })
    const proceed = async (): Promise<void> => {
      settle(done)
      await turn()
    }
    const many = Array.from({ length: 2_000 }, (_, number) => job(`${number}`))
    await queue.enqueue(many)
    await turn()
    for (let times = 0; times < 10; times++) await proceed()
    await queue.enqueue([
      { ...job('x'), accountId: 'acme' },
      { ...job('y'), accountId: 'acme' },
    ])
    for (let times = 0; times < 4; times++) await proceed()
    expect(ran.slice(11)).toEqual(['pixels 11', 'acme x', 'pixels 12', 'acme y'])
    await queue.close({ timeoutMs: 0 })
  })

  it('keeps jobs until it is started, and runs no more at once than it may', async () => {
    const { calls, process } = gate()
    const queue = createInProcessQueue({ concurrency: 2 })
    await queue.enqueue(['1', '2', '3'].map((id) => job(id)))
    await turn()
    queue.start(process)
    expect(calls.map((call) => call.job.media.mediaId)).toEqual(['1', '2'])
    calls[0]?.end()
    await turn()
    expect(calls.map((call) => call.job.media.mediaId)).toEqual(['1', '2', '3'])
    for (const call of calls) call.end()
    expect(await queue.close()).toEqual([])
  })

  it('takes the same job once while it is there, and again after', async () => {
    const { calls, process } = gate()
    const queue = createInProcessQueue()
    queue.start(process)
    await queue.enqueue([job('1'), job('1')])
    await queue.enqueue([job('1')])
    await turn()
    expect(calls).toHaveLength(1)
    calls[0]?.end({ outcome: 'dead-letter', job: job('1'), error: new Error('gone') as never })
    await turn()
    await queue.enqueue([job('1')])
    await turn()
    expect(calls).toHaveLength(2)
    calls[1]?.end()
    await queue.close()
  })

  it('lets a second message about the same media wait for the first', async () => {
    const { calls, process } = gate()
    const queue = createInProcessQueue()
    queue.start(process)
    await queue.enqueue([job('1', 'wamid.a'), job('1', 'wamid.b'), job('2')])
    await turn()
    expect(calls.map((call) => call.job.media.messageId)).toEqual(['wamid.a', 'wamid.2'])
    calls[0]?.end()
    await turn()
    expect(calls.map((call) => call.job.media.messageId)).toEqual(['wamid.a', 'wamid.2', 'wamid.b'])
    for (const call of calls) call.end()
    await queue.close()
  })

  it('runs what waited for its retry before what came later', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { calls, process } = gate()
    const queue = createInProcessQueue({ concurrency: 1 })
    queue.start(process)
    const jobs = [job('1', 'wamid.a'), job('1', 'wamid.b'), job('2'), job('3')]
    await queue.enqueue(jobs)
    await turn()
    calls[0]?.end(later(30, new Error('503'), true, jobs[0]))
    await turn()
    vi.advanceTimersByTime(30_000)
    for (let run = 1; run < 5; run++) {
      calls[run]?.end()
      await turn()
    }
    expect(calls.map((call) => call.job.media.messageId)).toEqual([
      ...['wamid.a', 'wamid.b', 'wamid.a', 'wamid.2', 'wamid.3'],
    ])
    expect(await queue.close()).toEqual([])
  })

  it.each<[string, (index: number) => MediaJob]>([
    ['jobs', (index) => job(`${index}`)],
    ['messages about one media item', (index) => job('1', `wamid.${index}`)],
    ['jobs that come again', (index) => job(`${index % 500}`)],
  ])('does no more work for each of 1,000 %s than for one', async (_name, jobOf) => {
    let reads = 0
    const counted = (each: MediaJob): MediaJob =>
      new Proxy(each, {
        get(target, name) {
          reads++
          return Reflect.get(target, name)
        },
      })
    const queue = createInProcessQueue()
    queue.start(async () => done)
    const steps = countSteps()
    for (let index = 0; index < 1_000; index++) await queue.enqueue([counted(jobOf(index))])
    expect(await queue.close()).toEqual([])
    const made = steps.stop()
    expect(made).toBeGreaterThan(1_000)
    expect(made).toBeLessThan(10_000)
    expect(reads).toBeLessThan(10_000)
  })

  it('close can wait without end', async () => {
    const { calls, process } = gate()
    const queue = createInProcessQueue()
    queue.start(process)
    await queue.enqueue([job('1')])
    await turn()
    const closing = queue.close({ timeoutMs: Number.POSITIVE_INFINITY })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(calls[0]?.context.signal?.aborted).toBe(false)
    calls[0]?.end()
    expect(await closing).toEqual([])
  })

  it('tries again when the outcome says so, counting attempts', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { calls, process } = gate()
    const queue = createInProcessQueue()
    queue.start(process)
    await queue.enqueue([job('1')])
    await turn()
    calls[0]?.end(later(30, new Error('503'), true, { ...job('1'), faults: { 'media-gone': 1 } }))
    await turn()
    vi.advanceTimersByTime(29_999)
    await turn()
    expect(calls).toHaveLength(1)
    vi.advanceTimersByTime(1)
    await turn()
    expect(calls).toMatchObject([{ context: { attempt: 1 } }, { context: { attempt: 2 } }])
    expect(calls.map((call) => call.job.faults)).toEqual([undefined, { 'media-gone': 1 }])
    calls[1]?.end(later(60, new Error('paused'), false))
    await turn()
    vi.advanceTimersByTime(60_000)
    await turn()
    expect(calls[2]?.context.attempt).toBe(2)
    calls[2]?.end()
    await queue.close()
  })

  it('takes all or none of a webhook’s jobs at its limit', async () => {
    const queue = createInProcessQueue({ maxQueued: 2 })
    await queue.enqueue([job('1')])
    await expect(queue.enqueue([job('2'), job('3')])).rejects.toMatchObject({
      code: 'queue-full',
      limit: 2,
      retryable: true,
    })
    await queue.enqueue([job('1'), job('2')])
    queue.start(async () => done)
    expect(await queue.close()).toEqual([])
  })

  it('close works off what is ready, and hands back what waits for a retry', async () => {
    const { calls, process } = gate()
    const queue = createInProcessQueue({ concurrency: 1 })
    queue.start(process)
    await queue.enqueue([job('1'), job('2')])
    await turn()
    calls[0]?.end(later(3_600, new Error('503')))
    await turn()
    const closing = queue.close()
    await expect(queue.enqueue([job('3')])).rejects.toMatchObject({ code: 'queue-full' })
    calls[1]?.end()
    expect(await closing).toEqual([job('1')])
  })

  it('close stops what runs longer than it may, and hands it back', async () => {
    const queue = createInProcessQueue({ concurrency: 1 })
    queue.start(
      (_job, { signal }) =>
        new Promise((resolve) => {
          signal?.addEventListener('abort', () => resolve(later(5, signal.reason)))
        }),
    )
    await queue.enqueue([job('1'), job('2')])
    await turn()
    expect(await queue.close({ timeoutMs: 20 })).toEqual([job('1'), job('2')])
  })

  it('keeps a job whose processor rejects, and ends no process', async () => {
    const queue = createInProcessQueue()
    queue.start(() => Promise.reject(new RangeError('a bug')))
    await queue.enqueue([job('1')])
    expect(await queue.close()).toEqual([job('1')])
  })

  it('takes a batch larger than itself when it is empty: refused once, it would be refused for ever', async () => {
    const queue = createInProcessQueue({ maxQueued: 2 })
    await queue.enqueue([job('1'), job('2'), job('3')])
    await expect(queue.enqueue([job('4')])).rejects.toMatchObject({ code: 'queue-full' })
    expect(await queue.close()).toHaveLength(3)
  })

  it('close abandons work that ignores its signal, and hands its job back', async () => {
    const queue = createInProcessQueue()
    queue.start(() => new Promise(() => {}))
    await queue.enqueue([job('1')])
    await turn()
    expect(await queue.close({ timeoutMs: 10 })).toEqual([job('1')])
  })

  it('close may be asked for twice, and the sooner time counts', async () => {
    const queue = createInProcessQueue()
    await queue.enqueue([job('1')])
    const [first, second] = await Promise.all([queue.close({ timeoutMs: 60_000 }), queue.close({ timeoutMs: 10 })])
    expect(first).toEqual([job('1')])
    expect(second).toBe(first)
  })

  it('close without a start hands back everything at once', async () => {
    const queue = createInProcessQueue()
    await queue.enqueue([job('1')])
    expect(await queue.close()).toEqual([job('1')])
  })

  it.each([
    ['concurrency', 0],
    ['concurrency', 1.5],
    ['maxQueued', -1],
  ])('refuses %s of %d', (option, value) => {
    expect(() => createInProcessQueue({ [option]: value })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option }),
    )
  })

  it('refuses to run where the process freezes after the answer', () => {
    vi.stubGlobal('awslambda', { streamifyResponse: () => {} })
    expect(() => createInProcessQueue()).toThrow(/Lambda/)
  })

  it('runs beside the AWS SDK, which makes a global of the same name', async () => {
    await import('@aws-sdk/client-s3')
    expect(globalThis).toHaveProperty('awslambda')
    expect(() => createInProcessQueue()).not.toThrow()
  })
})

it('counts the jobs that wait, and tells which comes first', async () => {
  const queue = createInProcessQueue()
  const [soon, late] = [new Error('soon'), new Error('late')]
  queue.start(async (each) => (each.media.mediaId === '1' ? later(900, late) : later(60, soon, true, each)))
  await queue.enqueue([job('1'), job('2')])
  await vi.waitFor(() => expect(queue.countJobs()).toMatchObject({ open: 2, waiting: 2, next: { error: soon } }))
  expect(await queue.close({ timeoutMs: 0 })).toHaveLength(2)
})
