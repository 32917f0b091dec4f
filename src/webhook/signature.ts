import { createHmac, timingSafeEqual } from 'node:crypto'
import { types } from 'node:util'
import { checkOptions, type OptionNames } from '../errors/check-options.js'
import { describeSecret, describeValue } from '../errors/describe.js'
import { InvalidOptionError, InvalidSignatureError, type SignatureProblem } from '../errors.js'
import { describeForm, hasBlanks } from './describe-form.js'

/**
 * Lower case only, as Meta writes it (Meta: Graph API webhooks, "Validating payloads"). One header of exactly this
 * form: an array, two values joined by a comma, upper case and anything cut short are refused before any comparing.
 */
const HEADER = /^sha256=([0-9a-f]{64})$/

/** Open, for the settings of a webhook handler hold the same secret. */
const SECRET_OPTIONS: OptionNames<Parameters<typeof verifySignature>[2]> = { appSecret: true }

/** A refused body longer than this is not examined for a re-encoding: strangers choose how long it is. */
const MAX_EXAMINED_BYTES = 65_536

/**
 * Checks that a webhook was signed by Meta with one of the app's secrets.
 *
 * @param rawBody the body as it came, before any parser: bytes, or a string that is their exact UTF-8 text.
 * @param header the value of `X-Hub-Signature-256`, as the framework gives it.
 * @param options `appSecret`: the app secret, or several while one is being replaced. All are always tried.
 * @returns nothing; a body that passes is authentic.
 * @throws InvalidSignatureError with a `reason` for logs. InvalidOptionError when there is no app secret, or `rawBody` is
 * neither bytes nor string: an app that forgot its secret must not accept everything.
 * @example
 * ```ts
 * import { signPayload, verifySignature } from 'whatsapp-media-archive/webhook'
 *
 * const rawBody = Buffer.from('{"object":"whatsapp_business_account","entry":[]}')
 * const header = signPayload(rawBody, { appSecret: 'app-secret' }) // or the request's X-Hub-Signature-256
 * verifySignature(rawBody, header, { appSecret: ['app-secret', 'the-secret-before'] }) // returns, or throws
 * ```
 */
export function verifySignature(
  rawBody: string | Uint8Array,
  header: unknown,
  options: {
    /** The app's secret, or several while one is replaced. */
    appSecret: string | readonly string[]
  },
): void {
  checkOptions(options, SECRET_OPTIONS, { after: { header }, isOpen: true })
  const secrets = checkAppSecret(options.appSecret)
  checkRawBody(rawBody)
  const refusal = findSignatureProblem(rawBody, header, secrets)
  if (refusal !== undefined) throw new InvalidSignatureError(refusal)
}

/** Why a signature is refused, as its error takes it. */
export interface SignatureRefusal {
  reason: SignatureProblem
  /** What the body is, where it is not what Meta signs. */
  form?: string | undefined
}

/** The problem of a signature; undefined when there is none. */
function findSignatureProblem(
  rawBody: string | Uint8Array,
  header: unknown,
  secrets: readonly string[],
): SignatureRefusal | undefined {
  const claimed = parseHeader(header)
  if (!types.isUint8Array(claimed)) return claimed
  return isSignedBySome(rawBody, claimed, secrets) ? undefined : explainMisfit(rawBody, claimed, secrets)
}

/** The signature that a header claims, or why it can't be one: that is known before a byte of the body is read. */
export function parseHeader(header: unknown): Uint8Array | SignatureRefusal {
  if (header === undefined || header === null || header === '') return { reason: 'missing-header' }
  const hex = typeof header === 'string' ? HEADER.exec(header)?.[1] : undefined
  return hex === undefined ? { reason: 'malformed-header' } : Buffer.from(hex, 'hex')
}

/**
 * Signs a body as Meta does: for tests, and for passing webhooks on.
 *
 * @returns the value of `X-Hub-Signature-256`: `sha256=` and 64 lowercase hex digits.
 * @throws InvalidOptionError when `appSecret` is empty, or `rawBody` neither bytes nor string.
 */
