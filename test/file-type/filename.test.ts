import { parse } from 'content-disposition'
import { describe, expect, test, vi } from 'vitest'
import {
  buildContentDisposition,
  buildFilename,
  cleanFilename,
  encodeMetadata,
  findSafeExtension,
} from '../../src/file-type/filename.js'

describe('cleanFilename', () => {
  test.each([
    ['invoice.pdf', 'invoice.pdf'],
    ['Résumé final.PDF', 'Résumé final.PDF'],
    ['文件 报告.docx', '文件 报告.docx'],
    ['تقرير.pdf', 'تقرير.pdf'],
    ['😀.png', '😀.png'],
    ['v1.2', 'v1.2'],
  ])('cleanFilename leaves %j alone', (name, expected) => {
    expect(cleanFilename(name)).toBe(expected)
  })

  test.each([
    ['decomposed accents', 'Re\u0301sume\u0301.pdf', 'R\u00e9sum\u00e9.pdf'],
    ['an accent split by an invisible character', 'e\u200b\u0301.txt', '\u00e9.txt'],
    ['line breaks and other controls', 'a\r\nb\0c\u001bd\u007fe\u0085f.txt', 'abcdef.txt'],
    ['a direction override that hides .exe', 'photo_\u202egpj.exe', 'photo_gpj.exe'],
    ['isolates, marks, zero widths, BOM', '\ufeffa\u2066b\u2069c\u200ed\u200be\u200df\u2060.txt', 'abcdef.txt'],
    ['line and paragraph separators', 'a\u2028b\u2029c.txt', 'abc.txt'],
    ['blanks that push the extension away', `invoice.pdf${' '.repeat(100)}.exe`, 'invoice.pdf .exe'],
    ['other characters that show as blanks', 'a\u00a0\u3000\u2800\u3164b.txt', 'a b.txt'],
    ['separators', 'a/b\\c:d*e?f"g<h>i|j.txt', 'a_b_c_d_e_f_g_h_i_j.txt'],
    ['traversal', '../../etc/passwd', '_.._etc_passwd'],
    ['Windows traversal', '..\\..\\boot.ini', '_.._boot.ini'],
    ['a drive', 'C:\\fakepath\\x.pdf', 'C__fakepath_x.pdf'],
    ['outer dots and spaces', ' . .hidden.txt. . ', 'hidden.txt'],
    ['a reserved name', 'CON', '_CON'],
    ['a reserved name with extensions', 'nul.tar.gz', '_nul.tar.gz'],
    ['a reserved name before a space', 'aux .txt', '_aux .txt'],
    ['a reserved port', 'com1.txt', '_com1.txt'],
    ['a reserved port with a superscript', 'LPT\u00b2', '_LPT\u00b2'],
    ['a reserved console', 'CONOUT$', '_CONOUT$'],
    ['lone surrogates', '\ud800a\udfff.txt', '\ufffda\ufffd.txt'],
    ['nothing', '', 'file'],
    ['nothing visible', ' \u200b..\u202e ', 'file'],
  ])('cleanFilename handles %s', (_what, name, expected) => {
    expect(cleanFilename(name)).toBe(expected)
  })

  test.each(['console.log', 'comb.txt', 'com10.txt', 'a.con', 'nullable.md'])(
    'cleanFilename sees no reserved name in %s',
    (name) => {
      expect(cleanFilename(name)).toBe(name)
    },
  )

  test('cleanFilename cuts to 150 bytes and keeps the extension', () => {
    expect(cleanFilename(`${'x'.repeat(400)}.pdf`)).toBe(`${'x'.repeat(146)}.pdf`)
    expect(cleanFilename(`${'x'.repeat(140)}.${'y'.repeat(40)}`)).toBe(`${'x'.repeat(140)}.${'y'.repeat(9)}`)
  })

  test('cleanFilename cuts between characters', () => {
    // 4 bytes each: 36 of them and `.jpeg` make 149 bytes.
    expect(cleanFilename(`${'😀'.repeat(60)}.jpeg`)).toBe(`${'😀'.repeat(36)}.jpeg`)
    // 3 bytes each: 50 of them make 150 bytes.
    expect(cleanFilename('文'.repeat(60))).toBe('文'.repeat(50))
  })

  test('cleanFilename leaves no dot at the end of a cut name', () => {
    expect(cleanFilename(`${'x'.repeat(148)}..  é and more`)).toBe('x'.repeat(148))
  })

  test('cleanFilename keeps the extension of a name far too long, and never normalises the whole of it', () => {
    const normalize = vi.spyOn(String.prototype, 'normalize')
    // Its time grows with the square of the number of marks in a row.
    expect(cleanFilename(`a${'\u0327\u0301'.repeat(10_000)}.pdf`)).toMatch(/^\u00e1\u0327+\.pdf$/)
    expect(normalize.mock.contexts.map((text) => String(text).length)).toEqual([832])
  })

  test.each([
    ['invoice.pdf', 'pdf', 'invoice.pdf'],
    ['INVOICE.PDF', 'pdf', 'INVOICE.PDF'],
    ['invoice', 'pdf', 'invoice.pdf'],
    ['invoice.pdf.exe', 'pdf', 'invoice.pdf.exe.pdf'],
    ['v1.2', 'pdf', 'v1.2.pdf'],
    ['', 'pdf', 'file.pdf'],
    ['photo.jpeg', 'jpg', 'photo.jpeg'],
    ['scan.tif', 'tiff', 'scan.tif'],
    ['voice.opus', 'ogg', 'voice.opus'],
    ['server.log', 'txt', 'server.log'],
    ['page.html', 'txt', 'page.html.txt'],
    ['setup.exe', 'bin', 'setup.exe.bin'],
    ['data.unheardof', 'bin', 'data.unheardof.bin'],
    ['data.unheardof', 'unheardof', 'data.unheardof'],
    ['con', 'txt', '_con.txt'],
  ])('cleanFilename of %j with extension %s is %j', (name, extension, expected) => {
    expect(cleanFilename(name, { extension })).toBe(expected)
  })

  test('cleanFilename makes room for the extension it adds', () => {
    expect(cleanFilename(`${'x'.repeat(200)}.exe`, { extension: 'pdf' })).toBe(`${'x'.repeat(146)}.pdf`)
  })

  test.each(['', 'a/b', '../x', 'tar.gz', 'PDF', 'x'.repeat(11), 'p\u202ef'])(
    'cleanFilename ignores the extension %j',
    (extension) => {
      expect(cleanFilename('invoice.doc', { extension })).toBe('invoice.doc')
    },
  )
})

