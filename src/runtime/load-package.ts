import { isPassingFault } from '../errors/passing-fault.js'
import { describeLoadFailure, findAbsentPackage, type OptionalPackage } from '../errors/setup-fault.js'
import { readField } from '../errors/thrown.js'
import { isObject } from '../json.js'
import { requireInstalled } from './installed-package.js'
import { checkSpareDescriptors } from './spare-descriptors.js'

/** Names of what has been loaded: Node keeps it, and nothing is read again. */
const loaded = new Set<string>()

/**
 * Loads a package that an app installs itself. A failure blocks no later call, although Node remembers some of them: a
 * package that `import()` can't load any more is loaded by its file.
 *
 * @param load calls `import()` with the name as it is written in the source, which bundlers look for.
 * @throws Error with the code `package-missing`; `package-broken` for one that is there and can't be loaded;
 *   `package-unreadable` for one whose own dependency Node takes for missing until it is restarted. Its message says
 *   what to do. A fault of the machine, such as `EMFILE`, as it came.
 */
export async function loadPackage<T>(asked: OptionalPackage, load: () => Promise<T>): Promise<T> {
  const { name, part } = asked
  if (!loaded.has(`${name}/${part}`)) {
    checkSpareDescriptors()
    if (keepsFailures()) loadAtOnce(asked)
  }
  const found = await load().then(readNamespace, (error: unknown) => loadByFile<T>(asked, error))
  loaded.add(`${name}/${part}`)
  return found
}

/** As `loadPackage`; undefined for a package that is missing or broken. @throws a fault of the machine, which passes. */
export async function findPackage<T>(asked: OptionalPackage, load: () => Promise<T>): Promise<T | undefined> {
  try {
    return await loadPackage(asked, load)
  } catch (error) {
    if (isPassingFault(error)) throw error
    return undefined
  }
}

/** Node 20 and Bun remember a package.json that they could not read as one that is not there. */
function keepsFailures(): boolean {
  const versions = readField(Reflect.get(globalThis, 'process'), 'versions')
  return readField(versions, 'bun') !== undefined || Number.parseInt(String(readField(versions, 'node')), 10) < 22
}

/**
 * Loads the package and all that it requires within this turn, in which nobody takes the descriptors that were just
 * counted. `import()` lets turns pass between the package and what that requires.
 */
function loadAtOnce(asked: OptionalPackage): void {
  try {
    requireInstalled(asked)
  } catch {
    // Then `import()` says what is wrong.
  }
}

/** Node gives a CommonJS file that it could not read in time no names but these. */
const BARE_NAMES: readonly string[] = ['default', 'module.exports']

function readNamespace<T>(namespace: T): T {
  const whole = readField(namespace, 'default')
  const isBare = Object.keys(Object(namespace)).every((name) => BARE_NAMES.includes(name))
  // `default` is what `require` gives, with the names that the namespace lacks.
  return isBare && isObject(whole) ? (whole as T) : namespace
}

/** Node keeps failed imports of a file for ever, and forgets failed calls of `require`. */
function loadByFile<T>(asked: OptionalPackage, error: unknown): T {
  const isPassing = isPassingFault(error)
  if (isPassing || findAbsentPackage(error) !== undefined) {
    checkSpareDescriptors()
    try {
      const found = requireInstalled(asked)
      // The same module as `import()` gives.
      if (isObject(found)) return found as T
    } catch {
      // The first failure tells more.
    }
  }
  throw isPassing ? error : describeLoadFailure(asked, error)
}
