import {
  defined,
  isObject,
  parseSha256,
  parseTimestamp,
  parseWhole,
  readFlag,
  readId,
  readOwn,
  readString,
} from '../json.js'

/**
 * The Graph API's wire forms: this file knows their snake_case. Everything here takes unknown JSON and tolerates it:
 * what is missing or of another type reads as absent, and nothing throws.
 */

/** The query parameters of a look-up (Meta: Media; Secure Graph API calls). */
export const LOOK_UP_QUERY: { readonly proof: string; readonly phoneNumberId: string } = {
  proof: 'appsecret_proof',
  phoneNumberId: 'phone_number_id',
}

/** How the Graph API is asked about an access token (Graph API: Debug-Token). */
export const TOKEN_LOOK_UP: { readonly node: string; readonly token: string } = {
  node: 'debug_token',
  token: 'input_token',
}

/** The permissions of an access token that reads media, and phone numbers (Meta: WhatsApp Business Platform, Permissions). */
export const PERMISSIONS: { readonly media: string; readonly numbers: string } = {
  media: 'whatsapp_business_messaging',
  numbers: 'whatsapp_business_management',
}

/** The Graph API's answer about an access token (Graph API: Debug-Token). */
export interface TokenInfo {
  isValid: boolean
  /** Why it is not valid, as in the error of a refused call. */
  subcode?: number | undefined
  appId?: string | undefined
  /** ISO 8601. Absent for one that never expires. */
  expiresAt?: string | undefined
  permissions: string[]
}

/** The Graph API's answer to `GET /{media-id}` (Meta: Media, "Retrieve media URL"). */
export interface MediaInfo {
  /** Dies 5 minutes after the look-up. */
  url: string
  mimeType: string
  /** Lowercase hex. Absent when none, or none usable, came. */
  sha256?: string | undefined
  /** Bytes. */
  size?: number | undefined
  mediaId?: string | undefined
}

/** The `error` object of a refused Graph API call (Meta: Cloud API error codes). Its texts are the server's: clean them before showing. */
export interface GraphErrorBody {
  code?: number | undefined
  subcode?: number | undefined
  type?: string | undefined
  message?: string | undefined
  /** `error_data.details`, the text Meta asks to build on. */
  details?: string | undefined
  /** Meta says that the same call may succeed. */
  isTransient?: boolean | undefined
  /** Meta's trace id, for its support. */
  fbtraceId?: string | undefined
}

/**
 * Reads the answer to a media look-up.
 *
 * @returns undefined unless there are a `url` and a `mime_type`. `file_size` may be a number, as on the wire, or a
 * numeric string, as in Meta's documents.
 */
export function parseMediaInfo(json: unknown): MediaInfo | undefined {
  const url = readString(json, 'url')
  const mimeType = readString(json, 'mime_type')
  if (url === undefined || mimeType === undefined) return undefined
  return defined({
    url,
    mimeType,
    sha256: parseSha256(readOwn(json, 'sha256')),
    size: parseWhole(readOwn(json, 'file_size')),
    mediaId: readString(json, 'id'),
  })
}

/** Reads the answer about an access token. @returns undefined when it says nothing about one. */
export function parseTokenInfo(json: unknown): TokenInfo | undefined {
  const wire = readOwn(json, 'data')
  const isValid = readFlag(wire, 'is_valid')
  if (isValid === undefined) return undefined
  const scopes = readOwn(wire, 'scopes')
  const permissions = Array.isArray(scopes) ? scopes.filter((scope) => typeof scope === 'string') : []
  return defined({
    isValid,
    permissions,
    subcode: parseWhole(readOwn(readOwn(wire, 'error'), 'subcode')),
    appId: readId(wire, 'app_id') || undefined,
    expiresAt: parseTimestamp(readOwn(wire, 'expires_at')),
  })
}

/** The proof of the app secret is wrong, or missing where the app requires one. */
export function isProofRefused({ message = '' }: GraphErrorBody): boolean {
  // Code 100 stands for every bad parameter: only the message names it (Meta: Secure Graph API calls).
  return message.includes(LOOK_UP_QUERY.proof)
}

/** An unknown id, as the answers to a deletion and to a message say it: without the subcode of other calls. */
export function isUnknownId({ message = '' }: GraphErrorBody): boolean {
  return message.includes('Invalid post_id') || message.includes('is not a valid whatsapp business account media')
}

/** Reads the body of a refused call. @returns undefined when it holds no `error` object. */
export function parseGraphError(json: unknown): GraphErrorBody | undefined {
  const wire = readOwn(json, 'error')
  if (!isObject(wire)) return undefined
  return defined({
    code: parseWhole(readOwn(wire, 'code')),
    subcode: parseWhole(readOwn(wire, 'error_subcode')),
    type: readString(wire, 'type'),
    message: readString(wire, 'message'),
    details: readString(readOwn(wire, 'error_data'), 'details'),
    isTransient: readFlag(wire, 'is_transient'),
    fbtraceId: readString(wire, 'fbtrace_id'),
  })
}

/** No server of Meta's sends more of a header (Node: http, maxHeaderSize), and each share is an argument of `Math.max`. */
const MAX_USAGE = 16_384

/**
 * How much of its limit an account has used, in percent, from Meta's usage headers (Graph API: Rate limiting); the
 * highest of the reported shares.
 */
export function parseUsage(headers: Readonly<Record<string, string>>): number {
  const usage = [headers['x-business-use-case-usage'], headers['x-app-usage']]
    .map((header = '') => header.slice(0, MAX_USAGE))
    .join(' ')
  const shares = usage.matchAll(/"(?:call_count|total_cputime|total_time)":\s*(\d{1,9})/g)
  return Math.max(0, ...[...shares].map(([, percent]) => Number(percent)))
}
