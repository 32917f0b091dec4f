import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { inspectOpening } from '../../src/sending/inspect-opening.js'
import { findHeaderFormat, findOutboundFormat } from '../../src/sending/outbound-limits.js'

const PNG_HEAD = '89504e470d0a1a0a0000000d49484452000000010000000108'

function makePng(depth: number): Buffer {
  const png = Buffer.from(PNG_HEAD, 'hex')
  png[24] = depth
  return png
}

function makeWebp(flags: number, kind = 'VP8X'): Buffer {
  const webp = Buffer.from(`RIFF____WEBP${kind}____`, 'latin1')
  return Buffer.concat([webp, Buffer.from([flags, 0, 0, 0])])
}

/** The first page of an Ogg stream: a header of 27 bytes, a segment table, and the codec's name. */
function makeOgg(codec: string, segments = 1): Buffer {
  const head = Buffer.alloc(27 + segments)
  head.write('OggS', 'latin1')
  head[26] = segments
  return Buffer.concat([head, Buffer.from(codec, 'latin1')])
}

describe('stickers', () => {
  const sticker = findOutboundFormat('image/webp')
  const cases: [name: string, opening: Buffer, isAnimated: boolean][] = [
    ['simple, lossy', makeWebp(0, 'VP8 '), false],
    ['simple, lossless', makeWebp(0x02, 'VP8L'), false],
    ['extended', makeWebp(0x10), false],
    ['extended, animated', makeWebp(0x02), true],
    ['animated, with alpha, EXIF and profile', makeWebp(0x3a), true],
    ['cut off before its flags', makeWebp(0x02).subarray(0, 20), false],
    ['not WebP at all', Buffer.from('hello'), false],
    ['empty', Buffer.alloc(0), false],
  ]
  it.each(cases)('%s', (_name, opening, isAnimated) => {
    inspectOpening(opening, sticker, 102_400)
    const check = () => inspectOpening(opening, sticker, 102_401)
    if (isAnimated) check()
    else
      expect(check).toThrow(
        expect.objectContaining({
          ...{ code: 'outbound-limit', kind: 'static sticker', limitBytes: 102_400, bytes: 102_401 },
          message: expect.stringMatching(/; make it smaller, or send it as a document$/),
        }),
      )
  })

  it('says nothing about a document', () => {
    inspectOpening(Buffer.alloc(0), findOutboundFormat('image/webp', 'document'), 10_000_000)
  })
})

describe('PNG', () => {
  it.each([1, 2, 4, 16])('refuses %i bits per sample', (depth) => {
    const message = `WhatsApp takes no image/png as image: it has ${depth} bits per sample, not 8; convert it to 8 bits, or send it as a document`
    expect(() => inspectOpening(makePng(depth), findOutboundFormat('image/png'), 100)).toThrow(message)
    expect(() => inspectOpening(makePng(depth), findHeaderFormat('image/png', 'image'), 100)).toThrow(
      /as image header: .* convert it to 8 bits$/,
    )
    inspectOpening(makePng(depth), findOutboundFormat('image/png', 'document'), 100)
    inspectOpening(makePng(depth), findOutboundFormat('image/jpeg'), 100)
  })

  it.each([makePng(8), Buffer.from('no PNG'), Buffer.from(PNG_HEAD, 'hex').subarray(0, 10)])('takes others', (png) => {
    inspectOpening(png, findOutboundFormat('image/png'), 100)
  })
})

describe('Ogg', () => {
  it('refuses a page that ends at once', () => {
    const check = () => inspectOpening(Buffer.from('OggS'), findOutboundFormat('audio/ogg'), 100)
    expect(check).toThrow(/it holds no Opus/)
  })

  it.each([['\x01vorbis__'], ['\x7fFLAC___'], ['Speex   '], ['']])('refuses %j', (codec) => {
    const check = () => inspectOpening(makeOgg(codec), findOutboundFormat('audio/ogg'), 100)
    expect(check).toThrow(/as audio: it holds no Opus; convert it to Opus, or send it as a document$/)
    inspectOpening(makeOgg(codec), findOutboundFormat('audio/ogg', 'document'), 100)
  })

  it.each([makeOgg('OpusHead'), makeOgg('OpusHead', 3), Buffer.from('no Ogg'), Buffer.from('OggS').subarray(0, 3)])(
    'takes Opus, and what is no Ogg at all',
    (opening) => inspectOpening(opening, findOutboundFormat('audio/opus'), 100),
  )
})

it.each([
  ['diagram.png', 'image/png'],
  ['photo.jpg', 'image/jpeg'],
  ['sticker.webp', 'image/webp'],
  ['voice-note.ogg', 'audio/ogg'],
  ['note.m4a', 'audio/mp4'],
  ['clip.mp4', 'video/mp4'],
])('takes the sample %s', async (name, mimeType) => {
  const bytes = await readFile(`samples/${name}`)
  inspectOpening(bytes.subarray(0, 4_096), findOutboundFormat(mimeType), bytes.length)
})
