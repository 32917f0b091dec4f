import type { AnyWhatsAppMediaError } from '../errors.js'

/** Whose work rests, for how long, and why: there is no token that Meta takes, or Meta asks for fewer calls. */
export type Pause = { accountId: string; forSeconds: number } & (
  | { reason: 'access-token'; phoneNumberId: string }
  | { reason: 'rate-limit' }
)

/** A number and its account. Numbers of one account may have tokens of their own; limits are taken as the account's. */
export interface AccountNumber {
  accountId: string
  phoneNumberId: string
}

/** Whose work rests: trying on would burn each job's attempts, and make Meta or a provider block the number. */
export interface Pauses {
  /** The number's pause, be it its own or its account's, and why; undefined when its work goes on. */
  of(number: AccountNumber): { secondsLeft: number; error: AnyWhatsAppMediaError } | undefined
  /** Whether media that dies during the pause may be tried now. A rejected token is tried once a minute, not once a job. */
  mayTry(number: AccountNumber): boolean
  /** There is no token: pauses the number, longer each time in a row, and returns the seconds. */
  begin(number: AccountNumber, error: AnyWhatsAppMediaError): number
  /** The token works again. */
  end(number: AccountNumber): void
  /** Meta asks for fewer calls: pauses the account for these seconds at least. */
  rest(accountId: string, seconds: number, error: AnyWhatsAppMediaError): void
}

const FIRST_PAUSE_SECONDS = 60
const LONGEST_PAUSE_SECONDS = 900
const BETWEEN_TRIES_MS = 60_000

interface Rest {
  beganMs: number
  untilMs: number
  error: AnyWhatsAppMediaError
}

export function createPauses(onPause: (pause: Pause) => void): Pauses {
  const withoutToken = new Map<string, Rest & { times: number; triedMs: number }>()
  const atLimit = new Map<string, Rest>()

  const keyOf = ({ accountId, phoneNumberId }: AccountNumber): string => JSON.stringify([accountId, phoneNumberId])
  /** A clock that was set back must not make a pause last until it has caught up. */
  const secondsLeft = ({ beganMs, untilMs }: Pick<Rest, 'beganMs' | 'untilMs'>): number =>
    Date.now() < beganMs ? 0 : Math.ceil((untilMs - Date.now()) / 1_000)

  const of: Pauses['of'] = (number) => {
    const rests = [withoutToken.get(keyOf(number)), atLimit.get(number.accountId)].filter((rest) => rest !== undefined)
    const [longest] = rests.sort((one, other) => other.untilMs - one.untilMs)
    if (longest === undefined || secondsLeft(longest) <= 0) return undefined
    return { secondsLeft: secondsLeft(longest), error: longest.error }
  }

  return {
    of,
    mayTry(number) {
      const running = withoutToken.get(keyOf(number))
      if (running === undefined) return true
      const now = Date.now()
      if (now >= running.triedMs && now < running.triedMs + BETWEEN_TRIES_MS) return false
      running.triedMs = now
      return true
    },
    begin(number, error) {
      // Jobs that were under way together find the same dead token: that is one pause, and one event.
      const last = withoutToken.get(keyOf(number)) ?? { beganMs: 0, untilMs: 0, times: 0 }
      const left = secondsLeft(last)
      if (left > 0) return left
      const { accountId, phoneNumberId } = number
      const forSeconds = Math.min(FIRST_PAUSE_SECONDS * 2 ** last.times, LONGEST_PAUSE_SECONDS)
      const beganMs = Date.now()
      const untilMs = beganMs + forSeconds * 1_000
      withoutToken.set(keyOf(number), { beganMs, untilMs, triedMs: beganMs, times: last.times + 1, error })
      onPause({ accountId, phoneNumberId, forSeconds, reason: 'access-token' })
      return forSeconds
    },
    end(number) {
      withoutToken.delete(keyOf(number))
    },
    rest(accountId, seconds, error) {
      const beganMs = Date.now()
      const untilMs = beganMs + seconds * 1_000
      const running = atLimit.get(accountId)
      const isRunning = running !== undefined && secondsLeft(running) > 0
      if (isRunning && running.untilMs >= untilMs) return
      atLimit.set(accountId, { beganMs, untilMs, error })
      if (!isRunning) {
        onPause({ accountId, forSeconds: seconds, reason: 'rate-limit' })
      }
    },
  }
}
