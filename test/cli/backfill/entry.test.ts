import { expect, it } from 'vitest'
import { type LineContent, type LineProblem, readLine } from '../../../src/cli/backfill/entry.js'
import { buildWebhook } from '../../../src/testing/build-webhook.js'

const NOW = '2026-11-22T10:00:00.000Z'
const SENT = '2026-11-20T08:00:00.000Z'
const SHA256 = 'ab'.repeat(32)

const read = (json: unknown): LineContent | LineProblem => readLine(JSON.stringify(json), NOW)
const mediaIn = (json: unknown) => {
  const found = read(json)
  return found.kind === 'media' ? found.media : found
}

it('readLine finds all media of a webhook, without the expired download URL', () => {
  const image = {
    id: '11',
    mime_type: 'image/jpeg',
    sha256: SHA256,
    url: 'https://lookaside.fbsbx.com/?x',
    caption: 'a',
  }
  const document = { id: '12', mime_type: 'application/pdf', filename: 'a.pdf' }
  const webhook = buildWebhook([
    { media: { type: 'image', object: image }, timestamp: SENT, messageId: 'wamid.A' },
    { text: 'hello' },
    { media: { type: 'document', object: document }, timestamp: SENT },
  ])
  const media = mediaIn(webhook)
  expect(media).toMatchObject([
    { mediaId: '11', mediaType: 'image', sha256: SHA256, timestamp: SENT, receivedAt: NOW, messageId: 'wamid.A' },
    { mediaId: '12', mediaType: 'document', filename: 'a.pdf', timestamp: SENT, receivedAt: NOW },
  ])
  expect(JSON.stringify(media)).not.toContain('lookaside')
})

it('readLine finds what a webhook announces and nobody can have', () => {
  const value = {
    metadata: { phone_number_id: '1' },
    messages: [
      { id: 'wamid.A', timestamp: '1763000000', type: 'unsupported', errors: [{ code: 131051 }] },
      { id: 'wamid.B', timestamp: '1763000000', type: 'media_placeholder' },
      { id: 'wamid.C', type: 'image', image: { id: '11', mime_type: 'image/jpeg' } },
      { id: 'wamid.D', timestamp: '1763000000', type: 'image', image: { id: '12', mime_type: 'image/jpeg' } },
    ],
  }
  const found = read({ entry: [{ changes: [{ value }] }] })
  expect(found).toMatchObject({
    media: [{ mediaId: '12' }],
    lost: [
      { code: 'invalid-option', message: expect.stringContaining('timestamp is missing') },
      { code: 'media-unavailable', reason: 'unsupported' },
    ],
  })
})

it.each([[{ entry: [] }], [{ object: 'whatsapp_business_account', entry: [{}] }]])(
  'readLine finds nothing in %j',
  (json) => {
    expect(read(json)).toEqual({ kind: 'media', media: [], lost: [] })
  },
)

it('readLine takes a media id with what is known of it', () => {
  expect(mediaIn({ mediaId: '11', mediaType: 'image', timestamp: SENT })).toEqual([
    {
      ...{ mediaId: '11', mediaType: 'image', mimeType: '', timestamp: SENT, receivedAt: NOW, messageId: '' },
      ...{ phoneNumberId: '', businessAccountId: '', direction: 'inbound', origin: 'message' },
    },
  ])
  const told = { mediaId: 11, mimeType: 'audio/ogg; codecs=opus', sha256: SHA256.toUpperCase(), phoneNumberId: 7 }
  expect(mediaIn({ ...told, timestamp: SENT, messageId: 'wamid.A' })).toMatchObject([
    { mediaId: '11', mediaType: 'audio', sha256: SHA256, phoneNumberId: '7', messageId: 'wamid.A' },
  ])
})

it('readLine takes a message document, and finds nothing in a text', () => {
  const content = { mediaId: '11', mediaType: 'document', mimeType: 'application/pdf', filename: 'a.pdf' }
  const message = { _id: { $oid: 'x' }, messageId: 'wamid.A', phoneNumberId: '7', timestamp: { $date: SENT } }
  expect(mediaIn({ ...message, content, mediaStatus: 'pending' })).toMatchObject([
    { ...content, messageId: 'wamid.A', phoneNumberId: '7', timestamp: SENT },
  ])
  expect(mediaIn({ ...message, content: { text: 'hello' } })).toEqual([])
  expect(mediaIn({ ...message, content: { mediaId: '', mediaType: 'image' } })).toEqual([])
})

it.each([
  [SENT, SENT],
  ['2026-11-20T09:00:00+01:00', SENT],
  ['2026-11-20', '2026-11-20T00:00:00.000Z'],
  [Date.parse(SENT) / 1_000, SENT],
  [String(Date.parse(SENT) / 1_000), SENT],
  [Date.parse(SENT), SENT],
  [{ $date: Date.parse(SENT) }, SENT],
  [{ $date: { $numberLong: String(Date.parse(SENT)) } }, SENT],
  [undefined, undefined],
  [null, undefined],
  ['2026-11-20T09:00:00', undefined],
  ['yesterday', undefined],
  [1e300, undefined],
  [{ $date: {} }, undefined],
])('readLine takes the time %j for %s', (timestamp, iso) => {
  const found = mediaIn({ mediaId: '11', mediaType: 'image', timestamp })
  expect(found).toMatchObject(iso === undefined ? { problem: 'has no timestamp' } : [{ timestamp: iso }])
})

it.each([
  ['{"entry":[', 'is no JSON'],
  ['"text"', 'is no webhook body, media id or message document'],
  ['null', 'is no webhook body, media id or message document'],
  ['[{"mediaId":"1"}]', 'is no webhook body, media id or message document'],
  ['{"entry":{}}', 'is no webhook body, media id or message document'],
  ['{"__proto__":{"mediaId":"1"}}', 'is no webhook body, media id or message document'],
  ['{"mediaId":""}', 'has no mediaId'],
  ['{"mediaId":{}}', 'has no mediaId'],
  [`{"mediaId":"1","timestamp":"${SENT}"}`, 'has neither mediaType nor mimeType'],
  [`{"mediaId":"1","timestamp":"${SENT}","mediaType":"gif"}`, 'has neither mediaType nor mimeType'],
])('readLine says of %s that it %s', (line, problem) => {
  expect(readLine(line, NOW)).toEqual({ kind: 'unreadable', problem })
})
