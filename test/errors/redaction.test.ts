import { describe, expect, it } from 'vitest'
import { cleanServerText, cleanWords, isSecretId } from '../../src/errors/redaction.js'

const TOKEN = `EAA${'Gm0PX4ZCpsBA'.repeat(4)}`
const PHONE = '12025550143'

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
    ['GET /v1/media?oh=abc&oe=def', 'GET /v1/media?oh=[removed]&oe=[removed]'],
    ['GET /v1/media%3Foh%3Dabc%26OE%3Ddef', 'GET /v1/media?oh=[removed]&OE=[removed]'],
    ['/k?expires=1&amp;sig=abc', '/k?expires=1&sig=[removed]'],
    ['/k?expires=1&signature=abc', '/k?expires=1&signature=[removed]'],
    ['?Key-Pair-Id=K1&Policy=abc&Signature=def', '?Key-Pair-Id=[removed]&Policy=[removed]&Signature=[removed]'],
    ['Signature=abc?token=def', 'Signature=[removed]'],
    ['/k?token=abc&x-goog-signature=def', '/k?token=[removed]&x-goog-signature=[removed]'],
    ['token=3 and policy=public-read stay', 'token=3 and policy=public-read stay'],
    ['Authorization: Basic abc', 'Authorization: Basic [removed]'],
    ['{"authorization":"Basic dXNlcjpwYXNz"}', '{"authorization":"Basic [removed]"}'],
    ['sent basic dXNlcjpwYXNzdw==', 'sent basic [removed]'],
    ['Basic authentication is not supported', 'Basic authentication is not supported'],
    ['token \uff25\uff21\uff21\uff27\uff4d\uff10PX4ZCpsBAPX4ZCpsBA', 'token [removed]'],
    ['\uff22earer abc', 'Bearer [removed]'],
    ['/k\uff1fsig\uff1dabc', '/k?sig=[removed]'],
    ['\ufb01le of \u00bd MB stays', '\ufb01le of \u00bd MB stays'],
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
    ['x-amz-security-token: abc, next', 'x-amz-security-token: [removed], next'],
    ['x-amz-server-side-encryption-aws-kms-key-id: my-key', 'x-amz-server-side-encryption-aws-kms-key-id: [removed]'],
    ['key arn:aws:kms:eu-central-1:111122223333:alias/mine is off', 'key [KMS key] is off'],
    ['got FwoGZXIvYXdzEXAMPLE/x+y=', 'got [removed]'],
    ['<SessionToken>abcdef123456</SessionToken>', '<SessionToken>[removed]</SessionToken>'],
    ['{"D360-API-KEY": "abcd1234efgh"}', '{"D360-API-KEY": "[removed]"}'],
    ['invalid access token: Cannot parse it', 'invalid access token: Cannot parse it'],
    [`sent ${[...TOKEN].join('\u0007')}`, 'sent [removed]'],
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

describe('cleanServerText, of file names', () => {
  it.each([
    ['no such file: Payslip-Jane.PDF', 'no such file: [file name]'],
    [`open "Payslip of Jane.docx" failed`, 'open "[file name]" failed'],
    ['GET /media/Payslip%20Jane.pdf', 'GET /media/[file name]'],
    ...['txt', 'csv', 'html', 'htm', 'svg', 'xml', 'rtf', 'ics', 'vcf', 'eml', 'ods', 'tiff', 'webm', 'rar'].map(
      (extension): [string, string] => [`GET /media/JaneDoe.${extension} failed`, 'GET /media/[file name] failed'],
    ),
    [`open "Jane.json" or 'Jane.md' or "Jane.log"`, `open "[file name]" or '[file name]' or "[file name]"`],
    ['open \uff2a\uff41\uff4e\uff45\uff0e\uff50\uff44\uff46', 'open [file name]'],
  ])('turns %j into %j', (text, clean) => {
    expect(cleanServerText(text)).toBe(clean)
  })

  it.each([
    'https://evil.mov is not among cloudApi.mediaHosts',
    'a/5ef5e495-9ea6-59d7-91c6.jpg',
    'see README.md and sharp.pngquant',
    'response.json is not a function, nor console.log',
    'see https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html',
    'txt.example, csv.txt.example and svg-host.example:443',
    'NoSuchKey in Html and Text',
  ])('lets other names be: %s', (text) => {
    expect(cleanServerText(text)).toBe(text)
  })
})

describe('cleanWords', () => {
  it.each([
    "must be a whole number of seconds from 1 to 2147483647, got '106540352242922'",
    'must be at most 5368709120, the most of one put, got a number of 11 digits',
    'the body has 10737418240 bytes, on 2026-11-22T08:00:00.000Z, by 2026-11-22',
    `SHA-256 ${'1234567890'.repeat(6)}abcd, id 12345678-9012-5345-9678-901234567890`,
  ])('keeps the numbers of %j', (text) => {
    expect(cleanWords(text)).toBe(text)
  })

  it.each([
    [`got ${PHONE}`, 'got [number]'],
    [`got '${PHONE}' from 1 to 5`, "got '[number]' from 1 to 5"],
    [`from ${PHONE} to ${PHONE}`, 'from [number] to [number]'],
    [`2026-11-22: ${TOKEN}`, '2026-11-22: [removed]'],
  ])('turns %j into %j', (text, clean) => {
    expect(cleanWords(text)).toBe(clean)
  })

  it('reads no more than 1 KB', () => {
    const start = '! '.repeat(509)
    expect(cleanWords(start + TOKEN)).toBe(start)
  })
})
