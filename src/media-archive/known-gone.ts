import type { AnyWhatsAppMediaError, MediaGoneError } from '../errors.js'

/** Remembers media that Meta no longer has, for all jobs that share the archive. */
export interface KnownGone {
  /** The error for media that was gone at each of the last look-ups: another look-up is not worth a call. */
  find(accountId: string, mediaId: string): MediaGoneError | undefined
  /** A look-up found that the media is gone. */
  note(accountId: string, error: MediaGoneError): void
}

export interface KnownGoneOptions {
  /** Look-ups of media that is gone, by account and hour, at which the account pauses. */
  maxGonePerHour: number
  pauseAccount(accountId: string, seconds: number, error: AnyWhatsAppMediaError): void
  now: () => number
}

/**
 * Media is known to be gone for an hour after its second look-up that failed. Two look-ups in two minutes count as one: a
 * fresh id can lag behind its webhook, and two messages with it at once must not cost each other the late try.
 */
const GONE_TIMES = 2
const APART_MS = 120_000
const KNOWN_FOR_MS = 3_600_000
const MOST_KNOWN = 10_000

export function createKnownGone({ maxGonePerHour, pauseAccount, now }: KnownGoneOptions): KnownGone {
  const known = new Map<string, { times: number; countedMs: number; lastMs: number; error: MediaGoneError }>()
  const failedAt = new Map<string, number[]>()
  const buildName = (accountId: string, mediaId: string): string => `${accountId} ${mediaId}`

  const countFailure = (accountId: string, error: MediaGoneError): void => {
    if (maxGonePerHour === Number.POSITIVE_INFINITY) return
    const at = now()
    const lately = [...(failedAt.get(accountId) ?? []), at]
      .filter((ms) => ms > at - KNOWN_FOR_MS)
      .slice(-maxGonePerHour)
    failedAt.set(accountId, lately)
    const [oldest = at] = lately
    if (lately.length >= maxGonePerHour) pauseAccount(accountId, Math.ceil((oldest + KNOWN_FOR_MS - at) / 1_000), error)
  }

  return {
    find(accountId, mediaId) {
      const found = known.get(buildName(accountId, mediaId))
      const isFresh = found !== undefined && found.times >= GONE_TIMES && found.lastMs > now() - KNOWN_FOR_MS
      return isFresh ? found.error : undefined
    },
    note(accountId, error) {
      const name = buildName(accountId, error.mediaId)
      const last = known.get(name)
      // The same error again comes from `find`, not from another look-up.
      if (last?.error === error) return
      countFailure(accountId, error)
      // Set anew, the entry is the youngest: a map keeps the order of insertion.
      known.delete(name)
      const at = now()
      const isCounted = last !== undefined && at < last.countedMs + APART_MS
      const counted = isCounted ? last : { times: (last?.times ?? 0) + 1, countedMs: at }
      known.set(name, { ...counted, lastMs: at, error })
      const [oldest = name] = known.keys()
      if (known.size > MOST_KNOWN) known.delete(oldest)
    },
  }
}
