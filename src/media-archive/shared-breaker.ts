import { type Breaker, type BreakerMember, type BreakerOptions, createBreaker, type PauseLeft } from './breaker.js'

/** The jobs that a whole and its parts let be tried, or hold back. `part` is an account. */
export interface SharedBreaker extends Pick<Breaker, 'enter' | 'fail' | 'succeed'> {
  /** The waits of the whole and of the part; empty when the job may be tried. */
  findWaits(member: BreakerMember, options?: { isDying?: boolean | undefined }): PauseLeft[]
}

export interface SharedBreakerOptions extends Pick<BreakerOptions, 'now' | 'firstSeconds'> {
  /** False where the parts have nothing in common: each then stands for itself. */
  isShared: boolean
  onPause: (part: string, forSeconds: number, error: PauseLeft['error']) => void
}

/**
 * A breaker for each account, and one for what the accounts share. Faults of one account pause that account alone. Once
 * those of a second one follow, with no success between, all wait: that is the same pause, and one event.
 */
export function createSharedBreaker({ isShared, onPause, now, firstSeconds }: SharedBreakerOptions): SharedBreaker {
  const parts = new Map<string, Breaker>()
  let failing = ''
  /** Until when an event has told of a part's pause, with no success since: it may turn out to be the whole's. */
  let toldUntilMs = Number.NEGATIVE_INFINITY
  const whole = createBreaker({
    ...{ now, firstSeconds, leastParts: 2 },
    onPause(forSeconds, error) {
      if (now() >= toldUntilMs) onPause(failing, forSeconds, error)
    },
  })

  const tellOfPart = (part: string, forSeconds: number, error: PauseLeft['error']): void => {
    if (isShared && whole.isPaused) return
    onPause(part, forSeconds, error)
    toldUntilMs = now() + forSeconds * 1_000
  }
  const getPart = (part: string): Breaker => {
    const tell: BreakerOptions['onPause'] = (forSeconds, error) => tellOfPart(part, forSeconds, error)
    const found = parts.get(part) ?? createBreaker({ now, firstSeconds, onPause: tell })
    parts.set(part, found)
    return found
  }
  const list = ({ part }: BreakerMember): Breaker[] => (isShared ? [whole, getPart(part)] : [getPart(part)])

  return {
    findWaits: (member, options) =>
      list(member)
        .map((breaker) => breaker.findWait(member, options))
        .filter((wait) => wait !== undefined),
    enter(member) {
      const leaves = list(member).map((breaker) => breaker.enter(member))
      return () => leaves.forEach((leave) => void leave())
    },
    fail(member, fault) {
      failing = member.part
      // The whole comes first: its pause covers that of the part.
      const seconds = list(member).map((breaker) => breaker.fail(member, fault) ?? 0)
      return Math.max(...seconds) || undefined
    },
    succeed(member) {
      for (const breaker of list(member)) breaker.succeed(member)
      toldUntilMs = Number.NEGATIVE_INFINITY
    },
  }
}
