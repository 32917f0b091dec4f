import { InvalidOptionError } from '../errors.js'
import { describeSecret, describeValue } from './describe.js'
import { findNearestName, findOtherWord } from './nearest-name.js'

type NameOfAny<Options> = Options extends unknown ? keyof Options : never

/** The names of all options of a function. The compiler refuses a list that lacks one, or has one too many. */
export type OptionNames<Options> = Readonly<Record<NameOfAny<Options> & string, true>>

/** The place of an options object. */
export interface OptionsPlace {
  /** The option that holds it. Absent for the options of a function. */
  option?: string | undefined
  /** The argument before it, by its name: the two may have been swapped. */
  after?: Readonly<Record<string, unknown>> | undefined
  /** It may have other names, too: only one that is nearly a known name or a word for it, where that is absent, is refused. */
  isOpen?: boolean | undefined
}

/**
 * Refuses what is no options object, and names that no option has: a slip of the pen must not mean the default. The
 * values are not looked at. An unknown name whose value is undefined counts as left out, as every option does.
 *
 * Instances of classes, and objects with a prototype of their own, may have more than options: their names are not
 * checked, but one of the known names must be there.
 *
 * @throws InvalidOptionError that names the option, with the nearest known name.
 */
export function checkOptions(
  given: unknown,
  names: Readonly<Record<string, true>>,
  place: OptionsPlace = {},
): asserts given is object {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw refuseOptions(given, names, place)
  if (!isPlain(given)) {
    for (const name in names) if (name in given) return
    throw refuseOptions(given, names, place)
  }
  for (const name in given) {
    if (Object.hasOwn(names, name) || !Object.hasOwn(given, name) || Reflect.get(given, name) === undefined) continue
    if (place.isOpen === true && !isSlip(name, given, names)) continue
    throw isSwapped(names, place) ? refuseOptions(given, names, place) : refuseName(name, names, place)
  }
}

function isSlip(name: string, given: object, names: Readonly<Record<string, true>>): boolean {
  const known = Object.keys(names)
  const nearest = findNearestName(name, known, { slipsOnly: true }) ?? findOtherWord(name, known)
  return nearest !== undefined && !(nearest in given)
}

/** Also of another realm, as test runners have them. */
function isPlain(given: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(given)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function refuseOptions(
  given: unknown,
  names: Readonly<Record<string, true>>,
  { option = 'options', after }: OptionsPlace,
): InvalidOptionError {
  const [first] = Object.keys(after ?? {})
  const order = isSwapped(names, { after }) ? `; the two are swapped: ${first} comes first, then the options` : ''
  const problem = `must be an object, got ${describeValue(given)}${order}; known are ${listNames(names)}`
  return new InvalidOptionError({ option, problem })
}

function refuseName(name: string, names: Readonly<Record<string, true>>, { option }: OptionsPlace): InvalidOptionError {
  const nearest = findNearestName(name, Object.keys(names))
  const path = option === undefined ? '' : `${option}.`
  const advice = nearest === undefined ? `known are ${listNames(names)}` : `did you mean ${path}${nearest}?`
  const shown = /^[\w$-]{1,40}$/.test(name) ? name : describeSecret(name)
  return new InvalidOptionError({ option: `${path}${shown}`, problem: advice, isUnknown: true })
}

/** Whether the argument before has the names of options, and nothing but them. */
function isSwapped(names: Readonly<Record<string, true>>, { after }: OptionsPlace): boolean {
  const [before] = Object.values(after ?? {})
  if (typeof before !== 'object' || before === null) return false
  const keys = Object.keys(before)
  return keys.length > 0 && keys.every((name) => Object.hasOwn(names, name))
}

function listNames(names: Readonly<Record<string, true>>): string {
  return Object.keys(names).join(', ')
}
