import { WhatsAppMediaError } from '../../errors.js'
import { factsOf } from '../../storage/s3/errors.js'

/** A whole answer. */
export interface FetchedAnswer {
  status: number
  headers: Headers
  body: string
}

/** Fetches with the global `fetch`; redirects are answers, too. */
export async function get(url: string, init: RequestInit): Promise<FetchedAnswer> {
  const response = await fetch(url, { redirect: 'manual', ...init })
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** What a call came to. */
export type Attempt<T> = { value: T } | Refusal

/** Only codes: the words of errors may repeat a token, a signed URL or what a server chose to say. */
export interface Refusal {
  reason: string
  status?: number
}

export async function attempt<T>(call: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await call() }
  } catch (error) {
    return refusalOf(error)
  }
}

/** As `attempt`, with a signal that the call must end at. What it throws once time is up is the time's doing. */
export async function attemptWithin<T>(
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<Attempt<T>> {
  const signal = AbortSignal.timeout(timeoutMs)
  const answer = await attempt(() => call(signal))
  // A body that is cut off says ECONNRESET.
  return signal.aborted && 'reason' in answer ? refusalOf(signal.reason) : answer
}

function refusalOf(error: unknown): Refusal {
  if (WhatsAppMediaError.is(error) && error.code === 'storage-failed') {
    const { reason, status } = error
    return { reason, ...(status === undefined ? {} : { status }) }
  }
  const { cause } = Object(error)
  const { reason } = factsOf(cause ?? error)
  return { reason: reason === 'TimeoutError' ? 'no answer in time' : reason }
}

/** For people. */
export function told({ reason, status }: Refusal): string {
  return status === undefined ? reason : `${reason}, HTTP ${status}`
}
