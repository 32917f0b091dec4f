import type { AttemptNote } from '../download/attempt.js'
import { keepDeclaredType } from '../download/keep-declared-type.js'
import { awaitOpening, type DownloadedMedia, serveReader } from '../download/serve-reader.js'
import { type DownloadOptions, resolveDownload } from '../download.js'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkSignal } from '../errors/checks.js'
import { InvalidOptionError } from '../errors.js'
import { describeSubject, emit } from '../events.js'
import { checkReference, isEncryptedMedia, type MediaReference, toWantedMedia } from '../media-reference.js'
import { startDeadlines } from '../timing/deadlines.js'
import { openFlowMedia } from './open.js'

/** Options of `decryptFlowMedia`: those of a download, without a token. */
export interface FlowMediaOptions extends Omit<DownloadOptions, 'accessToken' | 'appSecret'> {}

const FLOW_MEDIA_OPTIONS: OptionNames<FlowMediaOptions> = {
  ...{ cloudApi: true, http: true, timeouts: true, maxBytes: true, signal: true, onEvent: true },
}

/**
 * Fetches the encrypted file of a Flow's endpoint from WhatsApp's CDN, without a token, and decrypts it: the file's
 * SHA-256, its HMAC over initialization vector and ciphertext, and the plaintext's SHA-256 are checked before the first
 * byte is handed on (Meta: Flows, Media upload). The encrypted file is kept until the body is closed: in memory up to 1 MiB,
 * else in a temporary file that only this user may read. One attempt; `archiveMedia` takes the same reference, stores the
 * file, and retries.
 *
 * @param media a reference with `encryption`, as `extractFlowMedia` gives it.
 * @throws MediaGoneError, DownloadFailedError, HostRefusedError, SizeLimitError, IntegrityMismatchError,
 * DecryptionFailedError, TimeoutError, InvalidOptionError; the signal's reason when aborted.
 * @example
 * ```ts
 * import { decryptFlowMedia, extractFlowMedia } from 'whatsapp-media-archive'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const api = await createFakeCloudApi()
 * const { request } = await api.addFlowMedia({ bytes: Buffer.from('hello'), filename: 'hello.txt' })
 * const { media } = extractFlowMedia(request, { phoneNumberId: '106540352242922', timestamp: new Date() })
 * for (const file of media) {
 *   const { mimeType, bytes } = await decryptFlowMedia(file, { cloudApi: api.cloudApi })
 *   console.log(mimeType, String(await bytes())) // text/plain hello
 * }
 * await api.close()
 * ```
 */
export async function decryptFlowMedia(
  media: MediaReference,
  options: FlowMediaOptions = {},
): Promise<DownloadedMedia> {
  checkOptions(options, FLOW_MEDIA_OPTIONS, { after: { media } })
  checkReference(media)
  if (options.signal !== undefined) checkSignal('signal', options.signal)
  const wanted = keepDeclaredType(toWantedMedia(media))
  if (!isEncryptedMedia(wanted)) {
    const problem = 'is missing: the media is no file of a Flow endpoint. Give it downloadMediaFromWhatsApp'
    throw new InvalidOptionError({ option: 'media.encryption', problem })
  }
  const download = resolveDownload(options)
  const report = (note: AttemptNote): void => {
    /* v8 ignore else -- @preserve no look-up is made */
    if (note.type === 'host-refused') emit(download.onEvent, { ...note, ...describeSubject(media) })
  }
  const deadlines = startDeadlines(download.timeouts, options.signal)
  try {
    const opened = await awaitOpening(openFlowMedia(wanted, { download, deadlines, report }), deadlines)
    return serveReader(opened, deadlines)
  } catch (error) {
    deadlines.clear()
    throw deadlines.signal.aborted ? deadlines.signal.reason : error
  }
}
