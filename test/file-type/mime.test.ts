import { readFileSync } from 'node:fs'
import mimeTypes from 'mime-types'
import { describe, expect, test } from 'vitest'
import { MIME_TABLE } from '../../src/file-type/mime/table.js'
import {
  decideServedType,
  findContentType,
  findExtension,
  findUsualName,
  getMediaTypeFromMime,
  isTelling,
  mayShowInline,
  readEssence,
} from '../../src/file-type/mime.js'

const OFFICE = 'application/vnd.openxmlformats-officedocument'

/** Meta: Media, and Flows media upload (DocumentPicker): every type WhatsApp documents. */
const DOCUMENTED: Record<string, string> = {
  'audio/aac': 'aac',
  'audio/amr': 'amr',
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'audio/ogg': 'ogg',
  'text/plain': 'txt',
  'application/pdf': 'pdf',
  'application/msword': 'doc',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.ms-powerpoint': 'ppt',
  [`${OFFICE}.wordprocessingml.document`]: 'docx',
  [`${OFFICE}.spreadsheetml.sheet`]: 'xlsx',
  [`${OFFICE}.presentationml.presentation`]: 'pptx',
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'video/mp4': 'mp4',
  'video/3gpp': '3gp',
  'application/gzip': 'gz',
  'application/zip': 'zip',
  'application/x-7z-compressed': '7z',
  'application/vnd.oasis.opendocument.text': 'odt',
  'application/vnd.oasis.opendocument.spreadsheet': 'ods',
  'application/vnd.oasis.opendocument.presentation': 'odp',
  'image/avif': 'avif',
  'image/gif': 'gif',
  'image/heic': 'heic',
  'image/heif': 'heif',
  'image/tiff': 'tiff',
  'video/mpeg': 'mpeg',
}

describe('getMediaTypeFromMime', () => {
  test.each([
    ['image/jpeg', 'image'],
    ['image/webp', 'image'],
    ['IMAGE/PNG', 'image'],
    ['video/mp4', 'video'],
    ['video/unheard-of', 'video'],
    ['audio/ogg; codecs=opus', 'audio'],
    [' audio/mpeg', 'audio'],
    ['application/pdf', 'document'],
    ['application/ogg', 'document'],
    ['images/png', 'document'],
    ['x-image/png', 'document'],
    ['image', 'document'],
    ['', 'document'],
  ])('getMediaTypeFromMime says what %j is', (mimeType, expected) => {
    expect(getMediaTypeFromMime(mimeType)).toBe(expected)
  })
})

describe('readEssence', () => {
  test.each([
    ['image/jpeg', 'image/jpeg'],
    ['Audio/OGG; codecs=opus', 'audio/ogg'],
    [' text/plain ;charset=utf-8', 'text/plain'],
    ['application/vnd.ms-excel', 'application/vnd.ms-excel'],
    ['image/svg+xml', 'image/svg+xml'],
  ])('readEssence drops parameters and case of %j', (mimeType, expected) => {
    expect(readEssence(mimeType)).toBe(expected)
  })

  test.each([
    '',
    'image',
    'image/',
    '/jpeg',
    'image/jpeg/png',
    'image/jpeg png',
    'image/jpeg\r\nX-Injected: 1',
    'image/jpeg; a=b\r\nX-Injected: 1',
    'image/jpeg\n',
    '../jpeg',
    'image/../../etc/passwd',
    'image/..',
    'image/<script>',
    'image/jpég',
    'image/jpeg\0',
    'image/"jpeg"',
    `image/${'a'.repeat(128)}`,
  ])('readEssence is empty for %j', (mimeType) => {
    expect(readEssence(mimeType)).toBe('')
  })
})

