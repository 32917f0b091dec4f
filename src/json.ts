/**
 * Reads JSON of others. Missing values and values of another type read as absent, nothing throws, and only own properties
 * count, so `__proto__` and `constructor` in a body are just names.
 */

/** An object that is not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own property of an object; of anything else, undefined. */
export function readOwn(json: unknown, name: string): unknown {
  return isObject(json) && Object.hasOwn(json, name) ? json[name] : undefined
}

/** A string that is not empty. */
export function readString(json: unknown, name: string): string | undefined {
  const value = readOwn(json, name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

const NONE: readonly unknown[] = []

/** The objects in an array. */
export function readObjects(json: unknown, name: string): readonly unknown[] {
  const value = readOwn(json, name)
  return Array.isArray(value) ? value.filter(isObject) : NONE
}

/** Ids are strings; relays and some providers send numbers, which is safe only below 2^53. Empty when there is none, and for 0. */
export function readId(json: unknown, name: string): string {
  return readString(json, name) ?? String(parseWhole(readOwn(json, name)) || '')
}

/** As `readId`; undefined when there is none. */
export function findId(json: unknown, name: string): string | undefined {
  return readId(json, name) || undefined
}

/** The object, or an empty one. */
export function toObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {}
}

/** A number, or a numeric string, without sign and fraction and below 2^53. */
export function parseWhole(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

/** A boolean. */
export function readFlag(json: unknown, name: string): boolean | undefined {
  const value = readOwn(json, name)
  return typeof value === 'boolean' ? value : undefined
}

/**
 * A SHA-256 in hex, base64 or base64url.
 *
 * @returns lowercase hex; undefined for anything that is not the hash of 32 bytes (documents and tests hold placeholders).
 */
export function parseSha256(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  if (/^[0-9a-f]{64}$/i.test(value)) return value.toLowerCase()
  // 43 characters of base64, or of base64url, are 32 bytes; the padding may be left off.
  if (/^[\w+/-]{43}=?$/.test(value)) return Buffer.from(value, 'base64').toString('hex')
  return undefined
}

/** In seconds these are the year 5138, in milliseconds 1973: a larger number is milliseconds. */
const MAX_SECONDS = 100_000_000_000
/** The first instant of the year 10000, where ISO 8601 needs another form. */
const END_OF_TIME = 253_402_300_800_000

/**
 * A point in time in Unix seconds or milliseconds, as a number or a string.
 *
 * @returns an ISO 8601 string; undefined for anything else, zero included.
 */
export function parseTimestamp(value: unknown): string | undefined {
  const number = parseWhole(value) ?? 0
  const milliseconds = number < MAX_SECONDS ? number * 1_000 : number
  return milliseconds > 0 && milliseconds < END_OF_TIME ? new Date(milliseconds).toISOString() : undefined
}

/**
 * The object without its undefined fields: `exactOptionalPropertyTypes` distinguishes an absent field from an undefined
 * one.
 */
export function defined<Fields extends object>(fields: Fields): Defined<Fields> {
  const kept: Record<string, unknown> = {}
  for (const name in fields) if (Object.hasOwn(fields, name) && fields[name] !== undefined) kept[name] = fields[name]
  // Every field that may be undefined is optional in the result, and all others are kept.
  return kept as Defined<Fields>
}

/** All fields are there. `Required` leaves the `undefined` that an optional field may also hold. */
export type Filled<Fields> = { [Name in keyof Fields]-?: Exclude<Fields[Name], undefined> }

/** Of a type's fields, those that may be undefined become optional. */
export type Defined<Fields> = {
  [Name in keyof Fields as undefined extends Fields[Name] ? never : Name]: Fields[Name]
} & {
  [Name in keyof Fields as undefined extends Fields[Name] ? Name : never]?: Exclude<Fields[Name], undefined>
}

/** The text as JSON; undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
