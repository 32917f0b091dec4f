import { readFaultName, readField, readTextField } from '../errors/thrown.js'
import { WhatsAppMediaError } from '../errors.js'
import { defined } from '../json.js'

/** The reason of a failed call, in codes only: messages of errors may repeat a token, a signed URL or a key. */
export interface Refusal {
  ok: false
  /** A code such as `AccessDenied` or `ECONNREFUSED`, else the error's name. */
  reason: string
  /** The HTTP status; absent without an answer. */
  status?: number | undefined
}

/** The codes of an error that a storage, the AWS SDK or Node's `fetch` threw. */
export function readRefusal(error: unknown): Refusal {
  if (WhatsAppMediaError.is(error) && error.code === 'storage-failed') return toRefusal(error)
  // Node's fetch hides the fault in its cause.
  const cause = readField(error, 'cause')
  return toRefusal(readSdkError(readField(cause, 'code') === undefined ? error : cause))
}

function toRefusal({ reason, status }: { reason: string; status?: number | undefined }): Refusal {
  return defined({ ok: false, reason, status } as const)
}

/** The status and the code that an error of the AWS SDK has from the store's answer. */
export function readSdkError(error: unknown): { status: number | undefined; reason: string } {
  const status = readField(readField(error, '$metadata'), 'httpStatusCode')
  // Ceph's error bodies have no message, so the SDK calls them UnknownError: `Code` and the status say more.
  const reason = readFaultName(error, ['Code', 'code', 'name'])
  if (typeof status !== 'number') return { status: undefined, reason }
  if (findErrorPage(error) !== undefined) return { status, reason: PROXY_PAGE }
  return { status, reason: NO_CODES.includes(reason) ? (STATUS_NAMES[status] ?? 'UnknownStatus') : reason }
}

/** The reason of an answer that is a page of a proxy, a load balancer or another server, and none of the store's. */
export const PROXY_PAGE = 'proxy-page'

/** The SDK's names for answers without a code, and ours. */
const NO_CODES: readonly string[] = ['Unknown', 'UnknownError', 'unknown']

/** The names that S3 gives to statuses, for answers without a body, such as those to a HEAD (AWS: Error responses). */
const STATUS_NAMES: Readonly<Record<number, string>> = {
  ...{ 301: 'PermanentRedirect', 304: 'NotModified', 307: 'TemporaryRedirect', 400: 'BadRequest', 401: 'Unauthorized' },
  ...{ 403: 'AccessDenied', 404: 'NotFound', 405: 'MethodNotAllowed', 408: 'RequestTimeout', 409: 'Conflict' },
  ...{ 411: 'MissingContentLength', 412: 'PreconditionFailed', 413: 'EntityTooLarge', 416: 'InvalidRange' },
  ...{ 429: 'TooManyRequests', 500: 'InternalError', 501: 'NotImplemented', 502: 'BadGateway' },
  ...{ 503: 'ServiceUnavailable', 504: 'GatewayTimeout' },
}

/** S3 answers in XML, and so do its kin. */
const PAGE_TYPE = /^(?:text\/html|application\/xhtml\+xml)\b/i

/** A page in the place of an answer. */
export interface ProxyPage {
  /** As its headers say. */
  bytes: number | undefined
}

/** The page that an answer with these headers is; undefined for one that may be the store's. */
export function findPage(headers: unknown): ProxyPage | undefined {
  if (!PAGE_TYPE.test(readTextField(headers, 'content-type'))) return undefined
  const length = readTextField(headers, 'content-length')
  return { bytes: /^\d{1,15}$/.test(length) ? Number(length) : undefined }
}

/** The page that the SDK took for an error of the store: an S3 error is XML with a code. */
export function findErrorPage(error: unknown): ProxyPage | undefined {
  if (readField(error, 'Code') !== undefined) return undefined
  // The SDK keeps a body here that it could not parse.
  const text = readField(error, '$responseBodyText')
  const bytes = typeof text === 'string' && text !== '' ? Buffer.byteLength(text) : undefined
  const page = findPage(readField(readField(error, '$response'), 'headers'))
  return bytes === undefined ? page : { bytes: page?.bytes ?? bytes }
}