describe('isTelling', () => {
  test.each(['', 'image', 'image/*', '*/*', 'image/', 'jpeg', 'image/jpeg, image/png', 'image/jpeg\r\n'])(
    'isTelling is false for the malformed %j',
    (mimeType) => {
      for (const mediaType of ['image', 'document', undefined] as const)
        expect(isTelling(mimeType, mediaType)).toBe(false)
    },
  )

  test.each([
    'application/octet-stream',
    'Application/Octet-Stream; charset=binary',
    'binary/octet-stream',
    'application/x-octet-stream',
    'application/binary',
    'application/unknown',
    'unknown/unknown',
    'content/unknown',
    'application/force-download',
    'application/x-download',
  ])('isTelling takes %s for an answer about documents alone', (mimeType) => {
    expect(isTelling(mimeType, 'document')).toBe(true)
    for (const mediaType of ['image', 'audio', 'video', 'sticker', undefined] as const) {
      expect(isTelling(mimeType, mediaType)).toBe(false)
    }
  })

  test.each(['image/jpeg', 'audio/ogg; codecs=opus', 'application/pdf', 'image/x-unheard-of', 'application/ogg'])(
    'isTelling is true for %s',
    (mimeType) => {
      for (const mediaType of ['image', 'document', undefined] as const)
        expect(isTelling(mimeType, mediaType)).toBe(true)
    },
  )
})

describe('findExtension', () => {
  test.each(Object.entries(DOCUMENTED))('findExtension knows the documented %s', (mimeType, extension) => {
    expect(findExtension(mimeType)).toBe(extension)
    expect(findExtension(`${mimeType.toUpperCase()} ; charset=binary`)).toBe(extension)
    expect(findContentType(extension)).toBe(mimeType)
  })

  test.each([
    ['audio/ogg; codecs=opus', 'ogg'],
    ['image/jpg', 'jpg'],
    ['video/3gp', '3gp'],
    ['audio/x-m4a', 'm4a'],
    ['application/x-zip-compressed', 'zip'],
    ['application/vnd.android.package-archive', 'apk'],
    ['text/html', 'html'],
  ])('findExtension gives %s the extension %s', (mimeType, extension) => {
    expect(findExtension(mimeType)).toBe(extension)
  })

  test.each(['application/octet-stream', 'application/x-unheard-of', 'nonsense', '', '__proto__/x', 'constructor'])(
    'findExtension does not know %j',
    (mimeType) => {
      expect(findExtension(mimeType)).toBeUndefined()
    },
  )
})

