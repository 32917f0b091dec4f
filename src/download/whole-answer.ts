import { reduceToName } from '../errors/thrown.js'
import { DownloadFailedError } from '../errors.js'
import { isEncoded } from '../http/headers.js'
import { isPassingStatus } from '../http/retry-after.js'
import { defined } from '../json.js'
import type { MediaHostAnswer } from './follow-redirects.js'
import { readGraphRetryAfter } from './graph-error.js'

/**
 * Checks that an answer's head promises the whole file, as it is.
 *
 * @returns its Content-Length in bytes, where it has one. @throws DownloadFailedError
 */
export function checkWholeAnswer({ response, host }: MediaHostAnswer): number | undefined {
  const { status, headers } = response
  if (!isWholeFile(status, headers)) throw createRefusalError(status, headers, host)
  if (isEncoded(headers)) {
    throw new DownloadFailedError({ host, problem: 'the answer has a Content-Encoding', retryable: false })
  }
  return readLength(headers)
}

/** The error for a body that failed, or (without one) ended early. */
export function createBodyError(host: string, error: Error | undefined): DownloadFailedError {
  const cause = error === undefined ? undefined : reduceToName(error)
  return new DownloadFailedError({ host, problem: 'the body broke off', cause })
}

/** A media host answers so when the URL has expired: the next look-up gives a fresh one (Meta: Media). */
const DEAD_URL_STATUSES: readonly number[] = [401, 403, 404, 410]

function createRefusalError(
  status: number,
  headers: Readonly<Record<string, string>>,
  host: string,
): DownloadFailedError {
  return new DownloadFailedError({
    host,
    problem: `HTTP ${status}`,
    status,
    // A part, or no content: nobody asked for that, and another answer may be whole.
    retryable: DEAD_URL_STATUSES.includes(status) || isPassingStatus(status) || isSuccess(status),
    ...defined({ retryAfterMs: readGraphRetryAfter(headers) }),
  })
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

/**
 * Whether an answer is the whole file: its size and hash are proven all the same. Caches and proxies answer 203, and 206
 * with a range that is the whole (RFC 9110, sections 15.3.4 and 15.3.7).
 */
function isWholeFile(status: number, { 'content-range': range = '' }: Readonly<Record<string, string>>): boolean {
  if (status !== 206) return isSuccess(status) && status !== 204 && status !== 205
  const [, last, size] = /^bytes 0-(\d{1,15})\/(\d{1,15})$/i.exec(range.trim()) ?? []
  return last !== undefined && Number(last) + 1 === Number(size)
}

function readLength({ 'content-length': length = '' }: Readonly<Record<string, string>>): number | undefined {
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined
}
