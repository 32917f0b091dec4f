import { QueueFailedError } from '../../errors.js'
import type { JobOutcome, ProcessJob } from '../../queues.js'
import { abortable, createController } from '../../timing/abort.js'
import { retryRejected } from '../stored-job.js'
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

export function createBullMqRuns(processJob: ProcessJob): BullMqRuns {
  const [stopped, abandoned] = [createController(), createController()]
  const createClosedError = (): QueueFailedError =>
    new QueueFailedError({ operation: 'receive', reason: 'closed', retryable: true })
  return {
    async attempt({ job, attempt }) {
      const running = (async () => processJob(job, { attempt, signal: stopped.signal }))()
      return abortable(running, abandoned.signal).catch((error: unknown): JobOutcome => {
        if (!abandoned.signal.aborted) return retryRejected(job, { error })
        return { outcome: 'retry', afterSeconds: 0, until: '', isAttempt: false, job, error: createClosedError() }
      })
    },
    stop: () => stopped.abort(createClosedError()),
    abandon: () => abandoned.abort(),
  }
}
