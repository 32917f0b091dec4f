import { type KnownSecrets, removeKnownSecrets } from '../errors/known-secrets.js'
import { MAX_SERVER_TEXT } from '../errors/redaction.js'
import { AccessTokenError, type AnyWhatsAppMediaError, GraphApiError, MediaGoneError } from '../errors.js'
import { isPassingStatus, MAX_RETRY_AFTER_MS, readRetryAfter } from '../http/retry-after.js'
import { parseJson } from '../json.js'
import { type GraphErrorBody, isProofRefused, isUnknownId, LOOK_UP_QUERY, parseGraphError } from './answers.js'

/**
 * The meaning of a refused call for reading media. `dead-token`: no call succeeds with this token. `gone`: the object
 * does not exist, or the token may not see it. `rate-limit`: Meta asks for fewer calls. `passing`: the same call may
 * succeed later. `final`: it never will. The rest says nothing about the object: Meta refuses all calls of the `number`
 * (a permission is missing), of the `account` (blocked, locked, a wrong proof), or of the `app` (a proxy, another host).
 */
export type GraphVerdict = 'dead-token' | 'gone' | 'rate-limit' | 'passing' | 'final' | 'number' | 'account' | 'app'

/**
 * The table of Graph error codes (Meta: Error codes; Graph API: Handling errors). `judgeCode` adds what no single code
 * decides: 100 with subcode 33 or a proof, 102 by its subcodes, and the ranges 200 to 299 and 80000 to 80014.
 */
export const GRAPH_VERDICTS: ReadonlyMap<number, GraphVerdict> = new Map<number, GraphVerdict>([
  // Expired, revoked or never valid; 0 is an auth exception.
  [190, 'dead-token'],
  [0, 'dead-token'],
  // Comes as HTTP 500 and yet stays: a capability or permission is missing.
  [3, 'number'],
  [10, 'number'],
  // The business phone number was deleted, is not registered, or may not be read.
  [33, 'number'],
  [131005, 'number'],
  [133010, 'number'],
  // A wrong signature of the app; blocked for policy; a country; a payment; locked.
  [104, 'account'],
  [368, 'account'],
  [130497, 'account'],
  [131031, 'account'],
  [131042, 'account'],
  [101, 'app'],
  [100, 'final'],
  [131008, 'final'],
  [131009, 'final'],
  [131052, 'final'],
  [131053, 'final'],
  [1, 'passing'],
  [2, 'passing'],
  [131000, 'passing'],
  [131016, 'passing'],
  [133004, 'passing'],
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
export function judgeGraphError(error: GraphErrorBody, status: number): GraphVerdict {
  const verdict = judgeCode(error) ?? judgeStatus(status)
  return error.isTransient === true && verdict !== 'rate-limit' ? 'passing' : verdict
}

function judgeCode(error: GraphErrorBody): GraphVerdict | undefined {
  const { code, subcode } = error
  if (code === undefined) return undefined
  if (code === 100 && (subcode === SUBCODE_GONE || isUnknownId(error))) return 'gone'
  if (code === 100 && isProofRefused(error)) return 'account'
  if (code === CODE_SESSION && SESSION_SUBCODES.has(subcode)) return 'dead-token'
  // Permissions.
  if (code >= 200 && code <= 299) return 'number'
  // By business use case (Graph API: Rate limiting).
  if (code >= 80_000 && code <= 80_014) return 'rate-limit'
  return GRAPH_VERDICTS.get(code)
}

/** Statuses that can be about one media id. The others refuse any look-up: a proxy's, say, or another server's. */
const OBJECT_STATUSES: readonly number[] = [400, 404, 410, 414]

function judgeStatus(status: number): GraphVerdict {
  if (status === 401) return 'dead-token'
  if (status === 429) return 'rate-limit'
  if (status === 403) return 'number'
  if (status === 402) return 'account'
  if (isPassingStatus(status)) return 'passing'
  return OBJECT_STATUSES.includes(status) ? 'final' : 'app'
}

/** What Meta meant by an error that `toGraphError` made. */
export function judgeGraphFailure({ status, retryable, graphCode, subcode, message }: GraphApiError): GraphVerdict {
  const verdict = judgeCode({ code: graphCode, subcode, message }) ?? judgeStatus(status)
  return retryable && verdict !== 'rate-limit' ? 'passing' : verdict
}

/** Meta asks for fewer calls: it would refuse another one soon, too. */
export function isRateLimit(error: AnyWhatsAppMediaError): boolean {
  return error.code === 'graph-api' && judgeGraphFailure(error) === 'rate-limit'
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
    retryable: verdict === 'passing' || verdict === 'rate-limit',
    retryAfterMs: readGraphRetryAfter(headers),
    text: isProofRefused(error)
      ? nameProof(clean(String(error.message)))
      : clean(error.details ?? error.message ?? text),
  })
}

/** What tells a proof from other parameters stands in the message alone: it stays, whatever a secret took from the text. */
function nameProof(text: string): string {
  // Errors cut a longer text.
  const shown = text.slice(0, MAX_SERVER_TEXT / 2)
  return isProofRefused({ message: shown }) ? text : `${LOOK_UP_QUERY.proof}: ${shown}`
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
