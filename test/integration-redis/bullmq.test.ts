import { Cluster, Redis } from 'ioredis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { MediaGoneError } from '../../src/errors.js'
import { type BullMqConnection, createBullMqQueue, createBullMqWorker } from '../../src/queues/bullmq.js'
import { buildJobHash } from '../../src/queues/stored-job.js'
import type { JobOutcome, MediaJob } from '../../src/queues.js'
import { jobOf, openQueue, redisUrl, statesOf, usePrefix } from './redis.js'

const prefix = usePrefix()
const done: JobOutcome = { outcome: 'done' }
const gone = (job: MediaJob): JobOutcome => ({
  outcome: 'dead-letter',
  job,
  error: new MediaGoneError({ mediaId: job.media.mediaId, status: 400 }),
})

describe('createBullMqQueue', () => {
  it('keeps a job once, under the hash of what makes it the same work', async () => {
    const { queue, main } = openQueue(prefix)
    const job = jobOf('1')
    await queue.enqueue([job, job])
    await queue.enqueue([{ ...job, media: { ...job.media, downloadUrl: 'https://lookaside.fbsbx.com/' } }])
    expect(await statesOf(main)).toEqual({ prioritized: 1 })
    expect((await main.getJob(buildJobHash(job)))?.data).toEqual({ job, attempt: 1 })
  })

  it('lets the media that expires sooner come first', async () => {
    const { queue, work } = openQueue(prefix)
    const young = jobOf('young', { timestamp: '2026-11-22T10:00:00Z' })
    const old = jobOf('old', { timestamp: '2026-11-20T10:00:00Z' })
    // Meta keeps history's media from the moment it reports it.
    const history = jobOf('history', {
      timestamp: '2024-01-01T00:00:00Z',
      receivedAt: '2026-11-21T10:00:00Z',
      origin: 'history',
    })
    await queue.enqueue([young, history, old])
    const order: string[] = []
    work({
      concurrency: 1,
      async processJob({ media }) {
        order.push(media.mediaId)
        return done
      },
    })
    await vi.waitFor(() => expect(order).toEqual(['old', 'history', 'young']), 10_000)
  })

  it('leaves nothing of a finished job', async () => {
    const { queue, main, dead, work } = openQueue(prefix)
    await queue.enqueue([jobOf('1')])
    work({ processJob: async () => done })
    await vi.waitFor(async () => expect(await main.getJob(buildJobHash(jobOf('1')))).toBeUndefined(), 10_000)
    expect([await statesOf(main), await statesOf(dead)]).toEqual([{}, {}])
  })

  it('lists dead letters page by page, oldest first, with their reasons', async () => {
    const { queue, work } = openQueue(prefix)
    work({ concurrency: 1, processJob: async (job) => gone(job) })
    for (const id of ['1', '2', '3']) {
      await queue.enqueue([jobOf(id)])
      await vi.waitFor(async () => expect(await queue.deadLetters()).toHaveLength(Number(id)), 10_000)
    }
    const [first, ...rest] = await queue.deadLetters({ limit: 2 })
    expect(first).toEqual({
      id: expect.stringMatching(new RegExp(`^${buildJobHash(jobOf('1'))}-\\d+$`)),
      job: jobOf('1'),
      error: expect.objectContaining({ code: 'media-gone', name: 'MediaGoneError', mediaId: '1', retryable: false }),
      attempts: 1,
      failedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    })
    expect(rest.map(({ job }) => job.media.mediaId)).toEqual(['2'])
    expect((await queue.deadLetters({ offset: 2 })).map(({ job }) => job.media.mediaId)).toEqual(['3'])
  })

  it('redrive leaves a dead letter whose worker has not let go of the job', async () => {
    const { queue, main, dead } = openQueue(prefix)
    const job = jobOf('1')
    await queue.enqueue([job])
    const standing = await main.getJob(buildJobHash(job))
    // As a worker leaves it that dies between the two.
    const letter = {
      job,
      error: {},
      attempts: 1,
      failedAt: '',
      jobId: buildJobHash(job),
      enqueuedAt: standing?.timestamp,
    }
    await dead.add('dead-letter', letter, { jobId: 'letter' })
    expect(await queue.redrive(['letter'])).toEqual([])
    expect(await statesOf(dead)).toEqual({ waiting: 1 })
    await standing?.remove()
    expect(await queue.redrive(['letter', 'letter', 'nobody'])).toEqual(['letter'])
    expect([await statesOf(main), await statesOf(dead)]).toEqual([{ prioritized: 1 }, {}])
  })

  it('redrive counts on the job that a new webhook has brought meanwhile', async () => {
    const { queue, main, dead, work } = openQueue(prefix)
    const job = jobOf('1')
    await queue.enqueue([job])
    const worker = work({ processJob: async (each) => gone(each) })
    await vi.waitFor(async () => expect(await queue.deadLetters()).toHaveLength(1), 10_000)
    await worker.close()
    await queue.enqueue([job])
    const [letter] = await queue.deadLetters()
    expect(await queue.redrive([String(letter?.id)])).toEqual([letter?.id])
    expect([await statesOf(main), await statesOf(dead)]).toEqual([{ prioritized: 1 }, {}])
  })

  it('discard removes dead letters for good', async () => {
    const { queue, work } = openQueue(prefix)
    await queue.enqueue([jobOf('1')])
    work({ processJob: async (job) => gone(job) })
    await vi.waitFor(async () => expect(await queue.deadLetters()).toHaveLength(1), 10_000)
    const ids = (await queue.deadLetters()).map(({ id }) => id)
    expect(await queue.discard([...ids, 'nobody'])).toEqual(ids)
    expect(await queue.deadLetters()).toEqual([])
  })

  it('says what Redis refuses, in its word and without the job', async () => {
    const { queue, redis, main } = openQueue(prefix)
    await main.waitUntilReady()
    await redis.set(main.toKey('prioritized'), 'not a queue')
    const error = await queue.enqueue([jobOf('secret')]).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'queue-failed', operation: 'enqueue', reason: 'WRONGTYPE', retryable: true })
    expect(JSON.stringify(error)).not.toContain('secret')
  })
})

