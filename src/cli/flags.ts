import { describeValue } from '../errors/describe.js'
import { InvalidOptionError } from '../errors.js'

/** A command's options by their camel-case names, as they were typed. */
export type Flags = Readonly<Record<string, unknown>>

/** What stands for a lone dash, which the parser would drop. No path has a NUL. */
export const STDIN = '\0stdin'

export function markStdin(argv: readonly string[]): string[] {
  return argv.map((arg) => (arg === '-' ? STDIN : arg))
}

/** The parser reads what looks like a number as one, and account 007 is not account 7: the typed texts come back here. */
export function asTyped(parsed: Readonly<Record<string, unknown>>, argv: readonly string[]): Flags {
  const typed: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(parsed)) {
    const texts = typeof value === 'boolean' ? [] : textsOf(name, argv)
    typed[name] = texts.length > 1 ? texts : (texts[0] ?? value)
  }
  return typed
}

function textsOf(name: string, argv: readonly string[]): string[] {
  return argv.flatMap((arg, index) => {
    const [, typedName = '', text = argv[index + 1]] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? []
    const camelName = typedName.replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase())
    return camelName === name && text !== undefined ? [text] : []
  })
}

/** An option's text, or undefined without the option. @throws InvalidOptionError when it was given twice, or empty. */
export function textOf(flags: Flags, name: string): string | undefined {
  const value = flags[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '') {
    throw new InvalidOptionError({ option: dashed(name), problem: `must have one value, got ${describeValue(value)}` })
  }
  return value
}

/** @throws InvalidOptionError without the option, too. */
export function neededText(flags: Flags, name: string): string {
  const text = textOf(flags, name)
  if (text === undefined) throw new InvalidOptionError({ option: dashed(name), problem: 'is needed' })
  return text
}

/** The texts of an option that may be repeated. */
export function textsGiven(flags: Flags, name: string): string[] {
  const value = flags[name]
  return Array.isArray(value) ? value.map(String) : [textOf(flags, name)].flatMap((text) => text ?? [])
}

/** @throws InvalidOptionError unless it is a whole number from 1 to `most`. */
export function countOf(flags: Flags, name: string, { most }: { most: number }): number | undefined {
  const text = textOf(flags, name)
  if (text === undefined) return undefined
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (count >= 1 && count <= most) return count
  throw new InvalidOptionError({
    option: dashed(name),
    problem: `must be a whole number from 1 to ${most}, got ${describeValue(text)}`,
  })
}

/** As it is typed. */
export function dashed(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
