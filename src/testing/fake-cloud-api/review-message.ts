import { isObject, readOwn, readString } from '../../json.js'
import type { GraphRefusal } from './refusals.js'

/** The parts that a media object of each type may have (Meta: Messages API, "Media object"). */
const MEDIA_PARTS: Readonly<Record<string, readonly string[]>> = {
  image: ['id', 'link', 'caption'],
  video: ['id', 'link', 'caption'],
  audio: ['id', 'link', 'voice'],
  document: ['id', 'link', 'caption', 'filename'],
  sticker: ['id', 'link'],
}

/** Types without media: their content is not looked at. */
const OTHER_TYPES: readonly string[] = ['text', 'template', 'interactive', 'location', 'contacts', 'reaction']

const MOST_CAPTION_LETTERS = 1_024
const MOST_DATA_LETTERS = 512

/** A bad parameter (Meta: Error codes). */
export function createParameterError(problem: string): GraphRefusal {
  return { message: `(#100) ${problem}`, type: 'OAuthException', code: 100 }
}

/** What Meta finds wrong in the form of a message. */
export function findMessageProblem(body: Readonly<Record<string, unknown>>): string | undefined {
  if (readOwn(body, 'messaging_product') !== 'whatsapp') return 'The parameter messaging_product is required.'
  const { type = 'text' } = body
  const problem = findRecipientProblem(body) ?? findExtraProblem(body)
  if (problem !== undefined) return problem
  if (typeof type === 'string' && OTHER_TYPES.includes(type)) {
    return readOwn(body, type) === undefined ? `The parameter ${type} is required.` : undefined
  }
  const parts = typeof type === 'string' && Object.hasOwn(MEDIA_PARTS, type) ? MEDIA_PARTS[type] : undefined
  if (typeof type !== 'string' || parts === undefined) {
    return `Param type must be one of {${[...Object.keys(MEDIA_PARTS), ...OTHER_TYPES].join(', ').toUpperCase()}}`
  }
  return findMediaProblem(type, readOwn(body, type), parts)
}

function findRecipientProblem(body: Readonly<Record<string, unknown>>): string | undefined {
  const { recipient_type: kind = 'individual', to, recipient } = body
  if (kind !== 'individual' && kind !== 'group') return 'Param recipient_type must be one of {INDIVIDUAL, GROUP}'
  if (to === undefined && recipient === undefined) return 'The parameter to is required.'
  if (kind === 'group') return typeof to === 'string' && to !== '' ? undefined : 'Param to must be the ID of a group'
  // Where both are there, the number counts.
  if (to !== undefined) {
    const isNumber = typeof to === 'string' && /^\+?[\d\s().-]{6,24}$/.test(to)
    return isNumber ? undefined : 'Param to is not a valid phone number'
  }
  const isUserId = typeof recipient === 'string' && /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}$/.test(recipient)
  return isUserId ? undefined : 'Param recipient is not a valid business-scoped user ID'
}

function findExtraProblem(body: Readonly<Record<string, unknown>>): string | undefined {
  const { context, biz_opaque_callback_data: data = '' } = body
  if (context !== undefined && readString(context, 'message_id') === undefined) {
    return "The parameter context['message_id'] is required."
  }
  const isShort = typeof data === 'string' && data.length <= MOST_DATA_LETTERS
  return isShort ? undefined : `Param biz_opaque_callback_data must be at most ${MOST_DATA_LETTERS} characters long.`
}

function findMediaProblem(type: string, media: unknown, parts: readonly string[]): string | undefined {
  if (!isObject(media)) return `The parameter ${type} is required.`
  const extra = Object.keys(media).find((name) => !parts.includes(name))
  if (extra !== undefined) return `Unexpected key "${extra}" on param "${type}".`
  const { id, link, caption = '', filename = '', voice = false } = media
  if (id === undefined && link === undefined) return 'Either one of media ID or link must be present'
  if (id !== undefined && link !== undefined) return 'Only one of media ID or link must be present'
  if (id !== undefined && typeof id !== 'string') return `Param ${type}['id'] must be a string.`
  const isUri = link === undefined || (typeof link === 'string' && /^https?:\/\//.test(link) && URL.canParse(link))
  if (!isUri) return `Param ${type}['link'] is not a valid URI.`
  if (typeof caption !== 'string' || [...caption].length > MOST_CAPTION_LETTERS) {
    return `Param ${type}['caption'] must be at most ${MOST_CAPTION_LETTERS} characters long.`
  }
  if (typeof filename !== 'string') return `Param ${type}['filename'] must be a string.`
  return typeof voice === 'boolean' ? undefined : `Param ${type}['voice'] must be a boolean.`
}
