import type { Readable } from 'node:stream'
import { reduceToName } from '../errors/thrown.js'
import {
  DownloadFailedError,
  HostRefusedError,
  IntegrityMismatchError,
  SizeLimitError,
  WhatsAppMediaError,
} from '../errors.js'
import { getMediaTypeFromMime } from '../file-type/mime.js'
import { type HttpResponse, sendRequest } from '../http/client.js'
import { isEncoded } from '../http/headers.js'
import { describeNoAnswer } from '../http/no-answer.js'
import { isPassingStatus } from '../http/retry-after.js'
import { checkAnnouncedSize, getMaxBytes } from '../integrity/max-bytes.js'
import { defined } from '../json.js'
import type { KnownMedia, WantedMedia } from '../media-reference.js'
import { decideSilentMs } from '../timing/deadlines.js'
import type { Attempt } from './attempt.js'
import { COMMON_HEADERS } from './cloud-api.js'
import { refusePageBytes, refusePageType } from './error-page.js'
import { readGraphRetryAfter } from './graph-error.js'
import { lookUpMedia } from './look-up.js'

/** Media with its bytes on their way, unproven. */
export interface OpenedMedia {
  source: Readable
  media: KnownMedia
  /** The look-up's size, where the body may well have another and its hash decides. `media` then has none. */
  doubtfulSize?: number | undefined
  /** The cap for this type, in bytes. */
  maxBytes: number
  /** Refuses a page in place of media for which no hash was announced; a hash finds out by itself. */
  checkOpening: ((opening: Uint8Array) => void) | undefined
  /** The error for a source that failed, or (without argument) ended early. */
  onSourceError(error: Error | undefined): DownloadFailedError
}

/** Opens the media's bytes: by the webhook's URL where that can be trusted and is valid, else by the look-up's. */
export async function openMedia(media: WantedMedia, attempt: Attempt): Promise<OpenedMedia> {
  const opened = await openByWebhook(media, attempt)
  if (opened !== undefined) return opened
  const known = isLookedUp(media) ? media : await lookUpMedia(media, attempt)
  return checkMediaAnswer(await followRedirects(known.lookedUpUrl, known, attempt), known, attempt)
}

/** Whether a look-up has filled in the media: only a look-up sets `lookedUpUrl`. */
function isLookedUp(media: WantedMedia): media is KnownMedia & { readonly lookedUpUrl: string } {
  return media.lookedUpUrl !== undefined
}

/** The least time that a URL must still live to be worth a request, in milliseconds. */
const URL_MARGIN_MS = 15_000

/**
 * The webhook's own URL saves a look-up. It is used only with a hash (nothing else would prove the bytes), a MIME type and
 * a Content-Length (nothing else gives the size); on any doubt the look-up decides.
 */
async function openByWebhook(media: WantedMedia, attempt: Attempt): Promise<OpenedMedia | undefined> {
  const { downloadUrl, downloadUrlExpiresAt, sha256, mimeType } = media
  if (isLookedUp(media) || downloadUrl === undefined || sha256 === undefined || mimeType === undefined) return undefined
  if (!(Date.parse(downloadUrlExpiresAt ?? '') > Date.now() + URL_MARGIN_MS)) return undefined
  try {
    const answer = await followRedirects(downloadUrl, media, attempt)
    if (answer.response.status === 200 && answer.response.headers['content-length'] !== undefined) {
      const mediaType = media.mediaType ?? getMediaTypeFromMime(mimeType)
      return checkMediaAnswer(answer, { ...media, mimeType, mediaType }, attempt)
    }
    answer.response.body.destroy()
  } catch (error) {
    attempt.deadlines.signal.throwIfAborted()
    // A forged or cut URL must not lose media that the look-up still finds. `checkHost` has already reported the
    // refused host.
    if (error instanceof SizeLimitError) throw error
  }
  return undefined
}

const MAX_REDIRECTS = 3

/** A media host's answer. */
interface MediaHostAnswer {
  response: HttpResponse
  host: string
}

/** GET with redirects followed by hand: each hop is checked, and a new origin gets no credentials. */
async function followRedirects(firstUrl: string, media: WantedMedia, attempt: Attempt): Promise<MediaHostAnswer> {
  let url = checkHost(firstUrl, { media, attempt })
  const { origin } = url
  for (let hop = 0; ; hop++) {
    const { host } = url
    const response = await askForBytes(url, { attempt, hasCredentials: url.origin === origin })
    const { location } = response.headers
    if (response.status < 300 || response.status > 399 || location === undefined) return { response, host }
    response.body.destroy()
    if (hop === MAX_REDIRECTS) throw new DownloadFailedError({ host, problem: `more than ${MAX_REDIRECTS} redirects` })
    url = checkHost(location, { media, attempt, base: url })
  }
}

