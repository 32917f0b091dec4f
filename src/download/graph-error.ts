import { type KnownSecrets, removeKnownSecrets } from '../errors/known-secrets.js'
import { AccessTokenError, type AnyWhatsAppMediaError, GraphApiError, MediaGoneError } from '../errors.js'
import { isPassingStatus, MAX_RETRY_AFTER_MS, readRetryAfter } from '../http/retry-after.js'
import { parseJson } from '../json.js'
import { type GraphErrorBody, parseGraphError } from './answers.js'

/**
 * The meaning of a refused call for reading media. `dead-token`: no call succeeds with this token. `gone`: the object
 * does not exist, or the token may not see it. `rate-limit`: Meta asks for fewer calls. `passing`: the same call may
 * succeed later. `final`: it never will.
 */
export type GraphVerdict = 'dead-token' | 'gone' | 'rate-limit' | 'passing' | 'final'

/**
 * The table of Graph error codes (Meta: Error codes; Graph API: Handling errors). `judgeCode` adds what no single code
 * decides: 100 with subcode 33, 102 by its subcodes, and the range 200 to 299.
 */
const VERDICTS: ReadonlyMap<number, GraphVerdict> = new Map<number, GraphVerdict>([
  // Expired, revoked or never valid; 0 is an auth exception.
  [190, 'dead-token'],
  [0, 'dead-token'],
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
  [1, 'passing'],
  [2, 'passing'],
  [131000, 'passing'],
  [131016, 'passing'],
  [131057, 'passing'],
  // Meta sends these codes with HTTP 400.
  [4, 'rate-limit'],
  [17, 'rate-limit'],
  [32, 'rate-limit'],
  [341, 'rate-limit'],
  [613, 'rate-limit'],
  [80007, 'rate-limit'],
  [130429, 'rate-limit'],
  [131056, 'rate-limit'],
])

/** Subcode of code 100 for an object that does not exist or that the token may not see. */
const SUBCODE_GONE = 33

/** "API session": without a subcode the session has ended, with one of these it says why (Graph API: Handling errors). */
const CODE_SESSION = 102
const SESSION_SUBCODES: ReadonlySet<number | undefined> = new Set([undefined, 458, 459, 460, 463, 464, 467, 492])

/**
 * Judges a refused Graph call by `error.code` first, and by HTTP status only where the code is missing or unknown, as
 * Meta asks (Meta: Error codes).
 */
export function judgeGraphError({ code, subcode, isTransient }: GraphErrorBody, status: number): GraphVerdict {
  const verdict = judgeCode(code, subcode) ?? judgeStatus(status)
  return isTransient === true && verdict !== 'rate-limit' ? 'passing' : verdict
}

function judgeCode(code: number | undefined, subcode: number | undefined): GraphVerdict | undefined {
  if (code === undefined) return undefined
  if (code === 100 && subcode === SUBCODE_GONE) return 'gone'
  if (code === CODE_SESSION && SESSION_SUBCODES.has(subcode)) return 'dead-token'
  // Permissions.
  if (code >= 200 && code <= 299) return 'final'
  return VERDICTS.get(code)
}

function judgeStatus(status: number): GraphVerdict {
  if (status === 401) return 'dead-token'
  if (status === 429) return 'rate-limit'
  return isPassingStatus(status) ? 'passing' : 'final'
}

/** Meta asks for fewer calls: it would refuse another one soon, too. */
export function isRateLimit(error: AnyWhatsAppMediaError): boolean {
  if (error.code !== 'graph-api') return false
  const { status, graphCode, subcode } = error
  return (judgeCode(graphCode, subcode) ?? judgeStatus(status)) === 'rate-limit'
}

/** An unsuccessful answer of the Graph API. */
export interface RefusedGraphCall {
  status: number
  headers: Readonly<Record<string, string>>
  /** The body, or its first kilobytes. */
  text: string
  /** The texts that no error may repeat. Some providers' answers quote the key of the call. */
  secrets?: KnownSecrets | undefined
}

/**
 * The error for an unsuccessful Graph answer, as `judgeGraphError` judges it.
 *
 * @param mediaId the media that the call was about. Without one, an object that is gone is no media.
 */
export function toGraphError(
  answer: RefusedGraphCall,
  mediaId?: string,
): AccessTokenError | MediaGoneError | GraphApiError {
  const { status, headers, text, secrets = [] } = answer
  // After parsing, which undoes JSON's escapes.
  const clean = (message: string): string => removeKnownSecrets(message, secrets)
  const error = parseGraphError(parseJson(text)) ?? {}
  const { code: graphCode, subcode, fbtraceId } = error
  const verdict = judgeGraphError(error, status)
  const codes = { status, graphCode, subcode, fbtraceId: fbtraceId === undefined ? undefined : clean(fbtraceId) }
  if (verdict === 'dead-token') return new AccessTokenError({ reason: 'rejected', status, graphCode })
  if (verdict === 'gone' && mediaId !== undefined) return new MediaGoneError({ mediaId, ...codes })
  return new GraphApiError({
    ...codes,
    retryable: verdict !== 'final' && verdict !== 'gone',
    retryAfterMs: readGraphRetryAfter(headers),
    text: clean(error.details ?? error.message ?? text),
  })
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
