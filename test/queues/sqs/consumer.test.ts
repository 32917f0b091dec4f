import type { Message } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type AnyWhatsAppMediaError, CallbackFailedError, GraphApiError, MediaGoneError } from '../../../src/errors.js'
import type { MediaReference } from '../../../src/media-reference.js'
import {
  createSqsConsumer,
  createSqsQueue,
  type SqsConsumerOptions,
  type SqsLambdaEvent,
  type SqsLambdaRecord,
} from '../../../src/queues/sqs.js'
import type { JobContext, JobOutcome, MediaJob, ProcessJob } from '../../../src/queues.js'
import { type SqsServer, startSqs } from './server.js'

let sqs: SqsServer
let queueUrl: string
let deadLetterQueueUrl: string
let told: AnyWhatsAppMediaError[]

beforeAll(async () => {
  sqs = await startSqs()
})
afterAll(() => sqs.close())
beforeEach(async () => {
  sqs.fault = () => undefined
  queueUrl = await sqs.createQueue()
  deadLetterQueueUrl = await sqs.createQueue()
  sqs.calls.length = 0
  told = []
})

const job = (mediaId: number | string, media: Partial<MediaReference> = {}): MediaJob => ({
  version: 1,
  accountId: 'pixels',
  media: {
    ...{ mediaId: String(mediaId), messageId: `wamid.${mediaId}`, timestamp: '2026-11-22T10:00:00.000Z' },
    ...media,
  } as MediaReference,
})

const done: JobOutcome = { outcome: 'done' }
const refusal = new GraphApiError({ status: 503, retryable: true })
const later = (each: MediaJob, afterSeconds: number, isAttempt = true): JobOutcome => ({
  outcome: 'retry',
  until: '2026-11-29T10:00:00.000Z',
  ...{ afterSeconds, isAttempt, job: each, error: refusal },
})
const dead = (each: MediaJob, error: AnyWhatsAppMediaError = gone): JobOutcome => ({
  outcome: 'dead-letter',
  job: each,
  error,
})
const gone = new MediaGoneError({ mediaId: '1', status: 400 })

function open(processJob: ProcessJob, options: { [Name in keyof SqsConsumerOptions]?: unknown } = {}) {
  const onError = (error: AnyWhatsAppMediaError) => void told.push(error)
  return createSqsConsumer({
    ...sqs.connectionTo(queueUrl),
    ...{ deadLetterQueueUrl, processJob, onError },
    ...options,
  } as SqsConsumerOptions)
}

/** A message as Lambda's event source hands it over. */
const recordOf = (message: Message): SqsLambdaRecord => ({
  messageId: String(message.MessageId),
  receiptHandle: String(message.ReceiptHandle),
  body: String(message.Body),
  attributes: { ApproximateReceiveCount: String(message.Attributes?.ApproximateReceiveCount) },
  messageAttributes: Object.fromEntries(
    Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue: stringValue }]) => [
      name,
      { stringValue },
    ]),
  ),
})

/** What lies in the queue, as an event. */
const fetchEvent = async (): Promise<SqsLambdaEvent> => {
  const event = { Records: (await sqs.receive(queueUrl)).map(recordOf) }
  sqs.calls.length = 0
  return event
}

async function eventOf(...jobs: MediaJob[]): Promise<SqsLambdaEvent> {
  await createSqsQueue(sqs.connectionTo(queueUrl)).enqueue(jobs)
  return fetchEvent()
}

const minutes = { getRemainingTimeInMillis: () => 60_000 }
const mediaIdOf = ({ body }: SqsLambdaRecord) => JSON.parse(body).media.mediaId
/** The media ids of the failures. */
const failedOf = (event: SqsLambdaEvent, { batchItemFailures }: { batchItemFailures: { itemIdentifier: string }[] }) =>
  event.Records.filter(({ messageId }) => batchItemFailures.some((each) => each.itemIdentifier === messageId)).map(
    mediaIdOf,
  )
const hidden = () =>
  sqs.calls.filter(({ action }) => action === 'ChangeMessageVisibility').map(({ input }) => input['VisibilityTimeout'])
const letters = async () =>
  (await sqs.receive(deadLetterQueueUrl)).map((message) => ({
    body: String(message.Body),
    attributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue: value }]) => [name, value]),
    ),
  }))

