import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkWhole } from '../errors/checks.js'
import { StreamSpentError, WhatsAppMediaError } from '../errors.js'
import { readOwn } from '../json.js'
import { checkMediaType } from '../media-reference.js'
import { type UploadedMedia, uploadAnew, type WhatsAppUploadOptions } from './attempt-upload.js'
import { checkMediaIdOptions } from './cached-id.js'
import { checkNodeId, makeSendingPlan, SENDING_OPTIONS } from './call-graph.js'
import { type OutboundSource, readSource, type SourceReader } from './open-source.js'
import { findOutboundFormat } from './outbound-limits.js'
import { uploadOnce } from './reuse-upload.js'

const UPLOAD_OPTIONS: OptionNames<WhatsAppUploadOptions> = {
  ...{ phoneNumberId: true, mediaType: true, ttlMinutes: true, mediaIds: true, mediaIdsTimeoutMs: true },
  ...SENDING_OPTIONS,
}

/**
 * Uploads a file, or finds that Meta has it.
 *
 * @param options `staleMediaId`: an id that Meta no longer knows. Of all calls that hold it, one uploads anew.
 */
export type UploadOutbound = (options?: { staleMediaId?: string | undefined }) => Promise<UploadedMedia>

/**
 * Runs `use` with a file that can be uploaded: more than once, where it can be read again.
 *
 * @throws what `uploadMediaToWhatsApp` throws, and what `use` throws.
 */
export async function runWithUpload<T>(
  source: OutboundSource,
  options: WhatsAppUploadOptions,
  use: (upload: UploadOutbound) => Promise<T>,
): Promise<T> {
  const reader = readSource(source, { spoolsStreams: readOwn(options, 'mediaIds') !== undefined })
  let leading: Promise<unknown> | undefined
  try {
    checkOptions(options, UPLOAD_OPTIONS, { after: { source } })
    checkUpload(options)
    const { mediaType, mediaIds } = options
    // A type that WhatsApp does not take is refused before a token is asked for.
    if (reader.mimeType !== undefined) findOutboundFormat(reader.mimeType, mediaType)
    const call = { reader, options, plan: makeSendingPlan(options) }
    const noteLead = (work: Promise<unknown>): void => {
      const forget = (): void => {
        leading = undefined
      }
      leading = work
      work.then(forget, forget)
    }
    return await use(async ({ staleMediaId } = {}) => {
      const upload = mediaIds === undefined ? uploadAnew(call) : uploadOnce(call, { mediaIds, staleMediaId, noteLead })
      return upload.catch((error: unknown) => refuseRepeat(error, reader))
    })
  } finally {
    await closeAfter(leading, reader)
  }
}

/** @throws InvalidOptionError */
function checkUpload(options: WhatsAppUploadOptions): void {
  const { phoneNumberId, mediaType, ttlMinutes } = options
  checkNodeId('phoneNumberId', phoneNumberId)
  if (mediaType !== undefined) checkMediaType(mediaType)
  if (ttlMinutes !== undefined) checkWhole('ttlMinutes', ttlMinutes, { least: 60, most: 43_200, unit: 'of minutes' })
  checkMediaIdOptions(options)
}

function refuseRepeat(error: unknown, reader: SourceReader): never {
  const isSpent = !reader.isRepeatable() && WhatsAppMediaError.is(error) && error.retryable
  throw isSpent ? new StreamSpentError({ cause: error }) : error
}

/** An upload under way goes on for those who wait for it, though the caller whose source it reads has left. */
async function closeAfter(leading: Promise<unknown> | undefined, reader: SourceReader): Promise<void> {
  const close = (): Promise<void> => reader.close()
  if (leading === undefined) await close()
  else void Promise.allSettled([leading.then(close, close)])
}
