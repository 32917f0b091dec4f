/** Accounts whose work rests, because Meta rejects their token: trying on would burn each job's attempts for nothing. */
export interface Pauses {
  /** Seconds until the account's work goes on; 0 when it is not paused. */
  secondsLeft(accountId: string): number
  /** Pauses the account, longer each time in a row, and returns the seconds. */
  begin(accountId: string): number
  /** The token works again. */
  end(accountId: string): void
}

const FIRST_PAUSE_SECONDS = 60
const LONGEST_PAUSE_SECONDS = 900

export function createPauses(onPause: (accountId: string, forSeconds: number) => void): Pauses {
  const paused = new Map<string, { untilMs: number; times: number }>()

  const secondsLeft = (accountId: string): number => {
    const { untilMs = 0 } = paused.get(accountId) ?? {}
    return Math.max(0, Math.ceil((untilMs - Date.now()) / 1_000))
  }

  return {
    secondsLeft,
    begin(accountId) {
      // Jobs that were under way together find the same dead token: that is one pause, and one event.
      const left = secondsLeft(accountId)
      if (left > 0) return left
      const { times = 0 } = paused.get(accountId) ?? {}
      const seconds = Math.min(FIRST_PAUSE_SECONDS * 2 ** times, LONGEST_PAUSE_SECONDS)
      paused.set(accountId, { untilMs: Date.now() + seconds * 1_000, times: times + 1 })
      onPause(accountId, seconds)
      return seconds
    },
    end(accountId) {
      paused.delete(accountId)
    },
  }
}
