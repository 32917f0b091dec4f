import { describe, expect, it } from 'vitest'
import type { MediaReference } from '../../src/media-reference.js'
import { extractMedia } from '../../src/webhook/extract.js'
import { flowAnswer, onlyMedia, onlyUnavailable, PHOTO } from './messages.js'

const VIDEO = { id: '9', mime_type: 'video/mp4' }

describe('extractMedia on a media type that it does not know', () => {
  it.each([
    ['video_note', VIDEO, 'video'],
    ['ptv', VIDEO, 'video'],
    ['gif', { ...VIDEO, id: 9 }, 'video'],
    ['voice_note', { id: '9', mime_type: 'audio/ogg; codecs=opus' }, 'audio'],
    ['live_photo', { id: '9', mime_type: 'image/heic' }, 'image'],
    ['sticker_pack', { id: '9', mime_type: 'application/zip' }, 'document'],
    ['album', [{ id: '9', mime_type: 'image/jpeg' }, 'none', null, {}], 'image'],
  ] as const)('takes %s by its MIME type', (type, object, mediaType) => {
    expect(onlyMedia({ id: 'wamid.1', type, [type]: object })).toMatchObject([
      { mediaId: '9', mediaType, unknownType: type, messageId: 'wamid.1', origin: 'message' },
    ])
  })

  it('keeps the fields of a media object, and takes a hash in place of a MIME type', () => {
    const sha256 = 'a'.repeat(64)
    const object = { id: '9', sha256, caption: 'Look', filename: 'x.mp4', url: 'https://lookaside.fbsbx.com/?ext=1' }
    expect(onlyMedia({ ...PHOTO, image: undefined, type: 'video_note', video_note: object })).toMatchObject([
      { mimeType: '', mediaType: 'document', sha256, caption: 'Look', filename: 'x.mp4', downloadUrl: object.url },
    ])
  })

  it('finds it in edits, history and threads of other apps', () => {
    const message = { id: 'wamid.1', type: 'video_note', video_note: VIDEO }
    const edit = { id: 'wamid.2', type: 'edit', edit: { original_message_id: 'wamid.1', message } }
    const value = {
      messages: [edit],
      history: [{ threads: [{ messages: [message] }] }],
      standby: { messages: [message], message_echoes: [{ id: 'wamid.3', message }] },
    }
    const { media } = extractMedia({ entry: [{ changes: [{ value }] }] })
    expect(media.map(({ origin, unknownType }) => [origin, unknownType])).toStrictEqual([
      ['edit', 'video_note'],
      ['standby', 'video_note'],
      ['standby', 'video_note'],
      ['history', 'video_note'],
    ])
  })

  it('tells of one that Meta could not take', () => {
    const message = { id: 'wamid.1', type: 'video_note', video_note: VIDEO, errors: [{ code: 131052 }] }
    expect(onlyUnavailable(message)).toMatchObject([{ reason: 'media-error', mediaId: '9', mediaType: 'video' }])
  })

  it.each([
    ['button', { payload: 'yes', text: 'Yes' }],
    ['order', { catalog_id: '1', product_items: [{ product_retailer_id: '2' }] }],
    ['reaction', { message_id: 'wamid.0', emoji: '+' }],
    ['poll', { id: '9', title: 'Lunch?' }],
    ['contacts', [{ name: { formatted_name: 'A' } }]],
    ['__proto__', { id: '9', mime_type: 'video/mp4' }],
    ['toString', undefined],
    ['video_note', { mime_type: 'video/mp4' }],
    ['video_note', 'none'],
  ])('finds nothing in %s %j', (type, object) => {
    const message = { id: 'wamid.1', type, ...(object === undefined ? {} : { [type]: object }) }
    expect(onlyMedia(message, { id: 'wamid.2', type: 5 })).toStrictEqual(type === '__proto__' ? onlyMedia(message) : [])
    expect(onlyUnavailable(message)).toStrictEqual([])
  })
})

describe('extractMedia on headers of sent messages', () => {
  const image = (id: unknown): unknown => ({ type: 'image', image: { id } })

  function standbyEcho(message: unknown, more: object = {}): MediaReference[] {
    const value = { standby: { message_echoes: [{ id: 'wamid.S', message, ...more }] } }
    return extractMedia({ entry: [{ changes: [{ value }] }] }).media
  }

  it('finds the header and the cards of a template', () => {
    const header = { type: 'header', parameters: [{ type: 'text', text: 'Hello' }, image('1')] }
    const body = { type: 'body', parameters: [{ type: 'currency', currency: { code: 'EUR' } }] }
    const card = (parameter: unknown): unknown => ({ components: [{ type: 'header', parameters: [parameter] }] })
    const video = { type: 'video', video: { id: 2 } }
    const gif = { type: 'gif', gif: { id: '3' } }
    const carousel = { type: 'carousel', cards: [card(video), card(gif), card(undefined), {}] }
    const template = { name: 'offer', components: [header, body, carousel, { type: 'button', parameters: [{}] }] }
    const found = [
      { mediaId: '1', mediaType: 'image', mimeType: '', origin: 'standby', direction: 'outbound' },
      { mediaId: '2', mediaType: 'video' },
      { mediaId: '3', mediaType: 'document', unknownType: 'gif' },
    ]
    expect(standbyEcho({ to: '15550002222', type: 'template', template })).toMatchObject(found)
    expect(standbyEcho({ to: '15550002222', type: 'template' }, { template })).toMatchObject(found)
  })

  it('finds the header and the cards of an interactive message, and no button', () => {
    const document = { type: 'document', document: { id: '4', filename: 'a.pdf' } }
    const button = { type: 'reply', reply: { id: 'yes', title: 'Yes' } }
    const action = { buttons: [button], cards: [{ card_index: 0, header: image('5'), action: { buttons: [button] } }] }
    const interactive = { type: 'carousel', header: document, action }
    expect(standbyEcho({ type: 'interactive', interactive })).toMatchObject([
      { mediaId: '4', mediaType: 'document', filename: 'a.pdf' },
      { mediaId: '5', mediaType: 'image' },
    ])
    const text = { header: { type: 'text', text: 'Hello' }, button_reply: { id: 'yes' } }
    expect(standbyEcho({ type: 'interactive', interactive: text })).toStrictEqual([])
  })

  it('finds it in echoes of the phone too, and reports what was sent by link', () => {
    const header = { type: 'image', image: { link: 'https://example.com/a.jpg' } }
    const message = { id: 'wamid.E', type: 'interactive', interactive: { header } }
    const value = { message_echoes: [message, { ...message, interactive: { header: image('6') } }] }
    expect(extractMedia({ entry: [{ changes: [{ value }] }] })).toMatchObject({
      media: [{ mediaId: '6', origin: 'echo' }],
      unavailable: [{ reason: 'no-media-id', mediaType: 'image', origin: 'echo' }],
    })
  })

  it('still reads the answer to a Flow beside them', () => {
    expect(onlyMedia(flowAnswer('[{"id":"7","mime_type":"image/png"}]'))).toMatchObject([{ mediaId: '7' }])
  })
})
