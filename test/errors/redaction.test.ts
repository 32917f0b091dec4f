import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { describeHost, describeId, describeScheme, describeSecret, describeValue } from '../../src/errors/describe.js'
import { removeKnownSecrets } from '../../src/errors/known-secrets.js'
import { cleanServerText, isSecretId } from '../../src/errors/redaction.js'
import { isError, isName, readErrorName, readField, readTextField } from '../../src/errors/thrown.js'

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

describe('cleanServerText', () => {
  it.each([
    ['plain words stay, 100% of them', 'plain words stay, 100% of them'],
    ['  outer space \r\n', 'outer space'],
    ['a\u0000\u0007b\tc\r\nd\u001b[31me\u0085f\u2028g\u2029h', 'a b c d [31me f g h'],
    ['https://lookaside.fbsbx.com/x/?mid=1&hash=abc" and more', 'https://lookaside.fbsbx.com/x/?[removed]" and more'],
    [
      String.raw`{"url":"https:\/\/lookaside.fbsbx.com\/x\/?mid=1&ext=2","a":1}`,
      String.raw`{"url":"https:\/\/lookaside.fbsbx.com\/x\/?[removed]","a":1}`,
    ],
    ['seehttp://x.test/?a=b', 'seehttp://x.test/?[removed]'],
    ['proxy http://user:pass@proxy.test:8080/ is down', 'proxy http://[removed]@proxy.test:8080/ is down'],
    ['https://x.test/path stays', 'https://x.test/path stays'],
    ['why? because', 'why? because'],
    ['Authorization: Bearer abc.def-1_~+/=', 'Authorization: Bearer [removed]'],
    ['authorization: oauth 123|abc', 'authorization: oauth [removed]'],
    ['/x?access_token=abc&appsecret_proof=def&c=d', '/x?access_token=[removed]&appsecret_proof=[removed]&c=d'],
    ['X-Amz-Signature=abc&x-amz-security-token=def', 'X-Amz-Signature=[removed]&x-amz-security-token=[removed]'],
    ['%3Fhash%3Dabc', '%3Fhash%3D[removed]'],
    ['{"access_token" : "abc","hash":"def"}', '{"access_token" : "[removed]","hash":"[removed]"}'],
    [`token ${TOKEN}.`, 'token [removed].'],
    [`x_${TOKEN}_y`, 'x_[removed]_y'],
    ['EASY words and SEAL stay', 'EASY words and SEAL stay'],
    ['to wamid.HBgLMTIwMjU1NTAxNDMVAgA= failed', 'to [message id] failed'],
    [`from ${PHONE}`, 'from [number]'],
    [`from+${PHONE}x`, 'from[number]x'],
    [`wa_${PHONE}@c.us`, 'wa_[number]@c.us'],
    ['+1 (202) 555-0143, 202-555-0143', '[number], [number]'],
    ['+1.202.555.0143', '[number]'],
    ['10.0.0.1:443 and 127.0.0.1 stay', '10.0.0.1:443 and 127.0.0.1 stay'],
    ['code 131009, 1024 bytes stay', 'code 131009, 1024 bytes stay'],
    ['', ''],
  ])('turns %j into %j', (text, cleaned) => {
    expect(cleanServerText(text)).toBe(cleaned)
  })

  it('keeps at most 1 KB, without a last word that is cut', () => {
    expect(cleanServerText('!'.repeat(1_025))).toBe('!'.repeat(1_024))
    const start = '! '.repeat(509)
    expect(cleanServerText(`${start}broken`)).toBe(`${start}broken`)
    expect(cleanServerText(`${start}broken!`)).toBe(start.trim())
    expect(cleanServerText(start + TOKEN)).toBe(start.trim())
  })
})

describe('removeValues', () => {
  const KEY = 'key/März+1'
  const GONE = '[a text that repeats a secret]'

  it.each([
    ['no secret', 'no secret'],
    [`unknown ${KEY}, or ${KEY}`, 'unknown [removed], or [removed]'],
    ['{"key":"key\\/März+1"}', GONE],
    ['{"key":"key/M\\u00e4rz+1"}', GONE],
    [`/x?key=${encodeURIComponent(KEY)}`, GONE],
    [`/x?key=${encodeURI(KEY)}`, GONE],
    [`in base64 ${Buffer.from(`key=${KEY}`).toString('base64')}`, GONE],
    [`glued${Buffer.from(`${KEY}${KEY}`).toString('base64url')}`, GONE],
    [`in hex ${Buffer.from(KEY).toString('hex')}`, GONE],
    ['key/M&#228;rz+1 or KEY/M&#xE4;RZ+1', GONE],
    ['KEY/MÄRZ+1', GONE],
    [`twice ${encodeURIComponent(encodeURIComponent(KEY))}`, GONE],
    ['100%, 50%25 and %ff, &#xffffff; &cent; &lt; stay', '100%, 50%25 and %ff, &#xffffff; &cent; &lt; stay'],
  ])('turns %j into %j', (text, clean) => {
    expect(removeKnownSecrets(text, [undefined, '', KEY])).toBe(clean)
  })
})

