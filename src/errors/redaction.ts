import { types } from 'node:util'

/*
 * What errors, events and logs may show of values and texts that others made: nothing that is, or may well be, a token,
 * a signed query, a phone number, a message id or a file name.
 */

/**
 * A value as an error message may show it, and only its type and length when it might be a secret that was put into the
 * wrong place: shown are short words, small numbers, times, MIME types and where a URL leads.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return describeText(value)
  if (typeof value === 'number') return describeNumber(value)
  if (typeof value === 'boolean' || value === null || value === undefined) return String(value)
  const length = arrayLength(value)
  return length === undefined ? describeSecret(value) : `an array of ${length}`
}

/** For values that must never show: their type and length. */
export function describeSecret(value: unknown): string {
  return typeof value === 'string' ? `a string of ${value.length} characters` : `a value of type ${typeof value}`
}

/** An id of Meta's, which has more digits than phone numbers have, and in tests fewer. */
export function describeId(id: unknown): string {
  return typeof id === 'string' && /^(?:\d{1,7}|\d{14,20})$/.test(id) ? `'${id}'` : describeValue(id)
}

/** Phone numbers have more digits, with their country's code. */
const FEW_DIGITS = 7

function describeNumber(value: number): string {
  const shown = String(value)
  const digits = shown.replace(/\D/g, '').length
  return digits <= FEW_DIGITS ? shown : `a number of ${digits} digits`
}

/** A word, in the cases that words are written in: random letters hardly ever are. */
const WORD = /^(?=.{0,16}$)(?:[A-Z]?[a-z]+(?:[A-Z][a-z]+)*|[A-Z]+)?\d{0,3}$/
const SMALL_NUMBER = /^[v+-]?\d{1,5}(?:\.\d{1,2})?[a-z]{0,2}$/
const TIME = /^(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?Z?)?$/
const MIME_TYPE =
  /^(?=.{1,100}$)(?:application|audio|font|image|message|model|multipart|text|video)\/\d?[a-z]{1,16}\d{0,3}(?:[.+-]\d?[a-z]{1,16}\d{0,3})*$/

function describeText(text: string): string {
  const isPlain = [WORD, SMALL_NUMBER, TIME, MIME_TYPE].some((form) => form.test(text)) && !holdsSecret(text)
  return isPlain ? `'${text}'` : (describeUrl(text) ?? describeSecret(text))
}

/** Where a URL leads: neither its path, in which tokens and file names stand, nor one with a user or a query. */
function describeUrl(text: string): string | undefined {
  const url = /^https?:\/\/[\w.:[\]/-]+$/i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || describeHost(url.host) !== url.host) return undefined
  return `'${url.protocol}//${url.host}${url.pathname === '/' ? '' : '/...'}'`
}

/** A label of a host name: words and numbers, as people give them to machines. */
const LABEL = /^(?:[a-z]{1,20}\d{0,4}|\d{1,4}[a-z]{0,3})(?:-(?:[a-z]{1,20}\d{0,4}|\d{1,4}[a-z]{0,3}))*$/
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/

/** A host, with its port, as an error may show it: a label that may be a secret shows as its length. */
export function describeHost(host: string): string {
  const [port = ''] = /:\d{1,5}$/.exec(host) ?? []
  const name = host.slice(0, host.length - port.length)
  if (ADDRESS.test(name)) return host
  // A phone number may be written in labels.
  const mayNumber = name.replace(/\D/g, '').length <= FEW_DIGITS
  const labels = name.split('.').map((label) => {
    // Alone, it is no host of the internet's.
    const isShort = label.length <= (label === name ? 16 : 40)
    const isPlain =
      (LABEL.test(label) || label === '') && isShort && (mayNumber || !/\d/.test(label)) && !holdsSecret(label)
    return isPlain ? label : `[${label.length} characters]`
  })
  return `${labels.join('.')}${port}`
}

/** The schemes that a URL may show; of another one, its length. */
const SCHEMES: readonly string[] = ['http:', 'https:', 'ws:', 'wss:', 'ftp:', 'file:', 'data:', 'blob:', 'javascript:']

