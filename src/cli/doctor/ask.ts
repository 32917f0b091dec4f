import { buffer } from 'node:stream/consumers'
import type { HttpAgents } from '../../http/agents.js'
import { createNodeHttpClient } from '../../http/node.js'
import { defined } from '../../json.js'
import { awaitAnswer, readWhole, type StoreAnswer, type UrlAnswer } from '../../storage/questions.js'
import type { Refusal } from '../../storage/refusal.js'

/** GET, with redirects as answers. */
export type FetchOnce = (
  url: string,
  init: { signal: AbortSignal; headers?: Readonly<Record<string, string>> | undefined },
) => Promise<Response>

/** @param agent the way through a proxy. Default: the global `fetch`. */
export function createFetch(agent: HttpAgents | undefined): FetchOnce {
  if (agent === undefined) return (url, init) => fetch(url, { redirect: 'manual', ...defined(init) })
  const client = createNodeHttpClient({ agent })
  return async (url, { signal, headers = {} }) => {
    const { status, headers: answered, body } = await client({ method: 'GET', url, headers, signal })
    // A whole body: the doctor's answers are small, and a status such as 204 takes no stream.
    const bytes = await buffer(body)
    return new Response(bytes.length === 0 ? null : new Uint8Array(bytes), { status, headers: answered })
  }
}

/** Fetches a whole answer within a time limit. */
export function askUrl(
  url: string,
  {
    fetch,
    headers,
    timeoutMs,
  }: { fetch: FetchOnce; headers?: Readonly<Record<string, string>> | undefined; timeoutMs: number },
): Promise<StoreAnswer<UrlAnswer>> {
  const signal = AbortSignal.timeout(timeoutMs)
  return awaitAnswer(async () => readWhole(await fetch(url, defined({ signal, headers }))), signal)
}

/** The reason and the status, for people. */
export function describeRefusal({ reason, status }: Pick<Refusal, 'reason' | 'status'>): string {
  const cause = reason === 'TimeoutError' ? 'no answer in time' : reason
  return status === undefined ? cause : `${cause}, HTTP ${status}`
}
