import { runWithBody } from '../upload/open-body.js'
import type { UploadedMedia, WhatsAppUploadOptions } from './attempt-upload.js'
import type { OutboundSource } from './open-source.js'
import { runWithUpload } from './run-with-upload.js'

/**
 * Uploads a file to WhatsApp, for messages of one business phone number. Its MIME type and size are checked against
 * WhatsApp's limits before a byte is sent (Meta: Media, "Supported media types"); its bytes stream. An object of a
 * storage, bytes and Blobs are sent again when a try fails; a stream is sent once, unless it was spooled because its size
 * is unknown, or for `mediaIds`. With `mediaIds`, bytes that Meta still holds for the number are not sent again, and of
 * calls for the same bytes at once, one sends them for all.
 *
 * @throws OutboundTypeError, OutboundLimitError before anything is sent; StreamSpentError when a stream's only try failed;
 * AccessTokenError, GraphApiError, GraphUnreachableError, StorageFailedError, IntegrityMismatchError, TimeoutError,
 * InvalidOptionError; a stream's own error; the signal's reason when aborted.
 * @example
 * ```ts
 * import { uploadMediaToWhatsApp } from 'whatsapp-media-archive'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const { accessToken, cloudApi, close } = await createFakeCloudApi()
 * const source = { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' }
 * const { mediaId } = await uploadMediaToWhatsApp(source, { phoneNumberId: '106540352242922', accessToken, cloudApi })
 * console.log(mediaId.length > 0) // true
 * await close()
 * ```
 */
export async function uploadMediaToWhatsApp(
  source: OutboundSource,
  options: WhatsAppUploadOptions,
): Promise<UploadedMedia> {
  return runWithBody(source, () => runWithUpload(source, options, (upload) => upload()))
}
