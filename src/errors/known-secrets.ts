import { decodeNotations, MOST_ESCAPES } from './notations.js'
import { MAX_SERVER_TEXT } from './redaction.js'

/** The secrets that a call carried, which no error may repeat. Those that it did not carry are undefined, null or empty. */
export type KnownSecrets = readonly (string | undefined | null)[]

/**
 * Removes from a server's text the secrets that the call carried. Nothing of the text is left when it repeats one in
 * another notation, or a good part of one.
 */
export function removeKnownSecrets(text: string, secrets: KnownSecrets): string {
  // References come as JSON from queues: a file name may be anything there.
  const known = secrets.flatMap((secret) => (typeof secret === 'string' && secret !== '' ? [secret] : []))
  const clean = known.reduce((rest, secret) => rest.replaceAll(secret, '[removed]'), text)
  if (known.length === 0 || clean === '') return clean
  // Only the part of the text that may be shown is compared.
  const readings = listReadings(clean.slice(0, MAX_SERVER_TEXT * 4))
  return known.some((secret) => isRepeated(secret, readings)) ? '[a text that repeats a secret]' : clean
}

/** So many characters of a secret in a row are no accident. Servers cut long values. */
const REPEATED_PART = 12

function isRepeated(secret: string, readings: readonly string[]): boolean {
  const folded = fold(secret)
  const length = Math.min(REPEATED_PART, folded.length)
  const parts = Array.from({ length: folded.length - length + 1 }, (_, at) => folded.slice(at, at + length))
  return readings.some((reading) => parts.some((part) => part !== '' && reading.includes(part)))
}

/** Without the differences that systems make in names: case, accents and how they are composed, the width of spaces. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/\s+/g, ' ')
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
