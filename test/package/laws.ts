import { findSharedNames, listTopLevelNames, measureFunctions } from './declarations.js'
import { findForeignWords } from './ground.js'
import type { Sources } from './sources.js'
import { findSurfaceFaults } from './surface-order.js'

/** The ceilings of law 6, in lines. */
const MOST_FILE_LINES = 300
const MOST_FUNCTION_LINES = 50
/** Law 6 lets a generated table and a list of classes be as long as they are. */
export const LONG_BY_NATURE = { generated: /^file-type\/mime\/table\.ts$/, classes: /^errors\.ts$/ }

/** Law 4: of the top-level names, so many may be defined in more than one file. */
export const MOST_SHARED_NAMES = 0.02
/** Law 3: so many functions may be named `…Of`. */
export const MOST_OF_NAMES = 10
/** Law 4: these say nothing without their file. */
const NO_NAMES = ['Context', 'Answer', 'Facts', 'Place', 'Verdict', 'Surroundings', 'Kind']

/** Law 2 reads a first word that two files share as a prefix. These doors have their names from the design. */
const DESIGNED_DOORS = ['media-archive', 'media-ids', 'media-reference']

/** Laws 2, 4, 5, 6 and 7: one sentence for each place that breaks one, sorted. Law 1 is in the layers. */
export function findBrokenLaws(sources: Sources): string[] {
  const surface = sources.get('index.ts')
  return [
    ...findRepeatedNames(sources),
    ...findEmptyNames(sources),
    ...findLongFiles(sources),
    ...findLongFunctions(sources),
    ...findForeignWords(sources),
    ...(surface === undefined ? [] : findSurfaceFaults(surface)),
  ].sort()
}

/** Law 2: a file that is named as its folder, or that begins as its neighbour does. */
function findRepeatedNames(sources: Sources): string[] {
  const folders = new Map<string, string[]>()
  for (const path of sources.keys()) {
    const at = path.lastIndexOf('/')
    const folder = path.slice(0, Math.max(at, 0))
    folders.set(folder, [...(folders.get(folder) ?? []), path.slice(at + 1).replace(/\.ts$/, '')])
  }
  return [...folders].flatMap(([folder, names]) => [
    ...names.filter((name) => repeatsFolder(name, folder)).map((name) => `${folder}/${name} repeats its folder's name`),
    ...listPrefixes(names).map((prefix) => `${folder || 'src'} has several files that begin with ${prefix}`),
  ])
}

function repeatsFolder(name: string, folder: string): boolean {
  const own = folder.split('/').at(-1) ?? ''
  return own !== '' && (name === own || name.startsWith(`${own}-`))
}

function listPrefixes(names: readonly string[]): string[] {
  const firstWords = names.filter((name) => !DESIGNED_DOORS.includes(name)).map((name) => name.split('-')[0] ?? name)
  return [...new Set(firstWords.filter((word, at) => firstWords.indexOf(word) !== at))]
}

/** Law 4, its first half. The second is a share of all names: see findSharedNames. */
function findEmptyNames(sources: Sources): string[] {
  return listTopLevelNames(sources)
    .filter(({ name }) => NO_NAMES.includes(name))
    .map(({ name, path }) => `${path} calls something ${name}`)
}

/** Law 6 for files. */
function findLongFiles(sources: Sources): string[] {
  const exceptions = Object.values(LONG_BY_NATURE)
  return [...sources]
    .filter(([path, text]) => !exceptions.some((one) => one.test(path)) && countLines(text) > MOST_FILE_LINES)
    .map(([path]) => `${path} has more than ${MOST_FILE_LINES} lines`)
}

/** Law 6 for functions. */
function findLongFunctions(sources: Sources): string[] {
  return measureFunctions(sources)
    .filter(({ lines }) => lines > MOST_FUNCTION_LINES)
    .map(({ name, path }) => `${path} has more than ${MOST_FUNCTION_LINES} lines in ${name}`)
}

function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

/** Law 4 as a number: the share of top-level names that more than one file defines. */
export function measureSharedNames(sources: Sources): { share: number; all: number; shared: Map<string, string[]> } {
  const shared = findSharedNames(sources)
  const all = new Set(listTopLevelNames(sources).map(({ name }) => name)).size
  return { share: all === 0 ? 0 : shared.size / all, all, shared }
}

/** Law 3: functions named after a thing that they are "of". */
export function findOfNames(sources: Sources): string[] {
  return listTopLevelNames(sources)
    .filter(({ name, isFunction }) => isFunction && /(?<!^checkOne)Of$/.test(name))
    .map(({ name, path }) => `${path}: ${name}`)
}
