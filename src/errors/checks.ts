import { types } from 'node:util'
import { InvalidOptionError } from '../errors.js'
import { describeHost, describeSecret, describeValue } from './describe.js'
import { findNearestName } from './nearest-name.js'

/*
 * Checks of options. Types prove nothing about values from JavaScript and JSON, so each check throws an
 * `InvalidOptionError` that names the option and, unless it may be personal, the value received.
 */

/** A whole number from `least` (default 1) to `most` (default: any); `unit` reads `of seconds`, say. */
export function checkWhole(
  option: string,
  value: unknown,
  {
    least = 1,
    most,
    unit = '',
  }: { least?: number | undefined; most?: number | undefined; unit?: string | undefined } = {},
): asserts value is number {
  if (isWhole(value, { least, most: most ?? Number.MAX_SAFE_INTEGER })) return
  const limits = most === undefined ? `, ${least} or more` : ` from ${least} to ${most}`
  const rule = `must be a whole number${unit === '' ? '' : ` ${unit}`}${limits}`
  throw new InvalidOptionError({ option, problem: `${rule}, got ${describeValue(value)}` })
}

export function isWhole(
  value: unknown,
  { least = 0, most = Number.MAX_SAFE_INTEGER }: { least?: number | undefined; most?: number | undefined } = {},
): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
}

/** A positive number of milliseconds. `Infinity` passes: it switches a limit off. */
export function checkMilliseconds(option: string, value: unknown): asserts value is number {
  if (typeof value === 'number' && value > 0) return
  const problem = `must be a positive number of milliseconds, got ${describeValue(value)}`
  throw new InvalidOptionError({ option, problem })
}

/** One of a few strings. What is nearly one of them is told which. */
export function checkOneOf<Allowed extends string>(
  option: string,
  value: unknown,
  allowed: readonly Allowed[],
): asserts value is Allowed {
  // `includes` compares with values of any type.
  if ((allowed as readonly unknown[]).includes(value)) return
  const choice = [allowed.slice(0, -1).join(', '), allowed.at(-1)].filter((part) => part !== '').join(' or ')
  const nearest = typeof value === 'string' ? findNearestName(value, allowed) : undefined
  const advice = nearest === undefined ? '' : `; did you mean ${nearest}?`
  throw new InvalidOptionError({ option, problem: `must be ${choice}, got ${describeValue(value)}${advice}` })
}

export function checkFunction(option: string, value: unknown): void {
  if (typeof value === 'function') return
  throw new InvalidOptionError({ option, problem: `must be a function, got ${describeValue(value)}` })
}

/** True or false: a text such as 'false', as environments have it, would count as true. */
export function checkFlag(option: string, value: unknown): asserts value is boolean {
  if (typeof value === 'boolean') return
  throw new InvalidOptionError({ option, problem: `must be true or false, got ${describeValue(value)}` })
}

/** An implementation of an interface: an object of any class that has these functions. */
export function checkMethods(
  option: string,
  value: unknown,
  { kind, methods }: { kind: string; methods: readonly string[] },
): asserts value is object {
  if (typeof value !== 'object' || value === null || types.isPromise(value)) {
    throw new InvalidOptionError({ option, problem: `must be ${kind}, got ${describeMaker(value)}` })
  }
  if (methods.every((name) => typeof Reflect.get(value, name) === 'function')) return
  const lacking = methods.filter((name) => typeof Reflect.get(value, name) !== 'function')
  throw new InvalidOptionError({ option, problem: `must be ${kind}, and lacks the functions ${lacking.join(', ')}` })
}

/** A function in an object's place probably makes that object. */
function describeMaker(value: unknown): string {
  if (typeof value !== 'function') return describeValue(value)
  const isClass = /^class\b/.test(Function.prototype.toString.call(value))
  return isClass ? 'a class (give an instance of it)' : 'a function (call it, and give what it returns)'
}

/** An `AbortSignal` of any realm or polyfill. */
export function checkSignal(option: string, value: unknown): asserts value is AbortSignal {
  const isSignal = typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value
  if (isSignal) return
  const got = isController(value) ? 'an AbortController (give its signal)' : describeValue(value)
  throw new InvalidOptionError({ option, problem: `must be an AbortSignal, got ${got}` })
}

function isController(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'signal' in value
}

/** A string of any content. Its value may be personal, and shows as type and length. */
export function checkText(option: string, value: unknown): asserts value is string {
  if (typeof value === 'string') return
  throw new InvalidOptionError({ option, problem: `must be a string, got ${describeSecret(value)}` })
}

