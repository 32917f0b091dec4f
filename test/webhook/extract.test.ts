import { describe, expect, it } from 'vitest'
import { extractMedia } from '../../src/webhook/extract.js'
import {
  BUSINESS,
  flowAnswer,
  onlyMedia,
  onlyUnavailable,
  PHOTO,
  RECEIVED_AT,
  reference,
  SENT_AT,
  USER,
  webhook,
  without,
} from './messages.js'

describe('extractMedia on a single message', () => {
  it('takes the receiving time for a missing, zero or unreadable timestamp', () => {
    for (const timestamp of [undefined, '0', 'soon', '', -5, 1.5, {}, '99999999999999999', 253_402_300_800_000]) {
      expect(onlyMedia({ ...PHOTO, timestamp })[0]?.timestamp).toBe(RECEIVED_AT)
    }
  })

  it('reads seconds and milliseconds, as string and as number', () => {
    for (const timestamp of ['1760540395', 1760540395, '1760540395000', 1760540395000]) {
      expect(onlyMedia({ ...PHOTO, timestamp })[0]?.timestamp).toBe(SENT_AT)
    }
  })

  it('takes a Date, and now for none or an unreadable one, as the receiving time', () => {
    const given = extractMedia(webhook(PHOTO), { receivedAt: new Date(RECEIVED_AT) })
    expect(given.media[0]?.receivedAt).toBe(RECEIVED_AT)
    for (const options of [{}, { receivedAt: 'yesterday' }, { receivedAt: new Date(Number.NaN) }]) {
      const before = Date.now()
      const [found] = extractMedia(webhook(PHOTO), options).media
      expect(Date.parse(found?.receivedAt ?? '')).toBeGreaterThanOrEqual(before)
    }
  })

  it('never makes a reference from a media id that is neither a filled string nor a safe number', () => {
    for (const id of [undefined, null, '', 0, -1, 1.5, 2 ** 53, 17610000000000012, 1e300, {}, [], ['1'], true]) {
      const message = { ...PHOTO, image: { ...PHOTO.image, id } }
      expect(onlyMedia(message)).toStrictEqual([])
      expect(onlyUnavailable(message)).toMatchObject([
        { reason: 'no-media-id', messageId: 'wamid.1', mediaType: 'image' },
      ])
    }
  })

  it('reports a media type whose object is missing', () => {
    expect(onlyUnavailable({ id: 'wamid.1', type: 'video' })).toMatchObject([
      { reason: 'no-media-id', mediaType: 'video' },
    ])
  })

  it('finds media under its name when the type is missing or another', () => {
    expect(onlyMedia({ ...PHOTO, type: undefined }, { ...PHOTO, id: 'wamid.2', type: 'new_kind' })).toHaveLength(2)
  })

  it('drops an unusable hash, expiry, flag or name and keeps the media', () => {
    const image = {
      id: 'm1',
      mime_type: 7,
      sha256: 'PHOTO_HASH',
      url: 'no url',
      filename: 3,
      voice: 'yes',
      animated: 1,
    }
    expect(onlyMedia({ ...PHOTO, image: { ...image, caption: '' } })).toStrictEqual([
      without(
        reference({
          messageId: 'wamid.1',
          mediaId: 'm1',
          mediaType: 'image',
          mimeType: '',
          downloadUrl: 'no url',
          phoneNumberId: '',
          businessAccountId: 'waba',
        }),
        'from',
        'contact',
      ),
    ])
  })

  it('leaves message id and phone number id empty when the wire has none', () => {
    expect(onlyMedia({ image: { id: 'm1' } })).toMatchObject([{ messageId: '', phoneNumberId: '', mediaId: 'm1' }])
  })

  it('reads ids and phone numbers that a relay sends as numbers', () => {
    const message = { ...PHOTO, from: 15550002222, image: { ...PHOTO.image, id: 1761000000000001 } }
    const value = { metadata: { phone_number_id: 42 }, messages: [message] }
    const { media } = extractMedia({ entry: [{ id: 7, changes: [{ value }] }] })
    expect(media).toMatchObject([
      { mediaId: '1761000000000001', phoneNumberId: '42', businessAccountId: '7', from: USER },
    ])
    expect(onlyMedia({ ...PHOTO, image: { id: 2 ** 53 - 1 } })).toMatchObject([{ mediaId: '9007199254740991' }])
    expect(onlyMedia(flowAnswer('[{"id":1761000000000001,"mime_type":"image/png"}]'))).toMatchObject([
      { mediaId: '1761000000000001' },
    ])
  })

  it('knows the sender of history by number, also where relays send numbers', () => {
    const messages = [{ ...PHOTO, from: 15550001111 }]
    const value = { metadata: { display_phone_number: 15550001111 }, history: [{ threads: [{ messages }] }] }
    expect(extractMedia({ entry: [{ changes: [{ value }] }] }).media).toMatchObject([{ direction: 'outbound' }])
  })

  it('gives the same media in the same message and place once, elsewhere again', () => {
    const value = { messages: [PHOTO, PHOTO, { ...PHOTO, id: 'wamid.2' }], standby: { messages: [PHOTO] } }
    const { media } = extractMedia({ entry: [{ changes: [{ value }, { value }] }] })
    expect(media.map(({ messageId, origin }) => [messageId, origin])).toStrictEqual([
      ['wamid.1', 'message'],
      ['wamid.2', 'message'],
      ['wamid.1', 'standby'],
    ])
  })

  it('keeps history and standby as origin of edits and Flow answers: they say more', () => {
    const edit = { id: 'wamid.1', type: 'edit', edit: { message: PHOTO } }
    const history = { entry: [{ changes: [{ field: 'history', value: { messages: [edit] } }] }] }
    const standby = {
      entry: [
        { changes: [{ value: { standby: { messages: [edit, flowAnswer('[{"id":"f","mime_type":"a/b"}]')] } } }] },
      ],
    }
    expect(extractMedia(history).media).toMatchObject([{ origin: 'history' }])
    expect(extractMedia(standby).media).toMatchObject([{ origin: 'standby' }, { origin: 'standby' }])
  })

  it('distinguishes sent from received messages in history by sender or recipient', () => {
    const metadata = { display_phone_number: '+1 555 000 1111' }
    const messages = [
      { ...PHOTO, from: BUSINESS },
      { ...PHOTO, id: 'wamid.2', from: USER },
      { ...PHOTO, id: 'wamid.3', to: USER },
    ]
    const value = { metadata, history: [{ threads: [{ id: USER, messages }] }] }
    const { media } = extractMedia({ entry: [{ changes: [{ value }] }] })
    expect(media.map(({ direction }) => direction)).toStrictEqual(['outbound', 'inbound', 'outbound'])
    const unnamed = extractMedia({ entry: [{ changes: [{ value: { ...value, metadata: undefined } }] }] })
    expect(unnamed.media[0]?.direction).toBe('inbound')
  })

  it.each([
    ['image', 'image'],
    ['gif', 'video'],
    ['video', 'video'],
    ['audio', 'audio'],
    ['voice', 'audio'],
    ['document', 'document'],
    ['sticker', 'sticker'],
    ['media_placeholder', undefined],
    ['poll_creation', undefined],
    ['pin', undefined],
    ['constructor', undefined],
  ])('tells the kind of media of an unsupported %s', (type, mediaType) => {
    const message = { id: 'wamid.1', type: 'unsupported', unsupported: { type }, errors: [{ code: 131060 }] }
    const [found] = onlyUnavailable(message)
    expect(found).toMatchObject({ reason: 'unsupported', unsupportedType: type, errorCode: 131060 })
    expect(found?.mediaType).toBe(mediaType)
  })

  it('takes the unsupported type without errors, the unknown type, and ignores errors of a text', () => {
    expect(onlyUnavailable({ id: 'wamid.1', type: 'unsupported' })).toMatchObject([{ reason: 'unsupported' }])
    expect(onlyUnavailable({ id: 'wamid.1', type: 'unknown', errors: [{}] })).toMatchObject([{ reason: 'unsupported' }])
    expect(onlyUnavailable({ id: 'wamid.1', type: 'text', errors: [{ code: 1 }] })).toStrictEqual([])
  })

  it('reports media once, whatever its error', () => {
    expect(onlyUnavailable({ ...PHOTO, errors: [{ code: 131052 }] })).toMatchObject([
      { reason: 'media-error', mediaId: 'm1', errorCode: 131052 },
    ])
  })

  it('takes no error from a list that holds none', () => {
    for (const errors of [[], ['text', null, 5, []], {}, 'text'])
      expect(onlyMedia({ ...PHOTO, errors })).toHaveLength(1)
  })

  it('reports only the loss among the errors of a whole change', () => {
    const value = { errors: [{ code: 130429, title: 'Rate limit hit' }, { code: 131035 }] }
    expect(extractMedia({ entry: [{ changes: [{ value }] }] }).unavailable).toMatchObject([
      { reason: 'retention-expired', errorCode: 131035 },
    ])
  })

  it('ignores an advertisement that shows nothing', () => {
    expect(onlyUnavailable({ id: 'wamid.1', type: 'text', referral: { headline: 'Angebot' } })).toStrictEqual([])
  })

  it('reports an edit and a media error with what they say', () => {
    const edit = { message: { type: 'image', image: { link: 'https://example.com/a' } } }
    expect(onlyUnavailable({ id: 'wamid.1', type: 'edit', edit })).toMatchObject([
      { reason: 'no-media-id', origin: 'edit' },
    ])
  })

  it('dates a deletion without a time by its receiving', () => {
    const { revoked } = extractMedia(webhook({ revoke: { original_message_id: 'wamid.0' } }), {
      receivedAt: RECEIVED_AT,
    })
    expect(revoked).toMatchObject([{ messageId: 'wamid.0', revokedBy: '', timestamp: RECEIVED_AT }])
  })
})

