import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createBullMqQueue } from '../../src/queues/bullmq.js'
import { KILL_RUN_LIMIT_MS, killWorkers } from '../kill-run/kill-run.js'
import { redisUrl, usePrefix } from './redis.js'
import type { BullMqTask } from './worker-process.js'

const prefix = usePrefix()
let connection: Redis
let queues: Queue[]

beforeAll(() => {
  connection = new Redis(redisUrl())
  queues = ['media', 'media-dead'].map((name) => new Queue(name, { connection, prefix }))
})
afterAll(async () => {
  for (const queue of queues) await queue.close()
  connection.disconnect()
})

it(
  'BullMQ workers that are killed every 5 s archive 2,000 media, each once, and lose none',
  () =>
    killWorkers<BullMqTask>({
      queue: createBullMqQueue({ connection: redisUrl(), prefix }),
      script: new URL('./worker-process.ts', import.meta.url),
      task: { connection: redisUrl(), prefix },
      async isDrained() {
        const counts = await Promise.all(queues.map((queue) => queue.getJobCounts()))
        const [jobs, dead] = counts.map((states) => Object.values(states).reduce((sum, count) => sum + count, 0))
        expect(dead).toBe(0)
        expect(counts.map(({ failed }) => failed)).toEqual([0, 0])
        return jobs === 0
      },
    }),
  KILL_RUN_LIMIT_MS,
)
