import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MediaContact } from '../../src/media-reference/contact.js'
import { type ExtractedMedia, extractMedia } from '../../src/webhook/extract.js'
import { readMessages } from '../../src/webhook/read-messages.js'
import { BUSINESS, USER } from './messages.js'

const USER_ID = 'US.13491208655302741918'
const PARENT_ID = 'US.ENT.11815799212886844830'
const GROUP = 'Y2FwaV9ncm91cDox'
const IMAGE = { type: 'image', image: { id: 'm1', mime_type: 'image/jpeg' } }
const WHOLE: MediaContact = { phone: USER, userId: USER_ID, parentUserId: PARENT_ID }

function inChange(value: object, field = 'messages'): unknown {
  const metadata = { display_phone_number: `+${BUSINESS}`, phone_number_id: '2' }
  return { entry: [{ id: '1', changes: [{ field, value: { metadata, ...value } }] }] }
}

function findAll(payload: unknown): object[] {
  const { media, unavailable, revoked }: ExtractedMedia = extractMedia(payload)
  return [...media, ...unavailable, ...revoked]
}

/** What a message names beside its contact: a message of each kind that has a customer. */
const KINDS: readonly (readonly [string, object])[] = [
  ['media', IMAGE],
  ['media without an id', { type: 'image' }],
  ['an edit', { type: 'edit', edit: { message: IMAGE } }],
  ['a deletion', { type: 'revoke', revoke: { original_message_id: 'wamid.0' } }],
  ['a placeholder', { type: 'media_placeholder' }],
  ['an unsupported message', { type: 'unsupported', errors: [{ code: 131051 }] }],
]

