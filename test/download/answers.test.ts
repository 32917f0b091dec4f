import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseGraphError, parseMediaInfo, parseTokenInfo } from '../../src/download/answers.js'

const HEX = createHash('sha256').update('bytes').digest('hex')

describe('parseMediaInfo', () => {
  const wire = {
    url: 'https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1',
    mime_type: 'image/png',
    sha256: HEX,
    file_size: 182859,
    id: '1761000000000000',
    messaging_product: 'whatsapp',
  }

  it('reads the answer as it is on the wire', () => {
    expect(parseMediaInfo(wire)).toStrictEqual({
      url: wire.url,
      mimeType: 'image/png',
      sha256: HEX,
      size: 182859,
      mediaId: '1761000000000000',
    })
  })

  it("reads a size as a numeric string, as in Meta's documents", () => {
    expect(parseMediaInfo({ ...wire, file_size: '303833' })?.size).toBe(303_833)
    expect(parseMediaInfo({ ...wire, file_size: 0 })?.size).toBe(0)
  })

  it.each([-1, 1.5, Number.NaN, '12.5', '-3', '', ' 1', '0x10', '99999999999999999', null, {}, true])(
    'takes %j for no size',
    (size) => {
      expect(parseMediaInfo({ ...wire, file_size: size })).not.toHaveProperty('size')
    },
  )

  it('leaves out what is missing or unusable', () => {
    expect(parseMediaInfo({ url: 'u', mime_type: 'a/b', sha256: 'sha256', id: 5 })).toStrictEqual({
      url: 'u',
      mimeType: 'a/b',
    })
  })

  it('is undefined without url or MIME type', () => {
    for (const json of [
      undefined,
      null,
      'text',
      3,
      [],
      {},
      { url: 'u' },
      { mime_type: 'a/b' },
      { url: '', mime_type: 'a/b' },
      [wire],
    ]) {
      expect(parseMediaInfo(json)).toBeUndefined()
    }
    expect(parseMediaInfo(Object.create(wire))).toBeUndefined()
  })
})

describe('parseGraphError', () => {
  it('reads the error as it is on the wire', () => {
    const error = {
      message: 'Unsupported get request.',
      type: 'GraphMethodException',
      code: 100,
      error_subcode: 33,
      error_data: { messaging_product: 'whatsapp', details: 'Object does not exist' },
      is_transient: false,
      fbtrace_id: 'Atrace',
    }
    expect(parseGraphError({ error })).toStrictEqual({
      message: 'Unsupported get request.',
      type: 'GraphMethodException',
      code: 100,
      subcode: 33,
      details: 'Object does not exist',
      isTransient: false,
      fbtraceId: 'Atrace',
    })
  })

  it('keeps code 0 and leaves out what is of another type', () => {
    expect(parseGraphError({ error: { code: 0, is_transient: 'yes', message: 5, error_data: 'text' } })).toStrictEqual({
      code: 0,
    })
    expect(parseGraphError({ error: {} })).toStrictEqual({})
  })

  it('is undefined when there is no error object', () => {
    for (const json of [undefined, null, 'error', [], {}, { error: 'text' }, { error: null }, { error: [] }]) {
      expect(parseGraphError(json)).toBeUndefined()
    }
  })
})

describe('parseTokenInfo', () => {
  it('makes do with an answer that names no permissions', () => {
    expect(parseTokenInfo({ data: { is_valid: true } })).toEqual({ isValid: true, permissions: [] })
    expect(parseTokenInfo({ data: {} })).toBeUndefined()
  })
})
