import { describe, expect, it } from 'vitest'
import { extractFlowMedia } from '../../src/index.js'
import { checkReference } from '../../src/media-reference.js'
import { reference } from './scene.js'
import { WIRE_KEYS } from './vector.js'

const options = { phoneNumberId: '106540352242922', timestamp: '2026-11-22T10:00:00.000Z' }
const file = {
  media_id: reference.mediaId,
  cdn_url: reference.downloadUrl,
  file_name: 'IMG_5237.jpg',
  encryption_metadata: WIRE_KEYS,
}
const other = { ...file, media_id: 'b' }
const request = (data: unknown): object => ({
  ...{ version: '3.0', action: 'data_exchange', screen: 'PHOTOS', data, flow_token: 'token' },
})
const cyclic: Record<string, unknown> = { photos: [file] }
cyclic['self'] = cyclic

describe('extractFlowMedia', () => {
  it('makes a reference that an archive takes', () => {
    const { media, unavailable, revoked } = extractFlowMedia(request({ photo_picker: [file] }), options)
    expect(media).toEqual([{ ...reference, receivedAt: expect.any(String) }])
    expect({ unavailable, revoked }).toEqual({ unavailable: [], revoked: [] })
    for (const each of media) checkReference(each)
  })

  it('takes what the caller knows', () => {
    const known = { ...options, businessAccountId: '102290129340398', messageId: 'order 7', from: '15550001111' }
    expect(extractFlowMedia([file], known).media).toMatchObject([
      {
        businessAccountId: '102290129340398',
        messageId: 'order 7',
        from: '15550001111',
        contact: { phone: '15550001111' },
      },
    ])
    const date = new Date('2026-11-22T10:00:00Z')
    expect(extractFlowMedia([file], { ...options, timestamp: date }).media).toMatchObject([
      { timestamp: options.timestamp },
    ])
  })

  it.each<[string, unknown, number]>([
    ['a whole request', request({ photo_picker: [file] }), 1],
    ['its data alone', { photo_picker: [file] }, 1],
    ["one picker's list", [file, other], 2],
    ['one file', file, 1],
    ['two pickers', request({ photos: [file], papers: [other], name: 'John' }), 2],
    ['a file in an object', request({ a: { b: { c: file } } }), 1],
    ['the same file twice', request({ photos: [file], again: [file] }), 1],
    ['an object that holds itself', cyclic, 1],
    ['a ping', { version: '3.0', action: 'ping' }, 0],
    ['an error of the client', request({ error: 'x', error_message: 'y' }), 0],
    ['no files', request({ photo_picker: [] }), 0],
    ['nothing', {}, 0],
    ['the answer of a Flow without an endpoint', request({ photos: [{ id: '1', mime_type: 'image/jpeg' }] }), 0],
    ['odd values', request({ a: null, b: [null, 1, 'x', [[]]], c: { cdn_url: 7, encryption_metadata: [] } }), 0],
  ])('finds the files of %s', (_name, given, count) => {
    expect(extractFlowMedia(given, options).media).toHaveLength(count)
  })

  it.each<[string | undefined, string, string]>([
    ['a.jpg', 'image', 'image/jpeg'],
    ['A.JPEG', 'image', 'image/jpeg'],
    ['scan.heic', 'image', 'image/heic'],
    ['clip.mp4', 'video', 'video/mp4'],
    ['form.pdf', 'document', 'application/pdf'],
    ['x.docx', 'document', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    ['page.html', 'document', 'text/html'],
    ['no extension', 'document', 'application/octet-stream'],
    ['odd.zzzzz', 'document', 'application/octet-stream'],
    ['', 'document', 'application/octet-stream'],
    [undefined, 'document', 'application/octet-stream'],
  ])('takes the type from the name %s', (name, mediaType, mimeType) => {
    expect(extractFlowMedia([{ ...file, file_name: name }], options).media).toMatchObject([{ mediaType, mimeType }])
  })

  it('keeps malformed files for the archive to refuse, and reports those without a media id', () => {
    const bare = { media_id: 'c', cdn_url: 'https://mmg.whatsapp.net/v/1' }
    const { media, unavailable } = extractFlowMedia([bare, { ...file, media_id: '' }], options)
    expect(() => checkReference(media[0])).toThrow(expect.objectContaining({ code: 'invalid-option' }))
    expect(unavailable).toMatchObject([{ reason: 'no-media-id', mediaType: 'image', origin: 'flow-endpoint' }])
  })

  it('takes 30 files, or as many as it is told, and reports the rest', () => {
    const many = Array.from({ length: 31 }, (_, index) => ({ ...file, media_id: `m${index}` }))
    const { media, unavailable } = extractFlowMedia(many, options)
    expect(media).toHaveLength(30)
    expect(unavailable).toMatchObject([{ reason: 'too-many-files', phoneNumberId: options.phoneNumberId }])
    expect(extractFlowMedia(many, { ...options, maxFiles: 31 })).toMatchObject({ unavailable: [] })
  })

  it.each<[string, unknown, object, string]>([
    ['an encrypted request', { encrypted_flow_data: 'x', encrypted_aes_key: 'y', initial_vector: 'z' }, {}, 'request'],
    ['text', '{}', {}, 'request'],
    ['bytes', Buffer.from('{}'), {}, 'request'],
    ['nothing', undefined, {}, 'request'],
    ['a promise', Promise.resolve({}), {}, 'request'],
    ['a Request', new Request('https://example.com'), {}, 'request'],
    ['no time', {}, { timestamp: undefined }, 'timestamp'],
    ['a time without a zone', {}, { timestamp: '2026-11-22T10:00:00' }, 'timestamp'],
    ['a number as its id', {}, { phoneNumberId: 7 }, 'phoneNumberId'],
    ['a number for a customer', {}, { from: 7 }, 'from'],
    ['no whole number of files', {}, { maxFiles: 1.5 }, 'maxFiles'],
  ])('refuses %s', (_name, given, more, option) => {
    expect(() => extractFlowMedia(given, { ...options, ...more })).toThrow(
      expect.objectContaining({ code: 'invalid-option', option }),
    )
  })
})
