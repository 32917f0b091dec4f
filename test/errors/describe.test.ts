import { describe, expect, it } from 'vitest'
import {
  cleanId,
  cleanKey,
  describeHost,
  describeId,
  describeScheme,
  describeSecret,
  describeValue,
  quoteCleanId,
} from '../../src/errors/describe.js'

const TOKEN = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`
const PHONE = '12025550143'

describe('describeValue', () => {
  it.each(
    (
      [
        ['', "''"],
        ['v25.0', "'v25.0'"],
        ['image/svg+xml', "'image/svg+xml'"],
        ['25.0', "'25.0'"],
        ['1h', "'1h'"],
        ['SHA512', "'SHA512'"],
        ['documentType', "'documentType'"],
        ['2026-11-22 12:00', "'2026-11-22 12:00'"],
        ['2026-11-22', "'2026-11-22'"],
        ['2025-55-0143', 'a string of 12 characters'],
        [
          'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
          "'application/vnd.openxmlformats-officedocument.wordprocessingml.document'",
        ],
        ['video/3gpp', "'video/3gpp'"],
        ['https://media.example', "'https://media.example'"],
        ['HTTP://media.example:8080/a_b/c', "'http://media.example:8080/...'"],
        ['https://media.example/payslip-jane.pdf', "'https://media.example/...'"],
        ['https://12025550143.example', 'a string of 27 characters'],
        [`https://${TOKEN}.example`, `a string of ${16 + TOKEN.length} characters`],
        ['106540352242922', 'a string of 15 characters'],
        ['1234567', 'a string of 7 characters'],
        ['payslip-jane.pdf', 'a string of 16 characters'],
        ['acme/2026-11-22/image/x.jpg', 'a string of 27 characters'],
        ['x'.repeat(16), `'${'x'.repeat(16)}'`],
        ['x'.repeat(17), 'a string of 17 characters'],
        ['canary5ecret0a1b2c3d4e5f60718293', 'a string of 32 characters'],
        ['EAAGcanary', 'a string of 10 characters'],
        ['kJhGfDsAqWeRtYuI', 'a string of 16 characters'],
        ['5f2b8c1e-3d4a-4b5c-9d8e-1f2a3b4c5d6e', 'a string of 36 characters'],
        [PHONE, 'a string of 11 characters'],
        ['1-202-555-0143', 'a string of 14 characters'],
        [Number(PHONE), 'a number of 11 digits'],
        [-604_801, '-604801'],
        [Number.MAX_SAFE_INTEGER, 'a number of 16 digits'],
        ['two words', 'a string of 9 characters'],
        ["it's", 'a string of 4 characters'],
        ['line\n', 'a string of 5 characters'],
        ['\u001b[2J', 'a string of 4 characters'],
        ['jane@example.com', 'a string of 16 characters'],
        ['https://user:password@media.example', 'a string of 35 characters'],
        ['https://media.example/?a=b', 'a string of 26 characters'],
        [`+${PHONE}`, 'a string of 12 characters'],
        ['wamid.HBgLMTIwMjU1NTAxNDM=', 'a string of 26 characters'],
        [TOKEN, `a string of ${TOKEN.length} characters`],
        ['X-Amz-Signature=abc', 'a string of 19 characters'],
        [0, '0'],
        [-1.5, '-1.5'],
        [Number.NaN, 'NaN'],
        [Infinity, 'Infinity'],
        [true, 'true'],
        [null, 'null'],
        [undefined, 'undefined'],
        [['secret', 'list'], 'an array of 2'],
        [{ token: TOKEN }, 'a value of type object'],
        [() => TOKEN, 'a value of type function'],
        [Symbol(TOKEN), 'a value of type symbol'],
        [12_025_550_143n, 'a value of type bigint'],
      ] satisfies [unknown, string][]
    ).map(([value, shown]) => [shown, value] as const),
  )('shows %s', (shown, value) => {
    expect(describeValue(value)).toBe(shown)
  })
})

describe('describeSecret', () => {
  it.each(
    (
      [
        ['', 'a string of 0 characters'],
        [TOKEN, `a string of ${TOKEN.length} characters`],
        [undefined, 'a value of type undefined'],
        [42, 'a value of type number'],
        [[TOKEN], 'a value of type object'],
      ] satisfies [unknown, string][]
    ).map(([value, shown]) => [shown, value] as const),
  )('shows %s', (shown, value) => {
    expect(describeSecret(value)).toBe(shown)
  })
})

