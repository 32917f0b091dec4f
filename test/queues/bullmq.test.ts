import fc from 'fast-check'
import { Cluster, Redis } from 'ioredis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { decidePriority } from '../../src/queues/bullmq/job.js'
import { isConnectionFault, toRedisError } from '../../src/queues/bullmq/to-redis-error.js'
import { type BullMqQueueOptions, createBullMqQueue, createBullMqWorker } from '../../src/queues/bullmq.js'

const AWAY = { host: '127.0.0.1', port: 1, lazyConnect: true }
const processJob = async (): Promise<{ outcome: 'done' }> => ({ outcome: 'done' })

describe('createBullMqQueue', () => {
  const clusterOf = (options: ConstructorParameters<typeof Cluster>[1]): Cluster =>
    new Cluster([AWAY], { ...options, lazyConnect: true })

  it.each<[string, object]>([
    ['connection', { connection: 'localhost:6379' }],
    ['connection', { connection: undefined }],
    ['connection', { connection: null }],
    ['connection.keyPrefix', { connection: { keyPrefix: 'app:' } }],
    ['connection.keyPrefix', { connection: new Redis({ ...AWAY, keyPrefix: 'app:' }) }],
    ['connection.keyPrefix', { connection: clusterOf({ keyPrefix: 'app:' }) }],
    ['connection.keyPrefix', { connection: clusterOf({ redisOptions: { keyPrefix: 'app:' } }) }],
    ['name', { name: 'a:b' }],
    ['name', { name: '' }],
    ['prefix', { prefix: 'bull:' }],
    ['prefix', { prefix: 5 }],
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: Number.POSITIVE_INFINITY }],
  ])('refuses a wrong %s: %o', (option, wrong) => {
    const options = { connection: AWAY, ...wrong } as BullMqQueueOptions
    expect(() => createBullMqQueue(options)).toThrow(expect.objectContaining({ code: 'invalid-option', option }))
  })

  it('shows nothing of a wrong URL, which may hold a password', () => {
    expect(() => createBullMqQueue({ connection: 'http://:geheim@redis' })).toThrow(/^(?!.*geheim).*URL/)
  })

  it.each([{ limit: 0 }, { limit: 1.5 }, { offset: -1 }])('refuses the page %o', async (page) => {
    const queue = createBullMqQueue({ connection: AWAY })
    onTestFinished(async () => void (await queue.close()))
    const [option] = Object.keys(page)
    await expect(queue.deadLetters(page)).rejects.toMatchObject({ code: 'invalid-option', option })
  })

  it('gives a cluster up when its owner does', async () => {
    const cluster = clusterOf({ clusterRetryStrategy: null })
    const duplicate = vi.spyOn(cluster, 'duplicate')
    const queue = createBullMqQueue({ connection: cluster })
    onTestFinished(async () => void (await queue.close()))
    expect(duplicate.mock.calls[0]?.[1]?.clusterRetryStrategy?.(1)).toBeNull()
  })

  it('takes an empty batch without Redis', async () => {
    const queue = createBullMqQueue({ connection: AWAY })
    onTestFinished(async () => void (await queue.close()))
    await queue.enqueue([])
  })
})

describe('createBullMqWorker', () => {
  it.each<[string, object]>([
    ['connection', { connection: 5 }],
    ['name', { name: 'a b' }],
    ['concurrency', { concurrency: 0 }],
    ['lockMs', { lockMs: 1.5 }],
    ['stalledIntervalMs', { stalledIntervalMs: -1 }],
    ['processJob', { processJob: undefined }],
  ])('refuses a wrong %s: %o', (option, wrong) => {
    const options = { connection: AWAY, processJob, ...wrong }
    expect(() => createBullMqWorker(options)).toThrow(expect.objectContaining({ code: 'invalid-option', option }))
  })

  it('close ends at once when Redis was never there', async () => {
    const worker = createBullMqWorker({ connection: AWAY, processJob })
    await worker.close({ timeoutMs: 60_000 })
    await worker.close({ timeoutMs: 60_000 })
  })
})

describe('decidePriority', () => {
  it('orders by deadline, within what BullMQ takes', () => {
    const dates = fc.date({ min: new Date('2020-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(dates, dates, (one, other) => {
        const [first, second] = [decidePriority(one.getTime()), decidePriority(other.getTime())]
        expect(first).toBeGreaterThanOrEqual(1)
        expect(first).toBeLessThanOrEqual(2 ** 21 - 1)
        if (one < other) expect(first).toBeLessThanOrEqual(second)
      }),
    )
  })

  it('distinguishes deadlines ten minutes apart until 2060', () => {
    const at = (iso: string): number => decidePriority(Date.parse(iso))
    expect(at('2059-12-31T00:10:00Z') - at('2059-12-31T00:00:00Z')).toBe(1)
    expect(at('2026-11-22T00:10:00Z') - at('2026-11-22T00:00:00Z')).toBe(1)
  })

  it('lets a job without a date come first, to be refused', () => {
    expect(decidePriority(Number.NaN)).toBe(1)
  })
})

describe('toRedisError', () => {
  it.each([
    ['Missing lock for job 5. moveToFinished', -2, 'lock-missing'],
    ['Lock mismatch for job 5. Cmd moveToFinished from active', -6, 'lock-mismatch'],
    ['could not renew lock for job 5', undefined, 'lock-not-renewed'],
    ['Missing key for job 5. updateData', -1, 'job-missing'],
    ['Job 5 is not in the active state. moveToDelayed', -3, 'job-elsewhere'],
  ])('names the reason of %s', (message, code, reason) => {
    const error = toRedisError('settle', Object.assign(new Error(message), { code }))
    expect(error).toMatchObject({ reason, retryable: true })
  })

  it.each<[unknown, string]>([
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new Error("OOM command not allowed when used memory > 'maxmemory'."), 'OOM'],
    [new Error('Connection is closed.'), 'closed'],
    [new TypeError('fetch failed'), 'TypeError'],
    [new Error("Socket timeout. Expecting data, but didn't receive any in 15000ms."), 'timeout'],
    [new Error('Command timed out'), 'timeout'],
    [new Error('All sentinels are unreachable. Retrying from scratch after 10ms.'), 'sentinels-unreachable'],
    [new Error('All sentinels are unreachable and retry is disabled.'), 'sentinels-unreachable'],
    [new Error('None of startup nodes is available'), 'nodes-unreachable'],
    [new Error('Too many Cluster redirections. Last error: MOVED 1 h:1'), 'too-many-redirections'],
    [new Error('Cluster is disconnecting.'), 'disconnected'],
    [new Error('Node is disconnected'), 'disconnected'],
    [new Error('A socket timeout. '), 'Error'],
    ['a text', 'unknown'],
  ])('names the reason of %s', (thrown, reason) => {
    const error = toRedisError('enqueue', thrown)
    expect(error).toMatchObject({ code: 'queue-failed', operation: 'enqueue', reason, retryable: true })
    expect(toRedisError('list', error)).toBe(error)
  })
})

describe('isConnectionFault', () => {
  it.each<[unknown, boolean]>([
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), true],
    [new Error("Socket timeout. Expecting data, but didn't receive any in 15000ms."), true],
    [new Error('All sentinels are unreachable and retry is disabled.'), true],
    [Object.assign(new Error('Missing lock for job 5. moveToFinished'), { code: -2 }), false],
    [new Error('could not renew lock for job 5'), false],
    ['a text', false],
  ])('tells %s', (thrown, expected) => {
    expect(isConnectionFault(thrown)).toBe(expected)
  })
})
