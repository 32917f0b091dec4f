import { describe, expect, it } from 'vitest'
import { removeKnownSecrets } from '../../src/errors/known-secrets.js'

describe('removeKnownSecrets', () => {
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

it.each(['\u200b', '\u00ad', '\u034f', '\u0007', '\ufe0f', '\u2800', '\u3164', '\n', '\u0301'])(
  'removeKnownSecrets sees one with %j between its letters',
  (unseen) => {
    const secret = 'FwoGZXIvYXdzEXAMPLE'
    expect(removeKnownSecrets(`is ${[...secret].join(unseen)} right`, [secret])).toBe('[a text that repeats a secret]')
  },
)

it('removeKnownSecrets sees a secret that was cut short, and none where only a few characters are like it', () => {
  const secret = 'd360/Canary+Key77Zz19=='
  expect(removeKnownSecrets('key d360/Canary+Ke... is unknown', [secret])).toBe('[a text that repeats a secret]')
  expect(removeKnownSecrets('key ...nary+Key77Zz19== is unknown', [secret])).toBe('[a text that repeats a secret]')
  expect(removeKnownSecrets('the Canary sings', [secret])).toBe('the Canary sings')
})

describe('removeKnownSecrets, of a file name', () => {
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
