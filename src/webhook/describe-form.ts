/*
 * Meta signs a JSON object without blanks between its tokens: `{"object":"whatsapp_business_account",…}` (Meta: Graph API
 * webhooks, "Event notifications"). Most bodies whose signature does not fit are that object in another form, and the form
 * shows who changed it.
 */

/** How much of a body's beginning is looked at. */
const OPENING_LENGTH = 160

/** Forms that the beginning shows. The first that fits counts. */
const OPENING_FORMS: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'empty: something before has read it, or a proxy has dropped it'],
  [/^(?:\xef\xbb\xbf|\ufeff)/, 'a text with a byte order mark, which an editor or a gateway has added'],
  [/^(?:\xff\xfe|\xfe\xff|\{\0|\0\{)/, 'UTF-16: it was decoded and encoded again'],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: gzip begins with one (RFC 1952)
  [/^\x1f\x8b/, 'gzip: a proxy has compressed it'],
  [/^\[object \w{1,20}\]/, 'an object that was turned into text, [object ...]: something before has parsed it'],
  [/^(?:undefined|null|NaN|true|false)$/, 'the text of a value that is no body: a variable was empty'],
  [/^\{\s*\}$/, 'an empty object: a parser has taken it for another content type'],
  [/^\s*\{\s*"type"\s*:\s*"Buffer"/, 'a Buffer that was turned into JSON: give its bytes'],
  [
    /^\s*\{\s*"(?:0"\s*:\s*\d|body"\s*:|rawBody"\s*:)/,
    'bytes or a request that were turned into JSON: give the body in it',
  ],
  [/^\s*"/, 'JSON in a JSON string: it was serialized twice'],
  [/^\s*\[/, 'a list: a gateway has wrapped it'],
  [/^\s*\{\s*\\"/, 'a text with escaped quotes: it was serialized twice and cut out'],
  [/^\s*\{\s*['\w]/, 'an object as a program prints it, which is no JSON'],
  [/^\s*%7b/i, 'percent-encoded'],
  [/^[\w.[\]-]{1,64}=(?!=?$)/, 'form fields: something before has encoded it as a form'],
  [/^--/, 'a multipart form'],
  [/^\s*</, 'XML or HTML'],
  [
    /^(?:data:[\w/;,=+-]{0,60}base64,|eyJ|eyAi|ewog|ewoJ|ew0K)/,
    'base64: a gateway has encoded it, and its flag was lost',
  ],
  [/^(?:0x|\\x)?7b(?:22|0a|0d|20)/i, 'hex digits'],
  [/^(?:\s|\{\s)|^\{"[^"\\]{1,64}"(?:\s|:\s)/, 'JSON with blanks between its tokens: it was parsed and written again'],
]

/** A body that is not the object that Meta signs: what it plainly is. Undefined where it looks like Meta's. */
export function describeForm(body: string | Uint8Array): string | undefined {
  const opening = readPart(body, 0, OPENING_LENGTH)
  const [, form] = OPENING_FORMS.find(([pattern]) => pattern.test(opening)) ?? []
  if (form !== undefined) return form
  if (!opening.startsWith('{"')) return 'no JSON object'
  const ending = readPart(body, -1)
  if (ending === '}') return undefined
  return /\s/.test(ending) ? 'JSON with a line end or blanks behind it' : 'cut, or has something behind its end'
}

function readPart(body: string | Uint8Array, from: number, to?: number): string {
  const part = body.slice(from, to)
  return typeof part === 'string' ? part : Buffer.from(part).toString('latin1')
}

/** Whether JSON has blanks between its tokens. */
export function hasBlanks(json: string): boolean {
  let isText = false
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (isText && code === BACKSLASH) at++
    else if (code === QUOTE) isText = !isText
    else if (!isText && code <= BLANK) return true
  }
  return false
}

const BLANK = 0x20
const QUOTE = 0x22
const BACKSLASH = 0x5c
