import { setTimeout as wait } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { Cluster, Redis } from 'ioredis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type BullMqConnection, createBullMqQueue, createBullMqWorker } from '../../src/queues/bullmq.js'
import type { JobOutcome } from '../../src/queues.js'
import { openPair, type RedisPair } from './pair.js'
import { jobOf, readEnvironment, statesOf } from './redis.js'

const done: JobOutcome = { outcome: 'done' }
const LONG_MS = 30_000

async function usePair(): Promise<RedisPair> {
  const pair = await openPair()
  await pair.primary().flushall()
  onTestFinished(pair.close)
  return pair
}

/** A queue with a worker that notes the media it has worked on; a job stays under way while `hold` is pending. */
function openBoth(connection: BullMqConnection, options: { hold?: Promise<unknown>; concurrency?: number } = {}) {
  const { hold, concurrency = 2 } = options
  const seen: string[] = []
  const onError = vi.fn()
  const queue = createBullMqQueue({ connection })
  const worker = createBullMqWorker({
    ...{ connection, onError, concurrency },
    async processJob({ media }) {
      seen.push(media.mediaId)
      await hold
      return done
    },
  })
  onTestFinished(async () => {
    await worker.close({ timeoutMs: 0 })
    await queue.close()
  })
  const sees = (ids: string[]): Promise<void> => vi.waitFor(() => expect(seen).toEqual(ids), LONG_MS)
  return { queue, worker, onError, seen, sees }
}

/** Every job has left the queue. */
async function isEmpty(connection: Redis | Cluster): Promise<void> {
  const main = new Queue('media', { connection, prefix: '{whatsapp-media}' })
  onTestFinished(() => main.close())
  await vi.waitFor(async () => expect(await statesOf(main)).toEqual({}), LONG_MS)
}

function closeLater<Opened extends Redis | Cluster>(opened: Opened): Opened {
  onTestFinished(() => opened.disconnect())
  return opened
}

function readAddress(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

/** A cluster that nobody has connected yet, and its two nodes, whichever is the primary now. */
async function useCluster(): Promise<{ cluster: Cluster; primary: Redis; replica: Redis }> {
  const urls = [readEnvironment('REDIS_CLUSTER_URL'), readEnvironment('REDIS_CLUSTER_REPLICA_URL')]
  const [one, other] = urls.map((url) => closeLater(new Redis(url)))
  if (one === undefined || other === undefined) throw new Error('there are two nodes')
  const isPrimary = /^role:master/m.test(await one.info('replication'))
  const [primary, replica] = isPrimary ? [one, other] : [other, one]
  await primary.flushall()
  return { cluster: closeLater(new Cluster(urls.map(readAddress), { lazyConnect: true })), primary, replica }
}

describe('after a failover, a queue and its worker come back by themselves', () => {
  it.each<[string, (url: string) => BullMqConnection]>([
    ['a URL', (url) => url],
    ['ioredis’s options', readAddress],
    ['options that give up a Redis that is away', (url) => ({ ...readAddress(url), retryStrategy: null })],
    ['options that reconnect by themselves', (url) => ({ ...readAddress(url), reconnectOnError: () => 1 as const })],
    ['an instance', (url) => closeLater(new Redis(url, { maxRetriesPerRequest: 3 }))],
  ])('reached by %s', async (_name, connect) => {
    const pair = await usePair()
    let end = (): void => {}
    const hold = new Promise<void>((resolve) => (end = resolve))
    const { queue, sees } = openBoth(connect(pair.road.url), { hold })
    await queue.enqueue([jobOf('1')])
    await sees(['1'])
    await pair.failOver()
    end()
    await queue.enqueue([jobOf('2')])
    await sees(['1', '2'])
    await isEmpty(pair.primary())
    await pair.failOver()
    await queue.enqueue([jobOf('3')])
    await sees(['1', '2', '3'])
  })

  it('with many calls under way, of which Node thinks no leak', async () => {
    const warnings: string[] = []
    const note = ({ message }: Error): void => void warnings.push(message)
    process.on('warning', note)
    onTestFinished(() => void process.off('warning', note))
    const pair = await usePair()
    const ids = (word: string): string[] => Array.from({ length: 40 }, (_, index) => `${word}${index}`)
    let end = (): void => {}
    const hold = new Promise<void>((resolve) => (end = resolve))
    const { queue, seen } = openBoth(pair.road.url, { hold, concurrency: 40 })
    await queue.enqueue(ids('first').map((id) => jobOf(id)))
    await vi.waitFor(() => expect(seen).toHaveLength(40), LONG_MS)
    const { settle } = await pair.demote()
    end()
    const refused = Promise.all(ids('second').map((id) => queue.enqueue([jobOf(id)])))
    await settle()
    await refused
    await isEmpty(pair.primary())
    await pair.road.cut()
    const away = Promise.all(ids('third').map((id) => queue.enqueue([jobOf(id)])))
    await pair.road.mend()
    await away
    await isEmpty(pair.primary())
    expect(new Set(seen).size).toBe(120)
    expect(warnings).toEqual([])
  })

  it('a server that went without a word', async () => {
    const pair = await usePair()
    const { queue, sees } = openBoth(pair.road.url)
    await queue.enqueue([jobOf('1')])
    await sees(['1'])
    pair.road.forget()
    await vi.waitFor(() => queue.enqueue([jobOf('2')]), LONG_MS)
    await sees(['1', '2'])
  })

  it('a Sentinel’s', async () => {
    const address = readAddress(readEnvironment('REDIS_SENTINEL_URL'))
    const sentinel = closeLater(new Redis(address))
    const { queue, sees } = openBoth({ sentinels: [address], name: 'media' })
    await queue.enqueue([jobOf('1')])
    await sees(['1'])
    const whereIs = (): Promise<unknown> => sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'media')
    const before = await whereIs()
    // It refuses while a failover is fresh.
    await vi.waitFor(() => sentinel.call('SENTINEL', 'FAILOVER', 'media'), LONG_MS)
    await vi.waitFor(async () => expect(await whereIs()).not.toEqual(before), LONG_MS)
    await queue.enqueue([jobOf('2')])
    await sees(['1', '2'])
  })

  it('a cluster’s', async () => {
    const { cluster, replica } = await useCluster()
    const { queue, sees } = openBoth(cluster)
    await queue.enqueue([jobOf('1')])
    await sees(['1'])
    await replica.call('CLUSTER', 'FAILOVER', 'TAKEOVER')
    await vi.waitFor(() => queue.enqueue([jobOf('2')]), LONG_MS)
    await sees(['1', '2'])
  })
})

