import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractMedia } from '../../src/webhook/extract.js'
import { type ChatMessage, readMessages } from '../../src/webhook/read-messages.js'
import { BUSINESS, CONTEXT, CUSTOMER, RECEIVED_AT, SENT_AT, USER } from './messages.js'

const SECONDS = String(Date.parse(SENT_AT) / 1_000)
const CONTACTS = [
  { profile: { name: 'Somebody else' }, wa_id: '15559990000' },
  { profile: { name: 'Ada' }, wa_id: USER, user_id: 'US.1' },
]

function inValue(value: object, field = 'messages'): unknown {
  const metadata = { display_phone_number: BUSINESS, phone_number_id: CONTEXT.phoneNumberId }
  return { entry: [{ id: CONTEXT.businessAccountId, changes: [{ field, value: { metadata, ...value } }] }] }
}

function read(payload: unknown): ChatMessage[] {
  return readMessages(payload, { receivedAt: RECEIVED_AT })
}

function readOne(wire: object): ChatMessage[] {
  return read(inValue({ messages: [{ id: 'wamid.1', from: USER, timestamp: SECONDS, ...wire }] }))
}

const COMMON = {
  ...CONTEXT,
  messageId: 'wamid.1',
  from: USER,
  contact: CUSTOMER,
  timestamp: SENT_AT,
  direction: 'inbound',
  origin: 'message',
  media: [],
  unavailable: [],
} as const

