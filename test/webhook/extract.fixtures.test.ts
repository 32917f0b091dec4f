import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { MediaReference } from '../../src/media-reference.js'
import { type ExtractedMedia, extractMedia, type UnavailableMedia } from '../../src/webhook/extract.js'
import { BUSINESS, CONTEXT, CUSTOMER, RECEIVED_AT, reference, SENT_AT, USER, without } from './messages.js'

const FIXTURES = new URL('../fixtures/webhooks/', import.meta.url)

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

/** With the download URL that Meta puts into most webhooks. */
function withUrl(facts: Parameters<typeof reference>[0]): MediaReference {
  return reference({
    downloadUrl: `https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=${facts.mediaId}&source=webhook&ext=1760540697&hash=ARexample`,
    downloadUrlExpiresAt: '2025-10-15T15:04:57.000Z',
    ...facts,
  })
}

function unavailable(facts: Partial<UnavailableMedia> & Pick<UnavailableMedia, 'reason'>): UnavailableMedia {
  return {
    ...CONTEXT,
    timestamp: SENT_AT,
    from: USER,
    contact: CUSTOMER,
    direction: 'inbound',
    origin: 'message',
    ...facts,
  }
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
    withUrl({
      ...IMAGE,
      messageId: 'wamid.GROUP',
      mediaId: '3000000000000011',
      sha256: sha256('group'),
      group: 'Y2FwaV9ncm91cDo',
    }),
  ],
  'username-sender': [
    without(
      withUrl({
        ...IMAGE,
        messageId: 'wamid.USERNAME',
        mediaId: '3000000000000012',
        sha256: sha256('username'),
        fromUserId: 'IN.2081978709342942',
        contact: { userId: 'IN.2081978709342942' },
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
        contact: { userId: 'IN.2081978709342942' },
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
      contact: { phone: USER, userId: 'IN.2081978709342942' },
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
      contact: { phone: USER, userId: 'IN.2081978709342942' },
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
        mimeType: '',
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
      contact: { phone: USER, userId: 'US.13491208655302741918' },
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
      contact: CUSTOMER,
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
      contact: CUSTOMER,
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
