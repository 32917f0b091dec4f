import { decodeNotations, MOST_ESCAPES } from './notations.js'

/*
 * What errors, events and logs may show of values and texts that others made: nothing that is, or may well be, a token,
 * a signed query, a phone number, a message id or a file name.
 */

export const MAX_SERVER_TEXT = 1_024

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
export function holdsSecret(text: string): boolean {
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
