import { describe, expect, expectTypeOf, it } from 'vitest'
import type { ArchivedMedia } from '../../src/archive.js'
import { toContent } from '../../src/media-archive/content.js'

const media: ArchivedMedia = {
  key: 'whatsapp-media/acme/2026-11-22/document/5ef5e495-9ea6-59d7-91c6-d39ba4699239.pdf',
  bucket: 'media',
  url: 'https://media.s3.example/whatsapp-media/acme/2026-11-22/document/5ef5e495-9ea6-59d7-91c6-d39ba4699239.pdf',
  etag: '"1"',
  size: 1_234,
  sha256: 'a'.repeat(64),
  mimeType: 'application/pdf',
  filename: 'offer.pdf',
  caption: 'Our offer',
  alreadyStored: false,
  integrity: 'announced',
  keyIsStable: true,
  mediaId: '1013859600285441',
  mediaType: 'document',
  accountId: 'acme',
  messageId: 'wamid.of-a-test',
  from: '12025550143',
}

describe('toContent', () => {
  it('names the fields as a message document does', () => {
    expect(toContent(media)).toStrictEqual({
      mediaUrl: media.url,
      mediaType: 'document',
      mediaId: '1013859600285441',
      s3Key: media.key,
      mimeType: 'application/pdf',
      fileSize: 1_234,
      sha256: 'a'.repeat(64),
      filename: 'offer.pdf',
      caption: 'Our offer',
    })
  })

  it('puts the prefix before every name', () => {
    const content = toContent(media, 'content.')
    expectTypeOf(content['content.fileSize']).toEqualTypeOf<number>()
    expectTypeOf(content['content.caption']).toEqualTypeOf<string | undefined>()
    const plain = Object.entries(toContent(media))
    expect(content).toStrictEqual(Object.fromEntries(plain.map(([name, value]) => [`content.${name}`, value])))
  })

  it('leaves out what the media lacks, so that an update leaves theirs alone', () => {
    const { filename, caption, ...bare } = media
    expect(Object.keys(toContent(bare)).sort()).toEqual(
      ['fileSize', 'mediaId', 'mediaType', 'mediaUrl', 'mimeType', 's3Key', 'sha256'].sort(),
    )
    expect(toContent({ ...bare, filename: '', caption: '' })).toMatchObject({ filename: '', caption: '' })
    expect(toContent({ ...bare, caption: 'c' })).not.toHaveProperty('filename')
    expect(toContent({ ...bare, filename: 'f' })).not.toHaveProperty('caption')
  })
})
