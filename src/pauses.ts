import type { AnyWhatsAppMediaError } from './errors.js'

/** Why an account's work rests: there is no token that Meta takes, or Meta asks for fewer calls. */
export type PauseReason = 'access-token' | 'rate-limit'

/** Accounts whose work rests: trying on would burn each job's attempts, and make Meta or a provider block the number. */
export interface Pauses {
  /** The account's pause, and why; undefined when its work goes on. */
  of(accountId: string): { secondsLeft: number; error: AnyWhatsAppMediaError } | undefined
  /** There is no token: pauses the account, longer each time in a row, and returns the seconds. */
  begin(accountId: string, error: AnyWhatsAppMediaError): number
  /** The token works again. */
  end(accountId: string): void
  /** Meta asks for fewer calls: pauses the account for these seconds at least. */
  rest(accountId: string, seconds: number, error: AnyWhatsAppMediaError): void
}

const FIRST_PAUSE_SECONDS = 60
const LONGEST_PAUSE_SECONDS = 900

interface Pause {
  untilMs: number
  error: AnyWhatsAppMediaError
}

export function createPauses(onPause: (accountId: string, forSeconds: number, reason: PauseReason) => void): Pauses {
  const withoutToken = new Map<string, Pause & { times: number }>()
  const atLimit = new Map<string, Pause>()

  const secondsLeft = ({ untilMs }: Pause): number => Math.ceil((untilMs - Date.now()) / 1_000)

  const of: Pauses['of'] = (accountId) => {
    const pauses = [withoutToken.get(accountId), atLimit.get(accountId)].filter((pause) => pause !== undefined)
    const [longest] = pauses.sort((one, other) => other.untilMs - one.untilMs)
    if (longest === undefined || secondsLeft(longest) <= 0) return undefined
    return { secondsLeft: secondsLeft(longest), error: longest.error }
  }

  return {
    of,
    begin(accountId, error) {
      // Jobs that were under way together find the same dead token: that is one pause, and one event.
      const last = withoutToken.get(accountId) ?? { untilMs: 0, times: 0 }
      const left = secondsLeft({ ...last, error })
      if (left > 0) return left
      const seconds = Math.min(FIRST_PAUSE_SECONDS * 2 ** last.times, LONGEST_PAUSE_SECONDS)
      withoutToken.set(accountId, { untilMs: Date.now() + seconds * 1_000, times: last.times + 1, error })
      onPause(accountId, seconds, 'access-token')
      return seconds
    },
    end(accountId) {
      withoutToken.delete(accountId)
    },
    rest(accountId, seconds, error) {
      const untilMs = Date.now() + seconds * 1_000
      const running = atLimit.get(accountId)
      if (running !== undefined && running.untilMs >= untilMs) return
      atLimit.set(accountId, { untilMs, error })
      if (running === undefined || secondsLeft(running) <= 0) onPause(accountId, seconds, 'rate-limit')
    },
  }
}
