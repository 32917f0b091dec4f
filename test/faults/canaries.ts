import { inspect } from 'node:util'

/** How many characters of a canary in a row are a leak: a cut or wrapped secret still is one. */
const LEAK_CHARACTERS = 9

/** Looks for canaries in texts, however they are written there. */
export interface CanaryScanner {
  /** The names of the canaries that a text holds. */
  find(text: string): string[]
}

export function createCanaryScanner(canaries: Readonly<Record<string, string>>): CanaryScanner {
  const pieces = Object.entries(canaries).flatMap(([name, canary]) =>
    piecesOf(canary.toLowerCase()).map((piece) => ({ name, piece })),
  )
  return {
    find(text) {
      const readings = [...readingsOf(text)].map((reading) => reading.toLowerCase())
      const found = pieces.filter(({ piece }) => readings.some((reading) => reading.includes(piece)))
      return [...new Set(found.map(({ name }) => name))]
    },
  }
}

function piecesOf(canary: string): string[] {
  const last = Math.max(0, canary.length - LEAK_CHARACTERS)
  return Array.from({ length: last + 1 }, (_none, at) => canary.slice(at, at + LEAK_CHARACTERS))
}

/** The text, and what it says to whoever decodes it, twice over. */
function readingsOf(text: string): Set<string> {
  const readings = new Set([text])
  for (let depth = 0; depth < 2; depth++) {
    for (const reading of [...readings]) {
      for (const decoded of decode(reading)) readings.add(decoded)
    }
  }
  return readings
}

function decode(text: string): string[] {
  const plain = [withoutPercents(text), withoutEscapes(text), withoutEntities(text), withoutInvisible(text)]
  return [...plain, withoutSeparators(text), ...base64Runs(text), ...hexRuns(text)]
}

/** Those of XML and HTML, by number. */
function withoutEntities(text: string): string {
  return text.replace(/&#x([0-9a-f]{1,5});/gi, (_all, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
}

/** What shows as nothing, and blanks between single letters, hide a secret from a search alone. */
function withoutInvisible(text: string): string {
  return text
    .replace(/(?!\s)[\p{Cc}\p{Default_Ignorable_Code_Point}]/gu, '')
    .replace(/(?<=(?:^|\s)\S)\s(?=\S(?:\s|$))/g, '')
}

function hexRuns(text: string): string[] {
  const runs = text.match(/[0-9a-f]{18,}/gi) ?? []
  return runs.flatMap((run) => [0, 1].map((at) => Buffer.from(run.slice(at), 'hex').toString('utf8')))
}

function withoutPercents(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}

/** JSON's, and those of `inspect`. */
function withoutEscapes(text: string): string {
  return text
    .replace(/\\u([0-9a-f]{4})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\(["'/\\])/g, '$1')
}

/** Phone numbers as people write them. */
function withoutSeparators(text: string): string {
  return text.replace(/(?<=\d)[ ().-]+(?=\d)/g, '')
}

/** Each base64 or base64url run, from each place at which four characters may begin. */
function base64Runs(text: string): string[] {
  const runs = text.match(/[\w+/-]{8,}={0,2}/g) ?? []
  return runs.flatMap((run) => [0, 1, 2, 3].map((at) => Buffer.from(run.slice(at), 'base64').toString('latin1')))
}

/** All that a log could show of a value: an error, an event, a failure. */
export function textsOf(value: unknown): string[] {
  const printed = [toText(value), inspect(value, { depth: null, showHidden: true }), inspect(value)]
  const json = JSON.stringify(value)
  return [...printed, ...(json === undefined ? [] : [json]), ...(value instanceof Error ? errorTexts(value) : [])]
}

/** An object without a prototype has no text of its own. */
function toText(value: unknown): string {
  try {
    return String(value)
  } catch {
    return inspect(value)
  }
}

function errorTexts(error: Error): string[] {
  const own = Reflect.ownKeys(error).flatMap((name) => {
    const property: unknown = Reflect.get(error, name)
    return property instanceof Error ? textsOf(property) : [String(name), toText(property)]
  })
  return [error.message, error.stack ?? '', ...own]
}
