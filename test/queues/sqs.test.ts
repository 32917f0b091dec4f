import { SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { MediaReference } from '../../src/media-reference.js'
import { createSqsQueue, type SqsQueueOptions } from '../../src/queues/sqs.js'
import type { MediaJob } from '../../src/queues.js'
import { type SqsCall, type SqsFault, type SqsServer, startSqs } from './sqs/server.js'

let sqs: SqsServer
let queueUrl: string

beforeAll(async () => {
  sqs = await startSqs()
})
afterAll(() => sqs.close())
beforeEach(async () => {
  sqs.fault = () => undefined
  queueUrl = await sqs.createQueue()
  sqs.calls.length = 0
})

const job = (mediaId: number | string, media: Partial<MediaReference> = {}): MediaJob => ({
  version: 1,
  accountId: 'pixels',
  media: {
    ...{ mediaId: String(mediaId), messageId: `wamid.${mediaId}`, timestamp: '2026-11-22T10:00:00.000Z' },
    ...media,
  } as MediaReference,
})
const jobs = (count: number, media?: Partial<MediaReference>): MediaJob[] =>
  Array.from({ length: count }, (_none, index) => job(index, media))

const open = (options: Partial<SqsQueueOptions> = {}) =>
  createSqsQueue({ ...sqs.connectionTo(queueUrl), ...options } as SqsQueueOptions)

const batches = () => sqs.calls.filter(({ action }) => action === 'SendMessageBatch')
const entriesOf = ({ input }: SqsCall) => input['Entries'] as { Id: string; MessageBody: string }[]
const bodies = async () => (await sqs.receive(queueUrl)).map(({ Body: body }) => JSON.parse(String(body)))

/** What SQS answers when entries of a batch failed. */
const partly = (call: SqsCall, failed: Record<string, { code: string; isOurs?: boolean }>): SqsFault => ({
  status: 200,
  body: {
    Successful: [],
    Failed: entriesOf(call).flatMap(({ Id: id }) => {
      const fault = failed[id]
      return fault === undefined ? [] : [{ Id: id, Code: fault.code, SenderFault: fault.isOurs === true }]
    }),
  },
})

describe('createSqsQueue', () => {
  it('enqueues each job as one message, in batches of ten', async () => {
    await open().enqueue(jobs(23))
    expect(
      batches()
        .map((call) => entriesOf(call).length)
        .sort(),
    ).toEqual([10, 10, 3])
    const found = await bodies()
    expect(found.sort((a, b) => a.media.mediaId - b.media.mediaId)).toEqual(jobs(23))
  })

  it('enqueues a job that comes twice once, and nothing without a call', async () => {
    const queue = open()
    await queue.enqueue([])
    expect(sqs.calls).toEqual([])
    await queue.enqueue([job(1), job(1)])
    expect(await bodies()).toEqual([job(1)])
  })

  it('keeps batches under their size limit, in bytes as SQS counts them', async () => {
    // 1,000 characters, 2,000 bytes.
    await open({ maxBatchBytes: 5_000 }).enqueue(jobs(5, { caption: 'ä'.repeat(1_000) }))
    expect(
      batches()
        .map((call) => entriesOf(call).length)
        .sort(),
    ).toEqual([1, 2, 2])
    for (const call of batches()) {
      const sizes = entriesOf(call).map(({ MessageBody: body }) => Buffer.byteLength(body))
      expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(5_000)
    }
  })

  it('keeps characters that SQS refuses', async () => {
    const caption = 'a\u0000b\u001f\uFFFE\uFFFF\ud83d c 😀'
    await open().enqueue([job(1, { caption })])
    expect(await bodies()).toEqual([job(1, { caption })])
  })

  it('names jobs that are larger than a message, and enqueues the others', async () => {
    const large = [job('large', { caption: 'x'.repeat(2_000) }), job('larger', { caption: 'x'.repeat(3_000) })]
    const bytes = Buffer.byteLength(JSON.stringify(large[1]))
    await expect(open({ maxBatchBytes: 1_024 }).enqueue([...large, job(1)])).rejects.toMatchObject({
      code: 'job-too-large',
      retryable: false,
      jobs: 2,
      bytes,
      limitBytes: 1_024,
    })
    expect(await bodies()).toEqual([job(1)])
  })

  it('sends what failed of a batch again, and only that', async () => {
    let calls = 0
    sqs.fault = (call) => {
      calls++
      if (calls > 1) return undefined
      const answer = partly(call, { 2: { code: 'InternalError' } })
      return answer
    }
    // The answer names none as sent, so all that it does not refuse is sent again, too.
    await open().enqueue(jobs(3))
    expect(batches().map((call) => entriesOf(call).length)).toEqual([3, 3])
    expect(await bodies()).toHaveLength(3)
  })
})

describe('createSqsQueue, when SQS fails', () => {
  it('rejects with the number of jobs that are not in the queue, after four tries', async () => {
    sqs.fault = (call) =>
      entriesOf(call).length === 10 ? undefined : partly(call, { 0: { code: 'InternalError' }, 1: { code: 'Other' } })
    await expect(open().enqueue(jobs(12))).rejects.toMatchObject({
      code: 'queue-failed',
      operation: 'enqueue',
      reason: 'InternalError',
      retryable: true,
      failed: 2,
      message: 'The queue failed to enqueue 2 of 12 jobs: InternalError',
    })
    expect(batches().filter((call) => entriesOf(call).length === 2)).toHaveLength(4)
    sqs.fault = () => undefined
    expect(await bodies()).toHaveLength(10)
  })

  it('does not send again what SQS would refuse again', async () => {
    let calls = 0
    sqs.fault = (call) => {
      calls++
      if (calls === 1) return partly(call, { 0: { code: 'InvalidMessageContents', isOurs: true } })
      return calls === 2 ? partly(call, { 0: { code: 'InvalidMessageContents', isOurs: true } }) : undefined
    }
    await expect(open().enqueue(jobs(3))).rejects.toMatchObject({
      reason: 'InvalidMessageContents',
      retryable: false,
      failed: 2,
    })
    expect(batches().map((call) => entriesOf(call).length)).toEqual([3, 2, 1])
  })

  it('counts both what would be refused again and what failed until the end', async () => {
    sqs.fault = (call) =>
      entriesOf(call).length === 3
        ? partly(call, { 0: { code: 'InvalidMessageContents', isOurs: true } })
        : partly(call, { 0: { code: 'x y' } })
    await expect(open().enqueue(jobs(3))).rejects.toMatchObject({ reason: 'unknown', retryable: true, failed: 3 })
  })

  it('tries calls that failed as a whole again', async () => {
    let calls = 0
    // The SDK's own three tries are the first of ours.
    sqs.fault = () => {
      calls++
      return calls <= 3 ? { status: 503, body: {} } : undefined
    }
    await open().enqueue([job(1)])
    expect(await bodies()).toEqual([job(1)])
  })

  it('gives up at once what no retry can fix, and says nothing of the job', async () => {
    const secret = { caption: 'our roof plan', filename: 'Müller.pdf', from: '15550001111' }
    sqs.fault = () => ({
      status: 403,
      body: { __type: 'com.amazonaws.sqs#AccessDenied', message: `not allowed to send ${JSON.stringify(secret)}` },
    })
    const error = await open()
      .enqueue([job(1, secret)])
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'queue-failed', reason: 'AccessDenied', retryable: false, failed: 1 })
    const told = JSON.stringify(error) + String((error as Error).cause)
    expect(told).toContain('not allowed to send')
    for (const value of Object.values(secret)) expect(told).not.toContain(value)
    expect(batches()).toHaveLength(1)
  })

  it.each([
    ['RequestThrottled', 403, true],
    ['QueueDoesNotExist', 400, false],
  ])('takes %s for what it is', async (name, status, retryable) => {
    sqs.fault = () => ({ status, body: { __type: `com.amazonaws.sqs#${name}` } })
    await expect(open().enqueue([job(1)])).rejects.toMatchObject({ reason: name, retryable })
  })

  it('waits no longer than it may for a server that says nothing', async () => {
    sqs.fault = () => 'hang'
    await expect(open({ timeoutMs: 50 }).enqueue(jobs(2))).rejects.toMatchObject({
      reason: 'timeout',
      retryable: true,
      failed: 2,
    })
  })

  it('reports a missing server, and missing credentials', async () => {
    const nowhere = open({ endpoint: 'http://127.0.0.1:1' } as Partial<SqsQueueOptions>)
    await expect(nowhere.enqueue([job(1)])).rejects.toMatchObject({ reason: 'ECONNREFUSED', retryable: true })
    const credentials = () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' }))
    const bare = open({ credentials } as Partial<SqsQueueOptions>)
    await expect(bare.enqueue([job(1)])).rejects.toMatchObject({ reason: 'CredentialsProviderError', retryable: false })
  })
})

