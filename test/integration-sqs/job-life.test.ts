import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { createSqsConsumer, createSqsQueue } from '../../src/queues/sqs.js'
import { JOB_LIFE, recordJobLife } from '../queues/job-life.js'
import { connectionTo, queueNamed } from './queues.js'

it('a job tells the same numbers on an SQS server', async () => {
  const connection = connectionTo(await queueNamed(`job-life-${randomUUID()}`))
  const lines = await recordJobLife(async (job, processJob) => {
    await createSqsQueue(connection).enqueue([job])
    const consumer = createSqsConsumer({ ...connection, processJob })
    consumer.start()
    return consumer
  })
  expect(lines).toEqual(JOB_LIFE)
})
