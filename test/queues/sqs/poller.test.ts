import { SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { type AnyWhatsAppMediaError, GraphApiError } from '../../../src/errors.js'
import type { MediaReference } from '../../../src/media-reference.js'
import {
  createSqsConsumer,
  createSqsQueue,
  type SqsConsumer,
  type SqsConsumerOptions,
} from '../../../src/queues/sqs.js'
import type { JobContext, JobOutcome, MediaJob, ProcessJob } from '../../../src/queues.js'
import { type SqsServer, startSqs } from './server.js'

let sqs: SqsServer
let queueUrl: string
let told: AnyWhatsAppMediaError[]
const consumers: SqsConsumer[] = []

beforeAll(async () => {
  sqs = await startSqs()
})
afterAll(() => sqs.close())
beforeEach(async () => {
  sqs.fault = () => undefined
  queueUrl = await sqs.createQueue()
  sqs.calls.length = 0
  told = []
  return async () => {
    for (const consumer of consumers.splice(0)) await consumer.close({ timeoutMs: 0 })
  }
})

const job = (mediaId: number | string): MediaJob => ({
  version: 1,
  accountId: 'pixels',
  media: {
    mediaId: String(mediaId),
    messageId: `wamid.${mediaId}`,
    timestamp: '2026-11-22T10:00:00.000Z',
  } as MediaReference,
})
const done: JobOutcome = { outcome: 'done' }
const again = (each: MediaJob): JobOutcome => ({
  outcome: 'retry',
  ...{ afterSeconds: 0, until: '', isAttempt: false, job: each },
  error: new GraphApiError({ status: 503, retryable: true }),
})

function start(processJob: ProcessJob, options: Partial<SqsConsumerOptions> = {}): SqsConsumer {
  const onError = (error: AnyWhatsAppMediaError) => void told.push(error)
  const consumer = createSqsConsumer({
    ...sqs.connectionTo(queueUrl),
    ...{ processJob, onError },
    ...options,
  } as SqsConsumerOptions)
  consumers.push(consumer)
  consumer.start()
  return consumer
}

const enqueue = (...ids: (number | string)[]) =>
  createSqsQueue(sqs.connectionTo(queueUrl)).enqueue(ids.map((id) => job(id)))
const callsOf = (name: string) => sqs.calls.filter(({ action }) => action === name)
const isEmpty = async () => expect(await sqs.count(queueUrl)).toEqual({ visible: 0, hidden: 0, delayed: 0 })

/** A processor whose jobs end when told to. */
function gate() {
  const runs: { job: MediaJob; context: JobContext; end: (outcome?: JobOutcome) => void }[] = []
  const process: ProcessJob = (each, context) =>
    new Promise((resolve) => {
      runs.push({ job: each, context, end: (outcome = done) => resolve(outcome) })
    })
  const seen = (count: number) => vi.waitFor(() => expect(runs).toHaveLength(count), 5_000)
  return { runs, process, seen }
}

it('start of createSqsConsumer works off what is there and what comes, and deletes it', async () => {
  const seen: string[] = []
  await enqueue(1, 2)
  const consumer = start(async (each) => {
    seen.push(each.media.mediaId)
    return done
  })
  consumer.start()
  await vi.waitFor(() => expect(seen.sort()).toEqual(['1', '2']), 5_000)
  await enqueue(3)
  await vi.waitFor(() => expect(seen).toContain('3'), 5_000)
  await vi.waitFor(isEmpty, 5_000)
  expect(seen).toHaveLength(3)
})

it('start of createSqsConsumer fetches by long polls, and no more than it can work on', async () => {
  const { runs, process, seen } = gate()
  await enqueue(...Array.from({ length: 15 }, (_none, index) => index))
  start(process, { concurrency: 12, visibilitySeconds: 77 })
  await seen(12)
  expect(callsOf('ReceiveMessage').map(({ input }) => input)).toMatchObject([
    { MaxNumberOfMessages: 10, WaitTimeSeconds: 20, VisibilityTimeout: 77 },
    { MaxNumberOfMessages: 2 },
  ])
  runs[0]?.end()
  await seen(13)
  expect(callsOf('ReceiveMessage')[2]?.input).toMatchObject({ MaxNumberOfMessages: 1 })
  for (const run of runs) run.end()
  await seen(15)
  for (const run of runs) run.end()
})

it('start of createSqsConsumer keeps a message hidden as long as it is worked on', async () => {
  const { runs, process, seen } = gate()
  await enqueue(1)
  start(process, { visibilitySeconds: 1 })
  await seen(1)
  // More than its visibility lasts.
  await vi.waitFor(() => expect(callsOf('ChangeMessageVisibility').length).toBeGreaterThan(5), 10_000)
  expect(callsOf('ChangeMessageVisibility')[0]?.input).toMatchObject({ VisibilityTimeout: 1 })
  runs[0]?.end()
  await vi.waitFor(isEmpty, 5_000)
  expect(runs).toHaveLength(1)
  expect(told).toEqual([])
})

it('start of createSqsConsumer outlives an SQS that fails, and rests in between', async () => {
  let failures = 0
  sqs.fault = ({ action }) => (action === 'ReceiveMessage' && failures++ < 6 ? { status: 503, body: {} } : undefined)
  const seen: string[] = []
  const begun = Date.now()
  start(async (each) => {
    seen.push(each.media.mediaId)
    return done
  })
  await enqueue(1)
  // The SDK asks three times for each of our calls.
  await vi.waitFor(() => expect(seen).toEqual(['1']), 15_000)
  expect(told).toMatchObject([
    { code: 'queue-failed', operation: 'receive', retryable: true },
    { code: 'queue-failed', operation: 'receive' },
  ])
  expect(Date.now() - begun).toBeGreaterThan(1_500)
})

it('start of createSqsConsumer does not spin on a server that knows no long polls', async () => {
  const times: number[] = []
  sqs.fault = ({ action }) => {
    if (action !== 'ReceiveMessage') return undefined
    times.push(Date.now())
    return { status: 200, body: {} }
  }
  start(async () => done)
  await vi.waitFor(() => expect(times.length).toBeGreaterThan(1), 5_000)
  expect(Number(times[1]) - Number(times[0])).toBeGreaterThan(900)
})

it('start of createSqsConsumer reports a message that it could not delete', async () => {
  sqs.fault = ({ action }) => (action === 'DeleteMessage' ? { status: 403, body: {} } : undefined)
  await enqueue(1)
  start(async () => done)
  await vi.waitFor(() => expect(told).toMatchObject([{ code: 'queue-failed', operation: 'settle' }]), 5_000)
})

it('start of createSqsConsumer treats an empty message like any other that holds no job', async () => {
  let isFirst = true
  sqs.fault = ({ action }) => {
    if (action !== 'ReceiveMessage' || !isFirst) return undefined
    isFirst = false
    return { status: 200, body: { Messages: [{}] } }
  }
  // One that checks no hashes, for there are none.
  const { endpoint, region, credentials } = sqs.connectionTo(queueUrl)
  const client = new SQSClient({ endpoint, region, credentials, md5: false })
  start(async () => done, { client } as Partial<SqsConsumerOptions>)
  await vi.waitFor(() => expect(told.map(({ code }) => code)).toContain('invalid-option'), 5_000)
})

it('close of createSqsConsumer ends the poll at once, and finishes what is under way', async () => {
  const { runs, process, seen } = gate()
  await enqueue(1)
  const consumer = start(process)
  await seen(1)
  const closed = consumer.close()
  expect(runs[0]?.context.signal?.aborted).toBe(false)
  runs[0]?.end()
  await closed
  await isEmpty()
  expect(() => consumer.start()).toThrow('consumer is closed')
})

it('close of createSqsConsumer waits for room, and not for a message to come', async () => {
  const { runs, process, seen } = gate()
  await enqueue(1, 2)
  const consumer = start(process, { concurrency: 1 })
  await seen(1)
  const closed = consumer.close()
  runs[0]?.end()
  await closed
  expect(runs).toHaveLength(1)
  expect(await sqs.count(queueUrl)).toEqual({ visible: 1, hidden: 0, delayed: 0 })
})

it('close of createSqsConsumer stops what takes too long, and others have it at once', async () => {
  const consumer = start(
    (each, { signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener('abort', () => resolve(again(each)))
      }),
    // Without room for another poll, whose reader would have gone.
    { concurrency: 1 },
  )
  await enqueue(1)
  await vi.waitFor(async () => expect(await sqs.count(queueUrl)).toMatchObject({ hidden: 1 }), 5_000)
  await consumer.close({ timeoutMs: 0 })
  const attempts: number[] = []
  start(async (_each, { attempt }) => {
    attempts.push(attempt)
    return done
  })
  await vi.waitFor(() => expect(attempts).toEqual([1]), 5_000)
})

it('close of createSqsConsumer abandons work that ignores its signal, and others have it at once', async () => {
  const { process, seen } = gate()
  await enqueue(1)
  const consumer = start(process)
  await seen(1)
  // Both SIGTERM and SIGINT.
  await Promise.all([consumer.close(), consumer.close({ timeoutMs: 0 })])
  await vi.waitFor(async () => expect(await sqs.count(queueUrl)).toEqual({ visible: 1, hidden: 0, delayed: 0 }), 5_000)
})

it('close of createSqsConsumer ends one that rests', async () => {
  sqs.fault = ({ action }) => (action === 'ReceiveMessage' ? { status: 400, body: {} } : undefined)
  const consumer = start(async () => done)
  await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), 5_000)
  await consumer.close()
})

it('close of createSqsConsumer ends one that never started', async () => {
  const consumer = createSqsConsumer({ ...sqs.connectionTo(queueUrl), processJob: async () => done })
  await consumer.close()
  expect(sqs.calls).toEqual([])
})