describe('describeHost', () => {
  it.each([
    ['lookaside.fbsbx.com', 'lookaside.fbsbx.com'],
    ['scontent-fra3-1.xx.fbcdn.net:8443', 'scontent-fra3-1.xx.fbcdn.net:8443'],
    ['localhost', 'localhost'],
    ['127.0.0.1:4010', '127.0.0.1:4010'],
    ['[::ffff:a9fe:a9fe]', '[::ffff:a9fe:a9fe]'],
    ['evil.example.', 'evil.example.'],
    ['', ''],
    [TOKEN.toLowerCase(), `[${TOKEN.length} characters]`],
    [`${TOKEN.toLowerCase()}.evil.example:444`, `[${TOKEN.length} characters].evil.example:444`],
    ['eaagcanarytokenofnobodyatall.example', '[28 characters].example'],
    [`${PHONE}.example`, '[11 characters].example'],
    ['1-202-555-0143.example', '[14 characters].example'],
    ['12.0255.50177.example', '[2 characters].[4 characters].[5 characters].example'],
    ['canary5ecret0a1b2c3d4e5f60718293', '[32 characters]'],
    ['logs-123456789012.s3.amazonaws.com', '[17 characters].s3.amazonaws.com'],
    ['logs-123456789012.s3.eu-central-1.amazonaws.com:443', '[17 characters].s3.eu-central-1.amazonaws.com:443'],
    ['abcdef0123456789abcdef0123456789.r2.cloudflarestorage.com', '[32 characters].r2.cloudflarestorage.com'],
    ['12025550.143.s3.example', '[8 characters].[3 characters].s3.example'],
    ['12025550.1-43.s3.example', '[8 characters].[4 characters].s3.example'],
    [
      'logs-123456789012.a1202.b555.c0143.example',
      '[17 characters].[5 characters].[4 characters].[5 characters].example',
    ],
  ])('shows %s as %s', (host, shown) => {
    expect(describeHost(host)).toBe(shown)
    expect(describeHost(shown)).toBe(shown)
  })
})

describe('describeScheme', () => {
  it('names those that everybody knows', () => {
    expect(['https:', 'javascript:', 'eaagcanary:'].map(describeScheme)).toEqual([
      'https:',
      'javascript:',
      'another scheme',
    ])
  })
})

describe('describeId', () => {
  it.each([
    ['106540352242922', "'106540352242922'"],
    ['123', "'123'"],
    [PHONE, 'a string of 11 characters'],
    [TOKEN, `a string of ${TOKEN.length} characters`],
    [42, '42'],
  ])('shows %s as %s', (id, shown) => {
    expect(describeId(id)).toBe(shown)
  })
})

it('shows no id and no key that is longer than a key can be', () => {
  expect(cleanId('a'.repeat(1_025))).toBe('a string of 1025 characters')
  expect(cleanKey('a/'.repeat(513))).toBe('[1026 characters]')
  expect(cleanKey('a/'.repeat(512))).toBe('a/'.repeat(512))
})

describe('cleanId', () => {
  it.each([
    '1013859600285441',
    '123',
    'x y',
    'acme_internal-2',
    'AbCdEAfGhIjKlMnOpQrStUvWxYz',
    Buffer.from('1013859600285441').toString('base64'),
    '12345678-9012-5345-9678-901234567890',
    'a string of 3 characters',
  ])('keeps %s', (id) => {
    expect(cleanId(id)).toBe(id)
  })

  it.each([
    TOKEN,
    `x_${TOKEN}_y`,
    PHONE,
    `+${PHONE}`,
    '1-202-555-0143',
    `wa-${PHONE}`,
    'wamid.HBgL',
    'HBgLMTIwMjU1NTAxNDMVAgASGBQ=',
    'Payslip.pdf',
    `my "Payslip of Jane.docx"`,
    'https://media.example/?hash=abc',
  ])('shows %s as its length', (id) => {
    expect(cleanId(id)).toBe(`a string of ${id.length} characters`)
  })
})

describe('quoteCleanId', () => {
  it.each([
    ['pixels_internal', "'pixels_internal'"],
    ['507f1f77bcf86cd799439011', "'507f1f77bcf86cd799439011'"],
    [PHONE, 'a string of 11 characters'],
    [TOKEN, `a string of ${TOKEN.length} characters`],
  ])('shows %s as %s, after cleanId', (id, shown) => {
    expect(quoteCleanId(cleanId(id))).toBe(shown)
  })

  it('shows a number as its length: callers without types may pass one', () => {
    expect(quoteCleanId(Number(PHONE))).toBe('a number of 11 digits')
  })
})

describe('cleanKey', () => {
  it.each([
    ['whatsapp-media/acme/2026-11-22/image/5ef5e495-9ea6-59d7-91c6-d39ba4699239.jpg'],
    ['whatsapp-media/acme/20261122/12345678-9012-5345-9678-901234567890.pdf'],
    ['106540352242922/a b.jpg'],
    ['(temporary file)'],
    [''],
  ])('keeps %j', (key) => {
    expect(cleanKey(key)).toBe(key)
  })

  it.each([
    [`a/${PHONE}/b.jpg`, 'a/[11 characters]/b.jpg'],
    [`a/${TOKEN}`, `a/[${TOKEN.length} characters]`],
    ['k?X-Amz-Signature=abc', '[21 characters]'],
    ['https://user:password@media.example/k', '[37 characters]'],
  ])('shows %s as %s', (key, shown) => {
    expect(cleanKey(key)).toBe(shown)
    expect(cleanKey(shown)).toBe(shown)
  })
})
