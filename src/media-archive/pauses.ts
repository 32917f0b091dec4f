import type { AnyWhatsAppMediaError } from '../errors.js'

/**
 * A pause of one number, for Meta takes no token of it, or of a whole account: Meta asks for fewer calls, or the account's
 * storage can't be used as it is set up.
 */
export type Pause = { accountId: string; forSeconds: number } & (
  | { reason: 'access-token'; phoneNumberId: string }
  | { reason: 'rate-limit' | 'storage' }
)

/** Hears of each pause when it begins, and the error that began it. */
export type PauseListener = (pause: Pause, error: AnyWhatsAppMediaError) => void

/** A number and its account. Numbers of one account may have tokens of their own; rate limits are taken as the account's. */
export interface AccountNumber {
  accountId: string
  phoneNumberId: string
}

/** The pauses of an archive's jobs: further tries would burn their attempts, and make Meta or a provider block the number. */
export interface Pauses {
  /** The longest pause of the number or its account, and its reason; undefined when jobs go on. */
  find(number: AccountNumber): { secondsLeft: number; error: AnyWhatsAppMediaError } | undefined
  /**
   * True when media that expires during the pause may be tried now: once a minute under a rejected token, not once a job.
   */
  mayTry(number: AccountNumber): boolean
  /** Pauses a number without a token, longer each time in a row, and returns the seconds. */
  pauseNumber(number: AccountNumber, error: AnyWhatsAppMediaError): number
  /** Ends the number's pause: its token works again. */
  resumeNumber(number: AccountNumber): void
  /**
   * Pauses an account whose storage is set up wrongly, longer each time in a row, and returns the seconds. A storage that
   * has stored something since its last fault is not paused: one fault may be of one object alone (a policy that refuses
   * a type, a key that is locked), whose job then waits by itself.
   */
  pauseStorage(accountId: string, error: AnyWhatsAppMediaError): number
  /** Ends that pause: the storage has stored something. */
  resumeStorage(accountId: string): void
  /** Pauses the account for these seconds at least: Meta asks for fewer calls. */
  pauseAccount(accountId: string, seconds: number, error: AnyWhatsAppMediaError): void
}

const FIRST_PAUSE_SECONDS = 60
const LONGEST_PAUSE_SECONDS = 900
const BETWEEN_TRIES_MS = 60_000

interface RunningPause {
  beganMs: number
  untilMs: number
  error: AnyWhatsAppMediaError
}

interface GrowingPause extends RunningPause {
  /** Pauses in a row. */
  times: number
  triedMs: number
}

export function createPauses(onPause: PauseListener, { now }: { now: () => number }): Pauses {
  const withoutToken = new Map<string, GrowingPause>()
  const ofStorage = createStoragePauses(onPause, now)
  const atLimit = new Map<string, RunningPause>()

  return {
    find(number) {
      const { accountId } = number
      const running = [withoutToken.get(buildNumberId(number)), ofStorage.get(accountId), atLimit.get(accountId)]
      const [longest] = running.filter((pause) => pause !== undefined).sort((one, other) => other.untilMs - one.untilMs)
      const secondsLeft = longest === undefined ? 0 : countPauseSeconds(longest, now())
      return longest === undefined || secondsLeft <= 0 ? undefined : { secondsLeft, error: longest.error }
    },
    mayTry(number) {
      const running = withoutToken.get(buildNumberId(number))
      if (running === undefined) return true
      const at = now()
      if (at >= running.triedMs && at < running.triedMs + BETWEEN_TRIES_MS) return false
      running.triedMs = at
      return true
    },
    pauseNumber: ({ accountId, phoneNumberId }, error) =>
      growPause(withoutToken, buildNumberId({ accountId, phoneNumberId }), {
        ...{ error, at: now() },
        onBegin: (forSeconds) => onPause({ accountId, phoneNumberId, forSeconds, reason: 'access-token' }, error),
      }),
    resumeNumber: (number) => void withoutToken.delete(buildNumberId(number)),
    pauseStorage: ofStorage.pause,
    resumeStorage: ofStorage.resume,
    pauseAccount(accountId, seconds, error) {
      const beganMs = now()
      const untilMs = beganMs + seconds * 1_000
      const running = atLimit.get(accountId)
      const isRunning = running !== undefined && countPauseSeconds(running, now()) > 0
      if (isRunning && running.untilMs >= untilMs) return
      atLimit.set(accountId, { beganMs, untilMs, error })
      if (!isRunning) onPause({ accountId, forSeconds: seconds, reason: 'rate-limit' }, error)
    },
  }
}

function createStoragePauses(
  onPause: PauseListener,
  now: () => number,
): {
  get(accountId: string): RunningPause | undefined
  pause: Pauses['pauseStorage']
  resume: Pauses['resumeStorage']
} {
  const paused = new Map<string, GrowingPause>()
  /** Accounts whose storage has stored something since its last fault. */
  const storing = new Set<string>()
  return {
    get: (accountId) => paused.get(accountId),
    pause(accountId, error) {
      if (storing.delete(accountId)) return LONGEST_PAUSE_SECONDS
      return growPause(paused, accountId, {
        ...{ error, at: now() },
        onBegin: (forSeconds) => onPause({ accountId, forSeconds, reason: 'storage' }, error),
      })
    },
    resume(accountId) {
      storing.add(accountId)
      paused.delete(accountId)
    },
  }
}

/** Begins a pause that is longer each time in a row, and returns its seconds; those that are left of one that runs. */
function growPause(
  pauses: Map<string, GrowingPause>,
  id: string,
  { error, at, onBegin }: { error: AnyWhatsAppMediaError; at: number; onBegin: (forSeconds: number) => void },
): number {
  // Jobs that were under way together find the same fault: that is one pause, and one event.
  const last = pauses.get(id) ?? { beganMs: 0, untilMs: 0, times: 0 }
  const left = countPauseSeconds(last, at)
  if (left > 0) return left
  const forSeconds = Math.min(FIRST_PAUSE_SECONDS * 2 ** last.times, LONGEST_PAUSE_SECONDS)
  pauses.set(id, { beganMs: at, untilMs: at + forSeconds * 1_000, triedMs: at, times: last.times + 1, error })
  onBegin(forSeconds)
  return forSeconds
}

/** The seconds until a pause ends. A clock that was set back must not make a pause last until it has caught up. */
function countPauseSeconds({ beganMs, untilMs }: Pick<RunningPause, 'beganMs' | 'untilMs'>, at: number): number {
  return at < beganMs ? 0 : Math.ceil((untilMs - at) / 1_000)
}

/** One text for a number of an account: the key of a map. */
export function buildNumberId({ accountId, phoneNumberId }: AccountNumber): string {
  return JSON.stringify([accountId, phoneNumberId])
}
