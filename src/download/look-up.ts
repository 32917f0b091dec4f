import { types } from 'node:util'
import { reduceToName } from '../errors/thrown.js'
import { DownloadFailedError, IntegrityMismatchError, WhatsAppMediaError } from '../errors.js'
import { getMediaTypeFromMime } from '../file-type/mime.js'
import { type HttpResponse, sendRequest } from '../http/client.js'
import { describeNoAnswer } from '../http/no-answer.js'
import { checkAnnouncedSize, getMaxBytes } from '../integrity/max-bytes.js'
import { parseJson } from '../json.js'
import type { KnownMedia, WantedMedia } from '../media-reference.js'
import type { Deadlines } from '../timing/deadlines.js'
import { LOOK_UP_QUERY, type MediaInfo, parseMediaInfo } from './answers.js'
import type { Attempt } from './attempt.js'
import { COMMON_HEADERS } from './cloud-api.js'
import { toGraphError } from './graph-error.js'

/** Bytes of a look-up's answer; real ones have under 1 KB. */
const MAX_LOOK_UP_BYTES = 65_536

/**
 * Looks the media up, and returns all that is then known of it. The webhook's fields come first.
 *
 * @throws what `askForMediaInfo` throws; IntegrityMismatchError when webhook and look-up announce different hashes,
 * unless the attempt's integrity is `report`; SizeLimitError.
 */
export async function lookUpMedia(
  media: WantedMedia,
  attempt: Attempt,
): Promise<KnownMedia & { readonly lookedUpUrl: string }> {
  const info = await askForMediaInfo(media, attempt)
  attempt.report({ type: 'looked-up' })
  if (attempt.integrity !== 'report') checkSameHash(media.sha256, info.sha256)
  const mimeType = media.mimeType ?? info.mimeType
  const mediaType = media.mediaType ?? getMediaTypeFromMime(mimeType)
  checkAnnouncedSize(info.size, getMaxBytes(attempt.download.maxBytes, mediaType))
  const { size, url: lookedUpUrl } = info
  return { ...media, mediaType, mimeType, size, sha256: media.sha256 ?? info.sha256, lookedUpUrl }
}

function checkSameHash(expectedSha256: string | undefined, observedSha256: string | undefined): void {
  if (expectedSha256 === undefined || observedSha256 === undefined || expectedSha256 === observedSha256) return
  const problem = 'Webhook and look-up announce different SHA-256 hashes'
  throw new IntegrityMismatchError({ problem, expectedSha256, observedSha256 })
}

/**
 * Asks Meta where a media id's bytes are: `GET /{version}/{media-id}` (Meta: Media). The URL in the answer is valid for
 * 5 minutes.
 *
 * @throws AccessTokenError, MediaGoneError or GraphApiError by Graph's error code; DownloadFailedError when no usable
 * answer came.
 */
export async function askForMediaInfo(
  { mediaId, phoneNumberId, filename }: WantedMedia,
  { download, accessToken, deadlines }: Attempt,
): Promise<MediaInfo> {
  const { cloudApi, http, appSecret } = download
  const url = cloudApi.buildLookUpUrl(mediaId, { accessToken, appSecret, phoneNumberId })
  const throwAsLookUpError =
    (describe: (error: unknown) => string) =>
    (error: unknown): never => {
      // An error of this library, a timeout say, has the better message.
      throw WhatsAppMediaError.is(error) ? error : createLookUpError(url, describe(error), error)
    }
  deadlines.waitFor('headers')
  const { signal } = deadlines
  const response = await sendRequest(http, () => ({
    method: 'GET',
    url,
    headers: { ...COMMON_HEADERS, ...cloudApi.buildAuthorization(accessToken) },
    signal,
  })).catch(throwAsLookUpError(describeNoAnswer))
  const text = await readLookUpText(response, deadlines).catch(throwAsLookUpError(() => 'the answer broke off'))
  if (response.status !== 200) {
    const proof = new URL(url).searchParams.get(LOOK_UP_QUERY.proof)
    throw toGraphError({ ...response, text, secrets: [accessToken, appSecret, filename, proof] }, mediaId)
  }
  const info = parseMediaInfo(parseJson(text))
  if (info === undefined) throw createLookUpError(url, 'the answer is no media information')
  return info
}

function createLookUpError(url: string, problem: string, thrown?: unknown): DownloadFailedError {
  const cause = thrown === undefined ? undefined : reduceToName(thrown)
  return new DownloadFailedError({ host: new URL(url).host, problem, cause })
}

/** Reads the answer through events, because an async iterator is slower than all the rest of a look-up. */
function readLookUpText({ body }: HttpResponse, deadlines: Deadlines): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = []
    let bytes = 0
    const done = (): void => resolve(Buffer.concat(parts).toString('utf8'))
    const fail = (error: unknown): void => {
      reject(error)
      body.destroy()
    }
    const close = (): void => {
      if (!body.readableEnded) reject(body.errored ?? new Error('the answer closed before its end'))
    }
    const take = (part: unknown): void => {
      deadlines.waitFor('source')
      const buffer = toAnswerBytes(part)
      bytes += buffer?.byteLength ?? 0
      if (buffer === undefined) fail(new Error('the answer is made of neither bytes nor text'))
      else if (bytes <= MAX_LOOK_UP_BYTES) parts.push(buffer)
      else {
        // An endless answer ends here.
        done()
        body.off('data', take).destroy()
      }
    }
    // One that was paused before would not flow by itself.
    body.on('data', take).once('end', done).on('error', fail).once('close', close).resume()
    if (body.readableEnded) done()
    else if (body.destroyed) close()
  })
}

/** A client of your own may stream text, or bytes of another kind. */
function toAnswerBytes(part: unknown): Uint8Array | undefined {
  if (types.isUint8Array(part)) return part
  if (types.isArrayBuffer(part)) return new Uint8Array(part)
  return typeof part === 'string' ? Buffer.from(part) : undefined
}
