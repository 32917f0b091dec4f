import type { Readable } from 'node:stream'
import { type AccessToken, checkAccessToken, runWithToken } from './download/access-token.js'
import type { AttemptNote, ResolvedDownload } from './download/attempt.js'
import { type CloudApiOptions, resolveCloudApi } from './download/cloud-api.js'
import { keepDeclaredType } from './download/keep-declared-type.js'
import { type OpenedMedia, openMedia } from './download/open-media.js'
import { checkOptions, type OptionNames } from './errors/check-options.js'
import { checkFunction, checkSignal } from './errors/checks.js'
import { describeSecret } from './errors/describe.js'
import { InvalidOptionError } from './errors.js'
import { describeSubject, emit, type OnEvent } from './events.js'
import type { HttpClient } from './http/client.js'
import { getDefaultHttpClient } from './http/node.js'
import { checkMaxBytes } from './integrity/max-bytes.js'
import { proveBytes } from './integrity/prove.js'
import { defined } from './json.js'
import { type MediaReference, type MediaType, toWantedMedia, type WantedMedia } from './media-reference.js'
import { abortable } from './timing/abort.js'
import { checkTimeouts, type Deadlines, startDeadlines, type Timeouts } from './timing/deadlines.js'

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
   * 104,857,600 (100 MiB), also for types left out. Larger media is a `SizeLimitError`.
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

/** Media on its way. */
export interface DownloadedMedia {
  /**
   * The bytes, once. The stream errors before its last chunk when size or hash are not the announced ones, and is
   * destroyed at the total deadline if nobody reads it.
   */
  body: Readable
  /** As declared by WhatsApp, parameters included. */
  mimeType: string
  /** Bytes. Absent when neither the look-up nor the download announced them. */
  size?: number | undefined
  /** Announced SHA-256, lowercase hex. Absent when none was announced. */
  sha256?: string | undefined
  /** The sender's name for a document. */
  filename?: string | undefined
  /** Meta's id of the media. */
  mediaId: string
  /** All bytes at once, proven. For small files. @throws InvalidOptionError when `body` was read before. */
  bytes(): Promise<Uint8Array>
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
  const download = resolveDownload(options)
  const deadlines = startDeadlines(download.timeouts, options.signal)
  try {
    const opened = await openForReader(wanted, { options, download, deadlines })
    const { size, sha256 } = opened.media
    const { maxBytes, checkOpening, onSourceError } = opened
    const proof = { size, sha256, maxBytes, checkOpening, onSourceError, deadlines }
    const { body } = proveBytes(opened.source, { ...proof, reader: 'reader' })
    body.once('close', deadlines.clear)
    const { mediaId, mimeType, filename } = opened.media
    let all: Promise<Uint8Array> | undefined
    return {
      body,
      mediaId,
      mimeType,
      ...defined({ size, sha256, filename }),
      bytes() {
        all ??= collect(body, deadlines)
        return all
      },
    }
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
  // An HTTP client of your own may ignore the signal: abandoned, it may still fail, or bring a body that comes too late.
  opening.then(
    ({ source }) => deadlines.signal.aborted && source.destroy(),
    () => {},
  )
  return abortable(opening, deadlines.signal)
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

async function collect(body: Readable, deadlines: Deadlines): Promise<Uint8Array> {
  // The rest of a body is no proven file.
  if (body.readableDidRead)
    throw new InvalidOptionError({ option: 'body', problem: 'was read already; bytes() takes it from its start' })
  const parts: Uint8Array[] = []
  try {
    for await (const part of body) parts.push(part)
  } catch (error) {
    throw deadlines.signal.aborted ? deadlines.signal.reason : error
  }
  return Buffer.concat(parts)
}
