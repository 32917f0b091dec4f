import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  parseDownloadUrlExpiry,
  parseGraphError,
  parseMediaInfo,
  parseSha256,
  parseTimestamp,
  parseTokenInfo,
  parseWebhook,
} from '../../src/webhook/payload.js'

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

describe('parseSha256', () => {
  it('gives lowercase hex for hex of any case, base64 and base64url', () => {
    const bytes = Buffer.from(HEX, 'hex')
    const forms = [
      HEX,
      HEX.toUpperCase(),
      bytes.toString('base64'),
      bytes.toString('base64url'),
      bytes.toString('base64').slice(0, 43),
    ]
    expect(forms.map(parseSha256)).toStrictEqual(forms.map(() => HEX))
  })

  it.each([
    'sha256',
    'PHOTO_HASH',
    '',
    HEX.slice(1),
    `${HEX}0`,
    `${HEX.slice(1)}g`,
    Buffer.alloc(31).toString('base64'),
    Buffer.alloc(33).toString('base64'),
    `${Buffer.alloc(32).toString('base64')}=`,
    ` ${Buffer.alloc(32).toString('base64')}`,
    `${Buffer.alloc(32).toString('base64')}\n`,
    undefined,
    null,
    5,
    [HEX],
  ])('takes %j for no hash', (value) => {
    expect(parseSha256(value)).toBeUndefined()
  })
})

describe('parseDownloadUrlExpiry', () => {
  it('reads the unix seconds of ext', () => {
    expect(parseDownloadUrlExpiry('https://lookaside.fbsbx.com/a/?mid=1&ext=1760540697&hash=x')).toBe(
      '2025-10-15T15:04:57.000Z',
    )
    expect(parseDownloadUrlExpiry('https://lookaside.fbsbx.com/a/?hash=x&ext=1760540697')).toBe(
      '2025-10-15T15:04:57.000Z',
    )
  })

  it.each([
    'https://a.example/',
    'https://a.example/?ext=',
    'https://a.example/?ext=soon',
    'https://a.example/?ext=-5',
    'https://a.example/?ext=176054069700000',
    'no url',
    '',
  ])('is undefined for %s', (url) => {
    expect(parseDownloadUrlExpiry(url)).toBeUndefined()
  })
})

describe('parseTimestamp', () => {
  it('tells seconds from milliseconds at the year 5138', () => {
    expect(parseTimestamp('99999999999')).toBe('5138-11-16T09:46:39.000Z')
    expect(parseTimestamp('100000000000')).toBe('1973-03-03T09:46:40.000Z')
    expect(parseTimestamp(1)).toBe('1970-01-01T00:00:01.000Z')
  })

  it('knows no time beyond the year 9999, and none at zero', () => {
    expect(parseTimestamp(253_402_300_799_999)).toBe('9999-12-31T23:59:59.999Z')
    expect(parseTimestamp(253_402_300_800_000)).toBeUndefined()
    expect(parseTimestamp('0')).toBeUndefined()
  })
})

describe('parseWebhook', () => {
  it('reads nothing from what is no webhook', () => {
    for (const payload of [
      undefined,
      null,
      'entry',
      5,
      [],
      {},
      { entry: {} },
      { entry: [null, 'x', []] },
      [{ entry: [] }],
    ]) {
      expect(parseWebhook(payload)).toStrictEqual([])
    }
  })

  it('keeps a change without anything, for its number', () => {
    const value = { messaging_product: 'whatsapp', metadata: { phone_number_id: '5' } }
    expect(parseWebhook({ entry: [{ changes: [{ value }, {}] }] })).toStrictEqual([
      { businessAccountId: '', phoneNumberId: '5', messages: [], errors: [] },
      { businessAccountId: '', phoneNumberId: '', messages: [], errors: [] },
    ])
  })
})

describe('parseTokenInfo', () => {
  it('makes do with an answer that names no permissions', () => {
    expect(parseTokenInfo({ data: { is_valid: true } })).toEqual({ isValid: true, permissions: [] })
    expect(parseTokenInfo({ data: {} })).toBeUndefined()
  })
})
