import { parseUsage } from '../download/answers.js'
import { readGraphRetryAfter } from '../download/graph-error.js'
import { type AnyWhatsAppMediaError, GraphApiError, type MediaGoneError } from '../errors.js'
import { type HttpClient, headersOf } from '../http.js'

/** Keeps an archive's calls within what Meta and providers stand, for all jobs that share the archive. */
export interface Limits {
  /** The client, with an eye on Meta's usage headers: at `RESTING_PERCENT` the account rests. */
  watch(accountId: string, http: HttpClient): HttpClient
  /** The error for media that was gone each time it was asked for lately, so that nobody asks again. */
  knownGone(accountId: string, mediaId: string): MediaGoneError | undefined
  /** A look-up found that the media is gone. */
  noteGone(accountId: string, error: MediaGoneError): void
}

export interface LimitsOptions {
  /** Look-ups of media that is gone, by account and hour, at which the account rests. */
  maxGonePerHour: number
  rest(accountId: string, seconds: number, error: AnyWhatsAppMediaError): void
}

/** The share of a limit at which work rests: jobs under way may use up the remainder. */
const RESTING_PERCENT = 90

/** Where Meta names no time, the usage is looked at again after this. */
const REST_MS = 60_000

/**
 * How often media must be gone to be known for it, and for how long. Two look-ups in two minutes count as one: a fresh
 * id can lag behind its webhook, and two messages with it at once must not cost each other the late try.
 */
const GONE_TIMES = 2
const APART_MS = 120_000
const HOUR_MS = 3_600_000
const MOST_KNOWN = 10_000

export function createLimits({ maxGonePerHour, rest }: LimitsOptions): Limits {
  const known = new Map<string, { times: number; countedMs: number; lastMs: number; error: MediaGoneError }>()
  const failedAt = new Map<string, number[]>()
  const nameOf = (accountId: string, mediaId: string): string => `${accountId} ${mediaId}`

  const countFailure = (accountId: string, error: MediaGoneError): void => {
    if (maxGonePerHour === Number.POSITIVE_INFINITY) return
    const now = Date.now()
    const lately = [...(failedAt.get(accountId) ?? []), now].filter((at) => at > now - HOUR_MS).slice(-maxGonePerHour)
    failedAt.set(accountId, lately)
    const [oldest = now] = lately
    if (lately.length >= maxGonePerHour) rest(accountId, Math.ceil((oldest + HOUR_MS - now) / 1_000), error)
  }

  return {
    watch: (accountId, http) => async (request) => {
      // Whoever asked checks the answer.
      const response = await http(request)
      const headers = headersOf(response)
      const percent = parseUsage(headers)
      if (percent < RESTING_PERCENT) return response
      const retryAfterMs = readGraphRetryAfter(headers) ?? REST_MS
      const text = `${percent} % of a rate limit are used`
      const error = new GraphApiError({ status: response.status, retryable: true, retryAfterMs, text })
      rest(accountId, Math.ceil(retryAfterMs / 1_000), error)
      return response
    },
    knownGone(accountId, mediaId) {
      const found = known.get(nameOf(accountId, mediaId))
      const isFresh = found !== undefined && found.times >= GONE_TIMES && found.lastMs > Date.now() - HOUR_MS
      return isFresh ? found.error : undefined
    },
    noteGone(accountId, error) {
      const name = nameOf(accountId, error.mediaId)
      const last = known.get(name)
      // What is known already was not asked for again.
      if (last?.error === error) return
      countFailure(accountId, error)
      // Set anew, it is the youngest: a map keeps the order of insertion.
      known.delete(name)
      const now = Date.now()
      const isCounted = last !== undefined && now < last.countedMs + APART_MS
      const counted = isCounted ? last : { times: (last?.times ?? 0) + 1, countedMs: now }
      known.set(name, { ...counted, lastMs: now, error })
      const [oldest = name] = known.keys()
      if (known.size > MOST_KNOWN) known.delete(oldest)
    },
  }
}