describe('other names of types', () => {
  /** Names that Windows, Android, browsers and WhatsApp give, and the extension that people know. */
  const NAMES: Record<string, string> = {
    aac: 'audio/aacp audio/x-hx-aac-adts audio/aac-adts audio/vnd.dlna.adts',
    m4a: 'audio/mp4a-latm audio/mpeg4-generic audio/x-mp4',
    m4b: 'audio/m4b audio/x-m4b',
    m4p: 'audio/x-m4p',
    mp3: 'audio/mpg audio/x-mpg audio/mpeg3 audio/x-mpeg-3 audio/x-mpeg3 audio/x-mpegaudio',
    m3u: 'audio/mpegurl audio/x-mpegurl',
    wav: 'audio/x-pn-wav audio/x-wav;codec=pcm',
    wma: 'audio/x-ms-wma audio/wma',
    aif: 'audio/aiff audio/x-aiff',
    caf: 'audio/x-caf',
    ogg: 'audio/opus audio/x-opus+ogg audio/x-vorbis+ogg audio/vorbis audio/x-vorbis audio/x-ogg audio/x-opus',
    mid: 'audio/mid audio/midi audio/x-midi',
    amr: 'audio/amr-nb audio/x-amr audio/AMR',
    awb: 'audio/AMR-WB',
    gsm: 'audio/x-gsm',
    mka: 'audio/x-matroska audio/matroska',
    au: 'audio/basic',
    '3gp': 'audio/3gpp video/3gpp video/x-3gpp audio/x-rn-3gpp-amr',
    '3g2': 'audio/3gpp2 video/3gpp2',
    wmv: 'video/x-ms-wmv',
    asf: 'video/x-ms-asf video/asf',
    mp4: 'video/x-mp4 video/mp4v-es video/avc video/hevc video/h265',
    ts: 'video/vnd.dlna.mpeg-tts video/mp2t',
    flv: 'video/x-flv video/flv',
    divx: 'video/divx',
    avi: 'video/vnd.avi video/x-avi video/msvideo',
    mpeg: 'video/x-mpeg video/mpeg2',
    mpg: 'video/mpg video/vnd.dlna.mpeg-ps',
    mov: 'video/mov video/x-quicktime video/x-mov',
    m4v: 'video/m4v',
    mkv: 'video/mkv video/x-mkv',
    ogv: 'video/ogv video/x-theora',
    jpg: 'image/x-jpeg image/jfif image/pipeg image/x-citrix-jpeg image/pjpeg',
    png: 'image/x-citrix-png image/apng image/vnd.mozilla.apng image/x-png',
    gif: 'image/gif;charset=binary image/x-gif',
    webp: 'image/x-webp image/webp;codecs=vp8',
    ico: 'image/vnd.microsoft.icon image/x-icon image/ico',
    tiff: 'image/tif image/x-tiff image/x-tif',
    heic: 'image/vnd.android.heic',
    heics: 'image/heic-sequence',
    avif: 'image/avif-sequence',
    dng: 'image/x-adobe-dng image/dng',
    cr2: 'image/x-canon-cr2',
    jxl: 'image/jxl',
    bmp: 'image/x-win-bitmap image/x-ms-bmp image/x-windows-bmp',
    psd: 'image/psd image/x-photoshop',
    was: 'application/was',
    pdf: 'application/acrobat image/pdf',
    xls: 'application/excel application/msexcel',
  }
  const pairs = Object.entries(NAMES).flatMap(([extension, names]) =>
    names.split(' ').map((name): [string, string] => [name, extension]),
  )

  test.each(pairs)('findExtension gives %s the extension %s', (mimeType, extension) => {
    expect(findExtension(mimeType)).toBe(extension)
  })

  test.each(pairs)('what is stored as %s is signed the same way by its extension %s', (mimeType, extension) => {
    const stored = decideServedType(mimeType)
    const signed = decideServedType(findContentType(extension, { isSound: mimeType.startsWith('audio/') }) ?? '')
    if (stored.contentType !== 'application/octet-stream') expect(signed).toEqual(stored)
  })

  test.each([
    ['audio/x-mpg', 'audio/mpeg'],
    ['Image/X-Citrix-Jpeg; a=b', 'image/jpeg'],
    ['video/3gp', 'video/3gpp'],
    ['audio/3gpp', 'audio/3gpp'],
    ['image/pdf', 'image/pdf'],
    ['x/y', 'x/y'],
    ['nonsense', ''],
  ])('findUsualName calls %s %s', (mimeType, usual) => {
    expect(findUsualName(mimeType)).toBe(usual)
  })

  test('a name of another kind lends its extension alone', () => {
    expect(decideServedType('image/pdf')).toEqual({ contentType: 'application/octet-stream', inline: false })
    expect(findContentType('3gp', { isSound: true })).toBe('audio/3gpp')
    expect(findContentType('3g2', { isSound: true })).toBe('audio/3gpp2')
    expect(findContentType('mp4', { isSound: true })).toBe('video/mp4')
    expect(findContentType('ogv', { isSound: true })).toBe('video/ogg')
    expect(findContentType('mkv', { isSound: true })).toBe('video/x-matroska')
  })

  test('every name in the table leads to an extension', () => {
    let top = ''
    for (const word of MIME_TABLE.split(/\s+/)) {
      if (word.endsWith('/')) top = word
      else expect(findExtension(top + word.replace(/[:>].*/, '')), top + word).toMatch(/^[a-z0-9]{1,10}$/)
    }
  })
})

