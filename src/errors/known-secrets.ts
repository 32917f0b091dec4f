import { decodeNotations, MOST_ESCAPES } from './notations.js'
import { MAX_SERVER_TEXT } from './redaction.js'

/** The secrets that a call carried, which no error may repeat. Those that it did not carry are undefined, null or empty. */
export type KnownSecrets = readonly (string | undefined | null)[]

/** Only the part of a text that may be shown is looked at, and some more: escapes make a secret longer. */
const MAX_TEXT = MAX_SERVER_TEXT * 4

/**
 * Of a longer secret, such as a file name that a stranger chose, beginning and end are looked for: to fold one takes time
 * in the square of its length (200,000 combining marks: half a minute).
 */
const MAX_SECRET = 4_096

/**
 * Removes from a server's text the secrets that the call carried. Nothing of the text is left when it repeats one in
 * another notation, with invisible characters in it, or a good part of one.
 */
export function removeKnownSecrets(text: string, secrets: KnownSecrets): string {
  // References come as JSON from queues: a file name may be anything there.
  const known = secrets.flatMap((secret) => (typeof secret === 'string' && secret !== '' ? cutSecret(secret) : []))
  const clean = known.reduce((rest, secret) => rest.replaceAll(secret, '[removed]'), text.slice(0, MAX_TEXT))
  if (known.length === 0 || clean === '') return clean
  return isRepeated(known.map(fold), listReadings(clean)) ? '[a text that repeats a secret]' : clean
}

function cutSecret(secret: string): string[] {
  if (secret.length <= MAX_SECRET) return [secret]
  return [secret.slice(0, MAX_SECRET / 2), secret.slice(-MAX_SECRET / 2)]
}

/** So many characters of a secret in a row are no accident. Servers cut long values. */
const REPEATED_PART = 12

function isRepeated(secrets: readonly string[], readings: readonly string[]): boolean {
  const short = secrets.filter((secret) => secret !== '' && secret.length <= REPEATED_PART)
  const parts = new Set(secrets.flatMap(listParts))
  return readings.some((reading) => {
    return short.some((secret) => reading.includes(secret)) || listParts(reading).some((part) => parts.has(part))
  })
}

function listParts(text: string): string[] {
  const count = Math.max(0, text.length - REPEATED_PART + 1)
  return Array.from({ length: count }, (_, at) => text.slice(at, at + REPEATED_PART))
}

/** Blanks, controls, and the characters that show as nothing. */
const UNSEEN = /[\s\p{M}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]+/gu

/** Without the differences that systems make in names: case, accents and how they are composed, blanks, width. */
function fold(text: string): string {
  return text.normalize('NFKD').replace(UNSEEN, '').toLowerCase()
}

/** The text folded, without its escapes, and with its base64 and hex decoded. */
function listReadings(text: string): string[] {
  const plain = [text, ...(['utf8', 'latin1'] as const).flatMap((charset) => undoEscapes(text, charset))]
  const packed = new Set(plain.flatMap((reading) => reading.match(/[\w+/-]{16,}/g) ?? []))
  const unpacked = [...packed].flatMap((run) => [
    ...[0, 1, 2, 3].map((from) => Buffer.from(run.slice(from), 'base64').toString('utf8')),
    ...[0, 1].map((from) => Buffer.from(run.slice(from), 'hex').toString('utf8')),
  ])
  // Forms write a space as a plus, and a server may have read UTF-8 as Latin-1.
  const others = plain.flatMap((reading) => [reading.replaceAll('+', ' '), Buffer.from(reading, 'latin1').toString()])
  return [...new Set([...plain, ...others, ...unpacked].map(fold))]
}

function undoEscapes(text: string, charset: 'utf8' | 'latin1'): string[] {
  const readings: string[] = []
  for (let times = 0, reading = text; times < MOST_ESCAPES; times++) {
    reading = decodeNotations(reading, charset)
    readings.push(reading)
  }
  return readings
}
