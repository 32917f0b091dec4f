import { expect, it, onTestFinished, vi } from 'vitest'
import { createBullMqQueue, createBullMqWorker } from '../../src/queues/bullmq.js'
import type { JobOutcome } from '../../src/queues.js'
import { jobOf, redisUrl, usePrefix } from './redis.js'
import { openRoad as openRoadTo, type Road } from './road.js'

const prefix = usePrefix()

async function openRoad(): Promise<Road> {
  const road = await openRoadTo(redisUrl())
  onTestFinished(road.cut)
  return road
}

it('enqueue fails while Redis is away, from the start and later, and works once it is back', async () => {
  const road = await openRoad()
  await road.cut()
  const onError = vi.fn()
  const queue = createBullMqQueue({ connection: road.url, prefix, name: 'away', timeoutMs: 500, onError })
  onTestFinished(async () => void (await queue.close()))
  const refused = { code: 'queue-failed', operation: 'enqueue', retryable: true }
  await expect(queue.enqueue([jobOf('1')])).rejects.toMatchObject({ ...refused, reason: 'timeout' })
  expect(onError.mock.calls[0]?.[0]).toMatchObject({ operation: 'connect', reason: 'ECONNREFUSED' })
  await road.mend()
  await vi.waitFor(() => queue.enqueue([jobOf('2')]), 20_000)
  await road.cut()
  await expect(queue.enqueue([jobOf('3')])).rejects.toMatchObject(refused)
  await road.mend()
  await vi.waitFor(() => queue.enqueue([jobOf('4')]), 20_000)

  // What was refused was not even begun.
  const seen: string[] = []
  const worker = createBullMqWorker({
    ...{ connection: redisUrl(), prefix, name: 'away' },
    async processJob({ media }) {
      seen.push(media.mediaId)
      return { outcome: 'done' }
    },
  })
  await vi.waitFor(() => expect(seen.sort()).toEqual(['2', '4']), 10_000)
  await worker.close()
})

it('enqueue fails when Redis takes the job and does not answer, and comes back by itself', async () => {
  const road = await openRoad()
  const queue = createBullMqQueue({ connection: road.url, prefix, name: 'silent', timeoutMs: 500 })
  onTestFinished(async () => void (await queue.close()))
  await queue.enqueue([jobOf('1')])
  road.silence()
  await expect(queue.enqueue([jobOf('2')])).rejects.toMatchObject({ operation: 'enqueue', reason: 'timeout' })
  await road.mend()
  await vi.waitFor(() => queue.enqueue([jobOf('2')]), 20_000)
})

it('a queue ends although Redis does not answer, and takes nothing then', async () => {
  const road = await openRoad()
  const queue = createBullMqQueue({ connection: road.url, prefix, name: 'ends', timeoutMs: 500 })
  await queue.enqueue([jobOf('1')])
  road.silence()
  const listing = expect(queue.deadLetters()).rejects.toMatchObject({ operation: 'list' })
  expect(await queue.close()).toEqual([])
  await listing
  await expect(queue.enqueue([jobOf('2')])).rejects.toMatchObject({ operation: 'enqueue', reason: 'closed' })
})

it('enqueue says so when the caller’s retryStrategy gave Redis up', async () => {
  const road = await openRoad()
  await road.cut()
  const { port, hostname } = new URL(road.url)
  const connection = { host: hostname, port: Number(port), retryStrategy: () => null }
  const queue = createBullMqQueue({ connection, prefix })
  onTestFinished(async () => void (await queue.close()))
  const closed = { operation: 'enqueue', reason: 'closed' }
  await expect(queue.enqueue([jobOf('1')])).rejects.toMatchObject(closed)
  await expect(queue.enqueue([jobOf('1')])).rejects.toMatchObject(closed)
})

it('a worker waits for a Redis that comes late, and outlives one that goes', async () => {
  const road = await openRoad()
  await road.cut()
  const seen: string[] = []
  const onError = vi.fn()
  const naming = { prefix, name: 'late' }
  const worker = createBullMqWorker({
    ...naming,
    ...{ connection: road.url, onError },
    async processJob({ media }) {
      seen.push(media.mediaId)
      return { outcome: 'done' }
    },
  })
  onTestFinished(() => worker.close({ timeoutMs: 0 }))
  const queue = createBullMqQueue({ ...naming, connection: redisUrl() })
  onTestFinished(async () => void (await queue.close()))
  await queue.enqueue([jobOf('1')])
  await vi.waitFor(() => expect(onError).toHaveBeenCalled(), 10_000)
  expect(onError.mock.calls[0]?.[0]).toMatchObject({ operation: 'connect', reason: 'ECONNREFUSED' })
  await road.mend()
  await vi.waitFor(() => expect(seen).toEqual(['1']), 40_000)
  await road.cut()
  await road.mend()
  await queue.enqueue([jobOf('2')])
  await vi.waitFor(() => expect(seen).toEqual(['1', '2']), 40_000)
})

it.each(['cut', 'silence'] as const)('close of a worker ends although its Redis is gone: %s', async (how) => {
  const road = await openRoad()
  const naming = { prefix, name: `gone-${how}` }
  const queue = createBullMqQueue({ ...naming, connection: redisUrl() })
  onTestFinished(async () => void (await queue.close()))
  await queue.enqueue([jobOf('1')])
  let end = (_outcome: JobOutcome): void => {}
  const processJob = vi.fn(() => new Promise<JobOutcome>((resolve) => (end = resolve)))
  const worker = createBullMqWorker({
    ...naming,
    connection: road.url,
    processJob,
    lockMs: 2_000,
    stalledIntervalMs: 2_000,
  })
  await vi.waitFor(() => expect(processJob).toHaveBeenCalled(), 10_000)
  await road[how]()
  end({ outcome: 'done' })
  await worker.close({ timeoutMs: 0 })
  // The job is not lost: another worker has it once the lock ends.
  const again = vi.fn(async (): Promise<JobOutcome> => ({ outcome: 'done' }))
  const other = createBullMqWorker({ ...naming, connection: redisUrl(), processJob: again, stalledIntervalMs: 500 })
  await vi.waitFor(() => expect(again).toHaveBeenCalled(), 20_000)
  await other.close()
})
