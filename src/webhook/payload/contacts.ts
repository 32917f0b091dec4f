import { defined, findId, readOwn, readString } from '../../json.js'
import type { MediaContact } from '../../media-reference/contact.js'

/** `IN.2081978709342942` is a business-scoped user id, `US.ENT.11815799212886844830` one of linked portfolios. */
const USER_ID = /^[A-Z]{2}\.(?:ENT\.)?\w/

/** The names that a wire object gives to one side's ids. */
export interface IdNames {
  readonly phone: string
  readonly userId: string
  readonly parentUserId: string
}

export const SENDER: IdNames = { phone: 'from', userId: 'from_user_id', parentUserId: 'from_parent_user_id' }
export const RECIPIENT: IdNames = { phone: 'to', userId: 'to_user_id', parentUserId: 'to_parent_user_id' }
export const LISTED: IdNames = { phone: 'wa_id', userId: 'user_id', parentUserId: 'parent_user_id' }

/** One side of a message. Some senders put a user id where the phone number belongs. */
export function readSide(wire: unknown, names: IdNames): MediaContact {
  const first = findId(wire, names.phone)
  const isUserId = first !== undefined && USER_ID.test(first)
  const isParent = isUserId && first.startsWith('ENT.', 3)
  return defined({
    phone: isUserId ? undefined : first,
    userId: findId(wire, names.userId) ?? (isUserId && !isParent ? first : undefined),
    parentUserId: findId(wire, names.parentUserId) ?? (isParent ? first : undefined),
  })
}

/** A change's `contacts`: their ids and names, found by id. Their order says nothing. */
export interface ContactList {
  /** The contact with the ids that the list adds. What the list contradicts, or says twice differently, is not added. */
  complete(contact: MediaContact): MediaContact
  /** The profile name. */
  findName(contact: MediaContact): string | undefined
}

interface ListedContact extends MediaContact {
  name?: string | undefined
  /** Two entries tell of one id what can't be true of one contact: nothing of them is added. */
  isDisputed?: boolean | undefined
}

/** @param wire `value.contacts`. */
export function listContacts(wire: readonly unknown[]): ContactList {
  const byPhone = new Map<string, ListedContact>()
  const byUserId = new Map<string, ListedContact>()
  for (const each of wire) {
    const listed = defined({ ...readSide(each, LISTED), name: readString(readOwn(each, 'profile'), 'name') })
    addListed(byPhone, listed.phone, listed)
    addListed(byUserId, listed.userId, listed)
  }
  const find = ({ phone = '', userId = '' }: MediaContact): ListedContact[] =>
    [byPhone.get(phone), byUserId.get(userId)].filter((listed) => listed !== undefined)
  return {
    complete(contact) {
      const known = find(contact)
      const [one = {}, other = {}] = known
      const isSure = !(one.isDisputed || other.isDisputed || known.some((each) => contradict(each, contact)))
      if (!isSure || contradict(one, other)) return contact
      const { phone, userId, parentUserId } = { ...one, ...other, ...contact }
      return defined({ phone, userId, parentUserId })
    },
    findName: (contact) => find(contact).find(({ name }) => name !== undefined)?.name,
  }
}

function addListed(list: Map<string, ListedContact>, id: string | undefined, listed: ListedContact): void {
  if (id === undefined) return
  const other = list.get(id) ?? {}
  const isDisputed = other.isDisputed === true || contradict(other, listed)
  list.set(id, isDisputed ? defined({ name: listed.name ?? other.name, isDisputed }) : { ...other, ...listed })
}

const ID_NAMES = ['phone', 'userId', 'parentUserId'] as const

function contradict(one: MediaContact, other: MediaContact): boolean {
  return ID_NAMES.some((name) => one[name] !== undefined && other[name] !== undefined && one[name] !== other[name])
}
