// Fails when a public name has no docstring: each export of each entry point, and each property of an exported
// interface, class or object type, of each member of a union.
import { readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import ts from 'typescript'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.keys(exports)
  .filter((path) => path !== './package.json')
  .map((path) => resolve('src', `${path === '.' ? 'index' : path}.ts`))
const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, process.cwd())
const program = ts.createProgram(entries, options)
const checker = program.getTypeChecker()

/** The symbol behind re-exports. */
function findOriginal(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

function hasDocs(symbol) {
  return symbol.getDocumentationComment(checker).length > 0
}

/** `kind: 'status'` says all that there is to say. */
function isTag(member) {
  return ts.isPropertySignature(member) && member.type !== undefined && ts.isLiteralTypeNode(member.type)
}

/** The properties that a declaration names itself. */
function listMembers(node) {
  if (ts.isInterfaceDeclaration(node) || ts.isTypeLiteralNode(node)) return node.members.filter((each) => !isTag(each))
  if (ts.isClassDeclaration(node)) {
    return node.members.filter(
      (each) => each.name !== undefined && !(ts.getCombinedModifierFlags(each) & ts.ModifierFlags.Private),
    )
  }
  if (ts.isTypeAliasDeclaration(node)) return listMembers(node.type)
  if (ts.isParenthesizedTypeNode(node)) return listMembers(node.type)
  if (ts.isIntersectionTypeNode(node) || ts.isUnionTypeNode(node)) return node.types.flatMap(listMembers)
  return []
}

/** The properties of the object types that are written inside of this one: of its properties, parameters and results. */
function listInner(node) {
  const inner = ts.isTypeLiteralNode(node) ? listMembers(node) : []
  const written = [node.type, ...(node.parameters ?? []), ...(node.types ?? []), ...(node.typeArguments ?? [])]
  const parts = [...written, node.elementType, ...inner].filter((part) => part !== undefined)
  return [...inner, ...parts.flatMap(listInner)]
}

const undocumented = new Set()
for (const entry of entries) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry))
  for (const exported of checker.getExportsOfModule(module)) {
    const symbol = findOriginal(exported)
    const [declaration] = symbol.declarations
    const file = relative(process.cwd(), declaration.getSourceFile().fileName)
    if (!hasDocs(symbol)) undocumented.add(`${file}: ${symbol.name}`)
    const members = symbol.declarations.flatMap(listMembers)
    const functions = symbol.declarations.filter((each) => ts.isFunctionDeclaration(each))
    for (const member of [...members, ...[...members, ...functions].flatMap(listInner)]) {
      const own = member.name === undefined ? undefined : checker.getSymbolAtLocation(member.name)
      if (own !== undefined && !hasDocs(own)) undocumented.add(`${file}: ${symbol.name}.${own.name}`)
    }
  }
}
for (const name of [...undocumented].sort()) console.error(`no docstring: ${name}`)
if (undocumented.size > 0) process.exit(1)
