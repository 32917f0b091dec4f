import { describe, expect, it, vi } from 'vitest'
import { CallbackFailedError } from '../../src/errors.js'
import { createMediaArchive } from '../../src/media-archive.js'
import { buildJobHash } from '../../src/queues/stored-job.js'
import type { JobOutcome, MediaJob } from '../../src/queues.js'
import { createMemoryStorage } from '../../src/storage/memory.js'
import { jobOf, openQueue, statesOf, usePrefix } from './redis.js'

const prefix = usePrefix()
const done: JobOutcome = { outcome: 'done' }
const later = (job: MediaJob, until: string): JobOutcome => ({
  ...{ outcome: 'retry', afterSeconds: 3_600, until, isAttempt: true, job },
  error: new Error('503'),
})

describe('createBullMqWorker', () => {
  it('moves a job forward whose media expires sooner than the queue could know', async () => {
    const { queue, main, work } = openQueue(prefix)
    const job = jobOf('1')
    await queue.enqueue([job])
    const before = (await main.getJob(buildJobHash(job)))?.priority
    work({ processJob: async (each) => later(each, '2026-11-22T11:00:00.000Z') })
    await vi.waitFor(async () => expect(await statesOf(main)).toEqual({ delayed: 1 }), 10_000)
    const after = await main.getJob(buildJobHash(job))
    // Ten minutes a step: seven days less an hour.
    expect(Number(before) - Number(after?.priority)).toBe(7 * 144 - 6)
    expect(after?.data).toEqual({ job, attempt: 2 })
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('a bug'))],
    [
      'throws',
      () => {
        throw new Error('a bug')
      },
    ],
  ])('keeps the job of a processor that %s, for a later attempt', async (_name, processJob) => {
    const { queue, main, work } = openQueue(prefix)
    await queue.enqueue([jobOf('1')])
    work({ processJob })
    await vi.waitFor(async () => expect(await statesOf(main)).toEqual({ delayed: 1 }), 10_000)
    const job = await main.getJob(buildJobHash(jobOf('1')))
    expect(job?.data).toEqual({ job: jobOf('1'), attempt: 2 })
    expect(job?.delay).toBeGreaterThan(59_000)
    expect(job?.priority).toBeGreaterThan(1)
  })

  it.each<[string, unknown]>([
    ['nothing', null],
    ['a text', 'text'],
    ['a job of another version', { job: { version: 2 }, attempt: 1 }],
    ['a job without media', { job: { version: 1, accountId: 'a', media: null }, attempt: -1 }],
    [
      'an attempt that is no number',
      { job: { version: 1, accountId: 'a', media: { downloadUrl: 'secret' } }, attempt: '2' },
    ],
  ])('makes a dead letter of %s, which can be re-driven and discarded', async (_name, data) => {
    const { queue, main, work } = openQueue(prefix)
    const { processJob } = createMediaArchive({
      storage: createMemoryStorage(),
      accounts: () => ({ accountId: 'a', accessToken: 'example' }),
    })
    const attempts: number[] = []
    const worker = work({
      processJob(job, context) {
        attempts.push(context.attempt)
        return processJob(job, context)
      },
    })
    await main.add('by another hand', data)
    await vi.waitFor(async () => expect(await queue.deadLetters()).toHaveLength(1), 10_000)
    const [letter] = await queue.deadLetters()
    expect(letter).toMatchObject({ error: { code: 'invalid-option' }, attempts: 1 })
    expect(JSON.stringify(letter)).not.toContain('secret')
    const id = String(letter?.id)
    await vi.waitFor(async () => expect(await queue.redrive([id])).toEqual([id]), 10_000)
    await vi.waitFor(async () => expect(await queue.deadLetters()).toHaveLength(1), 10_000)
    await worker.close()
    expect(attempts).toEqual([1, 1])
    expect(await statesOf(main)).toEqual({})
  })

  it('does not let go of a job before its dead letter is kept', async () => {
    const { queue, main, dead, redis, work } = openQueue(prefix)
    await dead.waitUntilReady()
    await redis.set(dead.toKey('id'), 'not a number')
    await queue.enqueue([jobOf('1')])
    const onError = vi.fn()
    const error = new CallbackFailedError({ callback: 'onArchived', cause: new Error('a bug') })
    const worker = work({ onError, processJob: async (job) => ({ outcome: 'dead-letter', job, error }) })
    await vi.waitFor(async () => expect(await statesOf(main)).toEqual({ delayed: 1 }), 10_000)
    expect(onError.mock.calls[0]?.[0]).toMatchObject({ code: 'queue-failed', operation: 'settle', reason: 'ERR' })
    await redis.del(dead.toKey('id'))
    // BullMQ's own second try, after its five seconds.
    await vi.waitFor(async () => expect(await queue.deadLetters()).toHaveLength(1), 20_000)
    await worker.close()
    expect(await statesOf(main)).toEqual({})
  })

  it('survives an app that throws when it gets a fault', async () => {
    const { queue, main, dead, redis, work } = openQueue(prefix)
    await dead.waitUntilReady()
    await redis.set(dead.toKey('id'), 'not a number')
    const tellers = [
      () => {
        throw new Error('a bug')
      },
      () => Promise.reject(new Error('a bug')),
    ]
    const error = new CallbackFailedError({ callback: 'onArchived', cause: new Error('a bug') })
    for (const [index, onError] of tellers.entries()) {
      const worker = work({ onError, processJob: async (job) => ({ outcome: 'dead-letter', job, error }) })
      await queue.enqueue([jobOf(String(index))])
      await vi.waitFor(async () => expect(await statesOf(main)).toEqual({ delayed: index + 1 }), 10_000)
      await worker.close()
    }
  })

  it('close abandons a run that ignores its signal, and its job goes back as it was', async () => {
    const { queue, main, work } = openQueue(prefix)
    await queue.enqueue([jobOf('1')])
    const processJob = vi.fn(() => new Promise<JobOutcome>(() => {}))
    const worker = work({ processJob })
    await vi.waitFor(() => expect(processJob).toHaveBeenCalled(), 10_000)
    // The second of two signals asks for an end at once.
    const closing = [worker.close({ timeoutMs: 60_000 }), worker.close({ timeoutMs: 0 })]
    await Promise.all(closing)
    await worker.close()
    expect(await statesOf(main)).toEqual({ delayed: 1 })
    expect((await main.getJob(buildJobHash(jobOf('1'))))?.data).toEqual({ job: jobOf('1'), attempt: 1 })
  })

  it('reports a lock that was taken from it, and the worker with the lock finishes the job', async () => {
    const { queue, main, redis, work } = openQueue(prefix)
    await queue.enqueue([jobOf('1')])
    let end = (_outcome: JobOutcome): void => {}
    const onError = vi.fn()
    const processJob = vi.fn(() => new Promise<JobOutcome>((resolve) => (end = resolve)))
    const worker = work({ onError, processJob })
    await vi.waitFor(() => expect(processJob).toHaveBeenCalled(), 10_000)
    await redis.set(`${main.toKey(buildJobHash(jobOf('1')))}:lock`, 'another worker')
    end(done)
    await vi.waitFor(() => expect(onError).toHaveBeenCalled(), 10_000)
    expect(onError.mock.calls[0]?.[0]).toMatchObject({ operation: 'settle', retryable: true })
    await worker.close({ timeoutMs: 0 })
    expect(await statesOf(main)).toEqual({ active: 1 })
  })
})