describe('createSqsQueue, around its calls', () => {
  it('uses a given client, and leaves it open', async () => {
    const { endpoint, region, credentials } = sqs.connectionTo(queueUrl)
    const client = new SQSClient({ endpoint, region, credentials })
    const queue = createSqsQueue({ queueUrl, client })
    await queue.enqueue([job(1)])
    expect(await queue.close()).toEqual([])
    expect(await bodies()).toEqual([job(1)])
    await expect(createSqsQueue({ queueUrl, client }).enqueue([job(2)])).resolves.toBeUndefined()
    client.destroy()
  })

  it('reports an error that a client of your own throws', async () => {
    const client = { send: () => Promise.reject(null) } as unknown as SQSClient
    const failure = createSqsQueue({ queueUrl, client }).enqueue([job(1)])
    await expect(failure).rejects.toMatchObject({ code: 'queue-failed', reason: 'unknown', retryable: false })
  })

  it('takes nothing after close', async () => {
    const queue = open()
    expect(await queue.close()).toEqual([])
    await expect(queue.enqueue([job(1)])).rejects.toMatchObject({ reason: 'closed', retryable: true })
    expect(sqs.calls).toEqual([])
  })

  it('asks the SDK’s own chain for options that are missing', async () => {
    const names = ['AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_ENDPOINT_URL_SQS'] as const
    const before = names.map((name) => process.env[name])
    const values = ['eu-central-1', 'chain', 'chain', sqs.endpoint]
    names.forEach((name, index) => {
      process.env[name] = String(values[index])
    })
    try {
      await createSqsQueue({ queueUrl }).enqueue([job(1)])
    } finally {
      names.forEach((name, index) => {
        if (before[index] === undefined) delete process.env[name]
        else process.env[name] = String(before[index])
      })
    }
    expect(await bodies()).toEqual([job(1)])
  })

  it.each([
    [{ queueUrl: undefined }, 'queueUrl is missing; it must be the URL of a standard SQS queue, got undefined'],
    [{ queueUrl: 'media' }, "queueUrl must be the URL of a standard SQS queue, got 'media'"],
    [{ queueUrl: 'https://sqs.us-east-1.amazonaws.com/1/media.fifo' }, 'queueUrl must be the URL of a standard'],
    [{ maxBatchBytes: 1_048_577 }, 'maxBatchBytes must be a whole number from 1024 to 1048576, got 1048577'],
    [{ maxBatchBytes: 1_023 }, 'maxBatchBytes must be'],
    [{ timeoutMs: 0.5 }, 'timeoutMs must be a whole number'],
  ])('refuses the options %j', (options, message) => {
    expect(() => open(options as Partial<SqsQueueOptions>)).toThrow(message)
  })
})
