import type { Readable } from 'node:stream'
import { describeValue } from '../errors/describe.js'
import { reduceToName } from '../errors/thrown.js'
import {
  DownloadFailedError,
  HostRefusedError,
  IntegrityMismatchError,
  SizeLimitError,
  WhatsAppMediaError,
} from '../errors.js'
import { emit, type OnEvent } from '../events.js'
import { essence, getMediaTypeFromMime } from '../file-type/mime.js'
import { sniff } from '../file-type/sniff.js'
import { type HttpClient, type HttpResponse, sendRequest } from '../http/client.js'
import { isEncoded } from '../http/headers.js'
import { isPassingStatus } from '../http/retry-after.js'
import { getMaxBytes, type MaxBytes } from '../integrity/max-bytes.js'
import type { MediaReference, MediaType } from '../media-reference.js'
import type { Deadlines } from '../timing/deadlines.js'
import { type CloudApi, COMMON_HEADERS, lookUpMedia } from './cloud-api.js'
import { readGraphRetryAfter } from './graph-error.js'

/** One attempt's surroundings. */
export interface AttemptContext {
  cloudApi: CloudApi
  http: HttpClient
  accessToken: string
  appSecret: string | undefined
  maxBytes: MaxBytes | undefined
  deadlines: Deadlines
  onEvent: OnEvent | undefined
  accountId?: string
  /** Whether webhook and look-up may announce different hashes, for two downloads to settle. */
  maySettle?: boolean
  /** For a bare media id: its type, if the caller knows it. */
  mediaType?: MediaType | undefined
  /** The file's name, if the caller knows it: no error may repeat it. */
  filename?: string | undefined
  /** Told when a look-up has succeeded. */
  onLookUp?: () => void
}

/** A source of unproven bytes, and what was announced about them. */
export interface OpenedMedia {
  source: Readable
  mediaId: string
  mediaType: MediaType
  mimeType: string
  size: number | undefined
  sha256: string | undefined
  filename: string | undefined
  /** The cap for this type. */
  maxBytes: number
  /** Refuses a page in place of media for which no hash was announced; a hash finds out by itself. */
  checkOpening: ((opening: Uint8Array) => void) | undefined
  /** The error for a source that failed, or (without argument) ended early. */
  brokeOff(error: Error | undefined): DownloadFailedError
}

/** What is known before the bytes are asked for. */
export interface Announcement {
  mediaId: string
  url: string
  mediaType: MediaType
  mimeType: string
  size: number | undefined
  sha256: string | undefined
  filename: string | undefined
}

/** Opens the media's bytes: by the webhook's URL where that can be trusted and lives, else by a look-up. */
export async function openMedia(media: string | MediaReference, context: AttemptContext): Promise<OpenedMedia> {
  return (await openDirectly(media, context)) ?? openAnnounced(await announce(media, context), context)
}

/** Looks the media id up, and holds what the webhook said against it. */
export async function announce(media: string | MediaReference, context: AttemptContext): Promise<Announcement> {
  const reference = typeof media === 'string' ? undefined : media
  const mediaId = typeof media === 'string' ? media : media.mediaId
  const info = await lookUpMedia(mediaId, context, { phoneNumberId: reference?.phoneNumberId })
  context.onLookUp?.()
  const isContradictory =
    reference?.sha256 !== undefined && info.sha256 !== undefined && reference.sha256 !== info.sha256
  if (isContradictory && context.maySettle !== true) {
    throw new IntegrityMismatchError({
      problem: 'Webhook and look-up announce different SHA-256 hashes',
      expectedSha256: reference.sha256,
      observedSha256: info.sha256,
    })
  }
  // Empty where only a media id was kept: then the look-up is the first to tell.
  const mimeType = reference?.mimeType || info.mimeType
  const mediaType = reference?.mediaType ?? context.mediaType ?? getMediaTypeFromMime(mimeType)
  checkSize(info.size, getMaxBytes(context.maxBytes, mediaType))
  return {
    mediaId,
    url: info.url,
    mediaType,
    mimeType,
    size: info.size,
    sha256: reference?.sha256 ?? info.sha256,
    filename: reference?.filename,
  }
}

