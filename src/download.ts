import { type AccessToken, checkAccessToken, runWithToken } from './download/access-token.js'
import type { AttemptNote, ResolvedDownload } from './download/attempt.js'
import { type CloudApiOptions, resolveCloudApi } from './download/cloud-api.js'
import { keepDeclaredType } from './download/keep-declared-type.js'
import { type OpenedMedia, openMedia } from './download/open-media.js'
import { awaitOpening, type DownloadedMedia, serveReader } from './download/serve-reader.js'
import { checkOptions, type OptionNames } from './errors/check-options.js'
import { checkFunction, checkSignal } from './errors/checks.js'
import { describeSecret } from './errors/describe.js'
import { InvalidOptionError } from './errors.js'
import { describeSubject, emit, type OnEvent } from './events.js'
import type { HttpClient } from './http/client.js'
import { getDefaultHttpClient } from './http/node.js'
import { checkMaxBytes } from './integrity/max-bytes.js'
import { type MediaReference, type MediaType, toWantedMedia, type WantedMedia } from './media-reference.js'
import { checkTimeouts, type Deadlines, startDeadlines, type Timeouts } from './timing/deadlines.js'

export type { DownloadedMedia } from './download/serve-reader.js'

/** Options of every download. */
export interface DownloadOptions {
  /** A token, or a function that gives one at each attempt. */
  accessToken: AccessToken
  /** The app's secret: look-ups then carry `appsecret_proof`, which apps can be set to require (Meta: Secure Graph API calls). */
  appSecret?: string | undefined
  /** Another Graph API than Meta's own: a provider's, or a test's. */
  cloudApi?: CloudApiOptions | undefined
  /** Default: `node:http(s)` with keep-alive. */
  http?: HttpClient | undefined
  /** How long one attempt may wait, in milliseconds. */
  timeouts?: Timeouts | undefined
  /**
   * A cap in bytes, at most 5,368,709,120: one for all media, or one for each type. Default
   * 104,857,600 (100 MiB), also for types left out; for the files of Flow endpoints 26,214,400 (25 MiB), which is the
   * largest that a Flow takes (Meta: Flows, Media upload). Larger media is a `SizeLimitError`.
   */
  maxBytes?: number | { readonly [Type in MediaType]?: number | undefined } | undefined
  /** Aborts the call; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Gets events: here `host-refused`. */
  onEvent?: OnEvent | undefined
}

export const DOWNLOAD_OPTIONS: OptionNames<DownloadOptions> = {
  ...{ accessToken: true, appSecret: true, cloudApi: true, http: true, timeouts: true, maxBytes: true },
  ...{ signal: true, onEvent: true },
}

/**
 * Downloads one media file: looks the media id up (or uses the webhook's own URL while it is valid), checks host, size
 * and encoding, and streams the bytes through the integrity proof. One attempt; `archiveMedia` retries. A token function
 * is asked again within it when Meta rejects its token.
 *
 * @param media a `MediaReference` from a webhook, or a bare media id.
 * @throws AccessTokenError, MediaGoneError, GraphApiError, DownloadFailedError, HostRefusedError, SizeLimitError,
 * IntegrityMismatchError, TimeoutError, InvalidOptionError; the signal's reason when aborted. A failure after the first
 * bytes comes as the body's error.
 * @example
 * ```ts
 * import { downloadMediaFromWhatsApp } from 'whatsapp-media-archive'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const { mediaId } = await api.addMedia({ bytes: Buffer.from('hello'), mimeType: 'text/plain', mediaType: 'document' })
 * const { accessToken, cloudApi } = api
 * const media = await downloadMediaFromWhatsApp(mediaId, { accessToken, cloudApi })
 * console.log(media.mimeType, Buffer.from(await media.bytes()).toString()) // text/plain hello
 * await api.close()
 * ```
 */
export async function downloadMediaFromWhatsApp(
  media: string | MediaReference,
  options: DownloadOptions,
): Promise<DownloadedMedia> {
  checkOptions(options, DOWNLOAD_OPTIONS, { after: { media } })
  checkCaller(options)
  const wanted = keepDeclaredType(toWantedMedia(media))
  if (wanted.encryption !== undefined) {
    const problem = "must not be an encrypted file of a Flow's endpoint: give it decryptFlowMedia"
    throw new InvalidOptionError({ option: 'media', problem })
  }
  const download = resolveDownload(options)
  const deadlines = startDeadlines(download.timeouts, options.signal)
  try {
    const opened = await openForReader(wanted, { options, download, deadlines })
    return serveReader(opened, deadlines)
  } catch (error) {
    deadlines.clear()
    throw deadlines.signal.aborted ? deadlines.signal.reason : error
  }
}

async function openForReader(
  media: WantedMedia,
  call: { options: DownloadOptions; download: ResolvedDownload; deadlines: Deadlines },
): Promise<OpenedMedia> {
  const { options, download, deadlines } = call
  const { accessToken } = options
  const report = (note: AttemptNote): void => {
    if (note.type === 'host-refused') emit(download.onEvent, { ...note, ...describeSubject(media.reference ?? media) })
  }
  const opening = runWithToken({ accessToken, history: {}, deadlines }, (token) =>
    openMedia(media, { download, accessToken: token, deadlines, report }),
  )
  return awaitOpening(opening, deadlines)
}

/** @throws InvalidOptionError for options of the wrong form. */
export function resolveDownload(options: Omit<DownloadOptions, 'accessToken'>): ResolvedDownload {
  const { cloudApi, http = getDefaultHttpClient(), timeouts, maxBytes, appSecret, onEvent } = options
  checkMaxBytes(maxBytes)
  checkHttp(http)
  if (onEvent !== undefined) checkFunction('onEvent', onEvent)
  // Null, as rows of databases have it, must not quietly mean look-ups without their proof.
  if (appSecret !== undefined && (typeof appSecret !== 'string' || appSecret === '')) {
    const problem = `must be a non-empty string, or left out, got ${describeSecret(appSecret)}`
    throw new InvalidOptionError({ option: 'appSecret', problem })
  }
  return { cloudApi: resolveCloudApi(cloudApi), http, timeouts: checkTimeouts(timeouts), maxBytes, appSecret, onEvent }
}

/** Checks the options that belong to one caller. @throws InvalidOptionError */
export function checkCaller({ accessToken, signal }: Pick<DownloadOptions, 'accessToken' | 'signal'>): void {
  checkAccessToken(accessToken)
  if (signal !== undefined) checkSignal('signal', signal)
}

function checkHttp(http: unknown): void {
  if (http === globalThis.fetch) {
    throw new InvalidOptionError({ option: 'http', problem: 'must be an HttpClient, got fetch: give fromFetch(fetch)' })
  }
  checkFunction('http', http)
}
