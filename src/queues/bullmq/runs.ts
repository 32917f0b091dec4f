import { setMaxListeners } from 'node:events'
import { QueueFailedError } from '../../errors.js'
import type { JobOutcome, ProcessJob } from '../../queues.js'
import { abortable } from '../../timing/abort.js'
import type { QueuedJob } from './job.js'

/** The attempts of a worker that are under way. */
export interface BullMqRuns {
  /** Never rejects. */
  attempt(queued: QueuedJob): Promise<JobOutcome>
  /** Asks the attempts to stop. */
  stop(): void
  /** Leaves behind the attempts that do not stop: their jobs go back into the queue. */
  abandon(): void
}

/** The wait after a processor has rejected, which it must not. */
const REJECTED_SECONDS = 60

export function createBullMqRuns(processJob: ProcessJob): BullMqRuns {
  const [stopped, abandoned] = [new AbortController(), new AbortController()]
  for (const { signal } of [stopped, abandoned]) setMaxListeners(0, signal)
  const createClosedError = (): QueueFailedError =>
    new QueueFailedError({ operation: 'receive', reason: 'closed', retryable: true })
  return {
    async attempt({ job, attempt }) {
      const running = (async () => processJob(job, { attempt, signal: stopped.signal }))()
      return abortable(running, abandoned.signal).catch((error: unknown): JobOutcome => {
        const retry = { outcome: 'retry', until: '', job } as const
        if (abandoned.signal.aborted) return { ...retry, afterSeconds: 0, isAttempt: false, error: createClosedError() }
        // A processor must not reject; one that does anyway must not lose its job.
        return { ...retry, afterSeconds: REJECTED_SECONDS, isAttempt: true, error }
      })
    },
    stop: () => stopped.abort(createClosedError()),
    abandon: () => abandoned.abort(),
  }
}