describe('findSafeExtension', () => {
  test.each([
    ['a.pdf', 'pdf'],
    ['A.PDF', 'pdf'],
    ['a.tar.gz', 'gz'],
    ['a.7z', '7z'],
    ['line\nbreak.txt', 'txt'],
    ['\n.txt', 'txt'],
  ])('findSafeExtension of %j is %s', (name, expected) => {
    expect(findSafeExtension(name)).toBe(expected)
  })

  test.each([
    '',
    'a',
    'a.',
    '.htaccess',
    'a.pdf ',
    'a.p/f',
    'a.pdf\n',
    'a.文件',
    'a.m\u212av',
    'a.12345678901',
    'a.p-f',
  ])('findSafeExtension finds none in %j', (name) => {
    expect(findSafeExtension(name)).toBeUndefined()
  })
})

describe('buildContentDisposition', () => {
  test.each([
    [undefined, 'inline'],
    ['invoice.pdf', 'inline; filename=invoice.pdf'],
    ['my invoice.pdf', 'inline; filename="my invoice.pdf"'],
    ['Résumé.pdf', "inline; filename=Resume.pdf; filename*=UTF-8''R%C3%A9sum%C3%A9.pdf"],
    ['文件.pdf', "inline; filename=_.pdf; filename*=UTF-8''%E6%96%87%E4%BB%B6.pdf"],
    ['a%20b.pdf', "inline; filename=a_20b.pdf; filename*=UTF-8''a%2520b.pdf"],
    ['a;b.pdf', "inline; filename=a_b.pdf; filename*=UTF-8''a%3Bb.pdf"],
    ['a\u226ab\u226e.pdf', "inline; filename=a_b_.pdf; filename*=UTF-8''a%E2%89%AAb%E2%89%AE.pdf"],
    ['c\u00f6n', "inline; filename=_con; filename*=UTF-8''c%C3%B6n"],
    [
      'a"; filename=evil.exe',
      'inline; filename="a__ filename=evil.exe"; filename*=UTF-8\'\'a_%3B%20filename%3Devil.exe',
    ],
    ['a\r\nSet-Cookie: x=1.pdf', 'inline; filename="aSet-Cookie_ x=1.pdf"'],
  ])('contentDisposition writes the name %j', (name, expected) => {
    expect(buildContentDisposition('inline', name)).toBe(expected)
    expect(buildContentDisposition('attachment', name)).toBe(expected.replace('inline', 'attachment'))
  })

  test('contentDisposition reads back as the safe name', () => {
    const parsed = parse(buildContentDisposition('attachment', '../Ünïcode "file".pdf'))
    expect(parsed.type).toBe('attachment')
    expect(parsed.parameters['filename']).toBe('_Ünïcode _file_.pdf')
  })
})

