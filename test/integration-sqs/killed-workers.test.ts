import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { createSqsQueue } from '../../src/queues/sqs.js'
import { KILL_RUN_LIMIT_MS, killWorkers } from '../kill-run/kill-run.js'
import { connectionTo, count, queueNamed } from './queues.js'
import type { SqsTask } from './worker-process.js'

it(
  'SQS workers that are killed every 5 s archive 2,000 media, each once, and lose none',
  async () => {
    const name = `killed-workers-${randomUUID()}`
    const queueUrl = await queueNamed(name)
    const deadLetterQueueUrl = await queueNamed(`${name}-dead`)
    await killWorkers<SqsTask>({
      queue: createSqsQueue(connectionTo(queueUrl)),
      script: new URL('./worker-process.ts', import.meta.url),
      task: { connection: connectionTo(queueUrl), deadLetterQueueUrl },
      async isDrained() {
        expect(await count(deadLetterQueueUrl)).toEqual({ visible: 0, hidden: 0, delayed: 0 })
        const { visible, hidden, delayed } = await count(queueUrl)
        return visible + hidden + delayed === 0
      },
    })
  },
  KILL_RUN_LIMIT_MS,
)
