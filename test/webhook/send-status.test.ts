import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildWebhook } from '../../src/testing.js'
import { formatCallbackData, parseCallbackData } from '../../src/webhook/callback-data.js'
import { adviseFailure } from '../../src/webhook/failure-advice.js'
import { readSendStatuses } from '../../src/webhook.js'

const receivedAt = '2026-12-01T08:00:00.000Z'

/** A webhook with these statuses, at these times of Unix. */
const wrap = (statuses: unknown, more: object = {}) => ({
  object: 'whatsapp_business_account',
  entry: [
    {
      id: '102290129340398',
      changes: [{ field: 'messages', value: { metadata: { phone_number_id: '106540352242922' }, statuses, ...more } }],
    },
  ],
})

const common = { receivedAt, phoneNumberId: '106540352242922', businessAccountId: '102290129340398' }

describe('readSendStatuses', () => {
  it.each<[string, object, object]>([
    ['sent', { status: 'sent', recipient_id: '15550001111' }, { status: 'sent', to: '15550001111' }],
    ['delivered', { status: 'delivered' }, { status: 'delivered' }],
    ['read', { status: 'read' }, { status: 'read' }],
    ['played', { status: 'played' }, { status: 'played' }],
    ['a number as a number', { status: 'read', recipient_id: 15_550_001_111 }, { status: 'read', to: '15550001111' }],
    [
      'a customer without a number',
      { status: 'read', recipient_user_id: 'IN.2081978709342942', recipient_parent_user_id: 'US.ENT.1' },
      { status: 'read', toUserId: 'IN.2081978709342942', toParentUserId: 'US.ENT.1' },
    ],
    [
      'a user id in place of a number',
      { status: 'read', recipient_id: 'IN.2081978709342942' },
      { status: 'read', toUserId: 'IN.2081978709342942' },
    ],
    [
      'a group',
      { status: 'read', recipient_type: 'group', recipient_id: 'Y2FwaQ', recipient_participant_id: '15550001111' },
      { status: 'read', groupId: 'Y2FwaQ', to: '15550001111' },
    ],
    [
      'data of your own',
      { status: 'read', biz_opaque_callback_data: 'row 7' },
      { status: 'read', callbackData: 'row 7' },
    ],
    [
      'the media',
      { status: 'read', biz_opaque_callback_data: 'row 7\nwma1:1761:a:b/c' },
      { status: 'read', callbackData: 'row 7', media: { mediaId: '1761', cacheKey: 'a:b/c' } },
    ],
    [
      'failed for its media',
      {
        status: 'failed',
        biz_opaque_callback_data: 'wma1:1761',
        errors: [{ code: 131053, title: 'Media upload error', error_data: { details: 'Unsupported codec' } }],
      },
      {
        status: 'failed',
        media: { mediaId: '1761' },
        failure: {
          ...{ kind: 'media', errorCode: 131053, title: 'Media upload error', details: 'Unsupported codec' },
          advice: expect.stringContaining('codec'),
        },
      },
    ],
    [
      'failed in older words',
      { status: 'failed', errors: [{ code: '131047', message: 'More than 24 hours' }] },
      {
        status: 'failed',
        failure: {
          ...{ kind: 'window', errorCode: 131047, details: 'More than 24 hours' },
          advice: expect.stringContaining('template'),
        },
      },
    ],
    [
      'failed without a reason',
      { status: 'failed' },
      { status: 'failed', failure: { kind: 'other', advice: expect.any(String) } },
    ],
  ])('%s', (_name, wire, form) => {
    const payload = wrap([{ id: 'wamid.x', timestamp: '1764576000', ...wire }])
    const timestamp = '2025-12-01T08:00:00.000Z'
    expect(readSendStatuses(payload, { receivedAt })).toEqual([{ messageId: 'wamid.x', timestamp, ...common, ...form }])
  })

  it.each<[string, unknown]>([
    ['no id', wrap([{ status: 'read' }])],
    ['an unknown word', wrap([{ id: 'wamid.x', status: 'warned' }])],
    ['no word', wrap([{ id: 'wamid.x' }])],
    ['no list', wrap({ id: 'wamid.x', status: 'read' })],
    ['a message', buildWebhook({ text: 'Hello' })],
    ['nothing', {}],
    ['a list', []],
    ['null', null],
  ])('skips what has %s', (_name, payload) => {
    expect(readSendStatuses(payload)).toEqual([])
  })

  it('reads all of a webhook, and those of standby', () => {
    const standby = { statuses: [{ id: 'wamid.3', status: 'sent' }] }
    const payload = wrap([{ id: 'wamid.1', status: 'sent' }, 7, { id: 'wamid.2', status: 'read' }], { standby })
    const found = readSendStatuses({ entry: [...payload.entry, ...payload.entry] }, { receivedAt })
    expect(found.map(({ messageId }) => messageId.at(-1)).join('')).toBe('123123')
    expect(found[0]?.timestamp).toBe(receivedAt)
  })

  it.each([
    ['text', JSON.stringify(wrap([]))],
    ['bytes', Buffer.from('{}')],
    ['a request', new Request('https://a.example')],
  ])('refuses %s', (_name, payload) => {
    expect(() => readSendStatuses(payload)).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  })

  it('throws for no JSON', () => {
    const names = [
      'entry',
      'changes',
      'value',
      'statuses',
      'standby',
      'metadata',
      'errors',
      'error_data',
      'id',
      'status',
    ]
    const more = ['code', 'recipient_id', 'recipient_type', 'biz_opaque_callback_data', 'timestamp', '__proto__']
    const leaf = fc.oneof(
      fc.constantFrom('failed', 'read', 'group', 'wamid.x', 'wma1:1'),
      fc.string(),
      fc.double(),
      fc.constant(null),
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 7 },
        leaf,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...names, ...more), tie('tree'), { maxKeys: 6 }),
      ),
    }))
    const status = fc.dictionary(fc.constantFrom(...names, ...more), tree, { maxKeys: 10 })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.dictionary(fc.constant('entry'), tree),
          status.map((each) => wrap([each])),
        ),
        (payload) => {
          for (const { messageId, status: word } of readSendStatuses(JSON.parse(JSON.stringify(payload)))) {
            expect([messageId.length > 0, typeof word]).toEqual([true, 'string'])
          }
        },
      ),
    )
  })
})

