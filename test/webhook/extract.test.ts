import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { MediaReference } from '../../src/media-reference.js'
import { type ExtractedMedia, extractMedia, type UnavailableMedia } from '../../src/webhook/extract.js'

const FIXTURES = new URL('../fixtures/webhooks/', import.meta.url)
const RECEIVED_AT = '2025-10-15T15:00:00.000Z'
const SENT_AT = '2025-10-15T14:59:55.000Z'
const USER = '15550002222'
const BUSINESS = '15550001111'

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FIXTURES), 'utf8'))
}

function extract(name: string): ExtractedMedia {
  return extractMedia(fixture(name), { receivedAt: RECEIVED_AT })
}

/** The hash of a fixture's made-up bytes, in the form that references have. */
function sha256(bytes: string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

const CONTEXT = { receivedAt: RECEIVED_AT, phoneNumberId: '200000000000002', businessAccountId: '100000000000001' }

function reference(
  facts: Partial<MediaReference> & Pick<MediaReference, 'mediaId' | 'mediaType' | 'mimeType' | 'messageId'>,
): MediaReference {
  const plain = { timestamp: SENT_AT, from: USER, direction: 'inbound', origin: 'message' } as const
  return { ...CONTEXT, ...plain, ...facts }
}

/** With the download URL that Meta puts into most webhooks. */
function withUrl(facts: Parameters<typeof reference>[0]): MediaReference {
  return reference({
    downloadUrl: `https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=${facts.mediaId}&source=webhook&ext=1760540697&hash=ARexample`,
    downloadUrlExpiresAt: '2025-10-15T15:04:57.000Z',
    ...facts,
  })
}

function unavailable(facts: Partial<UnavailableMedia> & Pick<UnavailableMedia, 'reason'>): UnavailableMedia {
  return { ...CONTEXT, timestamp: SENT_AT, from: USER, direction: 'inbound', origin: 'message', ...facts }
}

function without<T extends object, K extends keyof T>(value: T, ...keys: K[]): Omit<T, K> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.some((one) => one === key))) as Omit<T, K>
}

const ECHO = { from: BUSINESS, direction: 'outbound', origin: 'echo' } as const
const IMAGE = { mediaType: 'image', mimeType: 'image/jpeg' } as const
const OGG = { mediaType: 'audio', mimeType: 'audio/ogg; codecs=opus' } as const
const PDF = { mediaType: 'document', mimeType: 'application/pdf' } as const

