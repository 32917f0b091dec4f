import { checkWhole } from '../errors/checks.js'
import { describeSecret, describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'

/** A command's options by their camel-case names, as they were typed: true, a text, or the texts of a repeated option. */
export type Flags = Readonly<Record<string, unknown>>

/** An argument that stands for standard input. */
export const STDIN = '-'

/** An option's text, or undefined without the option. @throws InvalidOptionError when it was given twice, or empty. */
export function getText(flags: Flags, name: string): string | undefined {
  const value = flags[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '') {
    throw new InvalidOptionError({
      option: toDashed(name),
      problem: `must have one value, got ${describeValue(value)}`,
    })
  }
  return value
}

/** @throws InvalidOptionError without the option, too. */
export function getNeededText(flags: Flags, name: string): string {
  const text = getText(flags, name)
  if (text === undefined) throw new InvalidOptionError({ option: toDashed(name), problem: 'is needed' })
  return text
}

/** The texts of an option that may be repeated. */
export function getTexts(flags: Flags, name: string): string[] {
  const value = flags[name]
  return Array.isArray(value) ? value.map(String) : [getText(flags, name)].flatMap((text) => text ?? [])
}

/** @throws InvalidOptionError unless it is a whole number from 1 to `most`. */
export function parseCount(flags: Flags, name: string, { most }: { most: number }): number | undefined {
  const text = getText(flags, name)
  if (text === undefined) return undefined
  const count = /^\d{1,9}$/.test(text) ? Number(text) : text
  checkWhole(toDashed(name), count, { most })
  return count
}

/** @throws InvalidOptionError unless it is an http(s) URL. */
export function parseUrlFlag(flags: Flags, name: string): string | undefined {
  const text = getText(flags, name)
  if (text === undefined || (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol))) return text
  // It may hold a password.
  throw new InvalidOptionError({
    option: toDashed(name),
    problem: `must be an http(s) URL, got ${describeSecret(text)}`,
  })
}

/** `maxGonePerHour` as it is typed: `--max-gone-per-hour`. */
export function toDashed(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** `max-gone-per-hour` as flags have it: `maxGonePerHour`. */
export function toCamelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase())
}