export function signPayload(
  rawBody: string | Uint8Array,
  options: {
    /** The app's secret. */
    appSecret: string
  },
): string {
  checkOptions(options, SECRET_OPTIONS, { after: { rawBody }, isOpen: true })
  const [secret] = checkAppSecret(options.appSecret)
  checkRawBody(rawBody)
  return `sha256=${hmac(rawBody, secret).toString('hex')}`
}

/** @throws InvalidOptionError unless there is at least one app secret and none is empty or has white space around it. */
export function checkAppSecret(appSecret: unknown): readonly [string, ...string[]] {
  const [first, ...others]: unknown[] = Array.isArray(appSecret) ? appSecret : [appSecret]
  return [checkSecret(first), ...others.map(checkSecret)]
}

function checkSecret(secret: unknown): string {
  // A secret read from a file keeps the file's line end, and then fits no webhook.
  if (typeof secret === 'string' && secret !== '' && secret.trim() === secret) return secret
  throw new InvalidOptionError({
    option: 'appSecret',
    problem: `must be the app's secret, or a list of them, without white space around, got ${describeSecret(secret)}`,
  })
}

function checkRawBody(rawBody: unknown): void {
  if (typeof rawBody === 'string' || types.isUint8Array(rawBody)) return
  throw new InvalidOptionError({
    option: 'rawBody',
    problem: `must be the body's bytes or text from before any JSON parser, got ${describeValue(rawBody)}`,
  })
}

function hmac(body: string | Uint8Array, secret: string): Buffer {
  return createHmac('sha256', secret).update(body).digest()
}

export function isSignedBySome(body: string | Uint8Array, claimed: Uint8Array, secrets: readonly string[]): boolean {
  let isSigned = false
  for (const secret of secrets) {
    // The comparison comes first: leaving early would show which secret fits.
    isSigned = timingSafeEqual(hmac(body, secret), claimed) || isSigned
  }
  return isSigned
}

/** Why no secret fits: most often the body is not the one that Meta signed any more. */
export function explainMisfit(
  rawBody: string | Uint8Array,
  claimed: Uint8Array,
  secrets: readonly string[],
): SignatureRefusal {
  const form = describeForm(rawBody) ?? describeEncoding(rawBody, (body) => isSignedBySome(body, claimed, secrets))
  return form === undefined ? { reason: 'wrong-secret' } : { reason: 'body-re-encoded', form }
}

const REWRITTEN = 'JSON that was parsed and written again'

/**
 * Meta signs its JSON with non-ASCII as lowercase `\u00e4` and `/` as `\/`; often `<`, `%` and `@` are escaped too,
 * sometimes `>`. A JSON parser and a serializer lose that: with Meta's escapes, the body has the signature again.
 */
function describeEncoding(rawBody: string | Uint8Array, isSigned: (body: string) => boolean): string | undefined {
  if (rawBody.length > MAX_EXAMINED_BYTES) return undefined
  const body = typeof rawBody === 'string' ? rawBody : Buffer.from(rawBody).toString('utf8')
  if (body.includes('\ufffd')) return 'a text whose bytes were decoded in another encoding than UTF-8'
  if (/[\u0080-\uffff]|(?<!\\)(?:\\\\)*\//.test(body)) return `${REWRITTEN}: Meta escapes non-ASCII and slashes`
  if (hasBlanks(body)) return `${REWRITTEN}: Meta writes no blanks between tokens`
  const wire = body.replace(/\\(?:u([0-9a-f]{4})|.)/gi, writeEscape)
  const wires = [wire, ...[/[%@<]/g, /[%@<>]/g].map((escaped) => wire.replace(escaped, toEscape))]
  return wires.some(isSigned) ? REWRITTEN : undefined
}

/** One escape as Meta writes it: other serializers have capitals in it, or escape more characters. */
function writeEscape(escaped: string, hex: string | undefined): string {
  if (hex === undefined) return escaped
  const character = String.fromCharCode(Number.parseInt(hex, 16))
  if (character === '/') return '\\/'
  return /[ !#-[\]-~]/.test(character) ? character : escaped.toLowerCase()
}

/** Meta's escape of ASCII: `\u0040`, and `\u003C` in upper case. */
function toEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
}
