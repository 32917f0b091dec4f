import { Readable } from 'node:stream'
import type { Attempt } from '../download/attempt.js'
import { followRedirects } from '../download/follow-redirects.js'
import type { OpenedMedia } from '../download/open-media.js'
import { checkWholeAnswer, createBodyError } from '../download/whole-answer.js'
import { MediaGoneError, SizeLimitError } from '../errors.js'
import { checkAnnouncedSize, findMaxBytes } from '../integrity/max-bytes.js'
import { type Spooled, spool } from '../integrity/spool.js'
import type { EncryptedMedia } from '../media-reference.js'
import { decipherFile, MAC_BYTES, measurePlaintext } from './decipher.js'

/** The largest file that a Flow's pickers take (Meta: Flows, Media upload). */
const FLOW_MAX_BYTES = 26_214_400

/** The most bytes that encryption adds: a whole block of padding, and the HMAC's beginning. */
const MOST_OVERHEAD = 16 + MAC_BYTES

/** Statuses of a URL whose file is no more. Nothing gives another URL. */
const GONE_STATUSES: readonly number[] = [404, 410]

/**
 * Fetches the encrypted file of a Flow's endpoint, without a token, and proves all of it before anyone gets its first byte:
 * the file's SHA-256, its HMAC, its plaintext's SHA-256 (Meta: Flows, Media upload). The encrypted file is kept, in memory
 * up to 1 MiB, then in a temporary file; the plaintext is in neither.
 *
 * @throws MediaGoneError, DownloadFailedError, HostRefusedError, SizeLimitError, IntegrityMismatchError,
 * DecryptionFailedError, TimeoutError
 */
export async function openFlowMedia(
  media: EncryptedMedia,
  attempt: Pick<Attempt, 'download' | 'deadlines' | 'report'>,
): Promise<OpenedMedia> {
  const { download, deadlines } = attempt
  const maxBytes = findMaxBytes(download.maxBytes, media.mediaType) ?? FLOW_MAX_BYTES
  const { spooled, host } = await fetchEncrypted(media, { attempt, maxBytes })
  try {
    deadlines.waitFor('reader')
    const size = await measurePlaintext(spooled, { media, signal: deadlines.signal })
    checkAnnouncedSize(size, maxBytes)
    const reopen = (): Readable => Readable.from(decipherFile(spooled, media.encryption), { objectMode: false })
    return {
      source: reopen(),
      media: { ...media, size },
      maxBytes,
      checkOpening: undefined,
      onSourceError: (error) => createBodyError(host, error),
      reopen,
      release: spooled.remove,
    }
  } catch (error) {
    await spooled.remove()
    throw error
  }
}

/** @param options `maxBytes`: of the plaintext. */
async function fetchEncrypted(
  { mediaId, downloadUrl, filename, encryption }: EncryptedMedia,
  { attempt, maxBytes }: { attempt: Pick<Attempt, 'download' | 'deadlines' | 'report'>; maxBytes: number },
): Promise<{ spooled: Spooled; host: string }> {
  const { download, deadlines } = attempt
  const answer = await followRedirects(downloadUrl, {
    attempt,
    checkUrl: download.cloudApi.checkFlowUrl,
    authorize: () => ({}),
    secrets: [filename, ...Object.values(encryption)],
  })
  const { host, response } = answer
  const { body, status } = response
  try {
    if (GONE_STATUSES.includes(status)) throw new MediaGoneError({ mediaId, status, host })
    const length = checkWholeAnswer(answer) ?? 0
    checkAnnouncedSize(length - MOST_OVERHEAD, maxBytes)
    deadlines.waitFor('source')
    const spooled = await spool(body, {
      sha256: encryption.encryptedSha256,
      maxBytes: maxBytes + MOST_OVERHEAD,
      deadlines,
      onSourceError: (error) => createBodyError(host, error),
    })
    return { spooled, host }
  } catch (error) {
    body.destroy()
    // The cap is the plaintext's.
    if (error instanceof SizeLimitError) {
      throw new SizeLimitError({ limitBytes: maxBytes, bytes: Math.max(error.bytes - MOST_OVERHEAD, maxBytes + 1) })
    }
    throw error
  }
}
