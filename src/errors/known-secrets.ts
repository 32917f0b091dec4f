import { decodeNotations, MOST_ESCAPES } from './notations.js'
import { MAX_SERVER_TEXT } from './redaction.js'

/** What a call carried and no error may repeat; what it did not carry is undefined, null or empty. */
export type KnownSecrets = readonly (string | undefined | null)[]

/**
 * A text without the secrets that its sender was told: nothing is left of one that repeats them in another notation, or
 * a good part of one.
 */
export function removeKnownSecrets(text: string, secrets: KnownSecrets): string {
  // References come as JSON from queues: a file name may be anything there.
  const known = secrets.flatMap((secret) => (typeof secret === 'string' && secret !== '' ? [secret] : []))
  const clean = known.reduce((rest, secret) => rest.replaceAll(secret, '[removed]'), text)
  if (known.length === 0 || clean === '') return clean
  // Servers cut what is long: what is compared is no longer than what is shown.
  const readings = listReadings(clean.slice(0, MAX_SERVER_TEXT * 4))
  return known.some((secret) => isRepeated(secret, readings)) ? '[a text that repeats a secret]' : clean
}

/** So many characters of a secret in a row are no accident. */
const TELLING_PART = 12

function isRepeated(secret: string, readings: readonly string[]): boolean {
  const folded = fold(secret)
  const length = Math.min(TELLING_PART, folded.length)
  const parts = Array.from({ length: folded.length - length + 1 }, (_, at) => folded.slice(at, at + length))
  return readings.some((reading) => parts.some((part) => part !== '' && reading.includes(part)))
}

/** Without what systems change in names: case, the way accents are composed, the accents themselves, the width of spaces. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/\s+/g, ' ')
}

/** The text folded, with escapes undone as often as they were made, and with what base64 or hex it holds read. */
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
