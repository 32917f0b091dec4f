import { describe, expect, it } from 'vitest'
import { archiveMedia } from '../../src/archive.js'
import { downloadMediaFromWhatsApp } from '../../src/download.js'
import { api, asked, jpeg, options, photo, storage } from './scene.js'

/* Webhooks that do not say what the file is. */

describe('archiveMedia of media whose webhook has no usable MIME type', () => {
  it.each([
    '',
    'image',
    'image/*',
    '*/*',
    'jpeg',
    'application/octet-stream',
    'binary/octet-stream',
    'unknown/unknown',
  ])('names a photo of %j by the look-up of each attempt', async (mimeType) => {
    api.fail({ on: 'download', kind: 'status', status: 503, times: 1 })
    const archived = await archiveMedia({ ...(await photo()), mimeType }, options())
    expect(archived).toMatchObject({ mimeType: 'image/jpeg', mediaType: 'image', keyIsStable: false })
    expect(archived.key).toMatch(/\/image\/[^/]+\.jpg$/)
    expect(await storage.head(archived.key)).toMatchObject({ contentType: 'image/jpeg', contentDisposition: 'inline' })
    expect(asked()).toEqual(['look-up', 'download', 'look-up', 'download'])
  })

  it.each([
    ['audio', 'audio/ogg; codecs=opus', 'ogg'],
    ['video', 'video/mp4', 'mp4'],
    ['sticker', 'image/webp', 'webp'],
  ] as const)('names a %s by the look-up, too', async (mediaType, mimeType, extension) => {
    const { reference } = await api.addMedia({ bytes: jpeg, mimeType, mediaType })
    const given = { ...reference, mimeType: 'application/octet-stream' }
    const archived = await archiveMedia(given, options({ sniff: 'trust' }))
    expect(archived).toMatchObject({ mimeType, mediaType, keyIsStable: false })
    expect(archived.key.endsWith(`.${extension}`)).toBe(true)
  })

  it.each(['', 'pdf', 'application/*'])('names a document of %j by the look-up', async (mimeType) => {
    const file = { bytes: Buffer.from('%PDF-1.7'), mimeType: 'application/pdf', mediaType: 'document' } as const
    const { reference } = await api.addMedia(file)
    const archived = await archiveMedia({ ...reference, mimeType }, options())
    expect(archived).toMatchObject({ mimeType: 'application/pdf', keyIsStable: false })
    expect(archived.key).toMatch(/\.pdf$/)
  })

  it('takes application/octet-stream of a document for its type', async () => {
    const file = { bytes: Buffer.from('%PDF-1.7'), mimeType: 'application/pdf', mediaType: 'document' } as const
    const { reference } = await api.addMedia(file)
    const given = { ...reference, mimeType: 'application/octet-stream' }
    const archived = await archiveMedia(given, options())
    expect(archived).toMatchObject({ mimeType: 'application/octet-stream', keyIsStable: true })
    expect(archived.key).toMatch(/\.bin$/)
    expect(asked()).toEqual(['download'])
  })

  it('keeps what the look-up does not know either as a download', async () => {
    const { reference } = await api.addMedia({ bytes: jpeg, mimeType: 'application/octet-stream', mediaType: 'image' })
    const archived = await archiveMedia(reference, options())
    expect(archived).toMatchObject({ mimeType: 'application/octet-stream', keyIsStable: false })
    expect(archived.key).toMatch(/\/image\/[^/]+\.bin$/)
    expect(await storage.head(archived.key)).toMatchObject({ contentDisposition: 'attachment' })
  })

  it('finds the object again, and takes the type of a type that is unknown here from the look-up', async () => {
    const { reference } = await api.addMedia({ bytes: jpeg, mimeType: 'video/mp4', mediaType: 'video' })
    const given = { ...reference, mediaType: 'document', mimeType: '', unknownType: 'video_note' } as const
    const archived = await archiveMedia(given, options())
    expect(archived).toMatchObject({ mediaType: 'video', mimeType: 'video/mp4', unknownType: 'video_note' })
    expect(await archiveMedia(given, options())).toMatchObject({ key: archived.key, alreadyStored: true })
  })

  it('is read with its true type', async () => {
    const { accessToken, cloudApi } = api
    const media = await downloadMediaFromWhatsApp({ ...(await photo()), mimeType: '' }, { accessToken, cloudApi })
    expect(media.mimeType).toBe('image/jpeg')
    expect(asked()).toEqual(['look-up', 'download'])
    await media.bytes()
  })
})
