import { readField, readTextField } from '../../errors/thrown.js'

/**
 * How a Redis says that it takes no commands now: it has become a replica, lacks replicas, memory or disk, loads its data,
 * or misses nodes of its cluster (Redis: Replication, Key eviction, Persistence, Cluster specification). Redis 6 quotes
 * the refusal of a script's command within the script's error, and ioredis that of a cluster.
 */
const REFUSAL =
  /(?:^|[\s-])(READONLY|UNBLOCKED|NOREPLICAS|OOM|MISCONF|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY)(?= )/

/** The word of the refusal that an error tells of; undefined for any other error. */
export function findRefusal(error: unknown): string | undefined {
  return REFUSAL.exec(readTextField(error, 'message'))?.[1]
}

/** Whether it is an answer of Redis. BullMQ's own errors, of a job that lost its lock say, are of no such class. */
export function isRedisAnswer(error: unknown): boolean {
  return readField(error, 'name') === 'ReplyError' || findRefusal(error) !== undefined
}

/** The waits between connections that are refused, which all connections of one queue or worker share. */
export interface RefusalWaits {
  /** Redis has refused a command now. */
  note(): void
  /** Milliseconds until the next connection; 0 when nothing was refused lately. */
  decideMs(): number
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2_000
/** Without a refusal for so long, the next one is the first of another outage. */
const OUTAGE_ENDS_MS = 10_000

/** Each wait is as long as the outage has lasted, so that waits double: from 50 milliseconds to 2 seconds. */
export function createRefusalWaits(now: () => number = () => performance.now()): RefusalWaits {
  let firstAt = Number.NEGATIVE_INFINITY
  let lastAt = Number.NEGATIVE_INFINITY
  return {
    note() {
      const at = now()
      if (at - lastAt > OUTAGE_ENDS_MS) firstAt = at
      lastAt = at
    },
    decideMs() {
      const at = now()
      if (at - lastAt > OUTAGE_ENDS_MS) return 0
      return Math.min(Math.max(at - firstAt, FIRST_WAIT_MS), LONGEST_WAIT_MS)
    },
  }
}

const REPORT_INTERVAL_MS = 1_000

/** Passes on one error a second of each reason: a Redis that refuses everything must not fill a log. */
export function limitReports<Fault extends { reason: string }>(
  report: (error: Fault) => void,
  now: () => number = () => performance.now(),
): (error: Fault) => void {
  const reportedAt = new Map<string, number>()
  return (error) => {
    const at = now()
    if (at - (reportedAt.get(error.reason) ?? Number.NEGATIVE_INFINITY) < REPORT_INTERVAL_MS) return
    reportedAt.set(error.reason, at)
    report(error)
  }
}
