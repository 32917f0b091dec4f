import type { AnyWhatsAppMediaError } from './errors.js'

/** Accounts whose work rests, because there is no token that Meta takes: trying on would burn each job's attempts for nothing. */
export interface Pauses {
  /** The account's pause, and why; undefined when its work goes on. */
  of(accountId: string): { secondsLeft: number; error: AnyWhatsAppMediaError } | undefined
  /** Pauses the account, longer each time in a row, and returns the seconds. */
  begin(accountId: string, error: AnyWhatsAppMediaError): number
  /** The token works again. */
  end(accountId: string): void
}

const FIRST_PAUSE_SECONDS = 60
const LONGEST_PAUSE_SECONDS = 900

export function createPauses(onPause: (accountId: string, forSeconds: number) => void): Pauses {
  const paused = new Map<string, { untilMs: number; times: number; error: AnyWhatsAppMediaError }>()

  const of: Pauses['of'] = (accountId) => {
    const pause = paused.get(accountId)
    const secondsLeft = Math.ceil(((pause?.untilMs ?? 0) - Date.now()) / 1_000)
    return pause === undefined || secondsLeft <= 0 ? undefined : { secondsLeft, error: pause.error }
  }

  return {
    of,
    begin(accountId, error) {
      // Jobs that were under way together find the same dead token: that is one pause, and one event.
      const running = of(accountId)
      if (running !== undefined) return running.secondsLeft
      const { times = 0 } = paused.get(accountId) ?? {}
      const seconds = Math.min(FIRST_PAUSE_SECONDS * 2 ** times, LONGEST_PAUSE_SECONDS)
      paused.set(accountId, { untilMs: Date.now() + seconds * 1_000, times: times + 1, error })
      onPause(accountId, seconds)
      return seconds
    },
    end(accountId) {
      paused.delete(accountId)
    },
  }
}