describe('the customer of a message', () => {
  it.each<[string, unknown, { contact?: MediaContact; group?: string }]>([
    ['the sender', inChange({ messages: [{ id: 'a', from: USER, ...IMAGE }] }), { contact: { phone: USER } }],
    [
      'the sender with all ids',
      inChange({
        messages: [{ id: 'a', from: USER, from_user_id: USER_ID, from_parent_user_id: PARENT_ID, ...IMAGE }],
      }),
      { contact: WHOLE },
    ],
    [
      'a sender behind a username',
      inChange({
        contacts: [{ profile: { name: 'Ada', username: 'ada' }, user_id: USER_ID }],
        messages: [{ id: 'a', from_user_id: USER_ID, ...IMAGE }],
      }),
      { contact: { userId: USER_ID } },
    ],
    [
      'a user id where the phone number belongs',
      inChange({ messages: [{ id: 'a', from: USER_ID, ...IMAGE }] }),
      { contact: { userId: USER_ID } },
    ],
    [
      "a linked portfolio's id where the phone number belongs",
      inChange({ messages: [{ id: 'a', from: PARENT_ID, ...IMAGE }] }),
      { contact: { parentUserId: PARENT_ID } },
    ],
    [
      'a phone number that only the contacts tell',
      inChange({
        contacts: [{ wa_id: '15559990000' }, { wa_id: USER, user_id: USER_ID, parent_user_id: PARENT_ID }],
        messages: [{ id: 'a', from_user_id: USER_ID, ...IMAGE }],
      }),
      { contact: WHOLE },
    ],
    ['nobody', inChange({ contacts: [{ wa_id: USER }], messages: [{ id: 'a', ...IMAGE }] }), {}],
    [
      'a participant of a group',
      inChange({ messages: [{ id: 'a', from: USER, group_id: GROUP, ...IMAGE }] }),
      { contact: { phone: USER }, group: GROUP },
    ],
    [
      'the recipient of an echo',
      inChange({
        message_echoes: [
          { id: 'a', from: BUSINESS, to: USER, to_user_id: USER_ID, to_parent_user_id: PARENT_ID, ...IMAGE },
        ],
      }),
      { contact: WHOLE },
    ],
    [
      'the recipient of an echo, by user id alone',
      inChange({ message_echoes: [{ id: 'a', from: BUSINESS, to_user_id: USER_ID, ...IMAGE }] }),
      { contact: { userId: USER_ID } },
    ],
    [
      'the recipient of history',
      inChange({ message_echoes: [{ id: 'a', from: BUSINESS, to: USER, ...IMAGE }] }, 'history'),
      { contact: { phone: USER } },
    ],
    [
      "a thread's customer, of a message of the business",
      inChange(
        { history: [{ threads: [{ id: USER, messages: [{ id: 'a', from: BUSINESS, ...IMAGE }] }] }] },
        'history',
      ),
      { contact: { phone: USER } },
    ],
    [
      "a thread's customer, of a message of the customer",
      inChange({ history: [{ threads: [{ id: USER, messages: [{ id: 'a', from: USER, ...IMAGE }] }] }] }, 'history'),
      { contact: { phone: USER } },
    ],
    [
      "a thread's customer, by user id",
      inChange(
        { history: [{ threads: [{ id: USER_ID, messages: [{ id: 'a', from: BUSINESS, ...IMAGE }] }] }] },
        'history',
      ),
      { contact: { userId: USER_ID } },
    ],
    [
      "another app's recipient",
      inChange({ standby: { message_echoes: [{ id: 'a', message: { to: USER, ...IMAGE } }] } }, 'standby'),
      { contact: { phone: USER } },
    ],
    [
      "another app's recipient, by user id, with the contacts of the standby",
      inChange(
        {
          standby: {
            contacts: [{ wa_id: USER, user_id: USER_ID }],
            message_echoes: [{ id: 'a', message: { recipient: USER_ID, ...IMAGE } }],
          },
        },
        'standby',
      ),
      { contact: { phone: USER, userId: USER_ID } },
    ],
    [
      "another app's group",
      inChange(
        { standby: { message_echoes: [{ id: 'a', message: { recipient_type: 'group', to: GROUP, ...IMAGE } }] } },
        'standby',
      ),
      { group: GROUP },
    ],
    [
      "an echo's group, also where it stands in `to`",
      inChange({ message_echoes: [{ id: 'a', from: BUSINESS, to: GROUP, group_id: GROUP, ...IMAGE }] }),
      { group: GROUP },
    ],
    [
      'the caller',
      inChange({
        calls: [
          { id: 'c', from: USER, to: BUSINESS, direction: 'USER_INITIATED', call_recording: { audio: IMAGE.image } },
        ],
      }),
      { contact: { phone: USER } },
    ],
    [
      'the called',
      inChange({
        calls: [
          {
            id: 'c',
            from: BUSINESS,
            to_user_id: USER_ID,
            direction: 'BUSINESS_INITIATED',
            call_recording: { audio: IMAGE.image },
          },
        ],
      }),
      { contact: { userId: USER_ID } },
    ],
    [
      'numbers in place of strings',
      inChange({ messages: [{ id: 'a', from: Number(USER), ...IMAGE }] }),
      { contact: { phone: USER } },
    ],
  ])('is %s', (_name, payload, expected) => {
    const [found] = extractMedia(payload).media
    expect({ contact: found?.contact, group: found?.group }).toEqual({
      contact: undefined,
      group: undefined,
      ...expected,
    })
    const [message] = readMessages(payload)
    expect({ contact: message?.contact, group: message?.group }).toEqual({
      contact: undefined,
      group: undefined,
      ...expected,
    })
  })

  it.each(KINDS)('stands in each finding of %s, for both directions', (_name, wire) => {
    const messages = [{ id: 'a', from: USER, group_id: GROUP, ...wire }]
    const message_echoes = [{ id: 'b', from: BUSINESS, to: USER, ...wire }]
    const found = findAll(inChange({ messages, message_echoes }))
    expect(found).toHaveLength(2)
    for (const each of found) expect(each).toMatchObject({ contact: { phone: USER } })
    expect(found).toEqual(expect.arrayContaining([expect.objectContaining({ group: GROUP })]))
  })

  it.each<[string, object[], MediaContact, MediaContact]>([
    ['an entry that contradicts the message', [{ wa_id: USER, user_id: 'US.2' }], { phone: USER, userId: USER_ID }, {}],
    [
      'two entries of one number that contradict each other',
      [
        { wa_id: USER, user_id: 'US.2' },
        { wa_id: USER, user_id: 'US.3' },
        { wa_id: USER, user_id: 'US.2' },
      ],
      { phone: USER },
      {},
    ],
    [
      'two entries of both ids that contradict each other',
      [
        { wa_id: USER, parent_user_id: 'US.ENT.1' },
        { user_id: USER_ID, parent_user_id: 'US.ENT.2' },
      ],
      { phone: USER, userId: USER_ID },
      {},
    ],
    ['entries of others', [{ wa_id: '1', user_id: 'US.9' }, {}, { profile: null }], { phone: USER }, {}],
    [
      'one entry twice',
      [
        { wa_id: USER, user_id: USER_ID },
        { wa_id: USER, user_id: USER_ID },
      ],
      { phone: USER },
      { userId: USER_ID },
    ],
    [
      'two entries that agree',
      [
        { wa_id: USER, user_id: USER_ID },
        { wa_id: USER, parent_user_id: PARENT_ID },
      ],
      { phone: USER },
      { userId: USER_ID, parentUserId: PARENT_ID },
    ],
  ])('takes from the contacts what is sure: %s', (_name, contacts, own, added) => {
    const message = { id: 'a', from: own.phone, from_user_id: own.userId, ...IMAGE }
    expect(extractMedia(inChange({ contacts, messages: [message] })).media[0]?.contact).toEqual({ ...own, ...added })
  })

  it.each<[string, object, MediaContact, MediaContact | undefined]>([
    ['user_changed_number', { wa_id: '15557770000' }, { phone: USER }, { phone: '15557770000' }],
    ['user_changed_number', { new_wa_id: '15557770000' }, { phone: USER }, { phone: '15557770000' }],
    [
      'user_changed_user_id',
      { user_id: 'US.9', previous_user_id: USER_ID, parent_user_id: 'US.ENT.9' },
      { phone: USER, userId: USER_ID },
      { userId: 'US.9', parentUserId: 'US.ENT.9' },
    ],
    ['user_changed_number', {}, { phone: USER }, undefined],
    ['customer_identity_changed', { wa_id: USER }, { phone: USER }, undefined],
  ])('a system message %s of %j names the customer as before, and the new ids', (type, system, contact, changedTo) => {
    const messages = [{ id: 'a', from: USER, type: 'system', system: { type, body: 'moved', ...system } }]
    const [message] = readMessages(inChange({ messages }))
    expect({ contact: message?.contact, changedTo: message?.changedTo }).toEqual({ contact, changedTo })
  })

  it('never gives a message the ids of two people, in whatever order they come', () => {
    const person = fc.integer({ min: 0, max: 5 })
    const shown = fc.record({ phone: fc.boolean(), user: fc.boolean(), parent: fc.boolean() })
    const idsOf = (index: number): [string, string, string] => [`1555000${index}`, `US.${index}`, `US.ENT.${index}`]
    const toContact = ([index, { phone, user, parent }]: readonly [
      number,
      { phone: boolean; user: boolean; parent: boolean },
    ]): object => {
      const [waId, userId, parentId] = idsOf(index)
      return {
        ...(phone ? { wa_id: waId } : {}),
        ...(user ? { user_id: userId } : {}),
        ...(parent ? { parent_user_id: parentId } : {}),
      }
    }
    fc.assert(
      fc.property(
        fc.array(fc.tuple(person, shown), { maxLength: 8 }),
        fc.array(fc.tuple(person, shown, fc.boolean()), { minLength: 1, maxLength: 6 }),
        (listed, sent) => {
          const [messages, echoes]: [object[], object[]] = [[], []]
          sent.forEach(([index, { phone, user, parent }, isEcho], at) => {
            const side = isEcho ? 'to' : 'from'
            const [waId, userId, parentId] = idsOf(index)
            const wire = {
              ...{ id: `${at}`, ...IMAGE },
              ...(phone ? { [side]: waId } : {}),
              ...(user ? { [`${side}_user_id`]: userId } : {}),
              ...(parent ? { [`${side}_parent_user_id`]: parentId } : {}),
            }
            if (isEcho) echoes.push({ from: BUSINESS, ...wire })
            else messages.push(wire)
          })
          const { media } = extractMedia(
            inChange({ contacts: listed.map(toContact), messages, message_echoes: echoes }),
          )
          expect(media).toHaveLength(sent.length)
          for (const { messageId, contact = {} } of media) {
            const [waId, userId, parentUserId] = idsOf(sent[Number(messageId)]?.[0] ?? -1)
            expect({ phone: waId, userId, parentUserId }).toMatchObject(contact)
          }
        },
      ),
    )
  })
})
