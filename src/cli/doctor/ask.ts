import { defined } from '../../json.js'
import { awaitAnswer, readWhole, type StoreAnswer, type UrlAnswer } from '../../storage/questions.js'
import type { Refusal } from '../../storage/refusal.js'

/** The global `fetch`, with redirects as answers. */
export function fetchOnce(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, { redirect: 'manual', ...init })
}

/** Fetches a whole answer within a time limit. */
export function askUrl(
  url: string,
  { headers, timeoutMs }: { headers?: Readonly<Record<string, string>> | undefined; timeoutMs: number },
): Promise<StoreAnswer<UrlAnswer>> {
  const signal = AbortSignal.timeout(timeoutMs)
  return awaitAnswer(async () => readWhole(await fetchOnce(url, defined({ signal, headers }))), signal)
}

/** The reason and the status, for people. */
export function describeRefusal({ reason, status }: Pick<Refusal, 'reason' | 'status'>): string {
  const cause = reason === 'TimeoutError' ? 'no answer in time' : reason
  return status === undefined ? cause : `${cause}, HTTP ${status}`
}
