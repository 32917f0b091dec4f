import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { checkWhole } from '../errors/checks.js'
import { readField } from '../errors/thrown.js'
import { SendOutcomeUnknownError, WhatsAppMediaError } from '../errors.js'
import { defined } from '../json.js'
import type { MediaType } from '../media-reference.js'
import { runWithBody } from '../upload/open-body.js'
import { formatCallbackData } from '../webhook/callback-data.js'
import { checkMediaIdOptions, type MediaIdOptions } from './cached-id.js'
import {
  callGraph,
  checkNodeId,
  createStrangeAnswerError,
  makeSendingPlan,
  runSending,
  SENDING_OPTIONS,
  type SendingAttempt,
  type SendingOptions,
  type SendingPlan,
} from './call-graph.js'
import { checkMessage, checkParts, type OutboundMessage } from './check-message.js'
import { type ChosenMedia, chooseMedia, type NamedMedia } from './choose-media.js'
import { isMediaRefused, isUnsent } from './judge-refusal.js'
import { buildMessageBody, type MediaMessage, parseSendAnswer } from './wire.js'

/** Options of `sendMediaMessage`. */
export interface SendMessageOptions extends SendingOptions, MediaIdOptions {
  /** Meta's id of the business phone number that sends. It is not the number itself. */
  phoneNumberId: string
  /** Of a file that is uploaded first, as for `uploadMediaToWhatsApp`. */
  ttlMinutes?: number | undefined
}

const MESSAGE_OPTIONS: OptionNames<SendMessageOptions> = {
  ...{ phoneNumberId: true, ttlMinutes: true, mediaIds: true, mediaIdsTimeoutMs: true },
  ...SENDING_OPTIONS,
}

/** A message that Meta has accepted. Its statuses tell whether it arrives. */
export interface SentMessage {
  /** Meta's id of the message. It contains the recipient's phone number. */
  messageId: string
  /** How the media is shown. */
  mediaType: MediaType
  /** The media's id at Meta. Absent for a link. */
  mediaId?: string | undefined
  /** The recipient as Meta knows it. Absent for groups. */
  contact?:
    | {
        /** The phone number, as its statuses name it. */
        phone?: string | undefined
        /** The business-scoped user id. */
        userId?: string | undefined
      }
    | undefined
}

/**
 * Sends a file to a customer or a group: by Meta's id of it, by a link, or from a storage or memory, from where it is
 * uploaded first. All that is known of the message is checked before a byte moves.
 *
 * No message is sent twice: a call is repeated only where Meta refused it or no connection came to be. When an answer is
 * lost, the message may be sent or not, and a `SendOutcomeUnknownError` says so. So may one be whose call you abort.
 *
 * @throws InvalidOptionError, OutboundTypeError, OutboundLimitError before anything is sent; SendOutcomeUnknownError when
 * it may be sent; the errors of `uploadMediaToWhatsApp`; MediaGoneError, GraphApiError, AccessTokenError,
 * GraphUnreachableError and TimeoutError when it was not sent; the signal's reason when aborted.
 * @example
 * ```ts
 * import { sendMediaMessage } from 'whatsapp-media-archive'
 * import { createFakeCloudApi } from 'whatsapp-media-archive/testing'
 *
 * const { accessToken, cloudApi, messages, close } = await createFakeCloudApi()
 * const media = { body: Buffer.from('%PDF-1.7 example'), mimeType: 'application/pdf' }
 * const message = { to: '+15550001111', media, filename: 'Invoice.pdf', caption: 'Your invoice' }
 * const { messageId } = await sendMediaMessage(message, { phoneNumberId: '106540352242922', accessToken, cloudApi })
 * console.log(messageId === messages[0]?.messageId) // true
 * await close()
 * ```
 */
export async function sendMediaMessage(message: OutboundMessage, options: SendMessageOptions): Promise<SentMessage> {
  return runWithBody(readField(message, 'media'), () => checkAndSend(message, options))
}

