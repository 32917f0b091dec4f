/** Running promises that never reject. */
export interface WorkTracker {
  /** Tracks the work until it ends. */
  track<Work extends Promise<unknown>>(work: Work): Work
  /** Resolves when all tracked work has ended. */
  waitForAll(): Promise<void>
}

export function trackWork(): WorkTracker {
  const underWay = new Set<Promise<unknown>>()
  return {
    track(work) {
      underWay.add(work)
      void work.then(() => underWay.delete(work))
      return work
    },
    async waitForAll() {
      // Again, because a failure is reported when the work ends.
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}
