import { expect, it } from 'vitest'
import { JOB_LIFE, recordJobLife } from '../queues/job-life.js'
import { openQueue, usePrefix } from './redis.js'

const prefix = usePrefix()

it('a job tells the same numbers on BullMQ', async () => {
  const { queue, work } = openQueue(prefix)
  const lines = await recordJobLife(async (job, processJob) => {
    await queue.enqueue([job])
    return work({ processJob })
  })
  expect(lines).toEqual(JOB_LIFE)
})
