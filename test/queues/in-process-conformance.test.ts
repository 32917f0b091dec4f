import { describe, it } from 'vitest'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { queueConformance } from '../../src/testing/queue-conformance.js'

describe('createInProcessQueue() meets the conformance suite', () => {
  const open = () => ({ queue: createInProcessQueue() })
  for (const { name, run } of queueConformance({ open, isDurable: false })) it(name, run)
})