describe('a Redis that refuses writes', () => {
  const optionsOf = (name: string) => async (pair: RedisPair, value: string) =>
    void (await pair.primary().config('SET', name, value))
  const setReplicas = optionsOf('min-replicas-to-write')
  const setMemory = optionsOf('maxmemory')

  it.each<[string, (pair: RedisPair) => Promise<{ settle(): Promise<void> }>]>([
    ['READONLY', (pair) => pair.demote()],
    [
      'NOREPLICAS',
      async (pair) => {
        await setReplicas(pair, '2')
        return { settle: () => setReplicas(pair, '0') }
      },
    ],
    [
      'OOM',
      async (pair) => {
        await setMemory(pair, '1')
        return { settle: () => setMemory(pair, '0') }
      },
    ],
  ])('with %s costs a worker few calls and a line a second, and loses nothing', async (word, refuse) => {
    const pair = await usePair()
    const node = pair.primary()
    let end = (): void => {}
    const hold = new Promise<void>((resolve) => (end = resolve))
    const { queue, seen, sees, onError } = openBoth(pair.road.url, { hold })
    await queue.enqueue(['1', '2', '3', '4'].map((id) => jobOf(id)))
    await vi.waitFor(() => expect(seen).toHaveLength(2), LONG_MS)
    const { settle } = await refuse(pair)
    onTestFinished(settle)
    end()
    const countCalls = async (): Promise<number> =>
      Number(/^total_commands_processed:(\d+)/m.exec(await node.info('stats'))?.[1])
    const before = await countCalls()
    await wait(4_000)
    // Connections, asked and greeted, more and more seldom. A worker that spins makes tens of thousands.
    expect((await countCalls()) - before).toBeLessThan(400)
    const lines = onError.mock.calls.map(([{ reason }]) => reason)
    expect(lines).toContain(word)
    expect(lines.filter((reason) => reason === word).length).toBeLessThanOrEqual(5)
    expect(lines.length).toBeLessThan(12)
    await expect(queue.enqueue([jobOf('5')])).rejects.toMatchObject({ operation: 'enqueue', reason: word })
    await settle()
    await queue.enqueue([jobOf('6')])
    await sees(['1', '2', '3', '4', '6'])
    await isEmpty(pair.primary())
  })
  it('and a cluster that misses slots, too', async () => {
    const { cluster, primary } = await useCluster()
    const { queue, sees, onError } = openBoth(cluster)
    await queue.enqueue([jobOf('1')])
    await sees(['1'])
    await primary.call('CLUSTER', 'DELSLOTSRANGE', '0', '16383')
    const addSlots = (): Promise<unknown> => primary.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    onTestFinished(async () => void (await addSlots().catch(() => {})))
    const before = Number(/^total_commands_processed:(\d+)/m.exec(await primary.info('stats'))?.[1])
    await expect(queue.enqueue([jobOf('2')])).rejects.toMatchObject({ operation: 'enqueue' })
    const after = Number(/^total_commands_processed:(\d+)/m.exec(await primary.info('stats'))?.[1])
    expect(after - before).toBeLessThan(1_000)
    await addSlots()
    await vi.waitFor(() => queue.enqueue([jobOf('2')]), LONG_MS)
    await sees(['1', '2'])
    expect(onError.mock.calls.length).toBeLessThan(12)
  })
})