async function checkAndSend(message: OutboundMessage, options: SendMessageOptions): Promise<SentMessage> {
  checkOptions(options, MESSAGE_OPTIONS, { after: { message } })
  checkMessage(message)
  const { phoneNumberId, ttlMinutes } = options
  checkNodeId('phoneNumberId', phoneNumberId)
  if (ttlMinutes !== undefined) checkWhole('ttlMinutes', ttlMinutes, { least: 60, most: 43_200, unit: 'of minutes' })
  checkMediaIdOptions(options)
  const plan = makeSendingPlan(options)
  const voice = message.voice === true
  return chooseMedia(message.media, {
    plan,
    upload: options,
    voice,
    use: (chosen) => sendChosen(message, chosen, { plan, phoneNumberId }),
  })
}

/** By whom a message is sent, and how. */
interface MessageCall {
  plan: SendingPlan
  phoneNumberId: string
}

/** Sends the message. An id that Meta had before and does not know any more is renewed, once. */
async function sendChosen(message: OutboundMessage, chosen: ChosenMedia, call: MessageCall): Promise<SentMessage> {
  checkParts(message, chosen.mediaType)
  const named = await chosen.open()
  try {
    return await postMessage(toWire(message, chosen, named), call)
  } catch (error) {
    if (!named.mayBeGone || !isMediaRefused(error)) throw error
    return await postMessage(toWire(message, chosen, await chosen.open(named.mediaId)), call)
  }
}

function toWire(message: OutboundMessage, { mediaType, filename }: ChosenMedia, named: NamedMedia): MediaMessage {
  const { to, recipient, group, caption, voice, replyTo, callbackData } = message
  const { mediaId, link, cacheKey } = named
  return {
    ...{ to, recipient, group, mediaType, mediaId, link, replyTo },
    caption: caption === '' ? undefined : caption,
    filename: mediaType === 'document' ? (message.filename ?? filename) : undefined,
    voice: voice === true ? true : undefined,
    callbackData: formatCallbackData(callbackData, mediaId === undefined ? undefined : { mediaId, cacheKey }),
  }
}

/** Posts a message until Meta accepts it, and no more once it may have. */
async function postMessage(message: MediaMessage, { plan, phoneNumberId }: MessageCall): Promise<SentMessage> {
  const { mediaId, mediaType } = message
  const { signal } = plan.options
  const subject = { ...plan.subject, mediaType, ...defined({ mediaId }) }
  let mayBeSent = false
  const post = async (attempt: SendingAttempt): Promise<SentMessage> => {
    mayBeSent = true
    const onNeverSent = (): void => {
      mayBeSent = false
    }
    try {
      return await attemptSend(message, attempt, { phoneNumberId, onNeverSent })
    } catch (error) {
      if (isUnsent(error)) mayBeSent = false
      throw error
    }
  }
  try {
    return await runSending({ ...plan, subject }, post, { isRepeatable: () => !mayBeSent })
  } catch (cause) {
    if (!mayBeSent || signal?.aborted === true || !WhatsAppMediaError.is(cause)) throw cause
    throw new SendOutcomeUnknownError({ phoneNumberId, ...defined({ mediaId }), cause })
  }
}

async function attemptSend(
  message: MediaMessage,
  attempt: SendingAttempt,
  { phoneNumberId, onNeverSent }: { phoneNumberId: string; onNeverSent: () => void },
): Promise<SentMessage> {
  const { mediaType, mediaId } = message
  const json = await callGraph(
    {
      ...{ method: 'POST', path: `${phoneNumberId}/messages`, mediaId },
      headers: { 'content-type': 'application/json' },
      body: buildMessageBody(message),
      secrets: listSecrets(message),
      onNeverSent,
    },
    attempt,
  )
  const answer = parseSendAnswer(json)
  if (answer === undefined) throw createStrangeAnswerError(attempt, 'the answer holds no message id')
  const { messageId, ...contact } = answer
  const isKnown = Object.keys(contact).length > 0
  return { messageId, mediaType, ...defined({ mediaId, contact: isKnown ? contact : undefined }) }
}

/** Meta's answers may quote any part of a message, a phone number also without its blanks. */
function listSecrets(message: MediaMessage): (string | undefined)[] {
  const { to, recipient, group, link, caption, filename, replyTo, callbackData } = message
  return [to, to?.replace(/\D/g, ''), recipient, group, link, caption, filename, replyTo, callbackData]
}
