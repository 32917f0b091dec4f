import type { JobCounts, JobOutcome, MediaJob } from '../../queues.js'

/** A job of the queue in this process. */
export interface HeldJob {
  readonly id: string
  /** Jobs about the same media run one after the other: the second then finds the object. */
  readonly media: string
  /**
   * Accounts take turns, so that the thousands of one account do not hold up the one job of another. After its wait, a
   * job keeps its turn.
   */
  readonly turn: number
  /** In the order of arrival. */
  readonly place: number
  job: MediaJob
  attempt: number
  /** When the next attempt comes, and why it is needed. Absent while the job is ready or runs. */
  wait?: { at: Date; error: unknown } | undefined
}

/** The jobs that have not ended. */
export interface HeldJobs {
  readonly size: number
  has(id: string): boolean
  hold(id: string, job: MediaJob): HeldJob
  /** The job begins: jobs that come from now on take their turn after it. */
  begin(held: HeldJob): void
  /** @returns the wait before the job's next attempt, in milliseconds; undefined when the job has ended. */
  settle(held: HeldJob, outcome: JobOutcome): number | undefined
  count(): JobCounts
  /** Lets go of all jobs. @returns them */
  release(): MediaJob[]
}

export function createHeldJobs(): HeldJobs {
  const jobs = new Map<string, HeldJob>()
  /** The last turn of each account. */
  const turns = new Map<string, number>()
  let current = 0
  let places = 0
  return {
    get size() {
      return jobs.size
    },
    has: (id) => jobs.has(id),
    hold(id, job) {
      const media = JSON.stringify([job.accountId, job.media.mediaId])
      const turn = Math.max(turns.get(job.accountId) ?? 0, current) + 1
      turns.set(job.accountId, turn)
      const held = { id, media, turn, place: places++, job, attempt: 1 }
      jobs.set(id, held)
      return held
    },
    begin(held) {
      held.wait = undefined
      current = Math.max(current, held.turn)
    },
    settle(held, outcome) {
      if (outcome.outcome !== 'retry') {
        jobs.delete(held.id)
        if (jobs.size === 0) turns.clear()
        return undefined
      }
      held.job = outcome.job
      if (outcome.isAttempt) held.attempt++
      const delayMs = outcome.afterSeconds * 1_000
      held.wait = { at: new Date(Date.now() + delayMs), error: outcome.error }
      return delayMs
    },
    count() {
      const waits = [...jobs.values()].map(({ wait }) => wait).filter((wait) => wait !== undefined)
      const [next] = waits.sort((one, other) => one.at.getTime() - other.at.getTime())
      return { open: jobs.size, waiting: waits.length, next }
    },
    release() {
      const left = [...jobs.values()].map(({ job }) => job)
      jobs.clear()
      return left
    },
  }
}

export function comesFirst(one: HeldJob, other: HeldJob): boolean {
  return one.turn === other.turn ? one.place < other.place : one.turn < other.turn
}