/** What each fixture's references are; a fixture that is not here has none. */
const REFERENCES: Record<string, object[]> = {
  image: [
    withUrl({
      ...IMAGE,
      messageId: 'wamid.IMAGE',
      mediaId: '3000000000000001',
      sha256: sha256('image'),
      caption: 'Grüße aus Köln/Bonn',
    }),
  ],
  video: [
    withUrl({
      messageId: 'wamid.VIDEO',
      mediaId: '3000000000000002',
      mediaType: 'video',
      mimeType: 'video/mp4',
      sha256: sha256('video'),
    }),
  ],
  'audio-voice-note': [
    withUrl({
      ...OGG,
      messageId: 'wamid.VOICENOTE',
      mediaId: '3000000000000003',
      sha256: sha256('voice-note'),
      voice: true,
    }),
  ],
  'audio-file': [
    withUrl({
      messageId: 'wamid.AUDIOFILE',
      mediaId: '3000000000000004',
      mediaType: 'audio',
      mimeType: 'audio/mpeg',
      sha256: sha256('audio-file'),
      voice: false,
    }),
  ],
  document: [
    withUrl({
      ...PDF,
      messageId: 'wamid.DOCUMENT',
      mediaId: '3000000000000005',
      sha256: sha256('document'),
      filename: 'Rechnung März.pdf',
      caption: 'Rechnung',
    }),
  ],
  'sticker-animated': [
    withUrl({
      messageId: 'wamid.STICKER',
      mediaId: '3000000000000006',
      mediaType: 'sticker',
      mimeType: 'image/webp',
      sha256: sha256('sticker'),
      animated: true,
    }),
  ],
  'sticker-static': [
    withUrl({
      messageId: 'wamid.STILL',
      mediaId: '3000000000000007',
      mediaType: 'sticker',
      mimeType: 'image/webp',
      sha256: sha256('still'),
      animated: false,
    }),
  ],
  'image-without-url': [
    reference({
      messageId: 'wamid.NOURL',
      mediaId: '3000000000000008',
      mediaType: 'image',
      mimeType: 'image/png',
      sha256: sha256('no-url'),
    }),
  ],
  'document-without-sha256-and-filename': [reference({ ...PDF, messageId: 'wamid.BARE', mediaId: '3000000000000009' })],
  'voice-legacy': [
    reference({
      ...OGG,
      messageId: 'wamid.LEGACY',
      mediaId: 'b1c68f38-8734-4ad3-b4a1-ef0c10d683c1',
      sha256: sha256('legacy'),
      voice: true,
    }),
  ],
  voicemail: [
    withUrl({ ...OGG, messageId: 'wacid.VOICEMAIL', mediaId: '3000000000000010', sha256: sha256('voicemail') }),
  ],
  'group-image': [
    withUrl({ ...IMAGE, messageId: 'wamid.GROUP', mediaId: '3000000000000011', sha256: sha256('group') }),
  ],
  'username-sender': [
    without(
      withUrl({
        ...IMAGE,
        messageId: 'wamid.USERNAME',
        mediaId: '3000000000000012',
        sha256: sha256('username'),
        fromUserId: 'IN.2081978709342942',
      }),
      'from',
    ),
  ],
  'user-id-in-from': [
    without(
      withUrl({
        ...IMAGE,
        messageId: 'wamid.BSUID',
        mediaId: '3000000000000013',
        sha256: sha256('bsuid'),
        fromUserId: 'IN.2081978709342942',
      }),
      'from',
    ),
  ],
  edit: [
    withUrl({
      ...IMAGE,
      messageId: 'wamid.EDIT',
      mediaId: '3000000000000014',
      sha256: sha256('edit'),
      caption: 'Neu',
      origin: 'edit',
    }),
  ],
  echo: [withUrl({ ...IMAGE, ...ECHO, messageId: 'wamid.ECHO', mediaId: '3000000000000015', sha256: sha256('echo') })],
  'echo-edit': [
    withUrl({
      ...PDF,
      ...ECHO,
      messageId: 'wamid.ECHOEDIT',
      mediaId: '3000000000000016',
      sha256: sha256('echo-edit'),
      filename: 'plan.pdf',
      origin: 'edit',
    }),
  ],
  'echo-without-prefix': [
    withUrl({
      ...ECHO,
      messageId: 'wamid.PLAINECHO',
      mediaId: '3000000000000017',
      mediaType: 'video',
      mimeType: 'video/mp4',
      sha256: sha256('plain-echo'),
    }),
  ],
  'history-media-received': [
    reference({
      ...IMAGE,
      messageId: 'wamid.HISTORYIN',
      mediaId: '3000000000000018',
      sha256: sha256('history-in'),
      caption: 'damals',
      timestamp: '2025-09-27T19:06:42.000Z',
      origin: 'history',
    }),
  ],
  'history-media-sent': [
    reference({
      ...OGG,
      messageId: 'wamid.HISTORYOUT',
      mediaId: '3000000000000019',
      sha256: sha256('history-out'),
      voice: true,
      timestamp: '2025-09-27T19:06:41.000Z',
      from: BUSINESS,
      direction: 'outbound',
      origin: 'history',
    }),
  ],
  'standby-received': [
    withUrl({
      ...IMAGE,
      messageId: 'wamid.STANDBY',
      mediaId: '3000000000000020',
      sha256: sha256('standby'),
      origin: 'standby',
    }),
  ],
  'standby-echo': [
    without(
      reference({
        messageId: 'wamid.STANDBYECHO',
        mediaId: '3000000000000021',
        mediaType: 'document',
        mimeType: 'application/octet-stream',
        filename: 'offer.pdf',
        caption: 'Our offer',
        direction: 'outbound',
        origin: 'standby',
      }),
      'from',
    ),
  ],
  'flow-answer': [
    reference({
      ...IMAGE,
      messageId: 'wamid.FLOW',
      mediaId: '3000000000000022',
      sha256: sha256('flow-1'),
      filename: 'IMG_1.jpg',
      origin: 'flow',
    }),
    reference({
      messageId: 'wamid.FLOW',
      mediaId: '3000000000000023',
      mediaType: 'video',
      mimeType: 'video/mp4',
      sha256: sha256('flow-2'),
      filename: 'IMG_2.mp4',
      origin: 'flow',
    }),
    reference({
      ...PDF,
      messageId: 'wamid.FLOW',
      mediaId: '3000000000000024',
      sha256: sha256('flow-3'),
      filename: 'Vertrag ✓.pdf',
      origin: 'flow',
    }),
  ],
  'call-recording': [
    withUrl({
      ...OGG,
      messageId: 'wacid.RECORDING',
      mediaId: '3000000000000025',
      sha256: sha256('recording'),
      fromUserId: 'US.13491208655302741918',
      origin: 'call-recording',
    }),
  ],
  'call-transcript': [
    withUrl({
      messageId: 'wacid.RECORDING',
      mediaId: '3000000000000026',
      mediaType: 'document',
      mimeType: 'application/json',
      sha256: sha256('transcript'),
      from: BUSINESS,
      fromUserId: 'US.13491208655302741918',
      direction: 'outbound',
      origin: 'call-recording',
    }),
  ],
  'referral-with-image': [
    withUrl({
      ...IMAGE,
      messageId: 'wamid.REFERRALIMAGE',
      mediaId: '3000000000000028',
      sha256: sha256('referral-image'),
    }),
  ],
  batch: [
    withUrl({ ...IMAGE, messageId: 'wamid.B1', mediaId: '3000000000000031', sha256: sha256('b1') }),
    withUrl({
      messageId: 'wamid.B3',
      mediaId: '3000000000000032',
      mediaType: 'document',
      mimeType: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      sha256: sha256('b3'),
      filename: 'b3.docx',
    }),
    withUrl({
      ...ECHO,
      messageId: 'wamid.B4',
      mediaId: '3000000000000033',
      mediaType: 'sticker',
      mimeType: 'image/webp',
      sha256: sha256('b4'),
      animated: false,
    }),
    withUrl({
      ...OGG,
      messageId: 'wamid.B5',
      mediaId: '3000000000000034',
      sha256: sha256('b5'),
      voice: true,
      phoneNumberId: '200000000000009',
      businessAccountId: '100000000000009',
    }),
  ],
}

