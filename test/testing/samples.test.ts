import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const folder = new URL('../../samples/', import.meta.url)
const read = (name: string): Buffer => readFileSync(new URL(name, folder))
const at = (name: string, text: string): number => read(name).indexOf(text, 0, 'latin1')

describe('samples', () => {
  it.each(readdirSync(folder))('%s is small enough to commit', (name) => {
    expect(read(name).length).toBeGreaterThan(1_000)
    expect(read(name).length).toBeLessThan(50_000)
  })

  it('are real files of their types', () => {
    expect(read('photo.jpg').subarray(0, 3).toString('hex')).toBe('ffd8ff')
    expect(read('photo.jpg').subarray(-2).toString('hex')).toBe('ffd9')
    expect(read('diagram.png').subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a')
    expect(at('contract.pdf', '%PDF-1.7')).toBe(0)
    expect(at('note.mp3', 'ID3')).toBe(0)
    expect(at('note.m4a', 'ftypM4A ')).toBe(4)
    // Sniffers know a Word document by the first part of the zip.
    expect(read('letter.docx').subarray(0, 4).toString('hex')).toBe('504b0304')
    expect(at('letter.docx', '[Content_Types].xml')).toBe(30)
    expect(at('letter.docx', 'word/document.xml')).toBeGreaterThan(30)
  })

  it('have an animated sticker with transparency', () => {
    expect(at('sticker.webp', 'WEBPVP8X')).toBe(8)
    expect(at('sticker.webp', 'ANIM')).toBeGreaterThan(0)
    expect(read('sticker.webp').readUInt8(20) & 0b10010).toBe(0b10010)
  })

  it('have a clip that plays while it loads', () => {
    expect(at('clip.mp4', 'ftyp')).toBe(4)
    expect(at('clip.mp4', 'moov')).toBeGreaterThan(0)
    expect(at('clip.mp4', 'moov')).toBeLessThan(at('clip.mp4', 'mdat'))
    expect(at('clip.mp4', 'avc1')).toBeGreaterThan(0)
    expect(at('clip.mp4', 'mp4a')).toBeGreaterThan(0)
  })

  it('have a voice note in Opus, mono', () => {
    expect(at('voice-note.ogg', 'OggS')).toBe(0)
    const head = at('voice-note.ogg', 'OpusHead')
    expect(head).toBe(28)
    expect(read('voice-note.ogg').readUInt8(head + 9)).toBe(1)
  })
})