describe('findContentType', () => {
  test.each([
    ['jpeg', 'image/jpeg'],
    ['jfif', 'image/jpeg'],
    ['3gp', 'video/3gpp'],
    ['oga', 'audio/ogg'],
    ['html', 'text/html'],
    ['apk', 'application/vnd.android.package-archive'],
  ])('findContentType reads %s as %s', (extension, mimeType) => {
    expect(findContentType(extension)).toBe(mimeType)
  })

  test.each(['bin', 'unheardof', '', '__proto__', 'constructor', 'JPG', '.jpg'])(
    'findContentType does not know %j',
    (extension) => {
      expect(findContentType(extension)).toBeUndefined()
    },
  )
})

describe('decideServedType', () => {
  test.each([
    ['image/jpeg', 'image/jpeg', true],
    ['image/jpg', 'image/jpeg', true],
    ['IMAGE/PNG; x=y', 'image/png', true],
    ['image/heic', 'image/heic', false],
    ['image/tiff', 'image/tiff', false],
    ['video/x-matroska', 'video/x-matroska', false],
    ['video/avi', 'video/x-msvideo', false],
    ['audio/amr', 'audio/amr', false],
    ['audio/3gpp', 'audio/3gpp', false],
    ['audio/x-mpg', 'audio/mpeg', true],
    ['image/x-citrix-jpeg', 'image/jpeg', true],
    ['image/apng', 'image/png', true],
    ['audio/x-rn-3gpp-amr', 'audio/3gpp', false],
    ['image/jpeg;text/html', 'image/jpeg', true],
    ['image/jpeg; charset=utf-7', 'image/jpeg', true],
    ['audio/ogg; codecs=opus', 'audio/ogg', true],
    ['video/3gpp', 'video/3gpp', false],
    ['application/pdf', 'application/pdf', false],
    ['text/plain', 'text/plain; charset=utf-8', false],
    ['text/plain; charset=utf-7', 'text/plain; charset=utf-8', false],
    ['text/csv', 'text/csv', false],
    [`${OFFICE}.wordprocessingml.document`, `${OFFICE}.wordprocessingml.document`, false],
    ['application/zip', 'application/zip', false],
  ])('decideServedType lets %s through', (mimeType, contentType, inline) => {
    expect(decideServedType(mimeType)).toEqual({ contentType, inline })
  })

  test.each([
    'text/html',
    'TEXT/HTML; charset=utf-8',
    'application/xhtml+xml',
    'image/svg+xml',
    'text/xml',
    'application/xml',
    'application/rss+xml',
    'text/javascript',
    'application/javascript',
    'text/css',
    'application/wasm',
    'application/x-shockwave-flash',
    'application/x-msdownload',
    'message/rfc822',
    'multipart/related',
    'multipart/x-mixed-replace; boundary=b',
    'multipart/x-mixed-replace;boundary=image/jpeg',
    'IMAGE/SVG+XML',
    'image/svg+xml; charset=utf-8',
    'image/svg',
    'image/jpeg+xml',
    'image/jpeg,text/html',
    'image/jpeg text/html',
    '\ufeffimage/jpeg',
    '\u00a0image/jpeg',
    'image/jpeg\0',
    'text/html;image/jpeg',
    'text/xsl',
    'text/cache-manifest',
    'text/x-component',
    'application/xml-dtd',
    'application/mathml+xml',
    'application/x-mimearchive',
    'application/hta',
    'application/x-ms-shortcut',
    'application/pdf+xml',
    'image/unheard-of',
    'audio/unheard-of',
    'application/octet-stream',
    'image/jpeg\r\nContent-Type: text/html',
    '__proto__/x',
    '',
  ])('decideServedType makes %j an octet-stream attachment', (mimeType) => {
    expect(decideServedType(mimeType)).toEqual({ contentType: 'application/octet-stream', inline: false })
  })
})

