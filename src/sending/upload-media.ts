import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkWhole } from '../errors/checks.js'
import { StreamSpentError, WhatsAppMediaError } from '../errors.js'
import { findProofFailure } from '../integrity/prove.js'
import { checkMediaType, type MediaType } from '../media-reference.js'
import {
  callGraph,
  checkNodeId,
  createStrangeAnswerError,
  makeSendingPlan,
  runSending,
  SENDING_OPTIONS,
  type SendingAttempt,
  type SendingOptions,
} from './call-graph.js'
import { buildMultipart } from './multipart.js'
import { type OutboundSource, readSource, type SourceReader } from './open-source.js'
import { findOutboundFormat } from './outbound-limits.js'
import { proveSource } from './prove-source.js'
import { buildUploadFields, parseUploadAnswer } from './wire.js'

/** Options of `uploadMediaToWhatsApp`. */
export interface WhatsAppUploadOptions extends SendingOptions {
  /** Meta's id of the business phone number that will send the media. It is not the number itself. */
  phoneNumberId: string
  /** The kind of message that the media is for. Default: by MIME type; WebP is a sticker. */
  mediaType?: MediaType | undefined
  /** How long Meta keeps the media, in minutes: 60 to 43,200, for No-Storage numbers (Meta: Media). Default: 30 days. */
  ttlMinutes?: number | undefined
}

const OUTBOUND_OPTIONS: OptionNames<WhatsAppUploadOptions> = {
  ...{ phoneNumberId: true, mediaType: true, ttlMinutes: true },
  ...SENDING_OPTIONS,
}

/** Media that Meta holds for messages of one phone number. */
export interface UploadedMedia {
  /** For messages of this phone number. */
  mediaId: string
  /** When Meta deletes it. */
  expiresAt: Date
}

/**
 * Uploads a file to WhatsApp, for messages of one business phone number. Its MIME type and size are checked against
 * WhatsApp's limits before a byte is sent (Meta: Media, "Supported media types"); its bytes stream. An object of a
 * storage, bytes and Blobs are sent again when a try fails; a stream is sent once, unless it was spooled because its size
 * is unknown.
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
  const reader = readSource(source)
  try {
    checkOptions(options, OUTBOUND_OPTIONS, { after: { source } })
    const { phoneNumberId, mediaType, ttlMinutes } = options
    checkNodeId('phoneNumberId', phoneNumberId)
    if (mediaType !== undefined) checkMediaType(mediaType)
    if (ttlMinutes !== undefined) checkWhole('ttlMinutes', ttlMinutes, { least: 60, most: 43_200, unit: 'of minutes' })
    // A type that WhatsApp does not take is refused before a token is asked for.
    if (reader.mimeType !== undefined) findOutboundFormat(reader.mimeType, mediaType)
    const plan = makeSendingPlan(options)
    return await runSending(plan, (attempt) => attemptUpload(reader, options, attempt), reader)
  } catch (error) {
    const isSpent = !reader.isRepeatable() && WhatsAppMediaError.is(error) && error.retryable
    throw isSpent ? new StreamSpentError({ cause: error }) : error
  } finally {
    await reader.close()
  }
}

const THIRTY_DAYS_MINUTES = 43_200

async function attemptUpload(
  reader: SourceReader,
  { phoneNumberId, mediaType, ttlMinutes }: WhatsAppUploadOptions,
  attempt: SendingAttempt,
): Promise<UploadedMedia> {
  const { format, size, proven } = await proveSource(reader, (type) => findOutboundFormat(type, mediaType), attempt)
  const form = buildMultipart(buildUploadFields({ mimeType: format.mimeType, ttlMinutes }), {
    ...{ filename: reader.filename, size, mimeType: format.mimeType, extensions: format.extensions },
  })
  const body = form.wrap(proven.body)
  try {
    const uploadedAt = Date.now()
    const path = `${phoneNumberId}/media`
    const secrets = [reader.filename]
    const json = await callGraph({ method: 'POST', path, headers: form.headers, body, secrets }, attempt)
    const mediaId = parseUploadAnswer(json)
    if (mediaId === undefined) throw createStrangeAnswerError(attempt, 'the answer holds no media id')
    return { mediaId, expiresAt: new Date(uploadedAt + (ttlMinutes ?? THIRTY_DAYS_MINUTES) * 60_000) }
  } catch (error) {
    // Of two failures the body's own says more.
    throw findProofFailure(proven.body) ?? error
  } finally {
    body.destroy()
    proven.body.destroy()
  }
}