describe('buildFilename', () => {
  const id = '1a2b3c4d-5e6f-5a7b-8c9d-0e1f2a3b4c5d'

  test('buildFilename tells kind, day and object', () => {
    const expected = 'image-2026-11-22-1a2b3c4d.jpg'
    expect(buildFilename({ mediaType: 'image', timestamp: '2026-11-22T23:59:59Z', id, extension: 'jpg' })).toBe(
      expected,
    )
    const timestamp = new Date('2026-11-23T01:00:00+02:00')
    expect(buildFilename({ mediaType: 'image', timestamp, id, extension: 'jpg' })).toBe(expected)
  })

  test.each([undefined, 'yesterday', new Date(Number.NaN)])(
    'buildFilename leaves out the day when it is %s',
    (timestamp) => {
      expect(buildFilename({ mediaType: 'audio', timestamp, id, extension: 'ogg' })).toBe('audio-1a2b3c4d.ogg')
    },
  )

  test('buildFilename takes only letters and digits of the id', () => {
    expect(buildFilename({ mediaType: 'video', id: '../a\u202e-b', extension: 'mp4' })).toBe('video-ab.mp4')
    expect(buildFilename({ mediaType: 'video', id: '//', extension: 'mp4' })).toBe('video.mp4')
  })
})

describe('encodeMetadata', () => {
  test.each([
    ['invoice.pdf', 'invoice.pdf'],
    ['a  b.pdf', 'a%20%20b.pdf'],
    ['100%.pdf', '100%25.pdf'],
    ['Ü😀', '%C3%9C%F0%9F%98%80'],
    ['a\r\nb', 'a%0D%0Ab'],
    ['\ud800', '%EF%BF%BD'],
    ['', ''],
  ])('encodeMetadata encodes %j', (value, expected) => {
    expect(encodeMetadata(value)).toBe(expected)
  })

  test('encodeMetadata cuts between characters, by default at 512 bytes', () => {
    expect(encodeMetadata('x'.repeat(600))).toBe('x'.repeat(512))
    expect(encodeMetadata('😀'.repeat(600))).toBe('%F0%9F%98%80'.repeat(42))
    expect(encodeMetadata('aéb', 6)).toBe('a')
    expect(encodeMetadata('aéb', 7)).toBe('a%C3%A9')
  })
})
