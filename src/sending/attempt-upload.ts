import { findProofFailure } from '../integrity/prove.js'
import type { MediaType } from '../media-reference.js'
import type { MediaIdOptions } from './cached-id.js'
import {
  callGraph,
  createStrangeAnswerError,
  runSending,
  type SendingAttempt,
  type SendingOptions,
  type SendingPlan,
} from './call-graph.js'
import { buildMultipart } from './multipart.js'
import type { SourceReader } from './open-source.js'
import { findOutboundFormat } from './outbound-limits.js'
import { proveSource } from './prove-source.js'
import { buildUploadFields, parseUploadAnswer } from './wire.js'

/** Options of `uploadMediaToWhatsApp`. */
export interface WhatsAppUploadOptions extends SendingOptions, MediaIdOptions {
  /** Meta's id of the business phone number that will send the media. It is not the number itself. */
  phoneNumberId: string
  /** The kind of message that the media is for. Default: by MIME type; WebP is a sticker. */
  mediaType?: MediaType | undefined
  /**
   * How long Meta keeps the media, in minutes: 60 to 43,200, for No-Storage numbers (Meta: Media). Default: 30 days. An id
   * that `mediaIds` gives keeps the life that it has.
   */
  ttlMinutes?: number | undefined
}

/** Media that Meta holds for messages of one phone number. */
export interface UploadedMedia {
  /** For messages of this phone number. */
  mediaId: string
  /** When Meta deletes it. */
  expiresAt: Date
  /** True when this call sent no bytes: `mediaIds` had the id, or another call has just uploaded the same. */
  reused: boolean
  /** The key of the id in `mediaIds`. Absent without that option. */
  cacheKey?: string | undefined
}

/** One call: what is to be uploaded, and how. */
export interface UploadCall {
  reader: SourceReader
  options: WhatsAppUploadOptions
  plan: SendingPlan
}

/** Uploads a source. */
export function uploadAnew({ reader, options, plan }: UploadCall): Promise<UploadedMedia> {
  return runSending(plan, (attempt) => attemptUpload(reader, options, attempt), reader)
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
    const secrets = [reader.filename, form.filename]
    const json = await callGraph({ method: 'POST', path, headers: form.headers, body, secrets }, attempt)
    const mediaId = parseUploadAnswer(json)
    if (mediaId === undefined) throw createStrangeAnswerError(attempt, 'the answer holds no media id')
    const expiresAt = new Date(uploadedAt + (ttlMinutes ?? THIRTY_DAYS_MINUTES) * 60_000)
    return { mediaId, expiresAt, reused: false }
  } catch (error) {
    // Of two failures the body's own says more.
    throw findProofFailure(proven.body) ?? error
  } finally {
    body.destroy()
    proven.body.destroy()
  }
}