describe('the connection of a BullMQ queue and its worker', () => {
  const instance = (): Redis => {
    const redis = new Redis(redisUrl(), { lazyConnect: true, maxRetriesPerRequest: 3 })
    onTestFinished(() => redis.disconnect())
    return redis
  }
  const cluster = (): Cluster => {
    const { hostname, port } = new URL(redisUrl('REDIS_CLUSTER_URL'))
    const opened = new Cluster([{ host: hostname, port: Number(port) }], { lazyConnect: true })
    onTestFinished(() => opened.disconnect())
    return opened
  }
  const options = (): BullMqConnection => {
    const { hostname, port } = new URL(redisUrl())
    return { host: hostname, port: Number(port) }
  }
  it.each<[string, () => BullMqConnection]>([
    ['a URL', redisUrl],
    ['ioredis’s options', options],
    ['an instance', instance],
    ['a cluster', cluster],
  ])('may be %s', async (_name, connectionOf) => {
    const connection = connectionOf()
    const naming = { connection, prefix }
    const queue = createBullMqQueue(naming)
    const worked = new Promise<MediaJob>((resolve) => {
      const worker = createBullMqWorker({
        ...naming,
        async processJob(job) {
          resolve(job)
          return done
        },
      })
      onTestFinished(() => worker.close())
    })
    await queue.enqueue([jobOf('1')])
    expect(await worked).toEqual(jobOf('1'))
    expect(await queue.close()).toEqual([])
    // An instance is its owner's: nobody has even connected it.
    if (typeof connection === 'object' && 'status' in connection) expect(connection.status).toBe('wait')
  })
})