it('removeValues sees a secret that was cut short, and none where only a few characters are like it', () => {
  const secret = 'd360/Canary+Key77Zz19=='
  expect(removeKnownSecrets('key d360/Canary+Ke... is unknown', [secret])).toBe('[a text that repeats a secret]')
  expect(removeKnownSecrets('key ...nary+Key77Zz19== is unknown', [secret])).toBe('[a text that repeats a secret]')
  expect(removeKnownSecrets('the Canary sings', [secret])).toBe('the Canary sings')
})

describe('cleanServerText, of phone numbers', () => {
  it.each([
    ['dots', 'call 49.30.1234567'],
    ['slashes', 'call 030/1234567'],
    ['no-break spaces', 'call +49\u00a030\u00a01234567'],
    ['no-break hyphens', 'call 202\u2011555\u20110143'],
    ['en dashes', 'call 202\u2013555\u20130143'],
    ['narrow spaces', 'call 33\u202f1\u202f23\u202f45\u202f67\u202f89'],
    ['zero-width characters', 'call 1202\u200b555\u200b0143'],
    ['full-width digits', 'call \uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff13'],
    ['Arabic digits', 'call \u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0664\u0663'],
    ['Devanagari digits', 'call \u0967\u0968\u0966\u0968\u096b\u096b\u096b\u0966\u0967\u096a\u0969'],
    ['percent escapes', 'call %31%32%30%32%35%35%35%30%31%34%33'],
    ['JSON escapes', String.raw`call \u0031\u0032\u0030\u0032\u0035\u0035\u0035\u0030\u0031\u0034\u0033`],
    ['HTML entities', 'call &#49;&#50;&#48;&#50;&#53;&#53;&#53;&#48;&#49;&#52;&#51;'],
    ['more of them in a row', `call ${PHONE}${PHONE}`],
  ])('removes one with %s', (_name, text) => {
    expect(cleanServerText(text)).toBe('call [number]')
  })

  it.each([
    ['a message id without its head', `to HBgLMTIwMjU1NTAxNDMVAgASGBQ= failed`],
    ['base64 alone', `to ${Buffer.from(PHONE).toString('base64')} failed`],
    ['base64url', `to ${Buffer.from(`>>>???${PHONE}`).toString('base64url')} failed`],
  ])('removes one in %s', (_name, text) => {
    expect(cleanServerText(text)).toBe('to [message id] failed')
  })

  it.each([
    'connect ECONNREFUSED 192.168.100.200:4510',
    'at most 5242880 bytes',
    'whatsapp-media/acme/image/5ef5e495-9ea6-59d7-91c6.jpg',
    'SignatureDoesNotMatchTheOneYouProvided',
  ])('lets other numbers and words be: %s', (text) => {
    expect(cleanServerText(text)).toBe(text)
  })

  it('takes more than four numbers with dots for no address', () => {
    expect(cleanServerText('call 33.1.23.45.67.89 or 49.30.256.1234')).toBe('call [number] or [number]')
  })
})

