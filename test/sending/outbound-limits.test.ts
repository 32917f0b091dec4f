import { describe, expect, it } from 'vitest'
import type { MediaType } from '../../src/index.js'
import {
  checkOutboundSize,
  findHeaderFormat,
  findOutboundFormat,
  HEADERS,
  type TemplateHeader,
} from '../../src/sending/outbound-limits.js'

const MB = 1_048_576
const OOXML = 'application/vnd.openxmlformats-officedocument.'

/** Meta: Media, "Supported media types". */
const TAKEN: readonly [given: string, kind: MediaType, sentAs: string, extension: string, limit: number][] = [
  ['image/jpeg', 'image', 'image/jpeg', 'jpg', 5 * MB],
  ['image/jpg', 'image', 'image/jpeg', 'jpg', 5 * MB],
  ['IMAGE/PNG', 'image', 'image/png', 'png', 5 * MB],
  ['image/webp', 'sticker', 'image/webp', 'webp', 512_000],
  ['video/mp4', 'video', 'video/mp4', 'mp4', 16 * MB],
  ['video/3gpp', 'video', 'video/3gpp', '3gp', 16 * MB],
  ['video/3gp', 'video', 'video/3gpp', '3gp', 16 * MB],
  ['audio/aac', 'audio', 'audio/aac', 'aac', 16 * MB],
  ['audio/amr', 'audio', 'audio/amr', 'amr', 16 * MB],
  ['audio/mpeg', 'audio', 'audio/mpeg', 'mp3', 16 * MB],
  ['audio/mp3', 'audio', 'audio/mpeg', 'mp3', 16 * MB],
  ['audio/mp4', 'audio', 'audio/mp4', 'm4a', 16 * MB],
  ['audio/x-m4a', 'audio', 'audio/mp4', 'm4a', 16 * MB],
  ['audio/ogg', 'audio', 'audio/ogg; codecs=opus', 'ogg', 16 * MB],
  ['audio/ogg; codecs=opus', 'audio', 'audio/ogg; codecs=opus', 'ogg', 16 * MB],
  ['audio/opus', 'audio', 'audio/ogg; codecs=opus', 'ogg', 16 * MB],
  ['text/plain; charset=utf-8', 'document', 'text/plain', 'txt', 100 * MB],
  ['application/pdf', 'document', 'application/pdf', 'pdf', 100 * MB],
  ['application/msword', 'document', 'application/msword', 'doc', 100 * MB],
  ['application/vnd.ms-excel', 'document', 'application/vnd.ms-excel', 'xls', 100 * MB],
  ['application/vnd.ms-powerpoint', 'document', 'application/vnd.ms-powerpoint', 'ppt', 100 * MB],
  [`${OOXML}wordprocessingml.document`, 'document', `${OOXML}wordprocessingml.document`, 'docx', 100 * MB],
  [`${OOXML}spreadsheetml.sheet`, 'document', `${OOXML}spreadsheetml.sheet`, 'xlsx', 100 * MB],
  [`${OOXML}presentationml.presentation`, 'document', `${OOXML}presentationml.presentation`, 'pptx', 100 * MB],
]

const REFUSED: readonly [given: string, mediaType: MediaType | undefined, kind: MediaType, wayOut: RegExp][] = [
  ['image/gif', undefined, 'image', /convert it to image\/jpeg, image\/png$/],
  ['image/webp', 'image', 'image', /send it as sticker or document$/],
  ['image/png', 'sticker', 'sticker', /send it as image or document$/],
  ['image/heic', undefined, 'image', /convert it to image\/jpeg, image\/png$/],
  ['video/quicktime', undefined, 'video', /convert it to video\/mp4, video\/3gpp$/],
  ['video/mp4', 'audio', 'audio', /send it as video or document$/],
  ['audio/wav', undefined, 'audio', /convert it to audio\/aac, .*audio\/ogg$/],
  ['audio/3gpp', undefined, 'audio', /convert it to audio\/aac/],
  ['application/pdf', 'image', 'image', /send it as a document$/],
  ['application/zip', undefined, 'document', /convert it to .*application\/pdf/],
  ['text/csv', undefined, 'document', /convert it to .*text\/plain/],
  ['application/octet-stream', 'document', 'document', /convert it to .*application\/pdf/],
  ['', undefined, 'document', /convert it to .*application\/pdf/],
  ['no type', 'image', 'image', /convert it to image\/jpeg/],
]

