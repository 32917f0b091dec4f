import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { JOB_LIFE, recordJobLifeOnSqs } from '../queues/job-life.js'
import { connectionTo, queueNamed } from './queues.js'

it('a job tells the same numbers on an SQS server', async () => {
  const connection = connectionTo(await queueNamed(`job-life-${randomUUID()}`))
  expect(await recordJobLifeOnSqs(connection)).toEqual(JOB_LIFE)
})
