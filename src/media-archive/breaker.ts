import type { AnyWhatsAppMediaError } from '../errors.js'

/** A job's media, and the part of the whole that it belongs to, such as its account. */
export interface BreakerMember {
  media: string
  part: string
}

/** The wait of a job that may not be tried now. */
export interface PauseLeft {
  secondsLeft: number
  error: AnyWhatsAppMediaError
}

/**
 * Stops the jobs of one whole (a storage, an account, a number) while all of them fail: a circuit breaker. It opens at
 * the first fault, or where others have succeeded lately, at the fourth in a row. From then on one job at a time is
 * tried: at once until four have failed, then at the end of each pause. The first success closes it. Jobs that failed
 * while others succeeded are at fault themselves, and open it no more.
 */
export interface Breaker {
  /** @param isDying the media would not live to see the end of the pause. */
  findWait(member: BreakerMember, options?: { isDying?: boolean | undefined }): PauseLeft | undefined
  /** The job is tried now. @returns what to call at its end. */
  enter(member: BreakerMember): () => void
  /**
   * A job has failed for what may be the fault of the whole.
   *
   * @returns the seconds of the pause; undefined where the job is at fault itself.
   */
  fail(member: BreakerMember, fault: { error: AnyWhatsAppMediaError; isProven: boolean }): number | undefined
  /** A job has succeeded. */
  succeed(member: BreakerMember): void
  readonly isPaused: boolean
}

export interface BreakerOptions {
  now: () => number
  firstSeconds: number
  /** The parts whose jobs must have failed before it opens. Default 1. */
  leastParts?: number | undefined
  onPause: (forSeconds: number, error: AnyWhatsAppMediaError) => void
}

const LONGEST_PAUSE_SECONDS = 900
/** So many media in a row, with no success between, are not at fault themselves. */
const MOST_IN_A_ROW = 4
/** How often media that dies during a pause may be tried. */
const BETWEEN_TRIES_MS = 60_000
/** Memory does not grow with the archive. */
const MOST_REMEMBERED = 10_000

interface Pause {
  beganMs: number
  untilMs: number
  seconds: number
  error: AnyWhatsAppMediaError
}

/** What a breaker remembers. */
interface BreakerState {
  /** Others have succeeded since the last pause, so that a fault need not be the whole's. */
  works: boolean
  /** The media that has failed since the last success, and its parts. */
  failing: Set<string>
  failingParts: Set<string>
  /** Media that failed while others succeeded. */
  alone: Set<string>
  /** The last pause of the row. */
  pause: Pause | undefined
  /** The fault that the pause is for is of all, whatever the media. */
  isProven: boolean
  isTrying: boolean
  triedMs: number
  error: AnyWhatsAppMediaError | undefined
}

export function createBreaker({ now, firstSeconds, leastParts = 1, onPause }: BreakerOptions): Breaker {
  const state = createState()
  const countLeft = (): number => countSecondsLeft(state.pause, now())

  const begin = (error: AnyWhatsAppMediaError): number => {
    const { pause } = state
    const seconds = pause === undefined ? firstSeconds : Math.min(pause.seconds * 2, LONGEST_PAUSE_SECONDS)
    const beganMs = now()
    Object.assign(state, { works: false, triedMs: beganMs })
    state.pause = { beganMs, untilMs: beganMs + seconds * 1_000, seconds, error }
    onPause(seconds, error)
    return seconds
  }

  return {
    findWait(member, { isDying = false } = {}) {
      const error = state.pause?.error ?? state.error
      if (error === undefined || !isCautious(state, member)) return undefined
      const left = countLeft()
      const isDue = left === 0 || (!isConfirmed(state) && !state.failing.has(member.media))
      const mayDie = isDying && Math.abs(now() - state.triedMs) >= BETWEEN_TRIES_MS
      if ((isDue || mayDie) && !state.isTrying) return undefined
      const { seconds = firstSeconds } = state.pause ?? {}
      return { secondsLeft: isDue ? Math.ceil(seconds / 10) : left, error }
    },
    enter(member) {
      if (!isCautious(state, member)) return () => {}
      Object.assign(state, { isTrying: true, triedMs: now() })
      return () => {
        state.isTrying = false
      }
    },
    fail(member, { error, isProven }) {
      if (!isProven && state.alone.has(member.media)) return undefined
      noteFault(state, { ...member, error, isProven })
      const left = countLeft()
      if (left > 0) return left
      if ((state.works && !isConfirmed(state)) || state.failingParts.size < leastParts) return undefined
      return begin(error)
    },
    succeed: ({ media }) => noteSuccess(state, media),
    get isPaused() {
      return countLeft() > 0
    },
  }
}

/** Whether the fault is the whole's beyond doubt: further media need not be tried to find out. */
function isConfirmed({ isProven, failing }: BreakerState): boolean {
  return isProven || failing.size >= MOST_IN_A_ROW
}

/** Whether one job at a time is tried. Jobs of a part that has failed by itself are that part's to hold back. */
function isCautious({ pause, works, failing, failingParts }: BreakerState, { part }: BreakerMember): boolean {
  return pause !== undefined || (!works && failing.size > 0 && !failingParts.has(part))
}

function noteFault(
  state: BreakerState,
  { media, part, error, isProven }: BreakerMember & { error: AnyWhatsAppMediaError; isProven: boolean },
): void {
  state.error = error
  state.failingParts.add(part)
  if (isProven) state.isProven = true
  else if (state.failing.size < MOST_REMEMBERED) state.failing.add(media)
}

/** What had failed until now did so by itself. */
function noteSuccess(state: BreakerState, media: string): void {
  const { alone, failing, failingParts } = state
  for (const each of failing) alone.add(each)
  alone.delete(media)
  for (const each of alone) {
    if (alone.size <= MOST_REMEMBERED) break
    alone.delete(each)
  }
  failing.clear()
  failingParts.clear()
  Object.assign(state, { works: true, isProven: false, pause: undefined, error: undefined })
}

function createState(): BreakerState {
  return {
    ...{ works: false, failing: new Set(), failingParts: new Set(), alone: new Set() },
    ...{ pause: undefined, error: undefined, isProven: false, isTrying: false, triedMs: 0 },
  }
}

/** The seconds until a pause ends. A clock that was set back must not make it last until it has caught up. */
function countSecondsLeft(pause: Pause | undefined, at: number): number {
  return pause === undefined || at < pause.beganMs ? 0 : Math.max(0, Math.ceil((pause.untilMs - at) / 1_000))
}
