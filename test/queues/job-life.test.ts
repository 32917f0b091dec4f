import { expect, it, onTestFinished } from 'vitest'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { JOB_LIFE, recordJobLife, recordJobLifeOnSqs } from './job-life.js'
import { startSqs } from './sqs/server.js'

it('a job tells the same numbers in a queue of this process', async () => {
  const lines = await recordJobLife(async (job, processJob) => {
    const queue = createInProcessQueue()
    queue.start(processJob)
    await queue.enqueue([job])
    return queue
  })
  expect(lines).toEqual(JOB_LIFE)
})

it('a job tells the same numbers on SQS', async () => {
  const sqs = await startSqs()
  onTestFinished(() => sqs.close())
  const connection = sqs.connectionTo(await sqs.createQueue())
  expect(await recordJobLifeOnSqs(connection)).toEqual(JOB_LIFE)
})
