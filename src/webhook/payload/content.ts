import { defined, findId, readOwn, readString } from '../../json.js'

/** What a message says, apart from its files and its sender. Each field is absent where the wire has none. */
export interface MessageContent {
  /** The wire's type. */
  type?: string | undefined
  text?: string | undefined
  buttonId?: string | undefined
  location?: MessageLocation | undefined
  to?: string | undefined
  groupId?: string | undefined
  repliesTo?: string | undefined
  reactsTo?: string | undefined
  edits?: string | undefined
  revokes?: string | undefined
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
  return defined({
    type: readString(wire, 'type'),
    text:
      readText(wire) ??
      readText(readOwn(edit, 'message')) ??
      readString(button, 'text') ??
      readString(choice, 'title') ??
      readString(readOwn(interactive, 'nfm_reply'), 'body') ??
      readString(reaction, 'emoji') ??
      readString(readOwn(wire, 'system'), 'body'),
    buttonId: readString(choice, 'id') ?? readString(button, 'payload'),
    location: readLocation(readOwn(wire, 'location')),
    to: findId(wire, 'to'),
    groupId: readString(wire, 'group_id'),
    repliesTo: readString(readOwn(wire, 'context'), 'id'),
    reactsTo: readString(reaction, 'message_id'),
    edits: readString(edit, 'original_message_id'),
    revokes: readString(readOwn(wire, 'revoke'), 'original_message_id'),
  })
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

/**
 * The profile names of a change's contacts.
 *
 * @returns names by phone number and by business-scoped user id. Only a name says whose it is: the first contact is not
 * always the sender.
 */
export function readContactNames(contacts: readonly unknown[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const contact of contacts) {
    const name = readString(readOwn(contact, 'profile'), 'name')
    if (name === undefined) continue
    for (const id of [findId(contact, 'wa_id'), findId(contact, 'user_id')]) {
      if (id !== undefined) names.set(id, name)
    }
  }
  return names
}
