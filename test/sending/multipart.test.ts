import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { buildMultipart, decideFormName } from '../../src/sending/multipart.js'
import { findOutboundFormat } from '../../src/sending/outbound-limits.js'

describe('decideFormName', () => {
  it.each([
    ['note.mp4', 'audio/ogg', 'note.ogg'],
    ['note.opus', 'audio/opus', 'note.ogg'],
    ['note.oga', 'audio/ogg', 'note.ogg'],
    ['note', 'audio/ogg', 'note.ogg'],
    ['note.OGG', 'audio/ogg', 'note.OGG'],
    ['note.v2', 'audio/ogg', 'note.v2.ogg'],
    ['photo.jpeg', 'image/jpeg', 'photo.jpeg'],
    ['photo.png', 'image/jpeg', 'photo.jpg'],
    ['report.log', 'text/plain', 'report.txt'],
    ['invoice.pdf.exe', 'application/pdf', 'invoice.pdf.pdf'],
    ['.pdf', 'application/pdf', 'pdf.pdf'],
    ['', 'application/pdf', 'file.pdf'],
    ['song.mp4', 'audio/mp4', 'song.m4a'],
    ['a"b\r\nc.pdf', 'application/pdf', 'a_bc.pdf'],
    ['x'.repeat(500), 'application/pdf', `${'x'.repeat(146)}.pdf`],
    [undefined, 'video/3gpp', 'file.3gp'],
  ])('names %j of type %s %s', (filename, mimeType, expected) => {
    const { extensions } = findOutboundFormat(mimeType)
    expect(decideFormName({ filename, extensions })).toBe(expected)
  })
})

describe('buildMultipart', () => {
  it('reads no more of the file than its reader takes', async () => {
    const size = 4_194_304
    const pieces = Array.from({ length: size / 65_536 }, () => Buffer.alloc(65_536, 'x'))
    const source = Readable.from(pieces, { highWaterMark: 1 })
    const file = { filename: 'a.pdf', mimeType: 'application/pdf', extensions: ['pdf'], size } as const
    const { headers, wrap } = buildMultipart({}, file)
    const form = wrap(source)
    form.read(0)
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(form.readableLength).toBeLessThan(size / 4)
    expect((await buffer(form)).length).toBe(Number(headers['content-length']))
  })

  it('builds a form of the length that it says, with the file last', async () => {
    const file = { filename: 'ü.pdf', mimeType: 'application/pdf', extensions: ['pdf'], size: 5 } as const
    const { headers, wrap } = buildMultipart({ one: '1', two: '2' }, file)
    const body = await buffer(wrap(Readable.from([Buffer.from('he'), Buffer.from('llo')])))
    expect(headers['content-length']).toBe(String(body.length))
    const request = new Request('http://127.0.0.1/', { method: 'POST', headers, body })
    const form = await request.formData()
    expect([...form.keys()]).toEqual(['one', 'two', 'file'])
    const sent = form.get('file')
    expect(sent).toMatchObject({ name: 'ü.pdf', type: 'application/pdf', size: 5 })
  })

  it('fails as the file does', async () => {
    const failing = new Readable({ read() {} })
    const file = { filename: undefined, mimeType: 'text/plain', extensions: ['txt'], size: 5 } as const
    const body = buildMultipart({}, file).wrap(failing)
    failing.destroy(new Error('gone'))
    await expect(buffer(body)).rejects.toThrow('gone')
  })

  it('fails with a file that had failed before, and ends no process', async () => {
    const failed = new Readable({ read() {} }).on('error', () => {})
    const closed = new Promise((resolve) => failed.once('close', resolve))
    failed.destroy(new Error('before'))
    await closed
    const file = { filename: undefined, mimeType: 'text/plain', extensions: ['txt'], size: 5 } as const
    const body = buildMultipart({}, file).wrap(failed)
    await new Promise((resolve) => body.once('close', resolve))
    expect(body.errored?.message).toBe('before')
  })
})
