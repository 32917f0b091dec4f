import { cleanServerText, removeValues, type Secrets } from '../errors/redaction.js'
import { AccessTokenError, type AnyWhatsAppMediaError, GraphApiError, MediaGoneError } from '../errors.js'
import { isPassingStatus, MAX_RETRY_AFTER_MS, readRetryAfter } from '../http.js'
import { parseJson } from '../json.js'
import { parseGraphError } from '../webhook/payload.js'

type Verdict = 'token' | 'gone' | 'retry' | 'final'

/** What a Graph error code means for reading media (Meta: Error codes; Graph API: Handling errors). */
const VERDICTS: ReadonlyMap<number, Verdict> = new Map<number, Verdict>([
  // Token expired, revoked or never valid; 0 is the same, as an auth exception.
  [190, 'token'],
  [0, 'token'],
  // Comes as HTTP 500 and yet is permanent: a capability or permission is missing.
  [3, 'final'],
  [10, 'final'],
  [33, 'final'],
  [100, 'final'],
  [368, 'final'],
  [130497, 'final'],
  [131005, 'final'],
  [131008, 'final'],
  [131009, 'final'],
  [131031, 'final'],
  [131052, 'final'],
  [131053, 'final'],
  // Passing faults.
  [1, 'retry'],
  [2, 'retry'],
  [131000, 'retry'],
  [131016, 'retry'],
  [131057, 'retry'],
])

/** They come as HTTP 400, not 429 (Meta: Error codes). */
const RATE_LIMITS: ReadonlySet<number> = new Set([4, 17, 341, 613, 80007, 130429, 131056])

/** Whether Meta asks for fewer calls: another one soon would only be refused, too. */
export function isRateLimit(error: AnyWhatsAppMediaError): boolean {
  return error.code === 'graph-api' && (error.status === 429 || RATE_LIMITS.has(error.graphCode ?? Number.NaN))
}

/** Subcode of code 100 for an object that does not exist or that the token may not see. */
const SUBCODE_GONE = 33

/** An answer of the Graph API that is not the one asked for. */
export interface GraphAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  /** The body, or its first kilobytes. */
  text: string
  /** What no error may repeat of it. Some providers' answers quote the key they were asked with. */
  secrets?: Secrets
}

/**
 * The error for an unsuccessful Graph answer: by `error.code` first, by HTTP status only where there is no code, as
 * Meta asks (Meta: Error codes).
 */
export function graphError(answer: GraphAnswer, mediaId: string): AccessTokenError | MediaGoneError | GraphApiError {
  const { status, headers, text, secrets = [] } = answer
  // After parsing, which undoes JSON's escapes.
  const clean = (words: string): string => cleanServerText(removeValues(words, secrets))
  const error = parseGraphError(parseJson(text)) ?? {}
  const verdict = judge(status, error)
  const trace = error.fbtraceId === undefined ? {} : { fbtraceId: clean(error.fbtraceId) }
  const codes = {
    status,
    ...(error.code === undefined ? {} : { graphCode: error.code }),
    ...(error.subcode === undefined ? {} : { subcode: error.subcode }),
    ...trace,
  }
  if (verdict === 'token') return new AccessTokenError({ reason: 'rejected', ...codes })
  if (verdict === 'gone') return new MediaGoneError({ mediaId, ...codes })
  const retryAfterMs = readGraphRetryAfter(headers)
  const words = clean(error.details ?? error.message ?? text)
  return new GraphApiError({
    ...codes,
    retryable: verdict === 'retry',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(words === '' ? {} : { text: words }),
  })
}

function judge(status: number, error: { code?: number; subcode?: number; isTransient?: boolean }): Verdict {
  if (error.isTransient === true) return 'retry'
  if (error.code === 100 && error.subcode === SUBCODE_GONE) return 'gone'
  if (error.code !== undefined) {
    if (RATE_LIMITS.has(error.code)) return 'retry'
    const verdict = VERDICTS.get(error.code)
    if (verdict !== undefined) return verdict
    if (error.code >= 200 && error.code <= 299) return 'final'
  }
  if (status === 401) return 'token'
  return isPassingStatus(status) ? 'retry' : 'final'
}

/**
 * Milliseconds to wait, from `Retry-After` or from Meta's usage header, whose `estimated_time_to_regain_access` counts
 * minutes (Graph API: Rate limiting).
 */
export function readGraphRetryAfter(headers: Readonly<Record<string, string>>): number | undefined {
  const asked = readRetryAfter(headers['retry-after'])
  if (asked !== undefined) return asked
  const minutes = [
    ...(headers['x-business-use-case-usage'] ?? '').matchAll(/"estimated_time_to_regain_access":\s*(\d+)/g),
  ]
  const longest = Math.max(0, ...minutes.map(([, value]) => Number(value)))
  return longest > 0 ? Math.min(longest * 60_000, MAX_RETRY_AFTER_MS) : undefined
}
