import { types } from 'node:util'
import { hasFileName, hasSecret, isClean, isSecretId } from './redaction.js'

/**
 * A value for an error message: short words, small numbers, times, MIME types and the host of a URL. All others show as
 * type and length: they might be a secret in the wrong place.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return describeText(value)
  if (typeof value === 'number') return describeNumber(value)
  if (typeof value === 'boolean' || value === null || value === undefined) return String(value)
  const length = countItems(value)
  return length === undefined ? describeSecret(value) : `an array of ${length}`
}

/** The type and length of a value that must never show. */
export function describeSecret(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length} characters`
  if (types.isPromise(value)) return 'a Promise (await it)'
  return types.isDate(value) && Number.isNaN(value.getTime()) ? 'an invalid Date' : `a value of type ${typeof value}`
}

/** An id for an error message that was cleaned by `cleanId`. */
export function quoteCleanId(id: unknown): string {
  if (typeof id !== 'string') return describeValue(id)
  return DESCRIBED.test(id) ? id : `'${id}'`
}

/** An id of Meta's for an error message. It has more digits than phone numbers have, and in tests fewer. */
export function describeId(id: unknown): string {
  return typeof id === 'string' && /^(?:\d{1,7}|\d{14,20})$/.test(id) ? `'${id}'` : describeValue(id)
}

/** Phone numbers, with their country's code, have more digits. */
const FEW_DIGITS = 7

function describeNumber(value: number): string {
  const shown = String(value)
  const digits = countDigits(shown)
  return digits <= FEW_DIGITS ? shown : `a number of ${digits} digits`
}

/** A word in lower, upper, title or camel case: random letters hardly ever have one of these forms. */
const WORD = /^(?=.{0,16}$)(?:[A-Z]?[a-z]+(?:[A-Z][a-z]+)*|[A-Z]+)?\d{0,3}$/
const SMALL_NUMBER = /^[v+-]?\d{1,5}(?:\.\d{1,2})?[a-z]{0,2}$/
const TIME = /^(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?Z?)?$/
const PLAIN_MIME_TYPE =
  /^(?=.{1,100}$)(?:application|audio|font|image|message|model|multipart|text|video)\/\d?[a-z]{1,16}\d{0,3}(?:[.+-]\d?[a-z]{1,16}\d{0,3})*$/

/** A value that was described before. */
const DESCRIBED =
  /^(?:a (?:string of \d{1,9} characters|value of type [a-z]{1,9}|Promise \(await it\))|an invalid Date)$/

function describeText(text: string): string {
  if (DESCRIBED.test(text)) return text
  const isPlain = [WORD, SMALL_NUMBER, TIME, PLAIN_MIME_TYPE].some((form) => form.test(text)) && !hasSecret(text)
  return isPlain ? `'${text}'` : (describeUrl(text) ?? describeSecret(text))
}

/** The origin of a URL without user and query. Its path may hold tokens and file names. */
function describeUrl(text: string): string | undefined {
  const url = /^https?:\/\/[\w.:[\]/-]+$/i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || describeHost(url.host) !== url.host) return undefined
  return `'${url.protocol}//${url.host}${url.pathname === '/' ? '' : '/...'}'`
}

/** A label of a host name, made of words and numbers. */
const LABEL = /^(?:[a-z]{1,20}\d{0,4}|\d{1,4}[a-z]{0,3})(?:-(?:[a-z]{1,20}\d{0,4}|\d{1,4}[a-z]{0,3}))*$/
const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\])$/

/** DNS names have at most 253 characters, and ports five. */
const MAX_HOST_LENGTH = 260

/** A host with its port. A label that may be a secret shows as its length. */
export function describeHost(host: string): string {
  if (host.length > MAX_HOST_LENGTH) return `[${host.length} characters]`
  const [port = ''] = /:\d{1,5}$/.exec(host) ?? []
  const name = host.slice(0, host.length - port.length)
  if (ADDRESS.test(name) || NO_HOSTS.includes(host)) return host
  const labels = name.split('.')
  const mayNumber = createNumberRule(labels.filter((label) => !REMOVED.test(label)))
  const shown = labels.map((label) => {
    // A single label is no host of the internet.
    const isShort = label.length <= (label === name ? 16 : 40)
    const isPlain = (LABEL.test(label) || label === '') && isShort && mayNumber(label) && !hasSecret(label)
    return isPlain || REMOVED.test(label) ? label : `[${label.length} characters]`
  })
  return `${shown.join('.')}${port}`
}

/**
 * The rule for which labels may show their digits. A phone number may be written over several labels. One label with a
 * long number hides, beside itself, only the labels that might be other parts of the number.
 */
function createNumberRule(labels: readonly string[]): (label: string) => boolean {
  const hasFew = (text: string): boolean => countDigits(text) <= FEW_DIGITS
  if (hasFew(labels.join(''))) return () => true
  const mayWords = hasFew(labels.filter(hasFew).join(''))
  return (label) => countDigits(label) === 0 || (mayWords && hasFew(label) && /[a-z]/.test(label))
}

function countDigits(text: string): number {
  return text.replace(/\D/g, '').length
}

/** The schemes that an error may show. */
const SCHEMES: readonly string[] = ['http:', 'https:', 'ws:', 'wss:', 'ftp:', 'file:', 'data:', 'blob:', 'javascript:']

export function describeScheme(protocol: string): string {
  return SCHEMES.includes(protocol) ? protocol : 'another scheme'
}

function countItems(value: unknown): number | undefined {
  try {
    return Array.isArray(value) ? value.length : undefined
  } catch {
    // A revoked proxy answers nothing.
    return undefined
  }
}

/** Texts in a host's place where there is none, or none that may show. */
const NO_HOSTS: readonly string[] = [
  ...SCHEMES,
  'another scheme',
  'an unreadable URL',
  '[a text that repeats a secret]',
]
/** A label that was cleaned before. */
const REMOVED = /^\[(?:removed|number|message id|\d{1,9} characters)\]$/

/** The longest id or key that is shown: keys have at most 1,024 bytes, and patterns take long over longer text. */
const MAX_ID_LENGTH = 1_024

/** An id for an error's field: as it is, or its length when it may be a secret or a file name. */
export function cleanId(id: string): string {
  return id.length > MAX_ID_LENGTH || hasFileName(id) || mayBeSecret(id) ? describeSecret(id) : id
}

/** A key without the segments that may be secrets. */
export function cleanKey(key: string): string {
  // A URL in a key's place may carry a password.
  if (key.length > MAX_ID_LENGTH || key.includes('://')) return `[${key.length} characters]`
  const segments = key.split('/')
  return segments.map((segment) => (mayBeSecret(segment) ? `[${segment.length} characters]` : segment)).join('/')
}

/** Dates, UUIDs and hashes: all digits at times, and never a phone number. */
const PLAIN_ID = /^(?:(?:19|20)\d\d-?[01]\d-?[0-3]\d|[0-9a-f-]{32,64})(?:\.[a-z0-9]{1,8})?$/
/** Ids of Meta's have more digits. */
const PHONE_NUMBER = /(?<![A-Za-z0-9])\d{8,13}(?![A-Za-z0-9])/

/** Whether an id is a token, a message id or a phone number, or holds one. */
function mayBeSecret(id: string): boolean {
  if (isSecretId(id) || /EAA[A-Za-z0-9]{20,}/.test(id)) return true
  if (PLAIN_ID.test(id)) return false
  return PHONE_NUMBER.test(id.replace(/(?<=\d)[-_](?=\d)/g, '')) || (!/^[\w+/-]+={0,2}$/.test(id) && !isClean(id))
}
