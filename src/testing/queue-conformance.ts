import { randomUUID } from 'node:crypto'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkFunction } from '../errors/checks.js'
import { type ConformanceCase, type Requirement, runCase } from './conformance.js'
import { createQueueCase, type OpenQueue, type QueueCase, type StartedWorker } from './queue-conformance/context.js'
import { endRequirements } from './queue-conformance/ends.js'
import { jobRequirements } from './queue-conformance/jobs.js'

export type { OpenQueue } from './queue-conformance/context.js'

/** Options of `queueConformance`. */
export interface QueueConformanceOptions {
  /**
   * Opens the queue of this name: letters, digits and hyphens, at most 60. It is empty when the name is new; a durable
   * queue that is opened again still has its jobs.
   */
  open: (name: string) => OpenQueue | Promise<OpenQueue>
  /** Jobs outlive the object that `open` returns. Default true; otherwise `close` must return them. */
  isDurable?: boolean | undefined
  /** Milliseconds after which a case has failed. Default 20,000. */
  limitMs?: number | undefined
}

const QUEUE_SUITE_OPTIONS: OptionNames<QueueConformanceOptions> = { open: true, isDurable: true, limitMs: true }

/**
 * The rules for every `MediaQueue` and its worker, as cases for any test runner:
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
  checkOptions(options, QUEUE_SUITE_OPTIONS)
  checkFunction('open', options.open)
  const requirements = [...jobRequirements, ...endRequirements]
  return requirements.map(({ name, check }) => ({ name, run: () => runQueueCase(check, options) }))
}

async function runQueueCase(check: Requirement<QueueCase>['check'], options: QueueConformanceOptions): Promise<void> {
  const { open, isDurable = true, limitMs = 20_000 } = options
  const name = `conformance-${randomUUID()}`
  const started: StartedWorker[] = []
  const queueCase = createQueueCase({ open: async () => open(name), isDurable, started })
  await runCase({
    subject: 'queue',
    limitMs,
    check: () => check(queueCase),
    async cleanUp() {
      for (const each of started.reverse()) await each.close({ timeoutMs: 0 })
    },
  })
}
