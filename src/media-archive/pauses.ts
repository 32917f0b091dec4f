import type { FaultyWhole } from '../archive/judge-fault.js'
import type { AnyWhatsAppMediaError } from '../errors.js'
import type { BreakerMember, PauseLeft } from './breaker.js'
import { createSharedBreaker, type SharedBreaker } from './shared-breaker.js'

/**
 * A pause of one number (Meta takes no token of it, or lacks a permission), of an account (Meta blocks it, or asks for
 * fewer calls), or of what accounts share: the storage, and the way to Meta. Those two cover the account that is named
 * until a second one fails.
 */
export type Pause = { accountId: string; forSeconds: number } & (
  | { reason: 'access-token' | 'permission'; phoneNumberId: string }
  | { reason: 'account' | 'app' | 'rate-limit' | 'storage' }
)

/** Hears of each pause when it begins, and the error that began it. */
export type PauseListener = (pause: Pause, error: AnyWhatsAppMediaError) => void

/** A number and its account. Numbers of one account may have tokens of their own; rate limits are taken as the account's. */
export interface AccountNumber {
  accountId: string
  phoneNumberId: string
}

/** A job, as far as pauses know it. */
export interface PausedJob extends AccountNumber {
  mediaId: string
}

/** The pauses of an archive's jobs: further tries would burn their attempts, and make Meta or a provider block the number. */
export interface Pauses {
  /**
   * The longest wait of the job, and its reason; undefined when it may be tried now.
   *
   * @param isDying the media would not live to see the end of a pause: it may be tried, but one a minute, not each job.
   */
  findWait(job: PausedJob, options?: { isDying?: boolean | undefined }): PauseLeft | undefined
  /** The job is tried now. @returns what to call at its end. */
  enter(job: PausedJob): () => void
  /**
   * A job has failed for a fault of this whole.
   *
   * @returns the seconds of the pause; undefined where others succeed, so that the job is at fault itself.
   */
  fail(job: PausedJob, fault: { whole: BrokenWhole; error: AnyWhatsAppMediaError }): number | undefined
  /** A look-up has succeeded: the number's token works, and Meta serves the account. */
  noteLookUp(job: PausedJob): void
  /** Media has come through the whole way into the storage. */
  noteStored(job: PausedJob): void
  /** Pauses the account for these seconds at least: Meta asks for fewer calls. */
  pauseAccount(accountId: string, seconds: number, error: AnyWhatsAppMediaError): void
}

/** A whole whose pause grows until a job succeeds. A rate limit has a time of its own. */
type BrokenWhole = Exclude<FaultyWhole, 'rate-limit'>

/** Meta and its providers block numbers that keep asking; a store does not. */
const FIRST_META_SECONDS = 60
const FIRST_STORAGE_SECONDS = 5

export interface PausesOptions {
  now: () => number
  /** One storage is all accounts'; otherwise each has its own. */
  sharesStorage: boolean
}

export function createPauses(onPause: PauseListener, { now, sharesStorage }: PausesOptions): Pauses {
  const numbers = createNumberBreaker(onPause, now)
  const accounts = createSharedBreaker({
    ...{ now, firstSeconds: FIRST_META_SECONDS, isShared: false },
    onPause: (accountId, forSeconds, error) => onPause({ accountId, forSeconds, reason: 'account' }, error),
  })
  const app = createSharedBreaker({
    ...{ now, firstSeconds: FIRST_META_SECONDS, isShared: true },
    onPause: (accountId, forSeconds, error) => onPause({ accountId, forSeconds, reason: 'app' }, error),
  })
  const storage = createSharedBreaker({
    ...{ now, firstSeconds: FIRST_STORAGE_SECONDS, isShared: sharesStorage },
    onPause: (accountId, forSeconds, error) => onPause({ accountId, forSeconds, reason: 'storage' }, error),
  })
  const breakers = { token: numbers, number: numbers, account: accounts, app, storage }
  const all = [numbers, accounts, app, storage]
  const limits = createLimits(onPause, now)
  const toMember = (job: PausedJob, breaker: SharedBreaker): BreakerMember => ({
    media: JSON.stringify([job.accountId, job.mediaId]),
    part: breaker === numbers ? buildNumberId(job) : job.accountId,
  })

  return {
    findWait(job, options) {
      const found = all.flatMap((breaker) => breaker.findWaits(toMember(job, breaker), options))
      // Each media that dies has its last try under a rate limit: those calls are few.
      const limit = options?.isDying === true ? undefined : limits.find(job.accountId)
      const waits = limit === undefined ? found : [...found, limit]
      return waits.sort((one, other) => other.secondsLeft - one.secondsLeft)[0]
    },
    enter(job) {
      const leaves = all.map((breaker) => breaker.enter(toMember(job, breaker)))
      return () => {
        for (const leave of leaves) leave()
      }
    },
    fail(job, { whole, error }) {
      const breaker = breakers[whole]
      return breaker.fail(toMember(job, breaker), { error, isProven: whole === 'token' })
    },
    noteLookUp(job) {
      for (const breaker of [numbers, accounts]) breaker.succeed(toMember(job, breaker))
    },
    noteStored(job) {
      for (const breaker of [storage, app]) breaker.succeed(toMember(job, breaker))
    },
    pauseAccount: limits.pause,
  }
}

/** The pauses of numbers. A rejected token is of all of the number's jobs; a missing permission need not be. */
function createNumberBreaker(onPause: PauseListener, now: () => number): SharedBreaker {
  return createSharedBreaker({
    ...{ now, firstSeconds: FIRST_META_SECONDS, isShared: false },
    onPause(number, forSeconds, error) {
      const reason = error.code === 'access-token' ? error.code : 'permission'
      onPause({ ...readNumberId(number), forSeconds, reason }, error)
    },
  })
}

interface Limits {
  find(accountId: string): PauseLeft | undefined
  pause: Pauses['pauseAccount']
}

function createLimits(onPause: PauseListener, now: () => number): Limits {
  const running = new Map<string, { beganMs: number; untilMs: number; error: AnyWhatsAppMediaError }>()
  const find: Limits['find'] = (accountId) => {
    const found = running.get(accountId)
    // A clock that was set back must not make a pause last until it has caught up.
    if (found === undefined || now() < found.beganMs) return undefined
    const secondsLeft = Math.ceil((found.untilMs - now()) / 1_000)
    return secondsLeft <= 0 ? undefined : { secondsLeft, error: found.error }
  }
  return {
    find,
    pause(accountId, seconds, error) {
      const left = find(accountId)
      if (left !== undefined && left.secondsLeft >= seconds) return
      const beganMs = now()
      running.set(accountId, { beganMs, untilMs: beganMs + seconds * 1_000, error })
      if (left === undefined) onPause({ accountId, forSeconds: seconds, reason: 'rate-limit' }, error)
    },
  }
}

/** One text for a number of an account: the key of a map. */
export function buildNumberId({ accountId, phoneNumberId }: AccountNumber): string {
  return JSON.stringify([accountId, phoneNumberId])
}

function readNumberId(id: string): AccountNumber {
  const [accountId, phoneNumberId] = JSON.parse(id) as [string, string]
  return { accountId, phoneNumberId }
}