describe('readMessages', () => {
  it.each<[string, object, Partial<ChatMessage>]>([
    ['a text', { type: 'text', text: { body: 'Hello' } }, { type: 'text', text: 'Hello' }],
    [
      'an answer',
      { type: 'text', text: { body: 'Yes' }, context: { from: BUSINESS, id: 'wamid.0' } },
      { type: 'text', text: 'Yes', repliesTo: 'wamid.0' },
    ],
    [
      'a forwarded text, which answers nothing',
      { type: 'text', text: { body: 'Look' }, context: { forwarded: true } },
      { type: 'text', text: 'Look' },
    ],
    [
      "a template's button",
      { type: 'button', button: { text: 'Stop', payload: 'stop-1' } },
      { type: 'button', text: 'Stop', buttonId: 'stop-1' },
    ],
    [
      'a reply button',
      { type: 'interactive', interactive: { type: 'button_reply', button_reply: { id: 'b1', title: 'Yes' } } },
      { type: 'interactive', text: 'Yes', buttonId: 'b1' },
    ],
    [
      'an entry of a list',
      { type: 'interactive', interactive: { type: 'list_reply', list_reply: { id: 'l1', title: 'Red' } } },
      { type: 'interactive', text: 'Red', buttonId: 'l1' },
    ],
    [
      "a Flow's answer",
      { type: 'interactive', interactive: { type: 'nfm_reply', nfm_reply: { body: 'Sent', response_json: '{}' } } },
      { type: 'interactive', text: 'Sent' },
    ],
    [
      'a reaction',
      { type: 'reaction', reaction: { message_id: 'wamid.0', emoji: '👍' } },
      { type: 'reaction', text: '👍', reactsTo: 'wamid.0' },
    ],
    [
      'a reaction that is taken back',
      { type: 'reaction', reaction: { message_id: 'wamid.0', emoji: '' } },
      { type: 'reaction', reactsTo: 'wamid.0' },
    ],
    [
      'an edited text',
      { type: 'edit', edit: { original_message_id: 'wamid.0', message: { type: 'text', text: { body: 'new' } } } },
      { type: 'edit', text: 'new', edits: 'wamid.0' },
    ],
    [
      'a deletion',
      { type: 'revoke', revoke: { original_message_id: 'wamid.0' } },
      { type: 'revoke', revokes: 'wamid.0' },
    ],
    [
      'a place',
      { type: 'location', location: { latitude: -33.86, longitude: 151.2, name: 'Opera', address: 'Sydney' } },
      { type: 'location', location: { latitude: -33.86, longitude: 151.2, name: 'Opera', address: 'Sydney' } },
    ],
    [
      'a place without a name',
      { type: 'location', location: { latitude: 0, longitude: 0 } },
      { type: 'location', location: { latitude: 0, longitude: 0 } },
    ],
    ['a place that is none', { type: 'location', location: { latitude: 91, longitude: 'x' } }, { type: 'location' }],
    ['a place without longitude', { type: 'location', location: { latitude: 1 } }, { type: 'location' }],
    ['a system message', { type: 'system', system: { body: 'Ada changed' } }, { type: 'system', text: 'Ada changed' }],
    [
      'a message of a group',
      { type: 'text', text: { body: 'a' }, group_id: 'g' },
      { type: 'text', text: 'a', group: 'g' },
    ],
    ['a type that is not known yet', { type: 'hologram', hologram: { a: 1 } }, { type: 'hologram' }],
    ['no type', {}, { type: 'unknown' }],
    [
      'fields of other types',
      { type: 5, text: { body: 7 }, context: 'x', reaction: [], edit: null },
      { type: 'unknown' },
    ],
  ])('reads %s', (_name, wire, expected) => {
    expect(readOne(wire)).toStrictEqual([{ ...COMMON, ...expected }])
  })

  it('gives the files of a message as extractMedia finds them, each once', () => {
    const image = { id: '17', mime_type: 'image/png', caption: 'Plan' }
    const files = JSON.stringify({
      photos: [
        { id: '1', mime_type: 'a/b' },
        { id: '1', mime_type: 'a/b' },
      ],
    })
    const messages = [
      { id: 'wamid.1', from: USER, timestamp: SECONDS, type: 'image', image },
      { id: 'wamid.2', type: 'interactive', interactive: { nfm_reply: { response_json: files } } },
      { id: 'wamid.3', type: 'image', image: { id: '9' }, errors: [{ code: 131_052, title: 'lost' }] },
    ]
    const payload = inValue({ messages })
    const extracted = extractMedia(payload, { receivedAt: RECEIVED_AT })
    const found = read(payload)
    expect(found.map(({ media }) => media.length)).toEqual([1, 1, 0])
    expect(found.flatMap(({ media }) => media)).toEqual(extracted.media)
    expect(found.flatMap(({ unavailable }) => unavailable)).toEqual(extracted.unavailable)
  })

  it('names the customer, by phone number or user id, and nobody else', () => {
    const messages = [
      { id: '1', from: USER },
      { id: '2', from: 'US.1' },
      { id: '3', from_user_id: 'US.1' },
      { id: '4', from: '15551110000' },
      { id: '5' },
    ]
    const echoes = [{ id: '6', from: BUSINESS, to: USER, type: 'text', text: { body: 'Hi' } }]
    const contacts = [...CONTACTS, { wa_id: '15551110000' }, { profile: { name: 'Nobody' } }, null]
    const found = read(inValue({ contacts, messages, message_echoes: echoes }))
    expect(found.map(({ contactName }) => contactName)).toEqual(['Ada', 'Ada', 'Ada', undefined, undefined, 'Ada'])
    expect(found[5]).toMatchObject({ from: BUSINESS, to: USER, direction: 'outbound', origin: 'echo', text: 'Hi' })
  })

  it('reads history, threads of other apps and recorded calls, and no other calls', () => {
    const history = [{ threads: [{ messages: [{ id: '1', from: USER, type: 'text', text: { body: 'old' } }] }] }]
    const standby = { message_echoes: [{ id: '2', message: { to: USER, type: 'text', text: { body: 'bot' } } }] }
    const calls = [
      { id: '3', call_recording: { audio: { id: '7', mime_type: 'audio/ogg' } } },
      { id: '4', event: 'terminate' },
    ]
    expect(read(inValue({ history, standby, calls }))).toMatchObject([
      { messageId: '2', origin: 'standby', direction: 'outbound', to: USER, text: 'bot' },
      { messageId: '1', origin: 'history', direction: 'inbound', text: 'old' },
      { messageId: '3', origin: 'call-recording', type: 'call', media: [{ mediaId: '7' }] },
    ])
  })

  it('skips statuses and messages without an id, and takes the arrival for a missing time', () => {
    const statuses = [{ id: 'wamid.sent', status: 'read' }]
    expect(read(inValue({ statuses, messages: [{ text: { body: 'nobody' } }, { id: 5 }, null, []] }))).toEqual([])
    expect(read(inValue({ messages: [{ id: '1' }] }))).toMatchObject([{ timestamp: RECEIVED_AT }])
    expect(readMessages(inValue({ messages: [{ id: '1' }] }))[0]?.receivedAt).toMatch(/^\d{4}-.*Z$/)
  })

  it.each([
    ['bytes', Buffer.from('{"entry":[]}')],
    ['text', '{"entry":[]}'],
  ])('refuses %s in place of the parsed body', (_name, payload) => {
    expect(() => readMessages(payload)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })

  const names = fc.constantFrom(
    ...['id', 'from', 'type', 'text', 'body', 'context', 'interactive', 'button_reply', 'location', 'latitude', 'edit'],
    ...['reaction', 'profile', 'name', 'wa_id', '__proto__', 'constructor', 'toString', 'message', 'image', 'errors'],
  )
  const wireLike = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie('value'), { maxLength: 3 }),
      // As JSON.parse makes it: `__proto__` is an own property.
      fc.array(fc.tuple(names, tie('value')), { maxLength: 6 }).map((entries) => {
        const fields = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
        return JSON.parse(`{${fields.join(',')}}`)
      }),
    ),
  })).value

  it('never throws, gives plain JSON, and has every file that extractMedia has of messages with an id', () => {
    const message = fc.oneof(
      wireLike,
      fc.tuple(wireLike, fc.string()).map(([wire, id]) => ({ ...Object(wire), id })),
    )
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), wireLike, wireLike, (messages, contacts, value) => {
        for (const payload of [
          inValue({ messages, contacts }),
          inValue(Object(value)),
          inValue({ contacts: [contacts] }),
        ]) {
          const found = read(payload)
          expect(JSON.parse(JSON.stringify(found))).toEqual(found)
          const { media } = extractMedia(payload, { receivedAt: RECEIVED_AT })
          const ids = new Set(found.flatMap((one) => one.media.map(({ mediaId }) => mediaId)))
          for (const { messageId, mediaId } of media) if (messageId !== '') expect(ids).toContain(mediaId)
          for (const { messageId, type } of found) expect([typeof messageId, typeof type]).toEqual(['string', 'string'])
        }
      }),
      { numRuns: 60 },
    )
  })
})