describe('mayShowInline', () => {
  test('mayShowInline allows pictures, sound, video and PDF', () => {
    for (const contentType of [
      ...['image/png', 'audio/ogg', 'video/mp4', 'application/pdf', 'Application/PDF; a=b'],
      ...['image/heic', 'image/tiff', 'video/x-matroska', 'video/3gpp', 'audio/amr', 'audio/x-mpg'],
    ]) {
      expect(mayShowInline(contentType), contentType).toBe(true)
    }
  })

  test('mayShowInline refuses the rest', () => {
    for (const contentType of [
      'text/plain',
      'text/html',
      'image/svg+xml',
      'application/zip',
      'application/x-foo',
      '',
    ]) {
      expect(mayShowInline(contentType), contentType).toBe(false)
    }
  })
})

describe('MIME_TABLE', () => {
  const SAFE_EXTENSION = /^[a-z0-9]{1,10}$/

  test('MIME_TABLE is what its script makes of its sources', async () => {
    const script: unknown = await import(new URL('../../scripts/generate-mime-table.mjs', import.meta.url).href)
    const generate: unknown = Reflect.get(Object(script), 'generateMimeTable')
    const text: unknown = typeof generate === 'function' ? generate() : undefined
    expect(text).toBe(readFileSync(new URL('../../src/file-type/mime/table.ts', import.meta.url), 'utf8'))
    expect(text).toContain(MIME_TABLE)
  })

  test('MIME_TABLE gives each type the extension mime-types gives it, except for the documented choices', () => {
    const different: Record<string, string | undefined> = {}
    for (const [type, extensions] of Object.entries(mimeTypes.extensions)) {
      const found = findExtension(type)
      if (found !== extensions[0]) different[type] = found
    }
    expect(different).toEqual({
      // No extension that is safe in a key and a file name.
      'application/appinstaller': undefined,
      'application/atomdeleted+xml': undefined,
      'application/manifest+json': undefined,
      'application/vnd.denovo.fcselayout-link': undefined,
      'application/vnd.hydrostatix.sof-data': undefined,
      'application/vnd.nokia.n-gage.symbian.install': undefined,
      'application/x-ms-application': undefined,
      'application/x-virtualbox-vbox-extpack': undefined,
      'message/disposition-notification': undefined,
      'model/vnd.parasolid.transmit.binary': undefined,
      'model/vnd.parasolid.transmit.text': undefined,
      // It declares nothing.
      'application/octet-stream': undefined,
      // Chosen by hand: what players and people know.
      'application/ogg': 'ogg',
      'audio/3gpp': '3gp',
      'audio/aac': 'aac',
      'audio/mpeg': 'mp3',
      'audio/ogg': 'ogg',
      'image/apng': 'png',
      'image/pjpeg': 'jpg',
      'image/tiff': 'tiff',
      'text/vcard': 'vcf',
      'video/quicktime': 'mov',
    })
  })

  test('MIME_TABLE reads each extension as mime-types does, except for the documented choices', () => {
    const different: Record<string, string | undefined> = {}
    for (const [extension, type] of Object.entries(mimeTypes.types)) {
      if (type === 'application/octet-stream' || !SAFE_EXTENSION.test(extension)) {
        expect(findContentType(extension), extension).toBeUndefined()
      } else if (findContentType(extension) !== type) {
        different[extension] = findContentType(extension)
      }
    }
    expect(different).toEqual({
      apng: 'image/png',
      flac: 'audio/flac',
      jfif: 'image/jpeg',
      ogx: 'audio/ogg',
      vcf: 'text/vcard',
    })
  })

  test('MIME_TABLE holds only extensions of letters and digits', () => {
    for (const type of Object.keys(mimeTypes.extensions)) {
      expect(findExtension(type) ?? 'none', type).toMatch(SAFE_EXTENSION)
    }
  })
})