export function describeScheme(protocol: string): string {
  return SCHEMES.includes(protocol) ? protocol : 'another scheme'
}

function arrayLength(value: unknown): number | undefined {
  try {
    return Array.isArray(value) ? value.length : undefined
  } catch {
    // A revoked proxy answers nothing.
    return undefined
  }
}

const MAX_SERVER_TEXT = 1_024

/** Text from a server, fit for a message: at most 1 KB, no control characters, tokens, query strings and phone numbers. */
export function cleanServerText(text: string): string {
  // A word cut in its middle might be a secret that no pattern knows any more.
  const start =
    text.length > MAX_SERVER_TEXT ? text.slice(0, MAX_SERVER_TEXT).replace(/[\p{L}\p{N}_.~+/=|%-]+$/u, '') : text
  let clean = scrub(start)
  let reading = clean
  for (let times = 0; times < MOST_ESCAPES; times++) {
    reading = decodeNotations(reading, 'utf8')
    const scrubbed = scrub(reading)
    // Escaped, a secret has another form; what is shown then is what was read.
    if (scrubbed !== printable(reading)) clean = scrubbed
    reading = scrubbed
  }
  return clean.slice(0, MAX_SERVER_TEXT * 2).trim()
}

/** How often a text is taken to be escaped over and over. */
const MOST_ESCAPES = 3

function scrub(text: string): string {
  return removeNumbers(removeSecrets(printable(text)))
}

/** With invisible characters gone: between the letters of a secret, they would hide it from patterns alone. */
function printable(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a hostile server must not write to the reader's terminal
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
      .replace(/\p{Cf}+/gu, '')
  )
}

/** Whether a text holds what has the form of a token, a signed query, a message id or an international phone number. */
function holdsSecret(text: string): boolean {
  return removeSecrets(text) !== text
}

/**
 * Whether what stands for an id is a token of Meta's, or a message id with or without its head. Nothing else is taken for
 * a secret: ids may be any letters, and a number in base64 as well.
 */
export function isSecretId(id: string): boolean {
  return /^EAA[A-Za-z0-9]{20,}$/.test(id) || id.startsWith('wamid.') || (/^HBg/.test(id) && packsNumber(id))
}

