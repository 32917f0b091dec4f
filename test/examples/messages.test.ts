import fc from 'fast-check'
import { expect, it } from 'vitest'
import { listMessages } from '../../examples/messages.js'

const change = (value: object): object => ({
  entry: [{ changes: [{ value: { metadata: { phone_number_id: '123' }, ...value } }] }],
})

/** The wire had no time: that of its arrival counts. */
const untimed = { phoneNumberId: '123', timestamp: expect.any(String) }

it('listMessages returns the known fields of media, and of texts beside it', () => {
  const image = { id: '17', mime_type: 'image/png', caption: 'Plan' }
  const messages = [
    { id: 'wamid.1', from: '15550001111', timestamp: '1700000000', type: 'image', image },
    { id: 'wamid.2', from: '15550001111', timestamp: '1700000001', type: 'text', text: { body: 'see above' } },
  ]
  const common = { from: '15550001111', phoneNumberId: '123' }
  const contact = { phone: '15550001111' }
  expect(listMessages(change({ messages }))).toEqual([
    {
      ...common,
      messageId: 'wamid.1',
      timestamp: '2023-11-14T22:13:20.000Z',
      content: { mediaId: '17', mediaType: 'image', mimeType: 'image/png', caption: 'Plan', contact },
      mediaStatus: 'pending',
      reference: expect.objectContaining({ ...common, mediaId: '17', messageId: 'wamid.1', direction: 'inbound' }),
    },
    { ...common, messageId: 'wamid.2', timestamp: '2023-11-14T22:13:21.000Z', content: { text: 'see above', contact } },
  ])
})

it('listMessages makes one entry for each file of a message, and none for the same one twice', () => {
  const files = [
    { id: '1', mime_type: 'image/png' },
    { id: '2', mime_type: 'application/pdf' },
    { id: '1', mime_type: 'image/png' },
  ]
  const interactive = { nfm_reply: { response_json: JSON.stringify({ photos: files }) } }
  const found = listMessages(change({ messages: [{ id: 'wamid.flow', type: 'interactive', interactive }] }))
  expect(found.map(({ messageId, content }) => [messageId, content.mediaId])).toEqual([
    ['wamid.flow', '1'],
    ['wamid.flow', '2'],
  ])
})

it('listMessages does not await media that cannot be downloaded', () => {
  const errors = [{ code: 131_052 }]
  const messages = [
    { id: 'wamid.known', type: 'image', image: { id: '17' }, errors },
    { id: 'wamid.unknown', type: 'unsupported', errors: [{ code: 131_051 }] },
  ]
  expect(listMessages(change({ messages }))).toEqual([
    { ...untimed, messageId: 'wamid.known', content: { mediaId: '17', mediaType: 'image' } },
    { ...untimed, messageId: 'wamid.unknown', content: { mediaId: '' } },
  ])
})

it('listMessages keeps the text of a message that an advertisement led to', () => {
  const referral = { image_url: 'https://example.com/ad.jpg' }
  const messages = [{ id: 'wamid.ad', type: 'text', text: { body: 'How much?' }, referral }]
  expect(listMessages(change({ messages }))).toEqual([
    { ...untimed, messageId: 'wamid.ad', content: { text: 'How much?' } },
  ])
})

it("listMessages takes history's placeholder as a message without media", () => {
  const messages = [{ id: 'wamid.old', type: 'media_placeholder' }]
  expect(listMessages(change({ messages }))).toEqual([{ ...untimed, messageId: 'wamid.old', content: {} }])
})

it('listMessages skips statuses and messages without an id, and never throws', () => {
  expect(listMessages(change({ statuses: [{ id: 'wamid.sent', status: 'read' }] }))).toEqual([])
  expect(listMessages(change({ messages: [{ text: { body: 'nobody' } }, { id: 5 }, null] }))).toEqual([])
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (payload, messages) => {
      listMessages(payload)
      listMessages({ entry: [{ changes: [{ value: { messages: [messages], metadata: payload } }] }] })
    }),
  )
})
