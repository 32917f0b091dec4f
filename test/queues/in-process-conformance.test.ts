import { describe, it } from 'vitest'
import { createInProcessQueue } from '../../src/queues/in-process.js'
import { queueConformance } from '../../src/testing/queue-conformance.js'
import { toRows } from '../conformance-rows.js'

describe('createInProcessQueue() meets the conformance suite', () => {
  const open = () => ({ queue: createInProcessQueue() })
  it.each(toRows(queueConformance({ open, isDurable: false })))('%s', (_name, run) => run())
})
