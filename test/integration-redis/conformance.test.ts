import { describe, it } from 'vitest'
import { createBullMqQueue, createBullMqWorker } from '../../src/queues/bullmq.js'
import type { OpenQueue } from '../../src/testing/queue-conformance/context.js'
import { queueConformance } from '../../src/testing/queue-conformance.js'
import { toRows } from '../conformance-rows.js'
import { redisUrl, usePrefix } from './redis.js'

describe('createBullMqQueue() and createBullMqWorker() meet the conformance suite', () => {
  const prefix = usePrefix()
  const open = (name: string): OpenQueue => {
    const options = { connection: redisUrl(), name, prefix }
    const queue = createBullMqQueue(options)
    return {
      queue,
      work: (processJob) => createBullMqWorker({ ...options, processJob }),
      deadLetters: () => queue.deadLetters(),
      redrive: async () => queue.redrive((await queue.deadLetters()).map(({ id }) => id)),
    }
  }
  it.each(toRows(queueConformance({ open })))('%s', (_name, run) => run())
})
