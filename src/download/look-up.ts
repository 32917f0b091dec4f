import { reduceToName } from '../errors/thrown.js'
import { DownloadFailedError, IntegrityMismatchError } from '../errors.js'
import { getMediaTypeFromMime } from '../file-type/mime.js'
import { isCallFault } from '../http/no-answer.js'
import { checkAnnouncedSize, getMaxBytes } from '../integrity/max-bytes.js'
import { parseJson } from '../json.js'
import type { KnownMedia, WantedMedia } from '../media-reference.js'
import { decideSilentMs } from '../timing/deadlines.js'
import { type MediaInfo, parseMediaInfo } from './answers.js'
import type { Attempt } from './attempt.js'
import { toGraphError } from './graph-error.js'
import { readProof, requestGraph } from './request-graph.js'

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
  const { cloudApi, appSecret } = download
  const url = cloudApi.buildLookUpUrl(mediaId, { accessToken, appSecret, phoneNumberId })
  const createError = (problem: string, thrown?: unknown): DownloadFailedError =>
    createLookUpError(url, problem, thrown)
  const answer = await requestGraph(
    () => ({
      ...{ method: 'GET', url, headers: cloudApi.buildAuthorization(accessToken) },
      silentMs: decideSilentMs(download.timeouts),
    }),
    {
      http: download.http,
      deadlines,
      createError,
    },
  )
  if (answer.status !== 200) {
    throw toGraphError({ ...answer, secrets: [accessToken, appSecret, filename, readProof(url)] }, mediaId)
  }
  const info = parseMediaInfo(parseJson(answer.text))
  if (info === undefined) throw createError('the answer is no media information')
  return info
}

function createLookUpError(url: string, problem: string, thrown?: unknown): DownloadFailedError {
  const cause = thrown === undefined ? undefined : reduceToName(thrown)
  return new DownloadFailedError({ host: new URL(url).host, problem, retryable: !isCallFault(thrown), cause })
}
