import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { findContentType } from '../../src/file-type/mime.js'
import { SNIFF_BYTES, sniff } from '../../src/file-type/sniff.js'

const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
const PPTX = 'application/vnd.openxmlformats-officedocument.presentationml.presentation'
const ODT = 'application/vnd.oasis.opendocument.text'
const EXE = 'application/vnd.microsoft.portable-executable'

/** A file that begins with these bytes, given as Latin-1. */
function file(latin1: string, size = 256): Uint8Array {
  const bytes = Buffer.alloc(Math.max(size, latin1.length), 0x55)
  bytes.write(latin1, 'latin1')
  return bytes
}

/** A local file header of a ZIP archive, APPNOTE 4.3.7, with stored content. */
function zipEntry(name: string, content = 'some content'): string {
  const header = Buffer.alloc(30)
  header.write('PK\x03\x04', 'latin1')
  header.writeUInt32LE(content.length, 18)
  header.writeUInt32LE(content.length, 22)
  header.writeUInt16LE(name.length, 26)
  return header.toString('latin1') + name + content
}

/** The first box of an ISO media file, ISO 14496-12. */
function ftyp(major: string, ...compatible: string[]): string {
  const size = String.fromCharCode(16 + 4 * compatible.length)
  return `\0\0\0${size}ftyp${major}\0\0\0\0${compatible.join('')}`
}