const HEADER_ROWS: readonly [header: TemplateHeader, mimeType: string, limit: number][] = [
  ['image', 'image/jpeg', 5 * MB],
  ['image', 'image/png', 5 * MB],
  ['video', 'video/mp4', 16 * MB],
  ['document', 'application/pdf', 100 * MB],
  ['gif', 'video/mp4', 3_670_016],
]

describe('findOutboundFormat', () => {
  it.each(TAKEN)('takes %s', (given, kind, mimeType, extension, limitBytes) => {
    expect(findOutboundFormat(given)).toMatchObject({ kind, mimeType, limitBytes })
    expect(findOutboundFormat(given, kind)).toMatchObject({ kind, extensions: expect.arrayContaining([extension]) })
    const asDocument = findOutboundFormat(given, 'document')
    expect(asDocument).toMatchObject({ kind: 'document', mimeType, limitBytes: 100 * MB })
  })

  it.each(REFUSED)('refuses %s as %s, and tells the way out', (given, mediaType, kind, wayOut) => {
    const find = () => findOutboundFormat(given, mediaType)
    expect(find).toThrow(wayOut)
    expect(find).toThrow(expect.objectContaining({ code: 'outbound-type', kind, retryable: false }))
    if (given.includes('/')) expect(find).toThrow(new RegExp(`^WhatsApp takes no ${given} as ${kind}; `))
  })
})

describe('checkOutboundSize', () => {
  it.each(TAKEN)('holds %s to its limit', (given, kind, _mimeType, _extension, limitBytes) => {
    const format = findOutboundFormat(given)
    checkOutboundSize(format, 1)
    checkOutboundSize(format, limitBytes)
    const check = () => checkOutboundSize(format, limitBytes + 1)
    const shown = kind === 'sticker' ? 'animated sticker' : kind
    expect(check).toThrow(
      expect.objectContaining({ code: 'outbound-limit', kind: shown, limitBytes, bytes: limitBytes + 1 }),
    )
    const wayOut = kind === 'document' ? 'send a link to it' : 'or send it as a document'
    expect(check).toThrow(new RegExp(`${shown} is ${limitBytes} bytes, got ${limitBytes + 1} or more; .*${wayOut}$`))
    expect(() => checkOutboundSize(format, 0)).toThrow(/: it has 0 bytes; give the whole file$/)
  })
})

describe('findHeaderFormat', () => {
  it.each(HEADER_ROWS)('takes for a %s header %s', (header, mimeType, limitBytes) => {
    const format = findHeaderFormat(mimeType, header)
    expect(format).toMatchObject({ kind: `${header} header`, mimeType, limitBytes })
    checkOutboundSize(format, limitBytes)
    expect(() => checkOutboundSize(format, limitBytes + 1)).toThrow(
      new RegExp(`${header} header is ${limitBytes} bytes, got ${limitBytes + 1} or more; make it smaller$`),
    )
  })

  it.each(HEADERS)('refuses for a %s header what Meta does not take, and tells what it takes', (header) => {
    const types = HEADER_ROWS.filter(([each]) => each === header).map(([, mimeType]) => mimeType)
    for (const given of ['image/gif', 'image/webp', 'audio/ogg', 'text/plain', 'application/zip']) {
      const message = `WhatsApp takes no ${given} as ${header} header; convert it to ${types.join(' or ')}`
      expect(() => findHeaderFormat(given, header)).toThrow(message)
    }
  })
})