function askForBytes(
  { href, host }: URL,
  { attempt, hasCredentials }: { attempt: Attempt; hasCredentials: boolean },
): Promise<HttpResponse> {
  const { download, accessToken, deadlines } = attempt
  const { http, cloudApi } = download
  deadlines.waitFor('headers')
  return sendRequest(http, () => ({
    method: 'GET',
    url: href,
    headers: { ...COMMON_HEADERS, ...(hasCredentials ? cloudApi.buildAuthorization(accessToken) : {}) },
    signal: deadlines.signal,
    silentMs: decideSilentMs(download.timeouts),
  })).catch((error: unknown) => {
    // fromFetch has refused an answer: asking again would bring the same.
    if (WhatsAppMediaError.is(error)) throw error
    throw new DownloadFailedError({ host, problem: describeNoAnswer(error), cause: reduceToName(error) })
  })
}

/** @param base the URL that redirected here. */
function checkHost(text: string, hop: { media: WantedMedia; attempt: Attempt; base?: URL | undefined }): URL {
  const { media, attempt, base } = hop
  const { download, accessToken, report } = attempt
  try {
    return download.cloudApi.checkMediaUrl(text, { secrets: [accessToken, media.filename], base })
  } catch (error) {
    /* v8 ignore else -- @preserve nothing else is thrown there; what is not ours must still pass */
    if (error instanceof HostRefusedError) report({ type: 'host-refused', host: error.host })
    throw error
  }
}

/** Checks an answer's head against the announced media, before a byte of its body is read. */
function checkMediaAnswer({ response, host }: MediaHostAnswer, media: KnownMedia, attempt: Attempt): OpenedMedia {
  const { status, headers, body } = response
  const maxBytes = getMaxBytes(attempt.download.maxBytes, media.mediaType)
  try {
    if (!isWhole(status, headers)) throw createRefusalError(status, headers, host)
    if (isEncoded(headers)) {
      throw new DownloadFailedError({ host, problem: 'the answer has a Content-Encoding', retryable: false })
    }
    const length = readLength(headers)
    const isProvable = refusePageType(headers, { media, length, integrity: attempt.integrity })
    const { size, doubtfulSize } = decideSize(media, length, attempt)
    checkAnnouncedSize(size ?? length, maxBytes)
    attempt.deadlines.waitFor('source')
    return {
      source: body,
      media: media.size === size ? media : { ...media, size },
      doubtfulSize,
      maxBytes,
      checkOpening: isProvable ? undefined : (opening) => refusePageBytes(opening, media.mimeType),
      onSourceError(error) {
        const cause = error === undefined ? undefined : reduceToName(error)
        return new DownloadFailedError({ host, problem: 'the body broke off', cause })
      },
    }
  } catch (error) {
    body.destroy()
    throw error
  }
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
function isWhole(status: number, { 'content-range': range = '' }: Readonly<Record<string, string>>): boolean {
  if (status !== 206) return isSuccess(status) && status !== 204 && status !== 205
  const [, last, size] = /^bytes 0-(\d{1,15})\/(\d{1,15})$/i.exec(range.trim()) ?? []
  return last !== undefined && Number(last) + 1 === Number(size)
}

function readLength({ 'content-length': length = '' }: Readonly<Record<string, string>>): number | undefined {
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined
}

/**
 * The announced size, or else the Content-Length. Where the announced one is not what comes, a hash decides: then it is
 * only a doubtful one.
 *
 * @throws IntegrityMismatchError when the two differ and no hash decides, and for a reader.
 */
function decideSize(
  { size, sha256 }: KnownMedia,
  length: number | undefined,
  { integrity }: Attempt,
): { size?: number | undefined; doubtfulSize?: number | undefined } {
  if (size === undefined || size === length) return { size: size ?? length }
  const canDecide = sha256 !== undefined && integrity !== undefined
  if (length === undefined) return canDecide && integrity === 'report' ? { doubtfulSize: size } : { size }
  if (canDecide) return { doubtfulSize: size }
  const problem = 'Content-Length is not the announced size'
  throw new IntegrityMismatchError({ problem, expectedSize: size, observedSize: length })
}
