import { readField } from '../errors/thrown.js'
import { isObject, parseJson } from '../json.js'
import { findNodeModules, type NodeModules } from './node-modules.js'

/*
 * Finds packages on the disk without Node's resolution, which may remember for ever that a package could not be read.
 */

/** A package, or a part of one: `@smithy/core` with `config` is imported as `@smithy/core/config`. */
export interface PackagePart {
  name: string
  part?: string | undefined
}

/** The conditions of `exports` that `require` meets (Node: Conditional exports). */
const CONDITIONS: readonly string[] = ['node', 'require', 'default']

/** @param from the file, or its URL, that would import the package. Default: this library's. */
export function isInstalled(name: string, from: string = import.meta.url): boolean {
  return findFolder(name, from) !== undefined
}

/**
 * Loads a package at once, by its file.
 *
 * @param from as for `isInstalled`.
 * @returns what `require` gives; undefined where the package is not to be found.
 * @throws what reading or running its files throws.
 */
export function requireInstalled({ name, part }: PackagePart, from: string = import.meta.url): unknown {
  const found = findFolder(name, from)
  if (found === undefined) return undefined
  const { folder, node } = found
  const file = findTarget(parseJson(node.fs.readFileSync(`${folder}/package.json`, 'utf8')), part)
  return file === undefined ? undefined : node.module.createRequire(from)(`${folder}/${file}`)
}

function findFolder(name: string, from: unknown): { folder: string; node: NodeModules } | undefined {
  const node = findNodeModules()
  // Bundlers leave nothing of a module's own URL.
  if (node === undefined || typeof from !== 'string') return undefined
  const folder = listFolders(name, { node, from }).find((each) => node.fs.existsSync(`${each}/package.json`))
  return folder === undefined ? undefined : { folder, node }
}

/** Without the folders of NODE_PATH: Lambda's holds another SDK than the app's. */
function listFolders(name: string, { node, from }: { node: NodeModules; from: string }): string[] {
  const globals = readField(node.module, 'globalPaths')
  const isGlobal = (path: string): boolean => Array.isArray(globals) && globals.includes(path)
  try {
    const paths = node.module.createRequire(from).resolve.paths(name) ?? []
    return paths.filter((path) => !isGlobal(path)).map((path) => `${path}/${name}`)
  } catch {
    // Some bundlers write a URL of their own.
    return []
  }
}

/** The file of a package, below its folder. */
function findTarget(manifest: unknown, part: string | undefined): string | undefined {
  const shown = readField(manifest, 'exports')
  if (shown === undefined) {
    const main = readField(manifest, 'main')
    return part ?? (typeof main === 'string' ? main : 'index.js')
  }
  const isTable = isObject(shown) && Object.keys(shown).some((key) => key.startsWith('.'))
  const entry = part === undefined ? '.' : `./${part}`
  if (isTable) return chooseTarget(readField(shown, entry))
  return part === undefined ? chooseTarget(shown) : undefined
}

function chooseTarget(target: unknown): string | undefined {
  if (typeof target === 'string') return target
  if (!isObject(target)) return undefined
  return Object.entries(target)
    .filter(([condition]) => CONDITIONS.includes(condition))
    .map(([, inner]) => chooseTarget(inner))
    .find((file) => file !== undefined)
}
