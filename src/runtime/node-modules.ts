import { readField } from '../errors/thrown.js'

/** What this library uses of Node's modules where they are to be had. */
export interface NodeModules {
  fs: Pick<typeof import('node:fs'), 'openSync' | 'closeSync' | 'existsSync' | 'readFileSync'>
  module: Pick<typeof import('node:module'), 'createRequire'>
}

/**
 * Node's modules for files and packages, in Node and Bun. Elsewhere undefined: Workers have no disk, and Deno asks its
 * user before it reads one. A static import would keep bundles off runtimes that lack a module.
 */
export function findNodeModules(): NodeModules | undefined {
  const runtime: unknown = Reflect.get(globalThis, 'process')
  if (readField(readField(runtime, 'versions'), 'deno') !== undefined) return undefined
  if (typeof readField(runtime, 'getBuiltinModule') !== 'function') return undefined
  const fs = process.getBuiltinModule('node:fs')
  const module = process.getBuiltinModule('node:module')
  return fs === undefined || module === undefined ? undefined : { fs, module }
}
