import { types } from 'node:util'
import { describeSecret } from './describe.js'
import { type KnownSecrets, removeKnownSecrets } from './known-secrets.js'
import { hasSecret } from './redaction.js'

/*
 * Reads thrown values. They may be anything: an error of another realm, a string, a proxy whose getters throw.
 */

/** Set by `Symbol.for`, so that an error of the CommonJS copy is recognised by the ES module copy and the other way round. */
export const BRAND: unique symbol = Symbol.for('whatsapp-media-archive.error')

/** Whether it is an error of this library, whichever copy of the package made it. */
export function hasBrand(thrown: unknown): boolean {
  return typeof thrown === 'object' && readField(thrown, BRAND) === true
}

/** Whether it is an error of any realm: Jest's sandboxes and `node:vm` have an `Error` of their own. */
export function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error || types.isNativeError(thrown) || readTag(thrown) === '[object DOMException]'
  } catch {
    // A revoked proxy answers nothing.
    return false
  }
}

function readTag(value: unknown): string {
  return Object.prototype.toString.call(value)
}

/** What was thrown where it is an error, else an error that has it as its cause. */
export function toError(thrown: unknown): Error {
  return isError(thrown)
    ? thrown
    : new Error(`What was thrown is no error: ${readErrorName(thrown)}`, { cause: thrown })
}

/** A property of a thrown value; undefined where its getter throws. */
export function readField(thrown: unknown, name: PropertyKey): unknown {
  try {
    return Reflect.get(Object(thrown), name)
  } catch {
    return undefined
  }
}

/** A text property of a thrown value; empty where there is none, or one that can't be read. */
export function readTextField(thrown: unknown, name: string): string {
  const value = readField(thrown, name)
  return typeof value === 'string' ? value : ''
}

/**
 * The name of a thrown value: its code, that of its cause (`fetch` hides it there), else its class. Any text may stand
 * there: only names pass.
 */
export function readErrorName(thrown: unknown, secrets: KnownSecrets = []): string {
  if (!isError(thrown)) return describeSecret(thrown)
  const names = [readField(thrown, 'code'), readField(readField(thrown, 'cause'), 'code'), readField(thrown, 'name')]
  return names.map((name) => findSafeName(name, secrets)).find((name) => name !== undefined) ?? 'Error'
}

/** The fault's own name, from the first of these properties that holds one; `unknown` where none does. */
export function readFaultName(thrown: unknown, properties: readonly string[]): string {
  return properties.map((property) => readField(thrown, property)).find(isName) ?? 'unknown'
}

/** A name as it is, unless it is none or repeats a secret. */
function findSafeName(value: unknown, secrets: KnownSecrets): string | undefined {
  return isName(value) && removeKnownSecrets(value, secrets) === value ? value : undefined
}

/** `ECONNRESET`, `ERR_HTTP2_ERROR`, `P2002`. */
const CONSTANT = /^[A-Z]{1,16}\d{0,4}(?:_[A-Z0-9]{1,16})*$/
/** `NoSuchBucket`, `XAmzContentSHA256Mismatch`, `TypeError`. */
const CLASS = /^(?!.*(?:[A-Z]{7}|[a-z]{16}))[A-Za-z]+\d{0,4}[A-Za-z]*$/
/** `rate_limit_exceeded`, `access-token`. */
const WORDS = /^[a-z]{1,16}(?:[_-][a-z]{1,16}){0,3}$/

/**
 * Whether a text has the form of a name that programs give. Tokens have digits in many places, or more capitals than
 * words; phone numbers have more digits; file names have an extension.
 */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 48 || /EAA/i.test(value) || hasSecret(value)) return false
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

/** The copy, under the thrown error's own name and code where these are names and repeat no secret. */
export function copyName(thrown: unknown, copy: Error, secrets: KnownSecrets = []): Error {
  copy.name = findSafeName(readField(thrown, 'name'), secrets) ?? 'Error'
  const code = findSafeName(readField(thrown, 'code'), secrets)
  return code === undefined ? copy : Object.assign(copy, { code })
}

/** An error with nothing but the thrown value's name and code: its message may quote secrets that are not known here. */
export function reduceToName(thrown: unknown, secrets: KnownSecrets = []): Error {
  return copyName(thrown, new Error(readErrorName(thrown, secrets)), secrets)
}

/** The thrown value without the secrets that the call carried: errors of SDKs quote them. */
export function cleanThrown(thrown: unknown, secrets: KnownSecrets): unknown {
  if (!isError(thrown) || hasBrand(thrown)) return thrown
  const clean = (name: string): string => removeKnownSecrets(readTextField(thrown, name), secrets)
  return Object.assign(new Error(clean('message')), { name: clean('name'), code: clean('code') })
}
