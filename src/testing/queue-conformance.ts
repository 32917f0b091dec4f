import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { OpenQueue, Requirement, StartedWorker } from './queue-conformance/context.js'
import { createContext } from './queue-conformance/context.js'
import { endRequirements } from './queue-conformance/ends.js'
import { jobRequirements } from './queue-conformance/jobs.js'
import type { ConformanceCase } from './storage-conformance.js'

export type { OpenQueue } from './queue-conformance/context.js'

export interface QueueConformanceOptions {
  /**
   * Opens the queue of this name: letters, digits and hyphens, at most 60. It is empty when the name is new; a durable
   * queue that is opened again still has its jobs.
   */
  open: (name: string) => OpenQueue | Promise<OpenQueue>
  /** Whether jobs outlive the object that `open` gives. Default true; otherwise `close` must hand them back. */
  isDurable?: boolean
  /** Milliseconds after which a case has failed. Default 20,000. */
  limitMs?: number
}

/**
 * What every `MediaQueue` and its worker must do, as cases for any test runner:
 *
 * ```ts
 * const open = () => ({ queue: createInProcessQueue() })
 * for (const { name, run } of queueConformance({ open, isDurable: false })) it(name, run)
 * ```
 *
 * Each case has a queue of its own and closes what it opened; cases may run concurrently. A queue may deliver a job more
 * than once, so no case counts on "exactly once".
 */
export function queueConformance(options: QueueConformanceOptions): ConformanceCase[] {
  const requirements = [...jobRequirements, ...endRequirements]
  return requirements.map(({ name, check }) => ({ name, run: () => runCase(check, options) }))
}

async function runCase(check: Requirement['check'], options: QueueConformanceOptions): Promise<void> {
  const { open, isDurable = true, limitMs = 20_000 } = options
  const name = `conformance-${randomUUID()}`
  const started: StartedWorker[] = []
  const context = createContext({ open: async () => open(name), isDurable, started })
  const cleanUp = async (): Promise<void> => {
    for (const each of started.reverse()) await each.close({ timeoutMs: 0 })
  }
  try {
    await within(limitMs, check(context))
  } catch (error) {
    // What the case found says more than a failure to clean up after it.
    await within(limitMs, cleanUp()).catch(() => {})
    throw error
  }
  await within(limitMs, cleanUp())
}

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new assert.AssertionError({ message: `The queue did not settle within ${limitMs} ms` }))
    }, limitMs)
  })
  try {
    await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