/** Gets the bytes from the announced URL. */
export async function openAnnounced(announcement: Announcement, context: AttemptContext): Promise<OpenedMedia> {
  return open(await get(announcement.url, context), announcement, context)
}

/** The least time that a URL must still live to be worth asking, in milliseconds. */
const URL_MARGIN_MS = 15_000

/**
 * The webhook's own URL saves a look-up. It is used only with a hash (nothing else would prove the bytes) and a
 * Content-Length (nothing else tells the size); on any doubt the look-up decides.
 */
async function openDirectly(media: string | MediaReference, context: AttemptContext): Promise<OpenedMedia | undefined> {
  if (typeof media === 'string' || media.downloadUrl === undefined || media.sha256 === undefined) return undefined
  const { mediaId, mediaType, mimeType, sha256, filename, downloadUrl, downloadUrlExpiresAt } = media
  if (!(Date.parse(downloadUrlExpiresAt ?? '') > Date.now() + URL_MARGIN_MS)) return undefined
  try {
    const answer = await get(downloadUrl, context)
    if (answer.response.status === 200 && answer.response.headers['content-length'] !== undefined) {
      return open(answer, { mediaId, mediaType, mimeType, sha256, filename, size: undefined }, context)
    }
    answer.response.body.destroy()
  } catch (error) {
    context.deadlines.signal.throwIfAborted()
    // A forged or cut URL must not lose media that the look-up still finds; get() has reported a refused host.
    if (error instanceof SizeLimitError) throw error
  }
  return undefined
}

const MAX_REDIRECTS = 3

/** An answer and where it came from. */
interface Answer {
  response: HttpResponse
  host: string
}

/** GET with redirects followed by hand: each hop is checked, and a new origin gets no credentials. */
async function get(firstUrl: string, context: AttemptContext): Promise<Answer> {
  const { http, cloudApi, accessToken, deadlines } = context
  let url = checkHost(firstUrl, context)
  const { origin } = url
  for (let hop = 0; ; hop++) {
    deadlines.waitFor('headers')
    const { host, href } = url
    const isHome = url.origin === origin
    const response = await sendRequest(
      http,
      () => ({
        method: 'GET',
        url: href,
        headers: { ...COMMON_HEADERS, ...(isHome ? cloudApi.authorization(accessToken) : {}) },
        signal: deadlines.signal,
      }),
      { phase: 'download' },
    ).catch((error: unknown) => {
      // fromFetch has refused an answer: asking again would bring the same.
      if (WhatsAppMediaError.is(error)) throw error
      throw new DownloadFailedError({ host, problem: 'no answer', cause: reduceToName(error) })
    })
    const { location } = response.headers
    if (response.status < 300 || response.status > 399 || location === undefined) return { response, host }
    response.body.destroy()
    if (hop === MAX_REDIRECTS) throw new DownloadFailedError({ host, problem: `more than ${MAX_REDIRECTS} redirects` })
    url = checkHost(URL.canParse(location, url.href) ? new URL(location, url).href : location, context)
  }
}

function checkHost(url: string, { cloudApi, onEvent, accountId, accessToken, filename }: AttemptContext): URL {
  try {
    return cloudApi.checkMediaUrl(url, [accessToken, filename])
  } catch (error) {
    /* v8 ignore else -- @preserve nothing else is thrown there; what is not ours must still pass */
    if (error instanceof HostRefusedError) {
      emit(onEvent, { type: 'host-refused', host: error.host, ...(accountId === undefined ? {} : { accountId }) })
    }
    throw error
  }
}

