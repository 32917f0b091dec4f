import { parseUsage } from '../download/answers.js'
import { readGraphRetryAfter } from '../download/graph-error.js'
import { readField } from '../errors/thrown.js'
import { type AnyWhatsAppMediaError, GraphApiError } from '../errors.js'
import type { HttpClient } from '../http/client.js'
import { readHeaders } from '../http/headers.js'

/** The share of a rate limit at which an account rests: jobs under way may use up the remainder. */
const RESTING_PERCENT = 90

/** The rest where Meta names no time. */
const REST_MS = 60_000

/** The client, with an eye on Meta's usage headers: calls `rest` where most of a rate limit is used up. */
export function watchUsage(
  http: HttpClient,
  rest: (seconds: number, error: AnyWhatsAppMediaError) => void,
): HttpClient {
  return async (request) => {
    // The caller checks the answer.
    const response = await http(request)
    const headers = readHeaders(readField(response, 'headers'))
    const percent = parseUsage(headers)
    if (percent < RESTING_PERCENT) return response
    const retryAfterMs = readGraphRetryAfter(headers) ?? REST_MS
    const text = `${percent} % of a rate limit are used`
    const error = new GraphApiError({ status: response.status, retryable: true, retryAfterMs, text })
    rest(Math.ceil(retryAfterMs / 1_000), error)
    return response
  }
}
