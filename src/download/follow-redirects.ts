import { reduceToName } from '../errors/thrown.js'
import { DownloadFailedError, HostRefusedError, WhatsAppMediaError } from '../errors.js'
import { type HttpResponse, sendRequest } from '../http/client.js'
import { describeNoAnswer, isCallFault } from '../http/no-answer.js'
import { decideSilentMs } from '../timing/deadlines.js'
import type { Attempt } from './attempt.js'
import { COMMON_HEADERS, type UrlCheck } from './cloud-api.js'

const MAX_REDIRECTS = 3

/** A media host's answer. */
export interface MediaHostAnswer {
  response: HttpResponse
  host: string
}

/** The way to a file: by which hosts, and with which credentials. */
export interface FileRoute {
  attempt: Pick<Attempt, 'download' | 'deadlines' | 'report'>
  checkUrl: UrlCheck
  /** The headers that carry the token, for the origin of the first URL alone. */
  authorize: () => Record<string, string>
  /** Texts that no error may show. */
  secrets: readonly (string | undefined)[]
}

/** GET with redirects followed by hand: each hop is checked, and a new origin gets no credentials. */
export async function followRedirects(firstUrl: string, route: FileRoute): Promise<MediaHostAnswer> {
  let url = checkHost(firstUrl, { route })
  const { origin } = url
  for (let hop = 0; ; hop++) {
    const { host } = url
    const response = await askForBytes(url, { route, hasCredentials: url.origin === origin })
    const { location } = response.headers
    if (response.status < 300 || response.status > 399 || location === undefined) return { response, host }
    response.body.destroy()
    if (hop === MAX_REDIRECTS) throw new DownloadFailedError({ host, problem: `more than ${MAX_REDIRECTS} redirects` })
    url = checkHost(location, { route, base: url })
  }
}

function askForBytes(
  { href, host }: URL,
  { route, hasCredentials }: { route: FileRoute; hasCredentials: boolean },
): Promise<HttpResponse> {
  const { download, deadlines } = route.attempt
  deadlines.waitFor('headers')
  return sendRequest(download.http, () => ({
    method: 'GET',
    url: href,
    headers: { ...COMMON_HEADERS, ...(hasCredentials ? route.authorize() : {}) },
    signal: deadlines.signal,
    silentMs: decideSilentMs(download.timeouts),
  })).catch((error: unknown) => {
    // fromFetch has refused an answer: asking again would bring the same.
    if (WhatsAppMediaError.is(error)) throw error
    const [problem, retryable] = [describeNoAnswer(error), !isCallFault(error)]
    throw new DownloadFailedError({ host, problem, retryable, cause: reduceToName(error) })
  })
}

/** @param base the URL that redirected here. */
function checkHost(text: string, { route, base }: { route: FileRoute; base?: URL | undefined }): URL {
  const { attempt, checkUrl, secrets } = route
  try {
    return checkUrl(text, { secrets, base })
  } catch (error) {
    /* v8 ignore else -- @preserve nothing else is thrown there; what is not ours must still pass */
    if (error instanceof HostRefusedError) attempt.report({ type: 'host-refused', host: error.host })
    throw error
  }
}