/** Checks an answer's head against what was announced, before a byte of its body is read. */
function open(
  { response, host }: Answer,
  facts: Omit<Announcement, 'url'>,
  context: Pick<AttemptContext, 'maxBytes' | 'deadlines'>,
): OpenedMedia {
  const { mediaId, mediaType, mimeType, sha256, filename } = facts
  const maxBytes = getMaxBytes(context.maxBytes, mediaType)
  const { status, headers, body } = response
  try {
    if (status !== 200) throw refusal(status, headers, host)
    if (isEncoded(headers)) {
      throw new DownloadFailedError({ host, problem: 'the answer has a Content-Encoding', retryable: false })
    }
    refusePage(headers, mimeType)
    const size = agreeOnSize(facts.size, headers)
    checkSize(size, maxBytes)
    context.deadlines.waitFor('source')
    return {
      ...{ source: body, mediaId, mediaType, mimeType, size, sha256, filename, maxBytes },
      checkOpening: sha256 === undefined ? (opening) => refusePageIn(opening, mimeType) : undefined,
      brokeOff: (error) =>
        new DownloadFailedError({
          host,
          problem: 'the body broke off',
          cause: error === undefined ? undefined : reduceToName(error),
        }),
    }
  } catch (error) {
    body.destroy()
    throw error
  }
}

/** 401, 403, 404 and 410 from a media host mean that the URL died: the next look-up gives a fresh one (Meta: Media). */
const DEAD_URL_STATUSES: readonly number[] = [401, 403, 404, 410]

function refusal(status: number, headers: Readonly<Record<string, string>>, host: string): DownloadFailedError {
  const retryAfterMs = readGraphRetryAfter(headers)
  return new DownloadFailedError({
    host,
    problem: `HTTP ${status}`,
    status,
    retryable: DEAD_URL_STATUSES.includes(status) || isPassingStatus(status),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** What error pages are served as. */
const PAGE_TYPES: readonly string[] = [
  'text/html',
  'application/xhtml+xml',
  'application/json',
  'application/problem+json',
]

/** Hosts send error pages with status 200; the hash would find out, but only after the whole page. */
function refusePage(headers: Readonly<Record<string, string>>, declared: string): void {
  const served = essence(headers['content-type'] ?? '')
  if (PAGE_TYPES.includes(served) && served !== essence(declared)) throw pageInPlaceOf(declared, served)
}

/** Types whose files may well begin as an error page does. */
const MAY_BE_A_PAGE = /^(?:text\/|application\/(?:.*\+)?(?:json|xml)$|application\/octet-stream$|$)/

/** Without a hash only the bytes themselves tell a page from media. */
function refusePageIn(opening: Uint8Array, declared: string): void {
  if (MAY_BE_A_PAGE.test(essence(declared))) return
  const found = sniff(opening) ?? (looksLikeJson(opening) ? 'application/json' : '')
  if (PAGE_TYPES.includes(found)) throw pageInPlaceOf(declared, found)
}

function looksLikeJson(opening: Uint8Array): boolean {
  return /^\s*(?:\{\s*["}]|\[\s*[{"\]])/.test(Buffer.from(opening.subarray(0, 64)).toString('latin1'))
}

function pageInPlaceOf(declared: string, found: string): IntegrityMismatchError {
  return new IntegrityMismatchError({
    problem: `The media host sent ${found} in place of ${describeValue(essence(declared))}`,
  })
}

function checkSize(size: number | undefined, maxBytes: number): void {
  if (size !== undefined && size > maxBytes) {
    throw new SizeLimitError({ limitBytes: maxBytes, bytes: size, phase: 'download' })
  }
}

function agreeOnSize(announced: number | undefined, headers: Readonly<Record<string, string>>): number | undefined {
  const header = headers['content-length']
  const length = header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined
  if (announced !== undefined && length !== undefined && announced !== length) {
    throw new IntegrityMismatchError({
      problem: 'Content-Length is not the announced size',
      expectedSize: announced,
      observedSize: length,
    })
  }
  return announced ?? length
}
