import { defined } from '../json.js'
import { cleanId, cleanKey, describeHost, describeSecret } from './describe.js'
import { cleanServerText, cleanWords } from './redaction.js'
import { copyName, hasBrand, isError, readTextField } from './thrown.js'

/*
 * The one place where details become the public text and fields of an error. The compiler lets no error be made without
 * it: the base class takes nothing but a `CleanFailure`, and only `cleanDetails` makes one.
 */

/** The parts of an error of this library, cleaned. Only the library's own classes make one. */
export interface CleanFailure {
  /** The type says that it was cleaned; at run time it is a plain string. */
  readonly message: string & { readonly isClean: true }
  /** Whether the same call can succeed later. */
  readonly retryable: boolean
  /** Absent when there is none. */
  readonly cause?: unknown
  /** The error's own properties. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** Details with a form of their own. All others are cleaned as plain text. */
const CLEANERS: Readonly<Record<string, (value: string) => string>> = {
  host: describeHost,
  key: cleanKey,
  mediaId: cleanId,
  phoneNumberId: cleanId,
  accountId: cleanId,
  account: cleanId,
  fbtraceId: cleanId,
  expectedSha256: cleanHash,
  observedSha256: cleanHash,
  foundSha256: cleanHash,
  text: cleanServerText,
}

/** Numbers that a server chose freely. Meta's longest code has seven digits, phone numbers have more. */
const SERVER_CODES: readonly string[] = ['status', 'graphCode', 'subcode', 'errorCode']
const MAX_SERVER_CODE = 9_999_999

type KeyOfAny<Union> = Union extends unknown ? keyof Union : never

/**
 * Cleans an error's details, and only then builds its message from them.
 *
 * @param details the error's fields, text for its message, and its cause.
 * @param options `fields`: the details that become properties of the error; nothing else does. `buildMessage`: makes the
 * message of the clean details. `ownName`: the detail that is a name of the operator's choice.
 */
export function cleanDetails<Details extends object>(
  details: Details,
  options: {
    fields: readonly Exclude<KeyOfAny<Details>, 'cause' | 'retryable'>[]
    retryable: boolean
    buildMessage: (clean: Details) => string
    ownName?: string | undefined
  },
): CleanFailure {
  const { fields, retryable, buildMessage, ownName } = options
  const clean = Object.fromEntries(
    Object.entries(details).map(([name, value]) => [
      name,
      name === ownName && typeof value === 'string' ? cleanOwnName(value) : cleanDetail(name, value),
    ]),
  )
  const cause: unknown = Reflect.get(details, 'cause')
  const failure = {
    // Each detail keeps its type: text stays text, and only codes that are optional are dropped.
    message: buildMessage(clean as Details),
    retryable: retryable === true,
    fields: defined(Object.fromEntries(fields.map((name) => [name, clean[String(name)]]))),
    ...(cause === undefined ? {} : { cause: cleanCause(cause) }),
  }
  return failure as CleanFailure
}

function cleanDetail(name: string, value: unknown): unknown {
  if (typeof value === 'string') return (CLEANERS[name] ?? cleanWords)(value)
  if (typeof value === 'number')
    return SERVER_CODES.includes(name) && Math.abs(value) > MAX_SERVER_CODE ? undefined : value
  return value === undefined || typeof value === 'boolean' ? value : describeSecret(value)
}

/** A name that the app's operator chose is no secret, and often holds the 12 digits of an account at AWS. */
function cleanOwnName(name: string): string {
  const plain = name.replace(/(?<=[a-z]-)\d{12}(?!\d)/g, 'account')
  return /^[\w.:/-]{1,255}$/.test(name) && cleanWords(plain) === plain ? name : cleanWords(name)
}

function cleanHash(hash: string): string {
  return /^(?:[0-9a-f]{64}|[A-Za-z0-9+/]{43}=)$/.test(hash) ? hash : cleanWords(hash)
}

/**
 * A cause that is safe to keep: errors of SDKs and HTTP clients hold whole requests, bearer token included, so only
 * name, code and cleaned message go on. This library's own errors are clean already.
 */
function cleanCause(cause: unknown): unknown {
  if (hasBrand(cause)) return cause
  if (!isError(cause)) return new Error(describeSecret(cause))
  return copyName(cause, new Error(cleanServerText(readTextField(cause, 'message'))))
}