/** What each fixture reports as not to be had; a fixture that is not here reports nothing. */
const UNAVAILABLE: Record<string, object[]> = {
  'history-threads': [
    unavailable({
      reason: 'placeholder',
      messageId: 'wamid.HISTORYOUT',
      timestamp: '2025-09-27T19:06:41.000Z',
      from: BUSINESS,
      direction: 'outbound',
      origin: 'history',
    }),
    unavailable({
      reason: 'placeholder',
      messageId: 'wamid.HISTORYIN',
      timestamp: '2025-09-27T19:06:42.000Z',
      origin: 'history',
    }),
  ],
  'standby-echo': [
    without(
      unavailable({
        reason: 'no-media-id',
        messageId: 'wamid.STANDBYLINK',
        mediaType: 'image',
        direction: 'outbound',
        origin: 'standby',
      }),
      'from',
    ),
  ],
  'media-with-errors': [
    unavailable({
      reason: 'media-error',
      messageId: 'wamid.BROKEN',
      mediaId: '3000000000000027',
      mediaType: 'image',
      errorCode: 400,
      title: 'Media download failed: Not retrying as download is not retriable at this time',
    }),
  ],
  'media-download-error': [
    unavailable({
      reason: 'media-error',
      messageId: 'wamid.TOOLARGE',
      errorCode: 131052,
      title: 'Media download error',
    }),
  ],
  unsupported: [
    unavailable({
      reason: 'unsupported',
      messageId: 'wamid.POLL',
      errorCode: 131051,
      title: 'Message type unknown',
      unsupportedType: 'poll',
    }),
  ],
  'companion-device': [
    unavailable({
      reason: 'unsupported',
      messageId: 'wamid.COMPANION',
      errorCode: 131060,
      title: 'This message is currently unavailable',
    }),
  ],
  'retention-expired': [
    {
      ...CONTEXT,
      reason: 'retention-expired',
      errorCode: 131035,
      title: 'Webhook could not be delivered within data retention limit',
    },
  ],
  referral: [unavailable({ reason: 'referral', messageId: 'wamid.REFERRAL', mediaType: 'video' })],
  'referral-with-image': [unavailable({ reason: 'referral', messageId: 'wamid.REFERRALIMAGE', mediaType: 'image' })],
}

