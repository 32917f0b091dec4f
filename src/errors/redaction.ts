import { decodeNotations, MOST_ESCAPES } from './notations.js'

/*
 * Removes from foreign texts the parts that errors, events and logs must not show: tokens, signed queries, phone
 * numbers, message ids and file names, and anything of their form.
 */

/** The most characters of a server's text that are looked at. */
export const MAX_SERVER_TEXT = 1_024

/**
 * Text from a server, fit for a message: at most 1 KB and some marks, without control characters, tokens, query strings,
 * phone numbers and file names.
 */
export function cleanServerText(text: string): string {
  return removeFileNames(scrubAll(cutText(text)))
    .slice(0, MAX_SERVER_TEXT * 2)
    .trim()
}

/** A long text without its last part: cut in the middle, a secret would fit no pattern any more. */
function cutText(text: string): string {
  if (text.length <= MAX_SERVER_TEXT) return text
  return text.slice(0, MAX_SERVER_TEXT).replace(/[\p{L}\p{N}_.~+/=|%-]+$/u, '')
}

/** Numbers in this library's own sentences that are no phone numbers: ids, times, limits, counts, UUIDs, hashes. */
const PLAIN_NUMBERS = new RegExp(
  `(${[
    String.raw`'\d{14,20}'`,
    String.raw`\b(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ][\d:.]{5,12}Z?)?\b`,
    String.raw`\bat (?:most|least) \d{1,16}\b`,
    String.raw`\bfrom \d{1,4} to \d{1,16}\b`,
    String.raw`\b\d{1,16} (?:bytes|ms|seconds|jobs|characters)\b`,
    String.raw`\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`,
    String.raw`\b[0-9a-f]{64}\b`,
  ].join('|')})`,
)

/** A sentence of this library's own, cleaned like a server's text. Its ids, times, limits and counts stay. */
export function cleanWords(text: string): string {
  const parts = cutText(text).split(PLAIN_NUMBERS)
  const clean = parts.map((part, at) => (at % 2 === 1 ? part : scrubAll(part))).join('')
  return removeFileNames(clean).slice(0, MAX_SERVER_TEXT * 2)
}

/** Whether cleaning changes nothing in a text. File names do not count. A text that is too long to clean is not clean. */
export function isClean(text: string): boolean {
  return text.length <= MAX_SERVER_TEXT && scrubAll(text) === text
}

/** Scrubs a text as it is written, and as it reads without its escapes and with plain letters for full-width ones. */
function scrubAll(text: string): string {
  let clean = scrub(text)
  const dense = scrub(text.replaceAll(CONTROLS, ''))
  if (dense.replaceAll(' ', '') !== clean.replaceAll(' ', '')) clean = dense
  let reading = clean
  for (let times = 0; times < MOST_ESCAPES; times++) {
    reading = decodeNotations(reading, 'utf8').normalize('NFKC').replaceAll(CONTROLS, '')
    const scrubbed = scrub(reading)
    // A secret with escapes or controls in it fits no pattern. The text without them is shown then.
    if (scrubbed !== toPrintable(reading)) clean = scrubbed
    reading = scrubbed
  }
  return clean
}

/** Controls that are no blanks: between the letters of a secret, they hide it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f]+/g

const FILE_EXTENSIONS = [
  'pdf|doc[xm]?|xls[xmb]?|ppt[xm]?|ppsx?|od[tsp]|rtf|txt|csv|tsv|html?|xml|ics|vcf|eml|epub|zip|rar|7z|apk',
  'jpe?g|png|gif|webp|hei[cf]|avif|bmp|tiff?|svg|mp4|m4v|mov|3gp|webm|mkv|avi|mp3|ogg|opus|aac|m4a|amr|wav|flac',
].join('|')
/** `response.json` and `console.log` are no files, and errors speak of a `README.md`: in quotes alone. */
const QUOTED_FILE = new RegExp(String.raw`(["'])[^"'\n]{1,240}\.(?:${FILE_EXTENSIONS}|json|log|md)\1`, 'gi')
const FILE = new RegExp(String.raw`(:/+)?([^\s/\\"'<>=?&,;:()]{1,240})\.(?:${FILE_EXTENSIONS})(?![\w.-])`, 'gi')
/** S3's errors link to pages of its manual, with paths of at most so many characters. */
const MAX_MANUAL = 120
const MANUAL = /https:\/\/docs\.aws\.amazon\.com\/[\w./-]*$/
/** Ids at the end of keys: they name nobody. */
const HEX_ID = /^[0-9a-f-]{16,}$/

/** File names often hold people's names. Names in full-width letters count too. */
function removeFileNames(text: string): string {
  const clean = replaceFileNames(text)
  const plain = clean.normalize('NFKC')
  const scrubbed = replaceFileNames(plain)
  return scrubbed === plain ? clean : scrubbed
}

function replaceFileNames(text: string): string {
  return text
    .replace(QUOTED_FILE, (all, quote: string) => (all.includes('/') ? all : `${quote}[file name]${quote}`))
    .replace(FILE, (all, host: string | undefined, stem: string, at: number, whole: string) =>
      host !== undefined || HEX_ID.test(stem) || MANUAL.test(whole.slice(Math.max(0, at - MAX_MANUAL), at))
        ? all
        : '[file name]',
    )
}

/** Whether a text is a file's name, or holds one. A text that is too long to search may hold one. */
export function hasFileName(text: string): boolean {
  return text.length > MAX_SERVER_TEXT || removeFileNames(text) !== text
}

function scrub(text: string): string {
  return removeNumbers(removeSecrets(toPrintable(text)))
}