/** A value that a header can hold (RFC 9110, section 5.5): a line break in it would begin another header. */
export function checkHeader(option: string, value: unknown): asserts value is string {
  checkText(option, value)
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return
  throw new InvalidOptionError({ option, problem: `must fit into a header, got ${describeSecret(value)}` })
}

/** A chunk of a body, as bytes. Streams in object mode can hold anything else, which would end the process at a socket. */
export function checkChunk(chunk: unknown, option = 'body'): Uint8Array {
  if (types.isUint8Array(chunk)) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new InvalidOptionError({ option, problem: `must be made of bytes or strings, got ${describeValue(chunk)}` })
}

/** A list; a single item in its place is a slip, and a text would be taken for a list of letters. */
export function checkList(option: string, value: unknown): asserts value is readonly unknown[] {
  if (Array.isArray(value)) return
  throw new InvalidOptionError({ option, problem: `must be a list, got ${describeValue(value)}` })
}

/**
 * An http(s) URL without user and query. Parsers mend much else: they drop tabs and line ends, and take `\\` for `/`, `https:x`
 * for `https://x`.
 */
export function checkUrl(option: string, value: unknown): asserts value is string {
  const advice = typeof value === 'string' ? findUrlFault(value) : ''
  if (advice === undefined) return
  const rule = 'must be an http(s) URL such as https://s3.example, without user and query'
  throw new InvalidOptionError({ option, problem: `${rule}, got ${describeAddress(value)}${advice}` })
}

/** What to mend in a text that is no URL of this kind, if that is plain to see; undefined for a URL. */
function findUrlFault(text: string): string | undefined {
  if (/^https?\/\//i.test(text)) return ', which lacks the colon before //'
  if (/^[\w.-]+(?::\d{1,5})?(?:\/|$)/.test(text)) return ', which lacks https:// or http://'
  if (!/^https?:\/\/[^/]/i.test(text) || /[\s\p{Cc}\\]/u.test(text) || !URL.canParse(text)) return ''
  const { hostname, port } = new URL(text)
  // One dot at the end is the root of all names.
  const labels = hostname.replace(/\.$/, '').split('.')
  const isPlain = !/[?#]|\/\/[^/]*@/.test(text) && labels.every((label) => label !== '') && port !== '0'
  return isPlain ? undefined : ''
}

/** Scheme and host of what should be a URL, without its user, path and query. */
function describeAddress(value: unknown): string {
  const parts = /^(https?:?\/\/)?(?:[^/?#@]{0,256}@)?([\w.[\]-]{1,100}(?::\d{1,5})?)(?:[/?#]|$)/i.exec(String(value))
  const [, scheme = '', host] = typeof value === 'string' ? (parts ?? []) : []
  return host === undefined ? describeValue(value) : `'${scheme}${describeHost(host)}'`
}

/** The name of a service's region. It becomes a part of host names (RFC 1123, section 2.1). */
export function checkRegion(option: string, value: unknown): asserts value is string {
  const isName = typeof value === 'string' && /^(?!-)[A-Za-z\d-]{1,63}(?<!-)$/.test(value)
  const [, region] = (isName ? /^([a-z]{2,5}(?:-[a-z]+)+-\d)[a-z]$/.exec(value) : null) ?? []
  if (isName && region === undefined) return
  const rule =
    region === undefined
      ? "must be a region's name such as eu-central-1, without white space, of letters, digits and hyphens"
      : `must be a region, and not one of its availability zones: ${region}`
  const isShown = typeof value === 'string' && /^[a-z]{1,12}(?:[ _.-][a-z\d]{1,10}){1,4}$/i.test(value)
  throw new InvalidOptionError({ option, problem: `${rule}, got ${isShown ? `'${value}'` : describeValue(value)}` })
}

/** A pair of key id and secret, or a function that gives one. */
export function checkCredentials(option: string, value: unknown): void {
  if (typeof value === 'function') return
  if (typeof value !== 'object' || value === null || types.isPromise(value)) {
    const problem = `must be { accessKeyId, secretAccessKey } or a function, got ${describeSecret(value)}`
    throw new InvalidOptionError({ option, problem })
  }
  for (const name of ['accessKeyId', 'secretAccessKey']) {
    const part: unknown = Reflect.get(value, name)
    // A key from a file keeps the file's line end, and then signs nothing that fits.
    if (typeof part === 'string' && part !== '' && part.trim() === part) continue
    const problem = `must be a text without white space around it, got ${describeSecret(part)}`
    throw new InvalidOptionError({ option: `${option}.${name}`, problem })
  }
}