/** No `\b` around tokens: a server may glue them to anything. */
function removeSecrets(text: string): string {
  return (
    text
      // In JSON, Meta escapes slashes.
      .replace(/(https?:(?:\\?\/){2}[^\s?"'<>]*)\?[^\s"'<>]*/gi, '$1?[removed]')
      .replace(/((?:\\?\/){2})[^\s/@"'<>]+@/g, '$1[removed]@')
      .replace(/(Bearer|OAuth)\s+[\w.~+/=|-]+/gi, '$1 [removed]')
      .replace(/((?:access_token|appsecret_proof|hash|X-Amz-[\w-]+)(?:=|%3D|"\s*:\s*"))[^\s&"'<>]+/gi, '$1[removed]')
      .replace(/EA[A-Za-z0-9]{16,}/g, '[removed]')
      // A host name comes in lower case.
      .replace(/EAA[a-z0-9]{14,}/gi, '[removed]')
      // A message id holds a phone number, in base64.
      .replace(/wamid\.[\w+/=-]+/gi, '[message id]')
      .replace(/[\w+/-]{11,}={0,2}/g, (run) => (packsNumber(run) ? '[message id]' : run))
      .replace(/[+\uff0b]\p{Nd}(?:[^\p{L}\p{N},;:]{0,3}\p{Nd}){6,}/gu, '[number]')
  )
}

/** Whether a run of base64, read from any place at which four characters may begin, holds a phone number. */
function packsNumber(run: string): boolean {
  return [0, 1, 2, 3].some((from) => /\d{8}/.test(Buffer.from(run.slice(from), 'base64').toString('latin1')))
}

/** Digits of any script, with what people write between them: spaces, dashes, dots, slashes, brackets. */
const NUMBER = /\p{Nd}(?:[^\p{L}\p{N},;:"'<>[\]{}=&?!%*#@|~^$]{0,3}\p{Nd}){6,}/gu
const IP_ADDRESS = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?=\d)|$)){4}$/

function removeNumbers(text: string): string {
  // Counts of bytes have seven digits, and phone numbers without separators more.
  return text.replace(NUMBER, (run) => (/^\d{7}$/.test(run) || IP_ADDRESS.test(run) ? run : '[number]'))
}

/** What a call carried and no error may repeat; what it did not carry is undefined, null or empty. */
export type Secrets = readonly (string | undefined | null)[]

/**
 * A text without the secrets that its sender was told: nothing is left of one that repeats them in another notation, or
 * a good part of one.
 */
export function removeValues(text: string, secrets: Secrets): string {
  // References come as JSON from queues: a file name may be anything there.
  const known = secrets.flatMap((secret) => (typeof secret === 'string' && secret !== '' ? [secret] : []))
  const clean = known.reduce((rest, secret) => rest.replaceAll(secret, '[removed]'), text)
  if (known.length === 0 || clean === '') return clean
  // Servers cut what is long: what is compared is no longer than what is shown.
  const readings = readingsOf(clean.slice(0, MAX_SERVER_TEXT * 4))
  return known.some((secret) => isRepeated(secret, readings)) ? '[a text that repeats a secret]' : clean
}

/** So many characters of a secret in a row are no accident. */
const TELLING_PART = 12

function isRepeated(secret: string, readings: readonly string[]): boolean {
  const folded = fold(secret)
  const length = Math.min(TELLING_PART, folded.length)
  const parts = Array.from({ length: folded.length - length + 1 }, (_, at) => folded.slice(at, at + length))
  return readings.some((reading) => parts.some((part) => part !== '' && reading.includes(part)))
}

/** Without what systems change in names: case, the way accents are composed, the accents themselves, the width of spaces. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/\s+/g, ' ')
}

/** The text folded, with escapes undone as often as they were made, and with what base64 or hex it holds read. */
function readingsOf(text: string): string[] {
  const plain = [text, ...(['utf8', 'latin1'] as const).flatMap((charset) => unescapings(text, charset))]
  const packed = new Set(plain.flatMap((reading) => reading.match(/[\w+/-]{16,}/g) ?? []))
  const unpacked = [...packed].flatMap((run) => [
    ...[0, 1, 2, 3].map((from) => Buffer.from(run.slice(from), 'base64').toString('utf8')),
    ...[0, 1].map((from) => Buffer.from(run.slice(from), 'hex').toString('utf8')),
  ])
  // Forms write a space as a plus, and a server may have read UTF-8 as Latin-1.
  const others = plain.flatMap((reading) => [reading.replaceAll('+', ' '), Buffer.from(reading, 'latin1').toString()])
  return [...new Set([...plain, ...others, ...unpacked].map(fold))]
}

function unescapings(text: string, charset: 'utf8' | 'latin1'): string[] {
  const readings: string[] = []
  for (let times = 0, reading = text; times < MOST_ESCAPES; times++) {
    reading = decodeNotations(reading, charset)
    readings.push(reading)
  }
  return readings
}

/** HTML's names for what tokens, hashes and file names hold. */
const ENTITIES: Readonly<Record<string, string>> = {
  ...{
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    nbsp: ' ',
    szlig: 'ß',
    oslash: 'ø',
    plus: '+',
    sol: '/',
    equals: '=',
  },
  ...{ period: '.', lowbar: '_', num: '#', percnt: '%', colon: ':', commat: '@', hyphen: '-', dash: '-' },
}
/** And for accents, behind their letter. */
const ACCENT = /&([a-z])(?:acute|caron|cedil|circ|grave|ring|tilde|uml);/gi

/** Without the escapes of JSON, JavaScript, URLs and HTML, in which servers repeat what they were told. */
function decodeNotations(text: string, charset: 'utf8' | 'latin1'): string {
  return text
    .replace(/\\u\{([0-9a-f]{1,6})\}/gi, (all, hex: string) => fromCodePoint(Number.parseInt(hex, 16)) ?? all)
    .replace(/\\u([0-9a-f]{4})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/(?:\\x[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replace(/\\x/gi, ''), 'hex').toString(charset))
    .replace(/\\(.)/g, '$1')
    .replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString(charset))
    .replace(/&#(x?)([0-9a-f]{1,6});?/gi, (all, x: string, digits: string) => {
      return fromCodePoint(Number.parseInt(digits, x === '' ? 10 : 16)) ?? all
    })
    .replace(ACCENT, '$1')
    .replace(/&([a-z]{2,6});/gi, (all, name: string) => ENTITIES[name.toLowerCase()] ?? all)
}

function fromCodePoint(code: number): string | undefined {
  return code <= 0x10_ff_ff ? String.fromCodePoint(code) : undefined
}

/**
 * Whether it is an error, of whatever realm: Jest's sandboxes and `node:vm` have an `Error` of their own, which
 * `instanceof` does not know.
 */
export function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error || types.isNativeError(thrown) || tagOf(thrown) === '[object DOMException]'
  } catch {
    // A revoked proxy answers nothing.
    return false
  }
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value)
}

/** A property of whatever was thrown; undefined where its getter throws. */
export function fieldOf(thrown: unknown, name: PropertyKey): unknown {
  try {
    return Reflect.get(Object(thrown), name)
  } catch {
    return undefined
  }
}

/** A property of whatever was thrown, as text; empty where there is none, or one that can't be read. */
export function textOf(thrown: unknown, name: string): string {
  const value = fieldOf(thrown, name)
  return typeof value === 'string' ? value : ''
}

/**
 * The name of what was thrown: its code, that of its cause (`fetch` hides it there), else its class. Whoever throws may
 * write anything where names belong: what does not look like one is left out.
 */
export function nameOf(thrown: unknown, secrets: Secrets = []): string {
  if (!isError(thrown)) return describeSecret(thrown)
  const names = [fieldOf(thrown, 'code'), fieldOf(fieldOf(thrown, 'cause'), 'code'), fieldOf(thrown, 'name')]
  return names.map((name) => safeName(name, secrets)).find((name) => name !== undefined) ?? 'Error'
}

/** A name as it is, unless it is none or repeats a secret. */
export function safeName(value: unknown, secrets: Secrets): string | undefined {
  return isName(value) && removeValues(value, secrets) === value ? value : undefined
}

/** `ECONNRESET`, `ERR_HTTP2_ERROR`, `P2002`. */
const CONSTANT = /^[A-Z]{1,16}\d{0,4}(?:_[A-Z0-9]{1,16})*$/
/** `NoSuchBucket`, `XAmzContentSHA256Mismatch`, `TypeError`. */
const CLASS = /^(?!.*(?:[A-Z]{7}|[a-z]{16}))[A-Za-z]+\d{0,4}[A-Za-z]*$/
/** `rate_limit_exceeded`, `access-token`. */
const WORDS = /^[a-z]{1,16}(?:[_-][a-z]{1,16}){0,3}$/

/**
 * Whether it has the form of a name that programs give: tokens have digits in many places, or more capitals than words,
 * phone numbers have more digits, and file names an extension.
 */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 48 || /EAA/i.test(value) || holdsSecret(value)) return false
  if (value.replace(/\D/g, '').length > 4) return false
  const parts = value.split('.')
  // `AWS.SimpleQueueService.NonExistentQueue`
  const isLikely = parts.length === 1 || (/[A-Z][a-z]{3,}[^.]*$/.test(value) && value.length > 16)
  return isLikely && parts.every((part) => CONSTANT.test(part) || WORDS.test(part) || isClassName(part))
}

function isClassName(part: string): boolean {
  const capitals = part.replace(/[^A-Z]/g, '').length
  return CLASS.test(part) && (part.length <= 12 || capitals / part.length < 0.36)
}
