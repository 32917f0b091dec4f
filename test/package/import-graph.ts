import ts from 'typescript'

/** The sources of the library by module name (`storage/s3` for src/storage/s3.ts), read by the compiler's own parser. */
export interface Module {
  name: string
  imports: Import[]
  /** Where the module reads `process.env`, as line numbers. */
  environment: number[]
  /** Names and strings in Meta's spelling (`mime_type`), with their lines. */
  wireNames: string[]
}

export interface Import {
  /** A module's name for a relative import, else the package as written. */
  to: string
  internal: boolean
  /** `static` and `dynamic` exist at run time, `type` is erased. `import { type X }` is static: it leaves an import behind. */
  kind: 'static' | 'dynamic' | 'type'
}

/** @param sources text by path relative to src, such as `storage/s3.ts` */
export function readModules(sources: ReadonlyMap<string, string>): Map<string, Module> {
  return new Map(
    [...sources].map(([path, text]) => {
      const name = path.replace(/\.ts$/, '')
      return [name, readModule(name, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))]
    }),
  )
}

/** A name in snake_case, but for the variables of the environment that name proxies. */
const WIRE_NAME = /^(?!(?:https?|no)_proxy$)[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/

function readModule(name: string, file: ts.SourceFile): Module {
  const module: Module = { name, imports: [], environment: [], wireNames: [] }
  const lineOf = (node: ts.Node): number => file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
  const visit = (node: ts.Node): void => {
    const found = importIn(node)
    if (found !== undefined) module.imports.push({ ...resolve(name, found.specifier), kind: found.kind })
    if (readsEnvironment(node)) module.environment.push(lineOf(node))
    if ((ts.isIdentifier(node) || ts.isStringLiteralLike(node)) && WIRE_NAME.test(node.text)) {
      module.wireNames.push(`${node.text} (line ${lineOf(node)})`)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return module
}

function importIn(node: ts.Node): { specifier: string; kind: Import['kind'] } | undefined {
  if (ts.isImportDeclaration(node)) {
    return specifierOf(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    return specifierOf(node.moduleSpecifier, node.isTypeOnly)
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return specifierOf(node.argument.literal, true)
  if (ts.isCallExpression(node) && isImporter(node.expression)) {
    const [argument] = node.arguments
    // A computed address cannot be checked, so it is named and breaks every rule.
    const specifier = argument !== undefined && ts.isStringLiteralLike(argument) ? argument.text : '(computed)'
    return { specifier, kind: 'dynamic' }
  }
  return undefined
}

function isImporter(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
}

function specifierOf(node: ts.Node, isType: boolean): { specifier: string; kind: Import['kind'] } | undefined {
  return ts.isStringLiteralLike(node) ? { specifier: node.text, kind: isType ? 'type' : 'static' } : undefined
}

function resolve(from: string, specifier: string): { to: string; internal: boolean } {
  if (!specifier.startsWith('.')) return { to: specifier, internal: false }
  return { to: new URL(specifier, `file:///${from}`).pathname.slice(1).replace(/\.js$/, ''), internal: true }
}

function readsEnvironment(node: ts.Node): boolean {
  const isProcess = (object: ts.Expression): boolean => /(?:^|\.)process$/.test(object.getText())
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'env' && isProcess(node.expression)
  return (
    ts.isElementAccessExpression(node) &&
    ts.isStringLiteralLike(node.argumentExpression) &&
    node.argumentExpression.text === 'env' &&
    isProcess(node.expression)
  )
}

/** Every import cycle, type-only edges included, as `a -> b -> a`; one for each module that closes one. */
export function cycles(modules: ReadonlyMap<string, Module>): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const walk = (name: string, path: string[]): void => {
    const at = path.indexOf(name)
    if (at >= 0) {
      found.push([...path.slice(at), name].join(' -> '))
      return
    }
    if (done.has(name)) return
    for (const { to, internal } of modules.get(name)?.imports ?? []) if (internal) walk(to, [...path, name])
    done.add(name)
  }
  for (const name of modules.keys()) walk(name, [])
  return found
}

/** Everything that `entry` reaches over edges of these kinds: pairs of the importing module and what it imports. */
export function reachable(
  modules: ReadonlyMap<string, Module>,
  { entry, kinds }: { entry: string; kinds: ReadonlyArray<Import['kind']> },
): { from: string; to: string; internal: boolean }[] {
  const edges: { from: string; to: string; internal: boolean }[] = []
  const seen = new Set<string>()
  const walk = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    for (const { to, internal, kind } of modules.get(name)?.imports ?? []) {
      if (!kinds.includes(kind)) continue
      edges.push({ from: name, to, internal })
      if (internal) walk(to)
    }
  }
  walk(entry)
  return edges
}