const REVOKED: Record<string, object[]> = {
  revoke: [
    {
      ...CONTEXT,
      messageId: 'wamid.IMAGE',
      revokedBy: 'wamid.REVOKE',
      timestamp: SENT_AT,
      from: USER,
      direction: 'inbound',
    },
  ],
  'revoke-echo': [
    {
      ...CONTEXT,
      messageId: 'wamid.ECHO',
      revokedBy: 'wamid.REVOKEECHO',
      timestamp: SENT_AT,
      from: BUSINESS,
      direction: 'outbound',
    },
  ],
}

const NAMES = readdirSync(FIXTURES).map((file) => file.replace(/\.json$/, ''))

describe('extractMedia', () => {
  it.each(NAMES)('finds exactly what the webhook %s holds', (name) => {
    expect(extract(name)).toStrictEqual({
      media: REFERENCES[name] ?? [],
      unavailable: UNAVAILABLE[name] ?? [],
      revoked: REVOKED[name] ?? [],
    })
  })

  it('is tested against a fixture for each expectation', () => {
    const expected = [REFERENCES, UNAVAILABLE, REVOKED].flatMap((table) => Object.keys(table))
    expect(expected.filter((name) => !NAMES.includes(name))).toStrictEqual([])
  })

  it('gives plain JSON that survives a queue', () => {
    for (const name of NAMES) expect(JSON.parse(JSON.stringify(extract(name)))).toStrictEqual(extract(name))
  })
})

/** A webhook with these messages and nothing else. */
function webhook(...messages: unknown[]): unknown {
  return { entry: [{ id: 'waba', changes: [{ field: 'messages', value: { messages } }] }] }
}

function onlyMedia(...messages: unknown[]): MediaReference[] {
  return extractMedia(webhook(...messages), { receivedAt: RECEIVED_AT }).media
}

function onlyUnavailable(...messages: unknown[]): UnavailableMedia[] {
  return extractMedia(webhook(...messages), { receivedAt: RECEIVED_AT }).unavailable
}