describe('callback data', () => {
  it.each<[string, string | undefined, { mediaId: string; cacheKey?: string } | undefined, string | undefined]>([
    ['nothing', undefined, undefined, undefined],
    ['data alone', 'row 7', undefined, 'row 7'],
    ['media alone', undefined, { mediaId: '1761' }, 'wma1:1761'],
    ['both', 'row 7', { mediaId: '1761', cacheKey: 'a:b' }, 'row 7\nwma1:1761:a:b'],
    ['an id of another form', 'row 7', { mediaId: 'ü' }, 'row 7'],
    ['an id of another form alone', undefined, { mediaId: 'a b' }, undefined],
    ['a key of another form', undefined, { mediaId: '1761', cacheKey: 'a b' }, 'wma1:1761'],
    [
      'a key that is too long',
      'x'.repeat(100),
      { mediaId: '1761', cacheKey: 'k'.repeat(160) },
      `${'x'.repeat(100)}\nwma1:1761`,
    ],
    ['no room', 'x'.repeat(250), { mediaId: '1761' }, 'x'.repeat(250)],
  ])('%s', (_name, own, media, data) => {
    expect(formatCallbackData(own, media)).toBe(data)
  })

  it('comes back as it was', () => {
    const own = fc.option(fc.stringMatching(/^[\x20-\x7e]{1,64}$/), { nil: undefined })
    const media = fc.record({
      mediaId: fc.stringMatching(/^[\w-]{1,40}$/),
      cacheKey: fc.stringMatching(/^[\w:./+-]{1,140}$/),
    })
    fc.assert(
      fc.property(own, media, (callbackData, tag) => {
        const data = formatCallbackData(callbackData, tag) ?? ''
        expect(parseCallbackData(data)).toEqual(
          callbackData === undefined ? { media: tag } : { callbackData, media: tag },
        )
        expect(data.length).toBeLessThanOrEqual(256)
      }),
    )
  })

  it.each(['{"row":7}', 'wma1:', 'wma2:1761', 'a wma1:1761', 'wma1:1761\n', 'wma1:a b'])(
    'of another program: %j',
    (data) => {
      expect(parseCallbackData(data)).toEqual({ callbackData: data })
    },
  )
})

it.each([
  [131052, 'media'],
  [131053, 'media'],
  [131026, 'recipient'],
  [131050, 'recipient'],
  [131047, 'window'],
  [131049, 'limit'],
  [131056, 'limit'],
  [131042, 'account'],
  [131000, 'passing'],
  [999999, 'other'],
  [undefined, 'other'],
])('the advice for %s is about %s', (code, kind) => {
  expect(adviseFailure(code)).toEqual({ kind, advice: expect.stringMatching(/^[A-Z].*\.$/) })
})
