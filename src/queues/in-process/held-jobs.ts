import type { JobOutcome, MediaJob } from '../../queues.js'

/** A job of the queue in this process. */
export interface HeldJob {
  readonly id: string
  /** Jobs about the same media run one after the other: the second then finds the object. */
  readonly media: string
  /** In the order of arrival: after its wait, a job comes first again. */
  readonly place: number
  job: MediaJob
  attempt: number
}

/** The jobs that have not ended. */
export interface HeldJobs {
  readonly size: number
  has(id: string): boolean
  hold(id: string, job: MediaJob): HeldJob
  /** @returns the wait before the job's next attempt, in milliseconds; undefined when the job has ended. */
  settle(held: HeldJob, outcome: JobOutcome): number | undefined
  list(): MediaJob[]
}

export function createHeldJobs(): HeldJobs {
  const jobs = new Map<string, HeldJob>()
  let places = 0
  return {
    get size() {
      return jobs.size
    },
    has: (id) => jobs.has(id),
    hold(id, job) {
      const media = JSON.stringify([job.accountId, job.media.mediaId])
      const held = { id, media, place: places++, job, attempt: 1 }
      jobs.set(id, held)
      return held
    },
    settle(held, outcome) {
      if (outcome.outcome !== 'retry') {
        jobs.delete(held.id)
        return undefined
      }
      held.job = outcome.job
      if (outcome.isAttempt) held.attempt++
      return outcome.afterSeconds * 1_000
    },
    list: () => [...jobs.values()].map(({ job }) => job),
  }
}
