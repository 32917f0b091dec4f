import { encodeMediaId } from '../download/cloud-api.js'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { WhatsAppMediaError } from '../errors.js'
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
import { isDeleted } from './wire.js'

/** Options of `deleteMediaFromWhatsApp`. */
export interface DeleteMediaOptions extends SendingOptions {
  /**
   * Meta's id of the business phone number: Meta then deletes only media of this number, a guard between tenants (Meta:
   * Media, "Delete media"). Default: any that the token may see.
   */
  phoneNumberId?: string | undefined
}

const DELETE_OPTIONS: OptionNames<DeleteMediaOptions> = { phoneNumberId: true, ...SENDING_OPTIONS }

/**
 * Deletes media from Meta: what was uploaded, or received. Messages that were sent with it keep it.
 *
 * @throws MediaGoneError when Meta has no such media for this token and number; AccessTokenError, GraphApiError,
 * GraphUnreachableError, TimeoutError, InvalidOptionError; the signal's reason when aborted.
 * @example
 * ```ts
 * import { deleteMediaFromWhatsApp, uploadMediaToWhatsApp } from 'whatsapp-media-archive'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const { accessToken, cloudApi, close } = await createFakeCloudApi()
 * const options = { phoneNumberId: '106540352242922', accessToken, cloudApi }
 * const { mediaId } = await uploadMediaToWhatsApp({ body: Buffer.from('hello'), mimeType: 'text/plain' }, options)
 * await deleteMediaFromWhatsApp(mediaId, options)
 * await close()
 * ```
 */
export async function deleteMediaFromWhatsApp(mediaId: string, options: DeleteMediaOptions): Promise<void> {
  checkOptions(options, DELETE_OPTIONS, { after: { mediaId } })
  const { phoneNumberId } = options
  if (phoneNumberId !== undefined) checkNodeId('phoneNumberId', phoneNumberId)
  const path = encodeMediaId(mediaId)
  const call = { method: 'DELETE', path, headers: {}, phoneNumberId, mediaId, secrets: [] } as const
  await runSending(makeSendingPlan(options), async (attempt) => {
    const json = await callGraph(call, attempt).catch((error: unknown) => acceptGone(error, attempt))
    if (!isDeleted(json)) throw createStrangeAnswerError(attempt, 'the answer does not say that the media is deleted')
  })
}

/** The answer to an earlier try may have been lost: that try deleted the media. */
function acceptGone(error: unknown, { number }: SendingAttempt): unknown {
  if (number > 1 && WhatsAppMediaError.is(error) && error.code === 'media-gone') return { success: true }
  throw error
}