describe('removeValues, of a file name', () => {
  const NAME = 'Bücher\u00e9.pdf'
  const GONE = '[a text that repeats a secret]'

  it.each([
    ['decomposed', NAME.normalize('NFD')],
    ['in Latin-1 percents', 'B%FCcher%E9.pdf'],
    ['in UTF-8 percents', encodeURIComponent(NAME)],
    ['in JavaScript escapes', String.raw`B\xfccher\xe9.pdf`],
    ['in escapes of its bytes', String.raw`B\xc3\xbccher\xc3\xa9.pdf`],
    ['in JSON escapes', String.raw`B\u00fccher\u00e9.pdf`],
    ['in escapes of code points', String.raw`B\u{fc}cher\u{e9}.pdf`],
    ['in numeric entities', 'B&#252;cher&#xe9;.pdf'],
    ['in named entities', 'B&uuml;cher&eacute;.pdf'],
    ['without its accents', 'Buchere.pdf'],
    ['in UTF-8 read as Latin-1', Buffer.from(NAME).toString('latin1')],
    ['in escaped escapes', 'B%25FCcher%25E9.pdf'],
  ])('sees one %s', (_name, written) => {
    expect(removeKnownSecrets(`no such file: ${written}`, [NAME])).toBe(GONE)
  })

  it('sees a decomposed name composed in the text', () => {
    expect(removeKnownSecrets(`no such file: ${NAME}`, [NAME.normalize('NFD')])).toBe(GONE)
  })

  it('sees one with its spaces written as in forms, or as others', () => {
    for (const written of ['my+own+file.pdf', 'my\u00a0own\u00a0file.pdf', 'my&nbsp;own&nbsp;file.pdf'])
      expect(removeKnownSecrets(written, ['my own file.pdf'])).toBe(GONE)
  })

  it('leaves an impossible code point as it is', () => {
    expect(removeKnownSecrets(String.raw`\u{ffffff} stays`, [NAME])).toBe(String.raw`\u{ffffff} stays`)
  })

  it('copes with a secret of another type, and one of accents alone', () => {
    expect(removeKnownSecrets('fine', [7 as never, '\u0301', {} as never])).toBe('fine')
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
  ])('shows %s as %s', (host, shown) => {
    expect(describeHost(host)).toBe(shown)
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

describe('isSecretId', () => {
  it.each([
    ['1013859600285441', false],
    ['5ef5e495-9ea6-59d7-91c6-d39ba4699239', false],
    ['AbCdEAfGhIjKlMnOpQrStUvWxYz', false],
    [Buffer.from('1013859600285441').toString('base64'), false],
    [TOKEN, true],
    ['wamid.HBgL', true],
    ['HBgLMTIwMjU1NTAxNDMVAgASGBQ=', true],
  ])('of %s is %s', (id, is) => {
    expect(isSecretId(id)).toBe(is)
  })
})

describe('isName', () => {
  it.each([
    ...['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_HTTP2_STREAM_ERROR', 'ERR_TLS_CERT_ALTNAME_INVALID', 'P2002'],
    ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'NOAUTH', 'EAI_AGAIN', 'UND_ERR_SOCKET'],
    ...['NoSuchBucket', 'XAmzContentSHA256Mismatch', 'AccessDenied', 'NoSuchCORSConfiguration', 'S3ServiceException'],
    ...['ServerSideEncryptionConfigurationNotFoundError', 'AWS.SimpleQueueService.NonExistentQueue', 'SlowDown'],
    ...[
      'KMS.KMSInvalidStateException',
      'TypeError',
      'DOMException',
      'MissingAuthenticationTokenException',
      'HTTPError',
    ],
    ...['rate_limit_exceeded', 'access-token', 'timeout'],
  ])('knows %s', (name) => {
    expect(isName(name)).toBe(true)
  })

  it.each([
    ...['', 'two words', TOKEN, 'EAAGabcdefghijklmnop', `Bearer ${TOKEN}`, PHONE, `E${PHONE}`, 'E_1202_555_0143'],
    ...['payslip.pdf', 'Payslip.PDF', 'Payslip-Jane.pdf', 'wamid.HBgLMTIwMjU1NTAxNDM', 'canary5ecret0a1b2c3d4e5f'],
    ...['kJhGfDsAqWeRtYuIoPlK', 'JBSWY3DPEHPK3PXP', 'AKIAIOSFODNN7EXAMPLE', 'abcdefghijklmnopqrstu', 'x'.repeat(49)],
    ...['EAeAtAAsAnumerable', 'KjhgFdsaABCDEFGHIJ'],
    ...[7, undefined, null, { name: 'TypeError' }],
  ])('takes %o for none', (name) => {
    expect(isName(name)).toBe(false)
  })
})

describe('what was thrown', () => {
  const foreign: unknown = runInNewContext("Object.assign(new TypeError('x'), { code: 'ECONNRESET' })")
  const throwing = new Proxy(new Error('x'), {
    get: () => {
      throw new Error(TOKEN)
    },
  })
  const revoked = (): unknown => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }

  it('is an error in any realm', () => {
    expect(foreign).not.toBeInstanceOf(Error)
    expect(isError(foreign)).toBe(true)
    expect(readErrorName(foreign)).toBe('ECONNRESET')
    expect(isError(new DOMException('x'))).toBe(true)
    expect(isError({ name: 'DOMException', [Symbol.toStringTag]: 'DOMException' })).toBe(true)
    expect(isError({ name: 'Error', message: 'x' })).toBe(false)
  })

  it('may answer nothing', () => {
    expect(isError(revoked())).toBe(false)
    expect(readErrorName(revoked())).toBe('a value of type object')
    expect(describeValue(revoked())).toBe('a value of type object')
    expect(readField(revoked(), 'code')).toBeUndefined()
    expect(readErrorName(throwing)).toBe('Error')
    expect(readTextField(throwing, 'message')).toBe('')
    expect(readTextField({ message: 7 }, 'message')).toBe('')
  })

  it('is named by its code, its cause’s code, or its class, and by none of them when they repeat a secret', () => {
    const cause = Object.assign(new Error('x'), { code: 'UND_ERR_SOCKET' })
    expect(readErrorName(new TypeError('fetch failed', { cause }))).toBe('UND_ERR_SOCKET')
    expect(readErrorName(new TypeError('x'))).toBe('TypeError')
    expect(readErrorName(Object.assign(new Error('x'), { code: PHONE, name: `Bearer ${TOKEN}` }))).toBe('Error')
    const named = Object.assign(new TypeError('x'), { code: 'Quimby' })
    expect([readErrorName(named), readErrorName(named, ['quimby'])]).toEqual(['Quimby', 'TypeError'])
  })
})
