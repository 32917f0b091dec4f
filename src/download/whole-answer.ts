import { reduceToName } from '../errors/thrown.js'
import { DownloadFailedError } from '../errors.js'
import { isEncoded, isWholeAnswer } from '../http/headers.js'
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
  if (!isWholeAnswer(status, headers)) throw createRefusalError(status, headers, host)
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
    retryable: DEAD_URL_STATUSES.includes(status) || isPassingStatus(status) || (status >= 200 && status < 300),
    ...defined({ retryAfterMs: readGraphRetryAfter(headers) }),
  })
}

function readLength({ 'content-length': length = '' }: Readonly<Record<string, string>>): number | undefined {
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined
}