describe('sniff', () => {
  test.each([
    ['image/jpeg', '\xff\xd8\xff\xe0\0\x10JFIF'],
    ['image/png', '\x89PNG\r\n\x1a\n'],
    ['image/gif', 'GIF87a'],
    ['image/gif', 'GIF89a'],
    ['image/webp', 'RIFF\x24\0\0\0WEBPVP8 '],
    ['image/tiff', 'II*\0'],
    ['image/tiff', 'MM\0*'],
    ['image/bmp', `BM${'\0'.repeat(12)}\x28\0\0\0`],
    ['image/avif', ftyp('avif')],
    ['image/heic', ftyp('heic', 'mif1')],
    ['image/heic', ftyp('mif1', 'mif1', 'heic')],
    ['image/avif', ftyp('mif1', 'miaf', 'avif')],
    ['image/heif', ftyp('mif1', 'M4A ')],
    ['image/heif', ftyp('msf1')],
    ['image/heif', `${ftyp('mif1')}avif, outside the box`],
    ['video/mp4', ftyp('isom', 'iso2')],
    ['video/mp4', ftyp('mp42')],
    ['video/3gpp', ftyp('3gp4')],
    ['video/3gpp2', ftyp('3g2a')],
    ['video/quicktime', ftyp('qt  ')],
    ['audio/mp4', ftyp('M4A ')],
    ['video/webm', '\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm'],
    ['video/x-matroska', '\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska'],
    ['video/x-msvideo', 'RIFF\x24\0\0\0AVI LIST'],
    ['video/mpeg', '\0\0\x01\xba\x44'],
    ['video/mpeg', '\0\0\x01\xb3\x16'],
    ['audio/ogg', `OggS\0\x02${'\0'.repeat(20)}\x01\x13OpusHead`],
    ['video/ogg', `OggS\0\x02${'\0'.repeat(20)}\x01\x2a\x80theora`],
    ['video/ogg', `OggS\0\x02${'\0'.repeat(20)}\x01\x40fishead\0`],
    ['audio/wav', 'RIFF\x24\0\0\0WAVEfmt '],
    ['audio/flac', 'fLaC\0\0\0\x22'],
    ['audio/amr', '#!AMR\n'],
    ['audio/amr-wb', '#!AMR-WB\n'],
    ['audio/mpeg', 'ID3\x03\0'],
    ['audio/mpeg', '\xff\xfb\x90\x44'],
    ['audio/mpeg', '\xff\xf3\x40\xc0'],
    ['audio/mpeg', '\xff\xfd\xa4\x04'],
    ['audio/aac', '\xff\xf1\x50\x80'],
    ['audio/aac', '\xff\xf9\x50\x80'],
    ['application/pdf', '%PDF-1.7\n'],
    ['application/pdf', '\xef\xbb\xbf\r\n%PDF-1.4'],
    ['application/pdf', '\xef\xbb\xbf%PDF-1.4'],
    ['application/pdf', ' %PDF-1.4'],
    ['application/pdf', '\t  \xef\xbb\xbf  %PDF-1.4'],
    ['application/pdf', '\xfe\xff%PDF-1.4'],
    ['application/pdf', `${'\0'.repeat(128)}%PDF-1.4`],
    ['application/pdf', 'Content-Type: application/pdf\r\n\r\n%PDF-1.4'],
    ['application/pdf', '# a line of junk\n%PDF-1.4'],
    ['application/pdf', '<junk\n%PDF-1.4'],
    ['application/pdf', 'BM junk\r%PDF-1.4'],
    ['application/pdf', `${'junk'.repeat(100)}\n%PDF-1.4`],
    ['application/zip', zipEntry('notes.txt')],
    ['application/zip', zipEntry('mimetype', 'application/epub+zip') + zipEntry('OEBPS/')],
    ['application/zip', 'PK\x05\x06\0\0'],
    ['application/zip', 'PK\x07\x08PK\x03\x04'],
    [DOCX, zipEntry('[Content_Types].xml') + zipEntry('_rels/.rels') + zipEntry('word/document.xml')],
    [XLSX, zipEntry('[Content_Types].xml') + zipEntry('xl/workbook.xml')],
    [PPTX, zipEntry('ppt/presentation.xml')],
    [ODT, zipEntry('mimetype', ODT) + zipEntry('content.xml')],
    ['application/x-cfb', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
    ['application/rtf', '{\\rtf1\\ansi'],
    ['application/gzip', '\x1f\x8b\x08\0'],
    ['application/x-7z-compressed', '7z\xbc\xaf\x27\x1c'],
    ['application/vnd.rar', 'Rar!\x1a\x07\x01\0'],
    [EXE, `MZ${'\0'.repeat(58)}\x80\0\0\0${'\0'.repeat(64)}PE\0\0`],
  ])('sniff recognises %s', (mimeType, beginning) => {
    expect(sniff(file(beginning))).toBe(mimeType)
  })

  test.each([
    ['text/html', '<!DOCTYPE html><html>'],
    ['text/html', '<HTML>'],
    ['text/html', '<script>alert(1)</script>'],
    ['text/html', ' \r\n\t<body onload=alert(1)>'],
    ['text/html', '<img src=x onerror=alert(1)>'],
    ['text/html', '<!-- a comment -->hello'],
    ['text/html', '<!-- one --> <!-- two --><p>'],
    ['text/html', '<!-- never closed'],
    ['text/html', '<!--><script>alert(1)</script>'],
    ['text/html', '<!---><script>alert(1)</script>'],
    ['text/html', '<!-- a --!><script>alert(1)</script>'],
    ['text/html', '\f\v \r\n<!-- a -->\f<?x ?><!doctype\thtml><title>x'],
    ['text/html', '<script/x>alert(1)</script>'],
    ['text/html', '<svg-x><script>alert(1)</script>'],
    ['text/html', '<?php echo 1 ?>'],
    ['text/html', '<unheard-of><script src=//x></script>'],
    ['text/html', '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html>'],
    ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg">'],
    ['image/svg+xml', '<?xml version="1.0"?>\n<!-- made by hand -->\n<svg onload="alert(1)">'],
    ['image/svg+xml', '<!DOCTYPE svg [ <!ENTITY x "y"> ]><svg>'],
    ['image/svg+xml', '<s:svg xmlns:s="http://www.w3.org/2000/svg">'],
    ['text/xml', '<?xml version="1.0"?><note/>'],
    ['text/xml', '<?xml version="1.0"'],
    ['text/xml', '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "x"><plist>'],
    ['text/xml', '<gpx\n xmlns="http://www.topografix.com/GPX/1/1">'],
    ['application/x-sh', '#!/bin/sh\n'],
    ['application/x-sh', '#!AMNESIA'],
  ])('sniff recognises %s in text, in every encoding', (mimeType, text) => {
    expect(sniff(Buffer.from(text, 'latin1'))).toBe(mimeType)
    expect(sniff(Buffer.from(`\ufeff${text}`, 'utf8'))).toBe(mimeType)
    expect(sniff(Buffer.from(text, 'utf16le'))).toBe(mimeType)
    expect(sniff(Buffer.from(`\ufeff${text}`, 'utf16le'))).toBe(mimeType)
    expect(sniff(Buffer.from(text, 'utf16le').swap16())).toBe(mimeType)
    expect(sniff(Buffer.from(`\ufeff${text}`, 'utf16le').swap16())).toBe(mimeType)
  })

  test.each([
    '',
    'f',
    'ftyp',
    'hello world',
    ' \n\t ',
    'GIF88a is not a version',
    'RIFFraff in the streets',
    'ID3 tags explained',
    'BMW, Audi, Opel',
    'MZ,first,column',
    'Rar! she said',
    '# heading',
    '<3 you',
    '<ada@example.org> wrote:',
    '<unheard-of>',
    'the header %PDF-1.4 in prose',
    '\x1f\x8b\x09',
    '\xff',
    '\xff\xfe\x90\x44',
    '\xff\xeb\x90\x44',
    '\xff\xfb\xf0\x44',
    '\xff\xfb\x9c\x44',
    '\xff\xf1\x74\x80',
    '\xff\x1b\x90\x44',
    `${' '.repeat(1_100)}\n%PDF-1.4`,
  ])('sniff recognises nothing in %j', (text) => {
    expect(sniff(Buffer.from(text, 'latin1'))).toBeUndefined()
  })

  test('sniff looks at the first bytes only', () => {
    const inside = zipEntry('filler', 'x'.repeat(SNIFF_BYTES - 100)) + zipEntry('xl/workbook.xml')
    const outside = zipEntry('filler', 'x'.repeat(SNIFF_BYTES - 60)) + zipEntry('xl/workbook.xml')
    expect(sniff(file(inside, 10_000))).toBe(XLSX)
    expect(sniff(file(outside, 10_000))).toBe('application/zip')
    expect(sniff(Buffer.from(`${' '.repeat(SNIFF_BYTES - 6)}<html>`))).toBe('text/html')
    expect(sniff(Buffer.from(`${' '.repeat(SNIFF_BYTES)}<html>`))).toBeUndefined()
  })

  test('sniff recognises the sample files', () => {
    const directory = new URL('../../samples/', import.meta.url)
    const names = readdirSync(directory)
    expect(names.length).toBeGreaterThanOrEqual(7)
    for (const name of names) {
      const head = readFileSync(new URL(name, directory)).subarray(0, SNIFF_BYTES)
      expect(sniff(head), name).toBe(findContentType(name.slice(name.lastIndexOf('.') + 1)))
    }
  })
})
