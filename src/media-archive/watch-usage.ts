import { parseUsage } from '../download/answers.js'
import { readGraphRetryAfter } from '../download/graph-error.js'
import { readField } from '../errors/thrown.js'
import { type AnyWhatsAppMediaError, GraphApiError } from '../errors.js'
import type { HttpClient } from '../http/client.js'
import { readHeaders } from '../http/headers.js'

/** The share of a rate limit at which an account pauses: jobs under way may use up the remainder. */
const PAUSE_PERCENT = 90

/** The pause where Meta names no time. */
const PAUSE_MS = 60_000

/** Wraps an HTTP client so that it reads Meta's usage headers, and calls `pause` where most of a rate limit is used up. */
export function watchUsage(
  http: HttpClient,
  pause: (seconds: number, error: AnyWhatsAppMediaError) => void,
): HttpClient {
  return async (request) => {
    // The caller checks the answer.
    const response = await http(request)
    const headers = readHeaders(readField(response, 'headers'))
    const percent = parseUsage(headers)
    if (percent < PAUSE_PERCENT) return response
    const retryAfterMs = readGraphRetryAfter(headers) ?? PAUSE_MS
    const text = `${percent} % of a rate limit are used`
    const error = new GraphApiError({ status: response.status, retryable: true, retryAfterMs, text })
    pause(Math.ceil(retryAfterMs / 1_000), error)
    return response
  }
}
