import { describe, expect, test } from 'vitest'
import { contradicts } from '../../src/file-type/contradicts.js'

const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
const EXE = 'application/vnd.microsoft.portable-executable'

describe('contradicts', () => {
  test.each([
    ['image/jpeg', 'image/jpeg'],
    ['image/jpg', 'image/jpeg'],
    ['image/x-citrix-jpeg', 'image/jpeg'],
    ['audio/x-mpg', 'audio/mpeg'],
    ['image/apng', 'image/png'],
    ['IMAGE/JPEG; x=y', 'image/jpeg'],
    ['image/heic', 'image/avif'],
    ['audio/mp4', 'video/mp4'],
    ['video/mp4', 'video/quicktime'],
    ['video/3gpp', 'video/mp4'],
    ['audio/aac', 'audio/mp4'],
    ['audio/aac', 'audio/mpeg'],
    ['audio/amr', 'video/3gpp'],
    ['audio/ogg; codecs=opus', 'audio/ogg'],
    ['video/ogg', 'audio/ogg'],
    ['audio/webm', 'video/webm'],
    ['audio/webm', 'video/x-matroska'],
    [DOCX, 'application/zip'],
    [DOCX, XLSX],
    [DOCX, 'application/x-cfb'],
    ['application/zip', DOCX],
    ['application/msword', 'application/x-cfb'],
    ['application/msword', DOCX],
    ['application/vnd.ms-excel', 'application/x-cfb'],
    ['image/svg+xml', 'text/xml'],
    ['application/rss+xml', 'text/xml'],
    ['application/x-unheard-of', 'application/zip'],
    ['application/x-unheard-of', 'application/pdf'],
    ['application/vnd.android.package-archive', 'application/zip'],
    ['image/x-unheard-of', 'image/tiff'],
    ['video/x-unheard-of', 'audio/mp4'],
    ['audio/x-unheard-of', 'video/mp4'],
    ['text/plain', undefined],
    ['text/csv', undefined],
    ['audio/mpeg', undefined],
    ['video/mp4', undefined],
    ['application/msword', undefined],
    ['application/x-unheard-of', undefined],
    ['image/x-unheard-of', undefined],
  ])('contradicts finds %s and %s compatible', (declared, sniffed) => {
    expect(contradicts(declared, sniffed)).toBe(false)
  })

  test.each([
    ['image/jpeg', 'image/png'],
    ['image/x-citrix-jpeg', 'image/png'],
    ['image/x-citrix-jpeg', undefined],
    ['image/jpeg', 'text/html'],
    ['image/png', 'image/svg+xml'],
    ['application/pdf', EXE],
    ['application/pdf', 'application/zip'],
    ['application/zip', EXE],
    ['application/zip', 'application/x-cfb'],
    ['application/vnd.ms-excel', 'text/html'],
    ['audio/ogg', 'audio/mpeg'],
    ['audio/mpeg', 'video/mp4'],
    ['text/plain', 'text/html'],
    ['text/plain', 'application/x-sh'],
    ['text/csv', 'application/zip'],
    ['text/x-unheard-of', 'image/png'],
    ['application/json', 'text/html'],
    ['application/x-unheard-of', 'image/svg+xml'],
    ['application/x-unheard-of', EXE],
    ['application/rss+xml', 'image/png'],
    ['image/x-unheard-of', 'application/pdf'],
    ['image/x-unheard-of', 'image/svg+xml'],
    ['video/x-unheard-of', 'image/png'],
    ['audio/x-unheard-of', 'application/zip'],
    ['image/jpeg', 'application/x-unheard-of'],
    ...['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/heic', 'application/pdf', 'audio/ogg', 'audio/amr']
      .concat('application/zip', DOCX, 'application/gzip')
      .map((declared): [string, undefined] => [declared, undefined]),
  ])('contradicts finds that %s is not %s', (declared, sniffed) => {
    expect(contradicts(declared, sniffed)).toBe(true)
  })

  test.each(['application/octet-stream', 'APPLICATION/OCTET-STREAM; x=y', '', 'nonsense'])(
    'contradicts finds nothing against %j',
    (declared) => {
      for (const sniffed of ['text/html', 'image/png', EXE, undefined])
        expect(contradicts(declared, sniffed)).toBe(false)
    },
  )
})
