import { randomBytes } from 'node:crypto'
import { defined, findId, parseJson, readOwn, readString, toObject } from '../../json.js'
import type { RoutedExchange } from './exchange.js'
import { type Fault, sendSpoilt, takeFault } from './faults.js'
import { makeTraceId, refuseStranger, sendRefusal } from './refusals.js'
import { readRequestBody } from './request-body.js'
import { createParameterError, findMessageProblem } from './review-message.js'
import type { FakeApiState, KeptMessage } from './state.js'
import { DEFAULT_PHONE_NUMBER_ID, toJsonAnswer } from './take-upload.js'
import { findMediaFault } from './weigh-media.js'

type MessageExchange = RoutedExchange & { phoneNumberId: string }

/**
 * Takes a message as Meta does: its form and its media's id are checked at once. Whether the media can be sent shows later,
 * in the message's status. A fault that breaks off after so many bytes counts those of the request.
 */
export async function acceptMessage(exchange: MessageExchange, state: FakeApiState): Promise<void> {
  const { response } = exchange
  const early = takeFault({ on: 'send', mediaId: '' }, state.faults)
  const { bytes, isWhole } = await readRequestBody(exchange, early)
  if (!isWhole) return
  const body = toObject(parseJson(bytes.toString('utf8')))
  const mediaId = findId(readOwn(body, readString(body, 'type') ?? ''), 'id')
  const fault = early ?? takeFault({ on: 'send', mediaId: mediaId ?? '' }, state.faults)
  if (fault?.kind === 'status') return sendSpoilt(response, toJsonAnswer({}), fault, makeTraceId())
  if (isRefused(exchange, { body, mediaId }, state)) return
  const message = keepMessage({ body, mediaId, phoneNumberId: exchange.phoneNumberId }, state)
  await answerMessage(exchange, message, fault)
}

/** Sends the refusal, where there is one. */
function isRefused(
  exchange: MessageExchange,
  { body, mediaId }: { body: Record<string, unknown>; mediaId: string | undefined },
  state: FakeApiState,
): boolean {
  const { response, phoneNumberId } = exchange
  if (refuseStranger(exchange, state)) return true
  const { phoneNumberIds = [DEFAULT_PHONE_NUMBER_ID] } = state.account
  if (!phoneNumberIds.includes(phoneNumberId)) {
    const message = `Unsupported post request. Object with ID '${phoneNumberId}' does not exist, cannot be loaded due to missing permissions, or does not support this operation.`
    sendRefusal(response, 400, { message, type: 'GraphMethodException', code: 100, error_subcode: 33 })
    return true
  }
  const problem = findMessageProblem(body) ?? findIdProblem({ body, mediaId, phoneNumberId }, state)
  if (problem !== undefined) sendRefusal(response, 400, createParameterError(problem))
  return problem !== undefined
}

/** An id that is unknown, expired, deleted, or another number's. */
function findIdProblem(
  { body, mediaId, phoneNumberId }: Pick<KeptMessage, 'body' | 'mediaId' | 'phoneNumberId'>,
  state: FakeApiState,
): string | undefined {
  if (mediaId === undefined) return undefined
  const held = state.media.get(mediaId)
  const isHeld = held !== undefined && state.now() <= held.addedAt + (held.lifetimeMs ?? state.mediaLifetimeMs)
  if (isHeld && held.phoneNumberId === phoneNumberId) return undefined
  return `Param ${readString(body, 'type')}['id'] is not a valid whatsapp business account media attachment ID`
}

function keepMessage(sent: Pick<KeptMessage, 'body' | 'mediaId' | 'phoneNumberId'>, state: FakeApiState): KeptMessage {
  const { body, mediaId, phoneNumberId } = sent
  const type = readString(body, 'type') ?? 'text'
  const messageId = `wamid.${Buffer.from(`fake ${randomBytes(12).toString('hex')}`).toString('base64')}`
  const errorCode = findMediaFault({ type, mediaId }, state)
  const message = { messageId, phoneNumberId, type, body, ...defined({ mediaId, errorCode }) }
  state.messages.push(message)
  return message
}

function answerMessage(
  { response }: MessageExchange,
  { messageId, body }: KeptMessage,
  fault: Fault | undefined,
): Promise<void> {
  const [to, recipient] = [findId(body, 'to'), readString(body, 'recipient')]
  const contact =
    to === undefined ? { input: recipient, user_id: recipient } : { input: to, wa_id: to.replace(/^\+|[\s().-]/g, '') }
  const answer = toJsonAnswer({ messaging_product: 'whatsapp', contacts: [contact], messages: [{ id: messageId }] })
  return sendSpoilt(response, answer, fault, makeTraceId())
}