const PHOTO = { id: 'wamid.1', timestamp: '1760540395', type: 'image', image: { id: 'm1', mime_type: 'image/jpeg' } }

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

  it('never makes a reference from a media id that is not a filled string', () => {
    for (const id of [undefined, null, '', 0, 1234567890123456, {}, [], true]) {
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
          mimeType: 'application/octet-stream',
          downloadUrl: 'no url',
          phoneNumberId: '',
          businessAccountId: 'waba',
        }),
        'from',
      ),
    ])
  })

  it('leaves message id and phone number id empty when the wire has none', () => {
    expect(onlyMedia({ image: { id: 'm1' } })).toMatchObject([{ messageId: '', phoneNumberId: '', mediaId: 'm1' }])
  })

  it('reads ids of accounts and numbers that a provider sends as numbers', () => {
    const value = { metadata: { phone_number_id: 42 }, messages: [PHOTO] }
    const { media } = extractMedia({ entry: [{ id: 7, changes: [{ value }] }] })
    expect(media).toMatchObject([{ phoneNumberId: '42', businessAccountId: '7' }])
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

function flowAnswer(json: string): unknown {
  return {
    id: 'wamid.flow',
    type: 'interactive',
    interactive: { type: 'nfm_reply', nfm_reply: { response_json: json } },
  }
}

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
      { mediaId: 'f1', mediaType: 'document', mimeType: 'application/octet-stream', filename: 'x.pdf' },
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

describe('extractMedia on hostile payloads', () => {
  it('reads own properties only', () => {
    const payload: unknown = JSON.parse(
      '{"entry":[{"id":"waba","changes":[{"value":{"messages":[{"id":"wamid.1","__proto__":{"type":"image","image":{"id":"m1"}},"image":{"__proto__":{"id":"m2"},"constructor":"x"}}]}}]}]}',
    )
    expect(extractMedia(payload).media).toStrictEqual([])
    expect(Object.hasOwn(Object.prototype, 'image')).toBe(false)
    expect(Reflect.get({}, 'image')).toBeUndefined()
  })

  it('does not let a standby echo set the prototype of what is read', () => {
    const payload: unknown = JSON.parse(
      '{"entry":[{"changes":[{"value":{"standby":{"message_echoes":[{"id":"wamid.1","message":{"__proto__":{"image":{"id":"m1"}}}}]}}}]}]}',
    )
    expect(extractMedia(payload).media).toStrictEqual([])
  })

  it.each(['[', '{"a":'])('survives 100,000 levels of %s in body and Flow answer', (open) => {
    const close = open === '[' ? ']' : '}'
    const deep = `${open.repeat(100_000)}1${close.repeat(100_000)}`
    const payload: unknown = JSON.parse(`{"entry":[{"changes":[{"value":{"messages":[{"image":${deep}}]}}]}]}`)
    expect(extractMedia(payload).media).toStrictEqual([])
    expect(onlyMedia(flowAnswer(deep))).toStrictEqual([])
    expect(extractMedia(JSON.parse(deep)).media).toStrictEqual([])
  })

  it('takes lists longer than a call has room for arguments', () => {
    const many = (item: string): unknown => JSON.parse(`[${item}${`,${item}`.repeat(199_999)}]`)
    const messages = many('{}')
    const value = { messages, errors: many('{"code":131035}'), history: [{ threads: [{ messages }] }], calls: messages }
    expect(extractMedia({ entry: [{ changes: [{ value }] }] }).unavailable).toHaveLength(200_000)
    const files = JSON.stringify(many('{"id":"1","mime_type":"a/b"}'))
    expect(onlyMedia(flowAnswer(files))).toHaveLength(1)
  })

  it('takes 1,000 messages in 3 MB and a Flow answer with 300,000 values', () => {
    const messages = Array.from({ length: 1_000 }, (_, index) => ({
      ...PHOTO,
      id: `wamid.${index}`,
      image: { ...PHOTO.image, id: `m${index}`, caption: 'x'.repeat(3_000) },
    }))
    expect(onlyMedia(...messages)).toHaveLength(1_000)
    expect(onlyMedia(flowAnswer(`{"a":[${'1,'.repeat(300_000)}{"id":"f1","mime_type":"a/b"}]}`))).toHaveLength(1)
  })
})
