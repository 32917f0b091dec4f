// Writes the public API of every entry point, as dist/*.d.ts has it, to test/api.snapshot.md; with --check it compares
// instead and fails on a difference. Build first.
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import ts from 'typescript'

const SNAPSHOT = 'test/api.snapshot.md'
const dist = resolve('dist')
const { name: packageName, exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.entries(exports).flatMap(([path, target]) =>
  typeof target === 'string' ? [] : [{ id: packageName + path.slice(1), file: target.import.types }],
)
const program = ts.createProgram({
  rootNames: entries.map(({ file }) => file),
  options: {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    types: ['node'],
    skipLibCheck: true,
    noEmit: true,
  },
})
const checker = program.getTypeChecker()
const printer = ts.createPrinter({ removeComments: true })

/** The symbol behind re-exports. */
function original(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

/** The declarations of a symbol that lie in dist, as statements. */
function declarations(symbol) {
  return (symbol.declarations ?? [])
    .filter((node) => resolve(node.getSourceFile().fileName).startsWith(dist))
    .map((node) => (ts.isVariableDeclaration(node) ? node.parent.parent : node))
}

function print(node) {
  return printer
    .printNode(ts.EmitHint.Unspecified, node, node.getSourceFile())
    .replace(/^(?:export )?(?:declare )?/, '')
}

/** Top-level symbols of dist that a declaration mentions. */
function mentioned(node, found = new Set()) {
  if (ts.isIdentifier(node)) {
    const symbol = checker.getSymbolAtLocation(node)
    if (symbol !== undefined) {
      const target = original(symbol)
      if (declarations(target).some((statement) => ts.isSourceFile(statement.parent))) found.add(target)
    }
  }
  ts.forEachChild(node, (child) => void mentioned(child, found))
  return found
}

const byName = (a, b) => (a.name < b.name ? -1 : 1)
const section = (title, symbols) => {
  const text = symbols.flatMap((symbol) => declarations(symbol).map(print)).join('\n')
  return `\n## ${title}\n\n\`\`\`ts\n${text}\n\`\`\`\n`
}

let report = '# Public API\n\nWritten by `npm run api`; `npm run api:check` compares.\n'
const exported = new Set()
for (const { id, file } of entries) {
  const source = program.getSourceFile(file)
  if (source === undefined) throw new Error(`${file} does not exist: run npm run build first`)
  const module = checker.getSymbolAtLocation(source)
  const symbols = checker.getExportsOfModule(module).map(original).sort(byName)
  for (const symbol of symbols) exported.add(symbol)
  report += section(id, symbols)
}
// A type that is part of a signature must have a name that users can import.
const reached = new Set(exported)
for (const symbol of reached)
  for (const node of declarations(symbol)) for (const next of mentioned(node)) reached.add(next)
const hidden = [...reached].filter((symbol) => !exported.has(symbol)).map(({ name }) => name)
if (hidden.length > 0) {
  console.error(`Public types mention what no entry point exports: ${hidden.sort().join(', ')}`)
  process.exitCode = 1
}

if (!process.argv.includes('--check')) {
  writeFileSync(SNAPSHOT, report)
} else if (readFileSync(SNAPSHOT, 'utf8') !== report) {
  console.error(`The public API is not the one in ${SNAPSHOT}: run npm run api, and read the difference.`)
  process.exit(1)
}
