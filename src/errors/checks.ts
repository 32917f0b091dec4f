import { types } from 'node:util'
import { InvalidOptionError } from '../errors.js'
import { describeSecret, describeValue } from './describe.js'

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

/** One of a few strings. */
export function checkOneOf<Allowed extends string>(
  option: string,
  value: unknown,
  allowed: readonly Allowed[],
): asserts value is Allowed {
  // `includes` compares with values of any type.
  if ((allowed as readonly unknown[]).includes(value)) return
  const choice = [allowed.slice(0, -1).join(', '), allowed.at(-1)].filter((part) => part !== '').join(' or ')
  throw new InvalidOptionError({ option, problem: `must be ${choice}, got ${describeValue(value)}` })
}

export function checkFunction(option: string, value: unknown): void {
  if (typeof value === 'function') return
  throw new InvalidOptionError({ option, problem: `must be a function, got ${describeValue(value)}` })
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