describe('handler of createSqsConsumer, with a job that counts its attempts', () => {
  const counted = { jobAttempts: 1, attempts: 1 }

  it.each([
    [
      'leaves the message for its count alone: the time of a function is short',
      900,
      {},
      { failures: 1, delayed: 0, hidden: [900] },
    ],
    ['leaves the message for a wait that no other can have', 901, {}, { failures: 1, delayed: 0, hidden: [901] }],
    [
      'takes another message for what must not be lost, however long the wait',
      901,
      { seenSha256: 'ab'.repeat(32) },
      { failures: 0, delayed: 1, hidden: [] },
    ],
  ])('%s', async (_what, afterSeconds, more, expected) => {
    const { handler } = open(async (each) => later({ ...each, counted, ...more }, afterSeconds))
    const { batchItemFailures } = await handler(await eventOf(job('1')), minutes)
    const { delayed } = await sqs.count(queueUrl)
    expect({ failures: batchItemFailures.length, delayed, hidden: hidden() }).toEqual(expected)
  })
})

describe('handler of createSqsConsumer', () => {
  it('leaves to Lambda to delete what is done', async () => {
    const seen: [MediaJob, JobContext][] = []
    const { handler } = open(async (...run) => {
      seen.push(run)
      return done
    })
    const event = await eventOf(job(1), job(2))
    expect(await handler(event, minutes)).toEqual({ batchItemFailures: [] })
    expect(seen).toMatchObject([
      [job(1), { attempt: 1 }],
      [job(2), { attempt: 1 }],
    ])
    expect(sqs.calls).toEqual([])
  })

  it('reports exactly what has to come again, and hides it until its time', async () => {
    const waits: Record<string, number> = { 2: 7, 4: 3_600, 5: 604_800 }
    const { handler } = open(async (each) => {
      const afterSeconds = waits[each.media.mediaId]
      return afterSeconds === undefined ? done : later(each, afterSeconds)
    })
    const event = await eventOf(...[1, 2, 3, 4, 5].map((id) => job(id)))
    expect(failedOf(event, await handler(event, minutes))).toEqual(['2', '4', '5'])
    // SQS hides for 12 hours at most.
    expect(hidden().sort()).toEqual([3_600, 39_600, 7])
    expect(told).toEqual([])
  })

  it('counts attempts by how often SQS handed the message out', async () => {
    const attempts: number[] = []
    const { handler } = open(async (each, { attempt }) => {
      attempts.push(attempt)
      return attempt < 3 ? later(each, 0) : done
    })
    let event = await eventOf(job(1))
    while (event.Records.length > 0) {
      const { batchItemFailures: failures } = await handler(event, minutes)
      if (failures.length === 0) break
      event = await fetchEvent()
    }
    expect(attempts).toEqual([1, 2, 3])
  })

  it('replaces the message of a job that has changed, and goes on counting', async () => {
    const counted = { ...job(1), faults: { 'media-gone': 1 } }
    const { handler } = open(async () => later(counted, 0))
    const event = await eventOf(job(1))
    expect(await handler(event, minutes)).toEqual({ batchItemFailures: [] })
    expect(hidden()).toEqual([])
    const again = await fetchEvent()
    expect(again.Records.map(({ body }) => JSON.parse(body))).toEqual([counted])
    const attempts: number[] = []
    await open(async (_each, { attempt }) => {
      attempts.push(attempt)
      return done
    }).handler(again, minutes)
    expect(attempts).toEqual([2])
  })

  it('keeps the number of a run that was no attempt, and delays as long as SQS can', async () => {
    const { handler } = open(async (each) => later(each, 5_000, false))
    await handler(await eventOf(job(1)), minutes)
    expect(sqs.calls).toMatchObject([
      {
        action: 'SendMessageBatch',
        input: { Entries: [{ DelaySeconds: 900, MessageAttributes: { attempts: { StringValue: '0' } } }] },
      },
    ])
    expect(await sqs.count(queueUrl)).toMatchObject({ delayed: 1 })
  })

  it('keeps the old message when the new one can’t be sent', async () => {
    const { handler } = open(async (each) => later({ ...each, faults: { 'media-gone': 1 } }, 42))
    const event = await eventOf(job(1))
    sqs.fault = ({ action }) => (action === 'SendMessageBatch' ? { status: 403, body: {} } : undefined)
    expect(failedOf(event, await handler(event, minutes))).toEqual(['1'])
    expect(hidden()).toEqual([42])
    expect(told).toMatchObject([{ code: 'queue-failed', operation: 'enqueue' }])
  })

  it('tries again what a processor rejects', async () => {
    const { handler } = open(async () => {
      throw new Error('a processor must not')
    })
    const event = await eventOf(job(1))
    expect(failedOf(event, await handler(event, minutes))).toEqual(['1'])
    expect(hidden()).toHaveLength(1)
  })

  it('reports a message that could not be hidden, too, whatever the logger does', async () => {
    for (const onError of [
      undefined,
      () => {
        throw new Error('a broken logger')
      },
      () => Promise.reject(new Error('a broken async logger')),
    ]) {
      const { handler } = open(async (each) => later(each, 7), { onError })
      const event = await eventOf(job(1))
      sqs.fault = () => ({ status: 400, body: { __type: 'com.amazonaws.sqs#MessageNotInflight' } })
      expect(failedOf(event, await handler(event, minutes))).toEqual(['1'])
      sqs.fault = () => undefined
    }
  })

  it('runs no more at once than it may', async () => {
    let [running, most] = [0, 0]
    const { handler } = open(
      async () => {
        running++
        most = Math.max(most, running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        return done
      },
      { concurrency: 3 },
    )
    await handler(await eventOf(...Array.from({ length: 8 }, (_none, id) => job(id))), minutes)
    expect(most).toBe(3)
  })

  it('takes a record without attributes', async () => {
    const attempts: number[] = []
    const { handler } = open(async (_each, { attempt }) => {
      attempts.push(attempt)
      return done
    })
    const { Records: records } = await eventOf(job(1))
    const event = { Records: records.map(({ messageAttributes, ...record }) => record) }
    expect(await handler(event, minutes)).toEqual({ batchItemFailures: [] })
    expect(attempts).toEqual([1])
  })
})

describe('handler of createSqsConsumer, in time', () => {
  it('tells its jobs to end before the function does', async () => {
    const deadlines: (Date | undefined)[] = []
    const process: ProcessJob = async (_each, { deadline }) => {
      deadlines.push(deadline)
      return done
    }
    const event = await eventOf(job(1))
    const before = Date.now()
    await open(process).handler(event, minutes)
    await open(process, { marginMs: 10_000 }).handler(event, minutes)
    // A function with little time gives its jobs half of it.
    await open(process).handler(event, { getRemainingTimeInMillis: () => 3_000 })
    const after = Date.now()
    for (const [index, ms] of [54_000, 50_000, 1_500].entries()) {
      const deadline = Number(deadlines[index])
      expect(deadline).toBeGreaterThanOrEqual(before + ms)
      expect(deadline).toBeLessThanOrEqual(after + ms)
    }
  })

  it('reports a job that ignores its deadline, and those not begun by then, and fails no neighbour', async () => {
    const { handler } = open(
      async (each) => {
        if (each.media.mediaId === 'stuck') await new Promise(() => {})
        return done
      },
      { concurrency: 2, marginMs: 3_000 },
    )
    const event = await eventOf(
      ...['stuck', 'good', 'stuck', 'waiting', 'other'].map((id, at) => job(id, { messageId: `wamid.${at}` })),
    )
    // Both slots are stuck until after the deadline.
    const result = await handler(event, { getRemainingTimeInMillis: () => 3_000 })
    expect(failedOf(event, result)).toEqual(['stuck', 'stuck', 'waiting', 'other'])
    const [, , ...unbegun] = hidden().sort((a, b) => Number(b) - Number(a))
    expect(unbegun).toEqual([0, 0])
  })
})

it('handler of createSqsConsumer answers before its function ends, though SQS hangs', async () => {
  const { handler } = open(async (each) => later(each, 7), { concurrency: 1, marginMs: 1_200 })
  const ids = ['1', '2', '3', '4', '5', '6', '7', '8']
  const event = await eventOf(...ids.map((id) => job(id)))
  sqs.fault = ({ action }) => (action === 'ChangeMessageVisibility' ? 'hang' : undefined)
  const endsAt = Date.now() + 2_400
  const result = await handler(event, { getRemainingTimeInMillis: () => endsAt - Date.now() })
  expect(Date.now()).toBeLessThan(endsAt)
  expect(failedOf(event, result)).toEqual(ids)
})

describe('createSqsConsumer, of dead letters', () => {
  it('sends them to their queue with the reason, without the download URL, before they are deleted', async () => {
    const { handler } = open(async (each) => dead(each))
    const url = { downloadUrl: 'https://lookaside.fbsbx.com/?hash=secret', downloadUrlExpiresAt: 'soon' }
    expect(await handler(await eventOf(job(1, { ...url, caption: '🏠' })), minutes)).toEqual({ batchItemFailures: [] })
    const [letter, ...others] = await letters()
    expect(others).toEqual([])
    expect(JSON.parse(String(letter?.body))).toEqual(job(1, { caption: '🏠' }))
    expect(letter?.attributes).toEqual({ errorCode: 'media-gone', errorMessage: gone.message })
    expect(told).toEqual([])
  })

  it('keeps the message when its dead letter can’t be sent', async () => {
    const { handler } = open(async (each) => dead(each))
    const event = await eventOf(job(1))
    sqs.fault = ({ action }) => (action === 'SendMessageBatch' ? { status: 403, body: {} } : undefined)
    expect(failedOf(event, await handler(event, minutes))).toEqual(['1'])
    expect(told).toMatchObject([{ code: 'queue-failed' }])
    sqs.fault = () => undefined
    expect(await letters()).toEqual([])
  })

  it('deletes them without a queue for them once onFailed has received them, and not before', async () => {
    const outcomes: Record<string, AnyWhatsAppMediaError> = {
      told: gone,
      archived: new CallbackFailedError({ callback: 'onArchived', cause: new Error('database') }),
      untold: new CallbackFailedError({ callback: 'onFailed', cause: new Error('database') }),
    }
    const { handler } = open(async (each) => dead(each, outcomes[each.media.mediaId]), {
      deadLetterQueueUrl: undefined,
    })
    await sqs.send(queueUrl, 'no job at all')
    const event = await eventOf(...Object.keys(outcomes).map((id) => job(id)))
    const failures = (await handler(event, minutes)).batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)
    const left = event.Records.filter(({ messageId }) => failures.includes(messageId)).map(({ body }) => body)
    expect(left).toEqual(['no job at all', JSON.stringify(job('untold'))])
    expect(told.map(({ code }) => code).sort()).toEqual(['callback-failed', 'invalid-option'])
  })

  it.each(['', 'null', '17', '{', '[]', '{"version":1,"accountId":"a"}', '{"version":1,"accountId":"a","media":null}'])(
    'hands on the message %j, which holds no job, as it is',
    async (body) => {
      const { handler } = open(() => Promise.reject(new Error('nothing to process')))
      // SQS takes no empty message; another server may.
      const record = {
        messageId: 'm',
        receiptHandle: 'r',
        body: body || ' ',
        attributes: { ApproximateReceiveCount: 'x' },
      }
      expect(await handler({ Records: [record] }, minutes)).toEqual({ batchItemFailures: [] })
      expect(await letters()).toEqual([
        {
          body: body || ' ',
          attributes: {
            errorCode: 'invalid-option',
            errorMessage: `message must be a job as JSON, got a string of ${(body || ' ').length} characters`,
          },
        },
      ])
      expect(told).toMatchObject([{ code: 'invalid-option' }])
    },
  )
})

it.each([
  [{ processJob: undefined }, 'processJob is missing; it must be a function, got undefined'],
  [{ onError: 'log' }, "onError must be a function, got 'log'"],
  [{ queueUrl: 'media' }, 'queueUrl must be the URL of a standard SQS queue'],
  [{ deadLetterQueueUrl: 'dead' }, "deadLetterQueueUrl must be the URL of a standard SQS queue, got 'dead'"],
  [{ concurrency: 0 }, 'concurrency must be a whole number from 1 to 10000, got 0'],
  [{ marginMs: 2 }, 'marginMs must be a whole number from 3 to 600000, got 2'],
  [{ visibilitySeconds: 43_200 }, 'visibilitySeconds must be a whole number from 1 to 39600, got 43200'],
])('createSqsConsumer refuses the options %j', (options, message) => {
  expect(() => open(async () => done, options)).toThrow(message)
})
