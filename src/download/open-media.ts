import type { Readable } from 'node:stream'
import { type DownloadFailedError, IntegrityMismatchError, SizeLimitError } from '../errors.js'
import { getMediaTypeFromMime } from '../file-type/mime.js'
import { checkAnnouncedSize, getMaxBytes } from '../integrity/max-bytes.js'
import type { KnownMedia, WantedMedia } from '../media-reference.js'
import type { Attempt } from './attempt.js'
import { refusePageBytes, refusePageType } from './error-page.js'
import { followRedirects, type MediaHostAnswer } from './follow-redirects.js'
import { lookUpMedia } from './look-up.js'
import { checkWholeAnswer, createBodyError } from './whole-answer.js'

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
  /** Once more, from the start, where the bytes lie on this machine. */
  reopen?: (() => Readable) | undefined
  /** Gives up what holds the bytes: a connection, or a temporary file. Always call it. */
  release(): Promise<void>
}

/** Opens the media's bytes: by the webhook's URL where that can be trusted and is valid, else by the look-up's. */
export async function openMedia(media: WantedMedia, attempt: Attempt): Promise<OpenedMedia> {
  const opened = await openByWebhook(media, attempt)
  if (opened !== undefined) return opened
  const known = isLookedUp(media) ? media : await lookUpMedia(media, attempt)
  return checkMediaAnswer(await askMediaHost(known.lookedUpUrl, known, attempt), known, attempt)
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
    const answer = await askMediaHost(downloadUrl, media, attempt)
    if (answer.response.status === 200 && answer.response.headers['content-length'] !== undefined) {
      const mediaType = media.mediaType ?? getMediaTypeFromMime(mimeType)
      return checkMediaAnswer(answer, { ...media, mimeType, mediaType }, attempt)
    }
    answer.response.body.destroy()
  } catch (error) {
    attempt.deadlines.signal.throwIfAborted()
    // A forged or cut URL must not lose media that the look-up still finds. `followRedirects` has already reported
    // the refused host.
    if (error instanceof SizeLimitError) throw error
  }
  return undefined
}

function askMediaHost(url: string, { filename }: WantedMedia, attempt: Attempt): Promise<MediaHostAnswer> {
  const { accessToken, download } = attempt
  return followRedirects(url, {
    attempt,
    checkUrl: download.cloudApi.checkMediaUrl,
    authorize: () => download.cloudApi.buildAuthorization(accessToken),
    secrets: [accessToken, filename],
  })
}

/** Checks an answer's head against the announced media, before a byte of its body is read. */
function checkMediaAnswer(answer: MediaHostAnswer, media: KnownMedia, attempt: Attempt): OpenedMedia {
  const { host, response } = answer
  const { headers, body } = response
  const maxBytes = getMaxBytes(attempt.download.maxBytes, media.mediaType)
  try {
    const length = checkWholeAnswer(answer)
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
      onSourceError: (error) => createBodyError(host, error),
      async release() {
        body.destroy()
      },
    }
  } catch (error) {
    body.destroy()
    throw error
  }
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
