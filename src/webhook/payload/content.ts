import { defined, findId, readOwn, readString, toObject } from '../../json.js'
import type { MediaContact } from '../../media-reference/contact.js'
import { LISTED, readSide } from './contacts.js'

/** What a message says, apart from its files and its sender. Each field is absent where the wire has none. */
export interface MessageContent {
  /** The wire's type. */
  type?: string | undefined
  text?: string | undefined
  buttonId?: string | undefined
  location?: MessageLocation | undefined
  to?: string | undefined
  repliesTo?: string | undefined
  reactsTo?: string | undefined
  edits?: string | undefined
  revokes?: string | undefined
  changedTo?: MediaContact | undefined
}

/** A place that a message points at. */
export interface MessageLocation {
  /** Degrees north of the equator. */
  latitude: number
  /** Degrees east of Greenwich. */
  longitude: number
  /** The place's name, as sent. */
  name?: string | undefined
  /** The place's address, as sent. */
  address?: string | undefined
}

/** Reads a message of any type (Meta: Webhooks, "messages" reference, one page a type). */
export function readContent(wire: unknown): MessageContent {
  const interactive = readOwn(wire, 'interactive')
  const choice = readOwn(interactive, 'button_reply') ?? readOwn(interactive, 'list_reply')
  const button = readOwn(wire, 'button')
  const reaction = readOwn(wire, 'reaction')
  const edit = readOwn(wire, 'edit')
  const system = readOwn(wire, 'system')
  return defined({
    type: readString(wire, 'type'),
    text:
      readText(wire) ??
      readText(readOwn(edit, 'message')) ??
      readString(button, 'text') ??
      readString(choice, 'title') ??
      readString(readOwn(interactive, 'nfm_reply'), 'body') ??
      readString(reaction, 'emoji') ??
      readString(system, 'body'),
    buttonId: readString(choice, 'id') ?? readString(button, 'payload'),
    location: readLocation(readOwn(wire, 'location')),
    to: findId(wire, 'to'),
    repliesTo: readString(readOwn(wire, 'context'), 'id'),
    reactsTo: readString(reaction, 'message_id'),
    edits: readString(edit, 'original_message_id'),
    revokes: readString(readOwn(wire, 'revoke'), 'original_message_id'),
    changedTo: readNewIds(system),
  })
}

/** Of a customer who moved to another number (Meta: Webhooks, "system messages"); older versions said `new_wa_id`. */
function readNewIds(system: unknown): MediaContact | undefined {
  if (!/^user_changed_/.test(readString(system, 'type') ?? '')) return undefined
  const ids = readSide({ ...toObject(system), wa_id: findId(system, 'wa_id') ?? findId(system, 'new_wa_id') }, LISTED)
  return Object.keys(ids).length === 0 ? undefined : ids
}

function readText(message: unknown): string | undefined {
  return readString(readOwn(message, 'text'), 'body')
}

function readLocation(wire: unknown): MessageLocation | undefined {
  const [latitude, longitude] = [readOwn(wire, 'latitude'), readOwn(wire, 'longitude')]
  if (!isDegrees(latitude, 90) || !isDegrees(longitude, 180)) return undefined
  return { latitude, longitude, ...defined({ name: readString(wire, 'name'), address: readString(wire, 'address') }) }
}

function isDegrees(value: unknown, most: number): value is number {
  return typeof value === 'number' && Math.abs(value) <= most
}