describe('extractMedia on Flow answers', () => {
  it('knows files by their shape at any depth, and only in lists', () => {
    const file = { id: 'f1', mime_type: 'image/png' }
    const answer = {
      form: { page: [[file]] },
      single: { ...file, id: 'f2' },
      other: [{ id: 'f3' }, { mime_type: 'a/b' }],
    }
    expect(onlyMedia(flowAnswer(JSON.stringify(answer)))).toMatchObject([{ mediaId: 'f1', mediaType: 'image' }])
  })

  it('takes a file with a name and no MIME type as a document', () => {
    expect(onlyMedia(flowAnswer('{"a":[{"id":"f1","file_name":"x.pdf"}]}'))).toMatchObject([
      { mediaId: 'f1', mediaType: 'document', mimeType: '', filename: 'x.pdf' },
    ])
  })

  it('stops at 30 files and says so once: a forged answer must not cost thousands of look-ups', () => {
    const files = Array.from({ length: 1_000 }, (_, index) => ({ id: `f${index}`, mime_type: 'image/png' }))
    const { media, unavailable } = extractMedia(webhook(flowAnswer(JSON.stringify({ files }))))
    expect(media.map(({ mediaId }) => mediaId)).toStrictEqual(files.slice(0, 30).map(({ id }) => id))
    expect(unavailable).toMatchObject([{ reason: 'too-many-files', messageId: 'wamid.flow' }])
    const allowed = extractMedia(webhook(flowAnswer(JSON.stringify({ files: files.slice(0, 30) }))))
    expect(allowed).toMatchObject({ media: { length: 30 }, unavailable: [] })
  })
})
