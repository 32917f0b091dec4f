import { AsyncLocalStorage } from 'node:async_hooks'

/** The work of deliveries, from its start until it ends. None of it rejects. */
export interface WorkTracker {
  /** Starts the work of one delivery. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** Tracks more work of the delivery that calls. */
  track<Work extends Promise<unknown>>(work: Work): Work
  /** Resolves when all work has ended. Called by a delivery's own work, it does not wait for that delivery. */
  waitForAll(): Promise<void>
}

export function trackWork(): WorkTracker {
  const underWay = new Map<Promise<unknown>, object | undefined>()
  const current = new AsyncLocalStorage<object>()
  /** The deliveries whose work has called `waitForAll`. */
  const waiting = new WeakSet<object>()

  const track = <Work extends Promise<unknown>>(work: Work): Work => {
    underWay.set(work, current.getStore())
    void work.then(() => underWay.delete(work))
    return work
  }
  const findAwaited = (own: object | undefined): Promise<unknown>[] => {
    // Of two deliveries that wait here, each would wait for the other.
    const isAwaited = (delivery: object | undefined): boolean =>
      own === undefined || delivery === undefined || !waiting.has(delivery)
    return [...underWay].filter(([, delivery]) => isAwaited(delivery)).map(([work]) => work)
  }
  return {
    track,
    run: (work) => current.run({}, () => track(work())),
    async waitForAll() {
      const own = current.getStore()
      if (own !== undefined) waiting.add(own)
      // Again, because a failure is reported when the work ends.
      for (let awaited = findAwaited(own); awaited.length > 0; awaited = findAwaited(own)) await Promise.all(awaited)
    },
  }
}