/** Without invisible characters: between the letters of a secret, they hide it from patterns but not from readers. */
function toPrintable(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a hostile server must not write to the reader's terminal
      .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
      .replace(/[\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]+/gu, '')
  )
}

/**
 * Whether part of a text has the form of a token, a signed query, a message id or an international phone number. A text
 * that is too long to search may have one.
 */
export function hasSecret(text: string): boolean {
  return text.length > MAX_SERVER_TEXT || removeSecrets(text) !== text
}

/**
 * Whether an id is a token of Meta's, or a message id with or without its head. All other ids pass: they may be any
 * letters, and a number in base64 as well.
 */
export function isSecretId(id: string): boolean {
  return /^EAA[A-Za-z0-9]{20,}$/.test(id) || id.startsWith('wamid.') || (/^HBg/.test(id) && hasPackedNumber(id))
}

const SECRET_PARAMETER =
  /((?:access_token|appsecret_proof|hash|signature|key-pair-id|AWSAccessKeyId|X-(?:Amz|Goog)-[\w-]{1,64})(?:=|%3D|"\s{0,9}:\s{0,9}"))[^\s&"'<>]+/gi
/**
 * As headers, fields of JSON and XML elements carry one, `SignatureProvided` and `Token-0` in S3's answers. Words have no
 * digit, and are shorter than most secrets. A `key` alone is that of an object, as in `NoSuchKey`.
 */
const SECRET_FIELD =
  /((?:(?:access|api|app|auth|customer|encryption|license|master|private|secret|session|shared|signing|storage|account)[\s_-]{0,2}key|key-?id|token(?:-\d)?|secret|password|credentials?|signature(?:provided)?|kms-key-id)(?:<\/?[\w:-]{1,64})?["']?\s{0,9}[:=>]\s{0,9}["']?)(?=[^\s"',;&<>]{0,200}\d)[^\s"',;&<>]{8,}/gi
/** Headers that carry a session token, a key or a hash of one (AWS: common request headers; PutObject). */
const AMZ_HEADER =
  /(x-amz-(?:security-token|server-side-encryption-[\w-]{1,64}|s3session-token)["']?\s{0,9}[:=]\s{0,9}["']?)[^\s"',;&<>]+/gi
/** The session tokens of AWS begin with these letters. */
const SESSION_TOKEN = /(?:FwoG|FQoG|IQoJ|AQoD)[\w+/=%-]{12,}/g
/** A KMS key by its ARN or alias (AWS: KMS key identifiers). */
const KMS_KEY = /arn:aws[\w-]{0,20}:kms:[\w:/.-]{1,2048}/gi

/** No `\b` around tokens: a server may glue them to anything. */
function removeSecrets(text: string): string {
  return (
    text
      // In JSON, Meta escapes slashes.
      .replace(/(https?:(?:\\?\/){2}[^\s?"'<>]*)\?[^\s"'<>]*/gi, '$1?[removed]')
      .replace(/((?:\\?\/){2})[^\s/@"'<>]+@/g, '$1[removed]@')
      .replace(/(Bearer|OAuth)\s+[\w.~+/=|-]+/gi, '$1 [removed]')
      .replace(/(Authorization\W{1,5}Basic)\s+[\w.~+/=-]+/gi, '$1 [removed]')
      .replace(/(Basic)\s+([\w+/-]+={0,2})/gi, (all, scheme: string, run: string) =>
        hasPackedColon(run) ? `${scheme} [removed]` : all,
      )
      .replace(SECRET_PARAMETER, '$1[removed]')
      .replace(AMZ_HEADER, '$1[removed]')
      .replace(SECRET_FIELD, '$1[removed]')
      .replace(SESSION_TOKEN, '[removed]')
      .replace(KMS_KEY, '[KMS key]')
      // The queries of signed URLs often come without scheme and host.
      .replace(/([?&](?:sig|policy|oh|oe|token)(?:=|%3D))[^\s&"'<>]+/gi, '$1[removed]')
      .replace(/EA[A-Za-z0-9]{16,}/g, '[removed]')
      // A host name comes in lower case.
      .replace(/EAA[a-z0-9]{14,}/gi, '[removed]')
      // A message id holds a phone number, in base64.
      .replace(/wamid\.[\w+/=-]+/gi, '[message id]')
      .replace(/[\w+/-]{11,}={0,2}/g, (run) => (hasPackedNumber(run) ? '[message id]' : run))
      .replace(/[+\uff0b]\p{Nd}(?:[^\p{L}\p{N},;:]{0,3}\p{Nd}){6,}/gu, '[number]')
  )
}

/** Whether base64 holds a user and a password, as in Basic authentication. */
function hasPackedColon(run: string): boolean {
  return /^[ -~]+:[ -~]*$/.test(Buffer.from(run, 'base64').toString('latin1'))
}

/** Whether base64 holds a phone number. Its groups of four characters may begin anywhere in the run. */
function hasPackedNumber(run: string): boolean {
  return [0, 1, 2, 3].some((from) => /\d{8}/.test(Buffer.from(run.slice(from), 'base64').toString('latin1')))
}

/** Digits of any script, with spaces, dashes, dots, slashes or brackets between them, as people write phone numbers. */
const NUMBER = /\p{Nd}(?:[^\p{L}\p{N},;:"'<>[\]{}=&?!%*#@|~^$]{0,3}\p{Nd}){6,}/gu
const IP_ADDRESS = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?=\d)|$)){4}$/

function removeNumbers(text: string): string {
  // Counts of bytes have up to seven digits; phone numbers without separators have more.
  return text.replace(NUMBER, (run) => (/^\d{7}$/.test(run) || IP_ADDRESS.test(run) ? run : '[number]'))
}
